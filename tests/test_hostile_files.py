"""Hostile files, as a repository may come with them: a clear error or a safe result, in little time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import Messenger, MessengerError, NotPermittedError, Problem, Status
from bmad_messenger.queue.journal import Journal

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


WHOLE = """\
messages:
  - message_id: "MSG-20250115-a1b2"
    type: "notify"
    from: "pm"
    to: "dev"
    priority: "low"
    created: "2025-01-15T10:30:00Z"
    status: "pending"
    payload:
      message: "whole"
"""


@pytest.mark.parametrize(
    "item",
    [
        f"  - {'[' * DEEP}",
        f"  - {'- ' * DEEP}",
        f"  - a: {'{a: ' * DEEP}",
        "  - &a [*a]",
        "  - !!python/object/apply:os.system [id]",
        "  - {type: notify, from: pm, to: ../x, payload: {message: m}}",
        "  - {type: ../../x, from: pm, to: dev, payload: {message: m}}",
        "  - {message_id: ../../etc/passwd, type: notify, from: pm, to: dev, payload: {message: m}}",
        "  - {message_id: MSG-20250115-a1b2, type: notify, from: pm, to: dev, payload: {message: twice}}",
        "  - {type: notify, from: pm, to: dev, payload: {message: m}, payload: {message: n}}",
        "  - {type: notify, from: pm, to: dev, created: 9999-12-31T23:59:59-23:59, payload: {message: m}}",
        "  - {type: notify, from: pm, to: dev, priority: 1e999, payload: {message: m}}",
        f"  - {{type: notify, from: pm, to: dev, payload: {{message: m, n: {'9' * 5000}}}}}",
        "  - {type: notify, from: pm, to: dev, payload: {message: .nan}}",
        '  - {type: notify, from: pm, to: dev, payload: {message: "\\ud800"}}',
        "  - {type: notify, from: pm, to: dev, payload: {message: \0}}",
        "  - {type: notify, from: pm, to: dev, payload: {message: \x1b[31m}}",
        "  - {type: notify, from: pm, to: dev, reply_to: ../../x, payload: {message: m}}",
        "  - {type: notify, from: pm, to_agents: {all: all}, payload: {message: m}}",
        "  - {type: handoff, from: pm, to: dev, route: [x], payload: 5}",
        "  - 5",
        "  - null",
        "  - [[]]",
    ],
    ids=lambda item: ascii(item[4:40]),
)
def test_a_message_that_is_a_trap_is_reported_and_left_alone_and_the_others_arrive(
    messenger: Messenger, problems: list[Problem], item: str
) -> None:
    messenger.project.queue.write_text(f"{WHOLE}{item}\n")

    assert [one.payload["message"] for one in messenger.receive("dev", peek=True)] == ["whole"]
    assert problems[0].line == 11 or problems[0].code == "damaged"
    assert len(str(problems[0])) < 500
    assert messenger.project.queue.read_text() == f"{WHOLE}{item}\n"


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\0",
        WHOLE.encode("utf-16"),
        WHOLE.encode() + b"# \xc3(\n",
        b"\0" * 5000,
        b"[" * DEEP,
        b"messages: 5\n",
        b"messages: {a: 1}\n",
        b"messages: &a [*a]\n",
        b"- 1\n- 2\n",
        b"!!python/object/apply:os.system [id]\n",
        LAUGHS.encode(),
        b"messages: []\nmessages: []\n",
        b"<<<<<<< HEAD\n" + WHOLE.encode() + b"=======\n>>>>>>> x\n",
        b"%YAML 9.9\n---\nmessages: []\n",
    ],
    ids=lambda content: ascii(content[:20]),
)
def test_a_queue_that_is_damaged_is_refused_and_left_as_it_was(messenger: Messenger, content: bytes) -> None:
    messenger.project.queue.write_bytes(content)
    for attempt in (
        messenger.list,
        messenger.sync,
        lambda: messenger.sync(restore=True),
        lambda: messenger.receive("dev"),
        lambda: send(messenger),
        lambda: messenger.close("MSG-20250115-a1b2"),
    ):
        with pytest.raises(MessengerError) as caught:
            attempt()
        assert caught.value.exit_code == 7
        assert "message-queue.yaml" in str(caught.value)
    assert messenger.project.queue.read_bytes() == content


@pytest.mark.parametrize(
    "config",
    [
        LAUGHS,
        "[" * DEEP,
        "!!python/object/apply:os.system [id]",
        "limits: {payload_bytes: 1e999}",
        "limits: {lock_timeout: .nan}",
        "limits: {lock_timeout: -1}",
        f"limits: {{thread_length: {'9' * 400}x}}",
        "limits: {payload_bytes: 0}",
        "agents: [../x]",
        "agents: {add: ['a b']}",
        "agents: [[pm]]",
        "plugins: {disable: {a: b}}",
        "routes: {add: [{id: a, from: pm, to: dev, trigger: x, payload: {f: {$ref: 'http://127.0.0.1:9/x'}}}]}",
        "routes: {add: [{id: a, from: pm, to: dev, trigger: x, payload: {f: {$ref: 'file:///etc/passwd'}}}]}",
        "variables: {a: {b: c}}",
        "a: 1\na: 2",
        "x" * (MEGABYTE + 1),
        "# " + "x" * (MEGABYTE + 1),
        "a: \0",
        "--- {}\n--- {}",
    ],
    ids=lambda config: ascii(config[:40]),
)
def test_a_config_that_is_a_trap_is_refused_with_its_place(messenger: Messenger, config: str) -> None:
    messenger.project.config.write_text(config)
    with pytest.raises(MessengerError) as caught:
        Messenger.open(messenger.project.root)

    assert caught.value.exit_code in (3, 7)
    assert str(caught.value.problem.path).endswith("config.yaml")
    assert len(str(caught.value)) < 500


def test_a_config_that_is_no_text_or_no_file_is_refused(messenger: Messenger) -> None:
    messenger.project.config.write_bytes(b"\xff")
    with pytest.raises(MessengerError, match="not UTF-8"):
        Messenger.open(messenger.project.root)
    messenger.project.config.unlink()
    messenger.project.config.symlink_to("/dev/zero")
    with pytest.raises(MessengerError, match="it is not a file"):
        Messenger.open(messenger.project.root)


@pytest.mark.parametrize(
    "schema",
    [
        '{"$ref": "http://127.0.0.1:9/schema"}',
        '{"$ref": "https://bmad-messenger.dev/schemas/../../../etc/passwd"}',
        '{"$ref": "file:///etc/passwd"}',
        '{"$id": "file:///etc/", "$ref": "passwd"}',
        '{"$dynamicRef": "http://127.0.0.1:9/schema"}',
        '{"$schema": "http://127.0.0.1:9/schema"}',
        '{"$ref": "#"}',
        '{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}',
        '{"type": 5}',
        '{"properties": []}',
        '{"pattern": "("}',
        '{"multipleOf": 0}',
        '{"default_priority": {}}',
        "[" * DEEP,
        '{"not": ' * DEEP,
        LAUGHS,
        "5",
        "null",
        " " * (MEGABYTE + 1),
        "!!python/object/apply:os.system [id]",
    ],
    ids=lambda schema: ascii(schema[:40]),
)
def test_a_type_that_is_a_trap_is_refused_and_the_others_work(messenger: Messenger, schema: str) -> None:
    messenger.project.schemas.mkdir()
    (messenger.project.schemas / "trap.schema.json").write_text(schema)
    fresh = Messenger.open(messenger.project.root)
    with pytest.raises(MessengerError) as caught:
        send(fresh, {"any": "thing"}, type="trap")

    assert caught.value.exit_code == 3
    assert len(str(caught.value)) < 500
    assert send(fresh)


@pytest.mark.parametrize("kind", ["device", "nowhere", "folder", "binary"])
def test_a_type_that_is_no_file_is_refused_and_the_others_work(messenger: Messenger, kind: str) -> None:
    messenger.project.schemas.mkdir()
    path = messenger.project.schemas / "trap.schema.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "binary":
        path.write_bytes(b"\xff")
    else:
        path.symlink_to("/dev/zero" if kind == "device" else "/nowhere")
    fresh = Messenger.open(messenger.project.root)
    with pytest.raises(MessengerError, match="trap"):
        send(fresh, type="trap")

    assert send(fresh)


@pytest.mark.parametrize("content", [b"\xff\0garbage", b"a: 1\n", b"[" * DEEP, LAUGHS.encode()])
def test_a_record_that_was_swapped_for_garbage_stops_nothing(
    messenger: Messenger, problems: list[Problem], content: bytes
) -> None:
    sent, closed = send(messenger), send(messenger)
    messenger.close(closed)
    for message_id in (sent, closed):
        messenger.archive.path(message_id).write_bytes(content)
    fresh = Messenger.open(messenger.project.root, report=problems.append)

    assert fresh.list(status=Status.DONE) == []
    assert [one.message_id for one in fresh.receive("dev")] == [sent]
    assert list(fresh.sync()) == []
    with pytest.raises(MessengerError, match=closed):
        fresh.get(closed)
    fresh.close(sent)
    assert fresh.get(sent).status is Status.DONE
    assert {problem.path for problem in problems} == {fresh.archive.name_of(one) for one in (sent, closed)}
    assert all(len(str(problem)) < 500 for problem in problems)


def test_an_archive_that_is_a_link_out_of_the_project_gets_its_records_and_nothing_else(
    messenger: Messenger, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    messenger.project.archive.rmdir()
    messenger.project.archive.symlink_to(outside)
    messenger.close(send(messenger))
    messenger.sync()

    assert (outside / "precious").read_text() == "precious"
    assert sorted(path.suffix for path in outside.rglob("*") if path.is_file()) == ["", ".yaml"]


def test_a_record_that_links_to_a_precious_file_never_overwrites_it(messenger: Messenger, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    sent = send(messenger)
    record = messenger.archive.path(sent)
    record.unlink()
    record.symlink_to(precious)
    messenger.close(sent)

    assert precious.read_text() == "precious"
    assert messenger.get(sent).status is Status.DONE


def test_an_archive_that_is_a_file_keeps_messages_open(messenger: Messenger, problems: list[Problem]) -> None:
    messenger.project.archive.rmdir()
    messenger.project.archive.write_text("in the way")
    sent = send(messenger)
    assert [(problem.code, problem.severity) for problem in problems] == [("hook", "warning")]
    with pytest.raises(MessengerError, match="can't write _bmad-output/messenger/archive"):
        messenger.close(sent)

    assert [one.message_id for one in messenger.list()] == [sent]
    messenger.project.archive.unlink()
    assert list(messenger.sync()) == [f"recorded {sent} in the archive"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_only_be_read_can_be_read(messenger: Messenger) -> None:
    sent = send(messenger)
    messenger.project.folder.chmod(0o555)
    try:
        fresh = Messenger.open(messenger.project.root)
        assert [one.message_id for one in fresh.receive("dev", peek=True)] == [sent]
        with pytest.raises(NotPermittedError):
            send(fresh)
    finally:
        messenger.project.folder.chmod(0o755)


@pytest.mark.parametrize("content", [b"", b"\xff\0" * 5000, b"0" * 32 + b" +MSG-20250115-a1b2\n", None])
def test_a_journal_of_garbage_loses_and_invents_nothing(
    messenger: Messenger, problems: list[Problem], content: bytes | None
) -> None:
    sent = send(messenger)
    journal = Journal(messenger.project.folder / ".queue.journal")
    journal.path.unlink()
    if content is not None:
        journal.path.write_bytes(content)
    fresh = Messenger.open(messenger.project.root, report=problems.append)

    assert [one.message_id for one in fresh.list()] == [sent]
    assert list(fresh.sync()) == []
    assert problems == []


def test_a_queue_that_is_a_folder_is_refused(messenger: Messenger) -> None:
    messenger.project.queue.unlink()
    messenger.project.queue.mkdir()
    for attempt in (messenger.list, messenger.sync, lambda: send(messenger)):
        with pytest.raises(MessengerError, match=r"message-queue\.yaml"):
            attempt()


def test_every_local_name_can_be_a_trap_at_once(messenger: Messenger, tmp_path: Path) -> None:
    """What a repository can come with: links in place of each local file, at names that can be foretold."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    names = [".queue.lock.holder", ".queue.journal", ".config.journal", f".message-queue.yaml.{os.getpid()}.tmp"]
    for name in names:
        (messenger.project.folder / name).symlink_to(precious)
    messenger.project.config.write_text("limits: {thread_length: 10}\n")
    fresh = Messenger.open(messenger.project.root)
    sent = send(fresh)
    fresh.receive("dev")
    fresh.close(sent)
    fresh.sync()

    assert precious.read_text() == "precious"
