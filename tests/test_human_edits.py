"""The queue file as people leave it: what can be read is delivered, and nothing of theirs is changed beside it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from difflib import ndiff
from pathlib import Path

import pytest

from bmad_messenger import DamagedError, InvalidError, Message, Messenger, MessengerError, Problem, Status
from bmad_messenger.queue.text import scan

SAMPLES = Path(__file__).parent / "samples" / "queues"
REFERENCE = (SAMPLES / "reference.yaml").read_text("utf-8")
BY_HAND = (SAMPLES / "by-hand.yaml").read_text("utf-8")
HANDOFF, NOTIFY = "MSG-20250115-a1b2", "MSG-20250115-c3d4"
TYPED = "type: notify\nfrom: pm\nto: dev\npayload:\n  message: typed in\n"
BROKEN = "  - type: notify\n    from: pm\n    to: dev\n    payload: [\n\n"


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bmad_messenger.message.now", lambda: datetime(2025, 1, 15, 12, tzinfo=UTC))


@pytest.fixture
def problems() -> list[Problem]:
    """What the messenger reports."""
    return []


@pytest.fixture
def messenger(tmp_path: Path, problems: list[Problem]) -> Messenger:
    return Messenger.open(tmp_path, report=problems.append)


@pytest.fixture
def queue(messenger: Messenger) -> Path:
    """The queue file, of a project that holds the reference's messages."""
    messenger.init()
    write(messenger.project.queue, REFERENCE)
    return messenger.project.queue


def write(path: Path, text: str) -> None:
    path.write_bytes(text.encode())


def read(path: Path) -> str:
    return path.read_bytes().decode()


def send(messenger: Messenger) -> Message:
    return messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "sent"})


def changed_lines(before: str, after: str) -> list[str]:
    """The lines that a diff shows."""
    return [line.rstrip() for line in ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]


def item(index: int, text: str) -> str:
    """The lines of one message; the last, with -1."""
    queue = scan(text)
    return queue.item(index % len(queue))


def words(text: str) -> set[str]:
    """The lines, without what shifts when something is put before them."""
    return {line.strip(" -") for line in text.splitlines()}


COMMANDS: dict[str, Callable[[Messenger], object]] = {
    "send": send,
    "receive": lambda messenger: messenger.receive("architect"),
    "list": lambda messenger: messenger.list(),
    "close": lambda messenger: messenger.close(HANDOFF),
    "reply": lambda messenger: messenger.reply(HANDOFF, "thanks"),
    "claim": lambda messenger: messenger.claim("architect", 60),
    "sync": lambda messenger: messenger.sync(),
}
any_command = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)


def test_reference_is_read_without_a_word(queue: Path, messenger: Messenger, problems: list[Problem]) -> None:
    assert [message.message_id for message in messenger.list()] == [HANDOFF, NOTIFY]
    assert messenger.receive("architect", peek=True)[0].payload["next_actions"][1] == "Design architecture"
    assert problems == []
    assert read(queue) == REFERENCE


def test_reference_is_valid_but_for_the_artifact_that_is_not_there(queue: Path, messenger: Messenger) -> None:
    (problem,) = messenger.validate()

    assert "prd.md" in problem.message
    assert problem.severity == "warning"


def test_receiving_changes_the_status_and_adds_who_read_it(queue: Path, messenger: Messenger) -> None:
    messenger.receive("architect")

    assert changed_lines(REFERENCE, read(queue)) == [
        '-     status: "pending"',
        '+     status: "read"',
        '+     read_by: {architect: "2025-01-15T12:00:00Z"}',
    ]


def test_sending_adds_to_the_end(queue: Path, messenger: Messenger) -> None:
    sent = send(messenger)

    assert read(queue) == (
        f'{REFERENCE}\n  - message_id: "{sent.message_id}"\n    type: "notify"\n    from: "pm"\n    to: "dev"\n'
        '    priority: "low"\n    created: "2025-01-15T12:00:00Z"\n    status: "pending"\n'
        '    payload:\n      message: "sent"\n'
    )


def test_closing_takes_the_message_out(queue: Path, messenger: Messenger) -> None:
    messenger.close(HANDOFF)

    assert read(queue) == REFERENCE.replace(f"{item(0, REFERENCE)}\n", "")


def test_closing_what_was_sent_leaves_the_file_as_it_was(queue: Path, messenger: Messenger) -> None:
    messenger.close(send(messenger).message_id)

    assert read(queue) == REFERENCE


def test_queue_written_by_hand_in_many_styles_keeps_them(
    queue: Path, messenger: Messenger, problems: list[Problem]
) -> None:
    write(queue, BY_HAND)
    messenger.receive("architect")
    messenger.receive("dev")
    messenger.mark_read("tea", ["MSG-20250115-0003"])

    assert problems == []
    assert changed_lines(BY_HAND, read(queue)) == [
        "-     status: pending",
        "+     status: read",
        '+     read_by: {architect: "2025-01-15T12:00:00Z"}',
        '+       tea: "2025-01-15T12:00:00Z"',
        "-      message: 😀 released}}",
        '+      message: 😀 released}, read_by: {architect: "2025-01-15T12:00:00Z", dev: "2025-01-15T12:00:00Z"}}',
        "-     status: pending",
        "+     status: read",
        '+     read_by: {dev: "2025-01-15T12:00:00Z"}',
    ]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_mark_stay(ends: str, mark: str, queue: Path, messenger: Messenger) -> None:
    write(queue, mark + REFERENCE.replace("\n", ends))
    messenger.receive("architect")
    send(messenger)
    messenger.close(NOTIFY)

    text = read(queue)
    assert text.startswith(f"{mark}# _bmad-output")
    assert text.count(ends) == text.count("\n")
    assert text.count("\ufeff") == len(mark)


@pytest.mark.parametrize(
    ("typed", "margin"),
    [
        (TYPED, 2),
        ("type: 'notify'\nfrom: 'pm'\nto: \"dev\"\npayload: {message: 'typed in'}\n", 2),
        ("payload: {message: typed in}\nto: dev\nfrom: pm\ntype: notify", 2),
        ("{type: notify, from: pm, to: dev, payload: {message: typed in}}\n", 2),
        ("# for the weekend\ntype: notify # soon\n\nfrom: pm\nto: dev\npayload:\n  message: |\n    typed\n    in\n", 2),
        ('type: notify\nfrom: pm\nto: dev\npayload:\n  message: "typed\n  - type: fake\nin"\n', 2),
        (TYPED.replace("\n", "\r\n"), 2),
        (TYPED, 0),
        (TYPED, 7),
    ],
    ids=["plain", "quotes", "no final newline", "braces", "comments", "dash in quotes", "windows", "left", "right"],
)
@pytest.mark.parametrize("dash", ["- ", "-\n"])
def test_message_typed_in_gets_what_it_lacks_and_keeps_its_text(
    typed: str, margin: int, dash: str, queue: Path, messenger: Messenger, problems: list[Problem]
) -> None:
    pad = " " * (margin + 2)
    lines = pad + typed.replace("\n", f"\n{pad}").removesuffix(pad)
    text = f"messages:\n{' ' * margin}{dash}{lines if dash.endswith(chr(10)) else lines[margin + 2 :]}"
    write(queue, text)

    (message,) = messenger.receive("dev", peek=True)
    assert (message.from_agent, message.priority.label, message.status.value) == ("pm", "low", "pending")
    assert message.message_id in read(queue)
    assert problems == []
    assert {line.strip(" -") for line in typed.splitlines() if "{" not in line} <= words(read(queue))
    assert messenger.receive("dev", peek=True) == [message]


def test_copied_message_without_its_id_is_a_message_of_its_own(queue: Path, messenger: Messenger) -> None:
    copy = item(0, REFERENCE).replace(f'message_id: "{HANDOFF}"\n    ', "")
    write(queue, f"{REFERENCE}\n{copy}")

    assert len({message.message_id for message in messenger.receive("architect")}) == 2


def test_copied_message_with_its_id_is_reported_and_left_alone(
    queue: Path, messenger: Messenger, problems: list[Problem]
) -> None:
    write(queue, f"{REFERENCE}\n{item(0, REFERENCE)}")
    messenger.receive("architect")

    assert [problem.where for problem in problems] == ["_bmad-output/messenger/message-queue.yaml:27:3"]
    assert f"{HANDOFF} stands twice, first in line 3" in problems[0].message
    assert item(-1, read(queue)) == item(0, REFERENCE)
    assert item(0, read(queue)) != item(0, REFERENCE)


def test_message_that_is_invalid_is_reported_with_its_place_and_left_alone(
    queue: Path, messenger: Messenger, problems: list[Problem]
) -> None:
    write(queue, REFERENCE.replace('type: "notify"', 'type: "notfy"'))
    messenger.receive("architect")
    send(messenger)

    assert (problems[0].line, problems[0].column) == (18, 5)
    assert "notfy" in problems[0].message
    assert item(1, read(queue)) == item(1, REFERENCE).replace('"notify"', '"notfy"')


def test_messages_around_a_broken_one_live_on(queue: Path, messenger: Messenger, problems: list[Problem]) -> None:
    write(queue, REFERENCE.replace("messages:\n", f"messages:\n{BROKEN}"))

    messenger.receive("architect")
    sent = send(messenger)
    messenger.close(NOTIFY)
    messenger.sync()

    assert [message.message_id for message in messenger.list()] == [HANDOFF, sent.message_id]
    assert {problem.message.partition(",")[0] for problem in problems} == {"not YAML: while parsing a flow node"}
    assert {problem.line for problem in problems} == {7}
    assert BROKEN in read(queue)


def test_broken_message_that_is_mended_is_adopted(queue: Path, messenger: Messenger) -> None:
    write(queue, REFERENCE.replace("messages:\n", f"messages:\n{BROKEN}"))
    messenger.receive("architect")
    write(queue, read(queue).replace("payload: [", "payload: {message: mended}"))

    assert [message.payload["message"] for message in messenger.receive("dev") if message.to_agent] == ["mended"]


def test_messages_below_a_second_byte_order_mark_live_on(
    queue: Path, messenger: Messenger, problems: list[Problem]
) -> None:
    write(queue, f"\ufeff\ufeff{REFERENCE}")
    messenger.receive("architect")
    send(messenger)

    assert (problems[0].message, problems[0].line, problems[0].column) == (
        "a byte-order mark is not allowed here",
        1,
        1,
    )
    assert read(queue).startswith(f"\ufeff\ufeff{REFERENCE[:200]}")
    assert [message.message_id for message in messenger.list()][:2] == [HANDOFF, NOTIFY]


UNSAFE = {
    "conflict": (REFERENCE.replace("\n\n", "\n<<<<<<< HEAD\n\n"), "a merge left its conflict marker <<<<<<<", 16, 1),
    "broken borders": (REFERENCE.replace("\n\n", "\n pm: [\n\n"), "did not find expected key", 16, 2),
    "tabs": (REFERENCE.replace("\n  - ", "\n\t- "), "found character that cannot start any token", 3, 1),
    "words": ("Just words.\n", "there is no list of messages", 1, 1),
}


@any_command
@pytest.mark.parametrize("unsafe", UNSAFE.values(), ids=UNSAFE)
def test_file_that_can_not_be_read_safely_is_refused_and_left_as_it_is(
    unsafe: tuple[str, str, int, int], command: Callable[[Messenger], object], queue: Path, messenger: Messenger
) -> None:
    text, message, line, column = unsafe
    write(queue, text)

    with pytest.raises(DamagedError, match=message) as caught:
        command(messenger)
    problem = caught.value.problem
    assert (problem.path, problem.line, problem.column) == ("_bmad-output/messenger/message-queue.yaml", line, column)
    assert caught.value.exit_code == 7
    assert read(queue) == text


@any_command
def test_file_that_is_not_utf_8_is_refused_and_left_as_it_is(
    command: Callable[[Messenger], object], queue: Path, messenger: Messenger
) -> None:
    queue.write_bytes(REFERENCE.encode().replace(b"Prisma", b"Pri\xdfma"))

    with pytest.raises(DamagedError, match="byte 0xdf is not UTF-8") as caught:
        command(messenger)
    assert (caught.value.problem.line, caught.value.problem.column) == (25, 42)
    assert b"Pri\xdfma" in queue.read_bytes()


@pytest.mark.parametrize("name", ["send", "receive", "close", "claim", "reply"])
def test_list_in_brackets_is_read_and_not_changed(name: str, queue: Path, messenger: Messenger) -> None:
    text = (
        f'messages: [{{message_id: "{HANDOFF}", type: notify, from: pm, to: architect, priority: low,\n'
        '  created: "2025-01-15T10:30:00Z", status: pending, payload: {message: hi}}]\n'
    )
    write(queue, text)

    assert [message.message_id for message in messenger.receive("architect", peek=True)] == [HANDOFF]
    with pytest.raises(MessengerError, match="in brackets") as caught:
        COMMANDS[name](messenger)
    assert caught.value.exit_code == 7
    assert read(queue) == text


def test_archive_keeps_all_of_a_text_that_keeps_its_blank_lines(queue: Path, messenger: Messenger) -> None:
    text = REFERENCE.replace('message: "Using PostgreSQL with Prisma"\n', "message: |+\n        a\n\n\n  # end\n")
    write(queue, text)
    messenger.close(NOTIFY)

    assert messenger.get(NOTIFY).payload == {"message": "a\n\n\n"}
    assert read(queue).endswith("- Design architecture\n  # end\n")


def test_removed_message_is_reported_and_restored_as_it_was(
    queue: Path, messenger: Messenger, problems: list[Problem]
) -> None:
    sent = send(messenger)
    text = read(queue)
    write(queue, REFERENCE)
    messenger.list()

    assert [problem.message for problem in problems] == [f"{sent.message_id} was open and is gone from the queue"]
    messenger.sync(restore=True)
    assert read(queue) == text


def test_deepest_payload_that_is_sent_is_read_back_from_a_file_edited_by_hand(
    queue: Path, messenger: Messenger, problems: list[Problem]
) -> None:
    payload: dict[str, object] = {}
    with suppress(InvalidError):  # at last it nests too deep
        while True:
            payload = {"message": "deep", "inner": payload}
            sent = messenger.send(type="notify", from_agent="pm", to_agent="dev", payload=payload)
    write(queue, f"# by hand\n{read(queue)}")

    assert messenger.get(sent.message_id) == sent
    assert problems == []


@pytest.mark.parametrize("margin", ["", "  "])
def test_a_message_typed_below_an_empty_list_in_brackets_is_adopted(tmp_path: Path, margin: str) -> None:
    messenger = Messenger.open(tmp_path)
    messenger.init()
    with messenger.project.queue.open("a") as queue:
        for line in ("- type: notify", "  from: pm", "  to: dev", "  payload: {message: hi}"):
            queue.write(f"{margin}{line}\n")

    assert [message.payload["message"] for message in messenger.receive("dev")] == ["hi"]
    assert "messages:\n" in messenger.project.queue.read_text()
    assert [message.status for message in messenger.list()] == [Status.READ]


def test_a_tab_in_one_message_leaves_the_others_deliverable(tmp_path: Path) -> None:
    problems: list[Problem] = []
    messenger = Messenger.open(tmp_path, report=problems.append)
    messenger.init()
    good = "  - type: notify\n    from: pm\n    to: dev\n    payload: {message: hi}\n"
    bad = "  - type: clarify\n    from: pm\n    to: dev\n    payload:\n\tquestion: q\n"
    messenger.project.queue.write_text(f"messages:\n{bad}{good}")

    assert [message.payload["message"] for message in messenger.receive("dev")] == ["hi"]
    assert [(problem.line, problem.severity) for problem in problems] == [(6, "error")]
    assert bad in messenger.project.queue.read_text()


def git(folder: Path, *words: str, fails: bool = False) -> None:
    settings = ("user.name=pm", "user.email=pm@example.com", "init.defaultBranch=main", "core.autocrlf=false")
    command = ["git", "-C", str(folder), *(word for setting in settings for word in ("-c", setting)), *words]
    assert bool(subprocess.run(command, check=False, capture_output=True).returncode) == fails


@pytest.mark.parametrize(("side", "restore"), [("--ours", False), ("--theirs", True)])
def test_merge_conflict_is_settled_by_one_side_and_sync(side: str, restore: bool, tmp_path: Path) -> None:
    git(tmp_path, "init", "here")
    here = Messenger.open(tmp_path / "here")
    here.init()
    git(here.project.root, "add", ".")
    git(here.project.root, "commit", "-m", "empty")
    git(tmp_path, "clone", "here", "there")
    there = Messenger.open(tmp_path / "there")
    sent = {send(messenger).message_id for messenger in (here, there)}
    for messenger in (here, there):
        git(messenger.project.root, "add", ".")
        git(messenger.project.root, "commit", "-m", "sent")
    git(there.project.root, "pull", "--no-rebase", "--no-edit", "origin", "main", fails=True)
    with pytest.raises(DamagedError, match="conflict marker"):
        there.list()

    git(there.project.root, "checkout", side, str(there.project.queue))
    there.sync(restore=restore)

    assert {message.message_id for message in there.list()} == sent
    assert there.validate() == []
