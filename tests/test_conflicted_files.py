"""A project in whose files a merge left conflicts: everything else works, and no conflict is passed over."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bmad_messenger import InvalidError, Message, Messenger, Problem, Status
from bmad_messenger.errors import ConflictError

PRIORITY = '    priority: "low"\n'
CONFLICT = f'<<<<<<< ours\n{PRIORITY}=======\n    priority: "critical"\n>>>>>>> theirs\n'


@pytest.fixture
def problems() -> list[Problem]:
    """What the messenger reports."""
    return []


@pytest.fixture
def messenger(tmp_path: Path, problems: list[Problem]) -> Messenger:
    return Messenger.open(tmp_path, report=problems.append)


@pytest.fixture
def marked(messenger: Messenger) -> Message:
    """The first of three messages, in which a merge left a conflict."""
    first, *_ = [send(messenger, text) for text in ("one", "two", "three")]
    queue = messenger.project.queue
    queue.write_text(queue.read_text().replace(PRIORITY, CONFLICT, 1))
    return first


def send(messenger: Messenger, text: str) -> Message:
    return messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": text})


def texts(messages: list[Message]) -> list[str]:
    return [str(message.payload["message"]) for message in messages]


def close_second(messenger: Messenger) -> None:
    messenger.close(messenger.list()[0].message_id)


COMMANDS: dict[str, tuple[Callable[[Messenger], object], list[str]]] = {
    "receive": (lambda messenger: messenger.receive("dev"), ["two", "three"]),
    "claim": (lambda messenger: messenger.claim("dev", 60), ["two", "three"]),
    "send": (lambda messenger: send(messenger, "four"), ["two", "three", "four"]),
    "close": (close_second, ["three"]),
    "sync": (lambda messenger: messenger.sync(), ["two", "three"]),
    "restore": (lambda messenger: messenger.sync(restore=True), ["two", "three"]),
    "validate": (lambda messenger: messenger.validate(), ["two", "three"]),
    "thread": (lambda messenger: messenger.thread(messenger.list()[1].message_id), ["two", "three"]),
}


@pytest.mark.parametrize(("command", "left"), COMMANDS.values(), ids=COMMANDS)
def test_command_works_beside_a_conflict_and_tells_of_it(
    command: Callable[[Messenger], object],
    left: list[str],
    messenger: Messenger,
    marked: Message,
    problems: list[Problem],
) -> None:
    before = messenger.project.queue.read_text()
    command(messenger)

    assert texts(messenger.list()) == left
    assert [(problem.code, problem.line) for problem in problems] == [("conflict", 9)]
    item = before[before.index("  - ") : before.index("  - ", before.index("  - ") + 1)]
    assert item in messenger.project.queue.read_text()


def test_message_with_a_conflict_is_not_closed_and_says_where_it_is(messenger: Messenger, marked: Message) -> None:
    before = messenger.project.queue.read_text()

    with pytest.raises(InvalidError, match=f"{marked.message_id} is invalid: a merge left its conflict here") as caught:
        messenger.close(marked.message_id)
    assert caught.value.problem.line == 9
    assert messenger.project.queue.read_text() == before


def test_conflict_with_longer_markers_is_one_too(
    messenger: Messenger, marked: Message, problems: list[Problem]
) -> None:
    longer = re.sub(r"^([<=>])\1{6}", lambda found: found[1] * 12, CONFLICT, flags=re.MULTILINE)
    queue = messenger.project.queue
    queue.write_text(queue.read_text().replace(CONFLICT, longer))
    send(messenger, "four")

    assert texts(messenger.list()) == ["two", "three", "four"]
    assert {(problem.code, problem.line) for problem in problems} == {("conflict", 9)}
    assert [(problem.code, problem.line) for problem in messenger.validate()] == [("conflict", 9)]
    assert longer in queue.read_text()


def test_message_with_a_conflict_is_not_missing(messenger: Messenger, marked: Message) -> None:
    assert messenger.sync(restore=True) == ["left 1 unreadable in the queue: `bmad-messenger validate` says why"]


def test_message_lives_on_when_its_conflict_is_resolved(
    messenger: Messenger, marked: Message, problems: list[Problem]
) -> None:
    send(messenger, "four")
    queue = messenger.project.queue
    queue.write_text(queue.read_text().replace(CONFLICT, PRIORITY))
    problems.clear()

    assert texts(messenger.list()) == ["one", "two", "three", "four"]
    assert problems == []


def test_message_of_another_clone_enters_below_the_conflict(messenger: Messenger, tmp_path: Path) -> None:
    """One that was there when the conflict was not: the scan of the text must not end at a marker."""
    late = send(messenger, "late")
    messenger.close(send(messenger, "closed here").message_id)
    queue = messenger.project.queue
    text = queue.read_text().replace(late.message_id, "MSG-20250101-aaaa").replace(PRIORITY, CONFLICT)
    queue.write_text(f"{text}x-below: 1\n")
    (messenger.project.folder / ".queue.journal").unlink()

    assert f"took {late.message_id} into the queue from the archive" in messenger.sync()
    after = queue.read_text()
    assert after.index(">>>>>>> theirs") < after.index(late.message_id) < after.index("x-below")
    assert texts(messenger.list()) == ["late"]


@pytest.fixture
def record(messenger: Messenger) -> Path:
    """The record of a closed message, in which a merge left a conflict that YAML takes for text."""
    closed = send(messenger, "one")
    messenger.close(closed.message_id, note="fine")
    path = messenger.archive.path(closed.message_id)
    conflict = 'note: "it is\n<<<<<<< ours\nfine\n=======\nwell\n>>>>>>> theirs\n."\n'
    path.write_text(path.read_text().replace('note: "fine"\n', conflict))
    return path


def test_record_with_a_conflict_is_reported_and_the_others_are_read(
    messenger: Messenger, record: Path, problems: list[Problem]
) -> None:
    messenger.close(send(messenger, "two").message_id)

    assert texts(messenger.list(status=Status.DONE)) == ["two"]
    assert [(problem.code, problem.severity) for problem in problems] == [("conflict", "warning")]
    with pytest.raises(ConflictError, match="a merge left its conflict here"):
        messenger.get(record.stem)


def test_record_with_a_conflict_is_found_by_validate(messenger: Messenger, record: Path) -> None:
    (problem,) = messenger.validate()

    name = messenger.project.name(record)
    line = record.read_text().split("\n").index("<<<<<<< ours") + 1
    assert (problem.code, problem.severity, problem.path, problem.line) == ("conflict", "error", name, line)


@pytest.mark.parametrize("name", ["config.yaml", "schemas/retro.schema.json"])
def test_settings_with_a_conflict_are_called_so(name: str, messenger: Messenger) -> None:
    path = messenger.project.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("<<<<<<< ours\n{}\n=======\n>>>>>>> theirs\n")

    (problem,) = messenger.validate()

    assert (problem.code, problem.path, problem.line) == ("conflict", messenger.project.name(path), 1)


def test_config_with_a_conflict_is_refused(messenger: Messenger) -> None:
    messenger.init()
    messenger.project.config.write_text("a: 1\n<<<<<<< ours\nroutes: strict\n=======\n>>>>>>> theirs\n")

    with pytest.raises(InvalidError, match="a merge left its conflict here") as caught:
        Messenger.open(messenger.project.root)
    assert caught.value.problem.line == 2
