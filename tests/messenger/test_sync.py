"""Settling queue and archive: what other clones sent, what was closed there, and what a careless edit removed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bmad_messenger import Message, Messenger, Problem, Status

Note = Callable[..., Message]


@pytest.fixture
def lost(note: Note, messenger: Messenger) -> Message:
    """A message that somebody removed from the queue by hand."""
    note("kept")
    sent = note("lost", reply_to=None, priority="high")
    forget(messenger, sent)
    return sent


def forget(messenger: Messenger, message: Message) -> None:
    queue = messenger.project.queue
    text = queue.read_text()
    item = re.search(rf'  - message_id: "{message.message_id}"\n(    .*\n)+', text)
    assert item is not None
    queue.write_text(text.replace(item[0], ""))


def test_where_all_agrees_nothing_is_done(note: Note, messenger: Messenger) -> None:
    note()
    before = messenger.project.queue.read_bytes()

    assert list(messenger.sync()) == []
    assert messenger.project.queue.read_bytes() == before


def test_a_message_from_another_clone_enters_the_queue(note: Note, messenger: Messenger, tmp_path: Path) -> None:
    theirs = Messenger.open(_made(tmp_path / "clone"))
    sent = theirs.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "from afar"})
    note("here")
    path = messenger.archive.path(sent.message_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(theirs.archive.path(sent.message_id).read_bytes())

    assert list(messenger.sync()) == [f"took {sent.message_id} into the queue from the archive"]
    assert sent in messenger.list()
    assert list(messenger.sync()) == []


def test_a_message_that_was_closed_elsewhere_leaves_the_queue(note: Note, messenger: Messenger) -> None:
    sent, other = note("first"), note("second")
    path = messenger.archive.path(sent.message_id)
    path.write_text(path.read_text().replace('status: "pending"', 'status: "done"'))

    assert list(messenger.sync()) == [f"took {sent.message_id} from the queue: the archive has it closed"]
    assert messenger.list() == [other]
    assert messenger.get(sent.message_id).status is Status.DONE


def test_a_message_that_was_never_recorded_is_recorded(note: Note, messenger: Messenger) -> None:
    sent = note()
    messenger.archive.path(sent.message_id).unlink()

    assert list(messenger.sync()) == [f"recorded {sent.message_id} in the archive"]
    assert messenger.archive.read(sent.message_id) == sent


@pytest.mark.parametrize(
    "command",
    [
        lambda messenger: messenger.list(),
        lambda messenger: messenger.receive("tea"),
        lambda messenger: messenger.sync(),
        lambda messenger: messenger.send(type="notify", from_agent="pm", to_agent="tea", payload={"message": "x"}),
    ],
    ids=["list", "receive", "sync", "send"],
)
def test_every_command_tells_of_a_lost_message(
    command: Callable[[Messenger], object], lost: Message, messenger: Messenger, problems: list[Problem]
) -> None:
    for _ in range(2):
        problems.clear()
        command(Messenger.open(messenger.project.root, report=problems.append))
        assert [problem.message for problem in problems] == [f"{lost.message_id} was open and is gone from the queue"]


def test_a_lost_message_does_not_come_back_by_itself(lost: Message, messenger: Messenger) -> None:
    assert list(messenger.sync()) == []
    assert lost not in messenger.list()


def test_a_lost_message_comes_back_when_that_is_asked(
    lost: Message, messenger: Messenger, problems: list[Problem]
) -> None:
    assert list(messenger.sync(restore=True)) == [f"brought {lost.message_id} back into the queue"]

    problems.clear()
    assert lost in Messenger.open(messenger.project.root, report=problems.append).list()
    assert problems == []


def test_a_lost_message_can_be_cancelled(lost: Message, messenger: Messenger, problems: list[Problem]) -> None:
    (cancelled,) = messenger.close(lost.message_id, status=Status.CANCELLED)

    assert cancelled.status is Status.CANCELLED
    assert messenger.archive.read(lost.message_id) == cancelled
    problems.clear()
    Messenger.open(messenger.project.root, report=problems.append).list()
    assert problems == []


def test_a_lost_message_can_be_answered_and_shown(lost: Message, messenger: Messenger) -> None:
    answer = messenger.reply(lost.message_id, "what was that?")

    assert messenger.thread(answer.message_id) == [lost, answer]


def test_without_the_archive_there_is_nothing_to_settle(tmp_path: Path) -> None:
    messenger = Messenger.open(tmp_path)
    messenger.init()
    messenger.project.config.write_text("plugins: {disable: [archive]}\n")
    messenger = Messenger.open(tmp_path)
    sent = messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "x"})

    assert list(messenger.sync()) == []
    assert messenger.list() == [sent]
    assert list(messenger.archive.ids()) == []


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
