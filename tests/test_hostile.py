"""Hostile input from whoever sends: a clear error or a safe result, in little time."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import InvalidError, Messenger, MessengerError, NotFoundError, Problem, Status
from bmad_messenger.outbox import read_payload

MEGABYTE = 1_048_576
ANSI = "\x1b[31mred\x1b]0;title\x07\x9b2J\x00\x08\r\n\u202eevil\u2028"
LAUGHS = "a: &a [l, l, l, l, l, l, l, l, l]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)
DEEP = 100_000


@pytest.fixture(autouse=True)
def _soon() -> Iterator[None]:
    """No test may take long: whatever is too much is refused before it costs."""
    start = time.process_time()
    yield
    assert time.process_time() - start < 5


@pytest.fixture
def problems() -> list[Problem]:
    return []


@pytest.fixture
def messenger(tmp_path: Path, problems: list[Problem], monkeypatch: pytest.MonkeyPatch) -> Messenger:
    monkeypatch.setenv("BMAD_MESSENGER_PLUGINS", "")
    root = tmp_path / "project"
    root.mkdir()
    messenger = Messenger.open(root, report=problems.append)
    messenger.init()
    return messenger


def send(messenger: Messenger, payload: Any = None, **options: Any) -> str:
    draft = {"type": "notify", "from_agent": "pm", "to_agent": "dev", "payload": payload or {"message": "text"}}
    return messenger.send(**(draft | options)).message_id


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def circle() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["again"] = value
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x" * 50 * MEGABYTE, "larger than 1048576 bytes"),
        ([0] * MEGABYTE, "larger than 1048576 bytes"),
        (nested(DEEP), "nests too deep"),
        (circle(), "nests too deep"),
        (float("nan"), "nan is not a number"),
        (float("-inf"), "-inf is not a number"),
        (10**5000, "too large"),
        ("\ud800", "half a surrogate pair"),
        ({"\udcff": 1}, "half a surrogate pair"),
        ({1: 1}, "not text"),
        (b"bytes", "not a value of JSON"),
        (datetime(2025, 1, 15), "not a value of JSON"),
        ({1, 2}, "not a value of JSON"),
        (object(), "not a value of JSON"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) or len(value) > 99 else ascii(value),
)
def test_a_payload_that_json_or_the_limit_does_not_allow_is_refused(
    messenger: Messenger, value: Any, message: str
) -> None:
    before = messenger.project.queue.read_bytes()
    with pytest.raises(InvalidError, match=message) as caught:
        send(messenger, {"message": "text", "more": value})

    assert len(str(caught.value)) < 500
    assert messenger.project.queue.read_bytes() == before


@pytest.mark.parametrize("payload", [[1], "text", 5])
def test_a_payload_that_is_no_mapping_is_refused(messenger: Messenger, payload: Any) -> None:
    with pytest.raises(InvalidError, match="wanted a mapping"):
        send(messenger, payload)


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS,
        "[" * DEEP,
        "{a: " * DEEP,
        "- " * DEEP,
        "? " * DEEP,
        "&a " * 99,
        "a: &a [*a]",
        "a: &a b\nc: *a",
        "<<: {a: 1}",
        "a: 1\na: 2",
        "a: .nan",
        "a: -.inf",
        "a: 1e999",
        f"a: {'9' * 5000}",
        f"a: 0x{'f' * 5000}",
        'a: "\\ud800"',
        "a: \ud800",
        "a: \0",
        "a: \x1b[31m",
        "!!python/object/apply:os.system [id]",
        "a: !!python/object:os.system {}",
        "a: !!binary aGk=",
        "--- a\n--- b",
        "%YAML 9.9\n---\na: 1",
        "[1, 2]",
        "text",
        "a: b: c",
        "\ta: 1",
        "x" * (MEGABYTE + 1),
    ],
    ids=lambda text: ascii(text[:20]),
)
def test_yaml_that_is_a_trap_is_refused(text: str) -> None:
    with pytest.raises(InvalidError) as caught:
        read_payload(text, MEGABYTE)

    assert caught.value.problem.hint
    assert len(str(caught.value)) < 500


def test_a_limit_is_the_project_s_to_set(messenger: Messenger) -> None:
    messenger.project.config.write_text("limits: {payload_bytes: 30}\n")
    with pytest.raises(InvalidError, match=r"larger than 30 bytes.*limits\.payload_bytes"):
        send(Messenger.open(messenger.project.root), {"message": "x" * 30})


@pytest.mark.parametrize("text", [ANSI, "\0", "\r", "a\n- message_id: fake\n  b: c\n", "<<<<<<< HEAD\n=======\n"])
def test_control_characters_arrive_as_they_are_and_never_stand_raw_in_a_file(messenger: Messenger, text: str) -> None:
    sent = send(messenger, {"message": text, "key " + text: [text]}, idempotency_key=text)
    assert messenger.get(sent).payload == {"message": text, "key " + text: [text]}
    assert send(messenger, {"message": text, "key " + text: [text]}, idempotency_key=text) == sent
    messenger.close(sent, note=text)
    closed = messenger.get(sent)

    assert (closed.note, closed.payload["message"]) == (text, text)
    for path in messenger.project.folder.rglob("*.yaml"):
        assert not [c for c in path.read_bytes().decode() if c != "\n" and not c.isprintable()]


def test_control_characters_never_reach_a_terminal_raw(messenger: Messenger) -> None:
    sent = send(messenger, {"message": ANSI, ANSI: ANSI})
    for arguments in (
        ["list"],
        ["show", sent],
        ["receive-message", "--agent", "dev"],
        ["done", sent, "--note", "\x1b[2J"],
    ):
        run = subprocess.run(
            [sys.executable, "-m", "bmad_messenger", *arguments, "--project", str(messenger.project.root)],
            capture_output=True,
            check=True,
            text=True,
        )
        assert not [c for c in run.stdout + run.stderr if c != "\n" and not c.isprintable()], arguments


@pytest.mark.parametrize("agent", ["../x", "", "a\0b", "\ud800", "x" * MEGABYTE, "all", "pm\n", "pm\x1b[31m", "PM"])
def test_an_agent_that_is_none_is_not_found(messenger: Messenger, agent: str) -> None:
    for attempt in (
        lambda: send(messenger, from_agent=agent),
        lambda: send(messenger, to_agent=agent),
        lambda: send(messenger, to_agent=None, to_agents=[agent]),
        lambda: messenger.receive(agent),
        lambda: messenger.claim(agent, 1),
        lambda: messenger.list(agent=agent),
    ):
        with pytest.raises(MessengerError) as caught:
            attempt()
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "message_id",
    ["../../etc/passwd", "MSG-20250115-a1b2/../../x", f"MSG-20250115-{'a' * 10_000}", "\0", "\ud800", "*", ""],
)
def test_an_id_that_is_a_path_or_worse_is_not_found(messenger: Messenger, message_id: str) -> None:
    send(messenger)
    for attempt in (
        lambda: messenger.get(message_id),
        lambda: messenger.close(message_id),
        lambda: messenger.thread(message_id),
        lambda: messenger.mark_read("dev", [message_id]),
        lambda: messenger.reply(message_id, "text"),
        lambda: send(messenger, reply_to=message_id),
    ):
        with pytest.raises(NotFoundError) as caught:
            attempt()
        assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "path",
    [
        "../outside.md",
        "a/../../outside.md",
        "/etc/passwd",
        "leads-out/secret.md",
        "leads-out",
        "a\0b",
        "..\\..\\outside.md",
        "..#fragment",
        "/" * 5000,
    ],
    ids=lambda path: ascii(path[:20]),
)
def test_an_artifact_path_never_leads_out_of_the_project(messenger: Messenger, tmp_path: Path, path: str) -> None:
    (tmp_path / "outside").mkdir()
    (messenger.project.root / "leads-out").symlink_to(tmp_path / "outside")
    with pytest.raises(InvalidError, match="leads out of the project"):
        send(messenger, {"artifact_path": path}, type="handoff", from_agent="pm", to_agent="architect")

    assert messenger.list() == []


@pytest.mark.parametrize("note", ["\ud800", "x" * (MEGABYTE + 1), 5, ["text"]], ids=lambda note: type(note).__name__)
def test_a_note_that_no_file_can_hold_is_refused(messenger: Messenger, note: Any) -> None:
    sent = send(messenger)
    with pytest.raises(InvalidError, match="note"):
        messenger.close(sent, note=note)

    assert messenger.get(sent).status is Status.PENDING


@pytest.mark.parametrize(
    "expires",
    [
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
        datetime.min,
    ],
)
def test_a_time_that_no_file_can_hold_is_refused(messenger: Messenger, expires: datetime) -> None:
    with pytest.raises(InvalidError, match="expires"):
        send(messenger, expires=expires)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e300])
def test_a_lease_that_is_no_time_is_refused(messenger: Messenger, seconds: float) -> None:
    send(messenger)
    with pytest.raises(MessengerError, match="lease"):
        messenger.claim("dev", seconds)
