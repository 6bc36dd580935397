"""Messages typed in by hand: the next command gives them what they lack, and leaves what is wrong alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bmad_messenger import Message, Messenger, Priority, Problem, Status
from bmad_messenger.config import Project

Note = Callable[..., Message]
TYPED = "\n  - type: clarify\n    from: dev  # me\n    to: pm\n    payload: {question: why, context: story}\n"


def test_it_gets_id_date_status_and_priority(
    type_in: Callable[[str], None], messenger: Messenger, clock: Any, problems: list[Problem]
) -> None:
    type_in(TYPED)

    (received,) = messenger.receive("pm", peek=True)

    assert received.message_id.startswith("MSG-20250115-")
    assert (received.created, received.status, received.priority) == (clock.time, Status.PENDING, Priority.HIGH)
    assert problems == []


def test_its_text_stays(type_in: Callable[[str], None], messenger: Messenger) -> None:
    type_in(TYPED)

    messenger.list()

    assert "    from: dev  # me\n    to: pm\n" in messenger.project.queue.read_text()


def test_it_is_adopted_once(type_in: Callable[[str], None], messenger: Messenger) -> None:
    type_in(TYPED)

    assert messenger.list() == messenger.list()


def test_every_clone_gives_it_the_same_id(type_in: Callable[[str], None], messenger: Messenger, tmp_path: Path) -> None:
    type_in(TYPED)
    there = Messenger(Project(tmp_path / "there"))
    there.init()
    there.project.queue.write_text(messenger.project.queue.read_text())

    assert [one.message_id for one in there.list()] == [one.message_id for one in messenger.list()]


def test_the_same_words_typed_in_again_are_another_message(
    type_in: Callable[[str], None], messenger: Messenger
) -> None:
    type_in(TYPED)
    (first,) = messenger.list()
    messenger.close(first.message_id)
    type_in(TYPED)
    (second,) = messenger.list()

    assert second.message_id != first.message_id


def test_what_it_says_itself_stays(type_in: Callable[[str], None], messenger: Messenger) -> None:
    type_in(TYPED + "    priority: low\n    created: 2025-01-01T00:00:00Z\n")

    (message,) = messenger.list()

    assert message.priority is Priority.LOW
    assert message.created.year == 2025


def test_it_is_recorded_in_the_archive(type_in: Callable[[str], None], messenger: Messenger) -> None:
    type_in(TYPED)

    (message,) = messenger.list()

    assert messenger.archive.read(message.message_id) == message


def test_it_can_be_answered(type_in: Callable[[str], None], messenger: Messenger) -> None:
    type_in(TYPED)
    (message,) = messenger.list()

    assert messenger.reply(message.message_id, "because").to_agent == "dev"


def test_an_invalid_one_is_reported_and_the_others_are_delivered(
    note: Note, type_in: Callable[[str], None], messenger: Messenger, problems: list[Problem]
) -> None:
    sent = note()
    type_in("\n  - type: notify\n    from: pm\n    to: dev\n    payload: {mesage: typo}\n")
    before = messenger.project.queue.read_bytes()

    assert messenger.receive("dev", peek=True) == [sent]
    assert messenger.project.queue.read_bytes() == before
    (problem,) = problems
    assert "did you mean `message`?" in problem.message
    assert (problem.path, problem.line) == ("_bmad-output/messenger/message-queue.yaml", before.count(b"\n"))


def test_a_stranger_s_message_is_reported(
    type_in: Callable[[str], None], messenger: Messenger, problems: list[Problem]
) -> None:
    type_in(TYPED.replace("to: pm", "to: pn"))

    assert messenger.list() == []
    assert "did you mean 'pm'?" in problems[0].hint
    assert problems[0].line is not None


def test_one_that_can_t_be_edited_does_not_keep_the_others_from_being_adopted(tmp_path: Path) -> None:
    problems: list[Problem] = []
    messenger = Messenger.open(tmp_path, report=problems.append)
    messenger.init()
    odd = "  - ? type\n    : notify\n    from: pm\n    to: dev\n    payload: {message: odd}\n"
    plain = "  - type: notify\n    from: pm\n    to: dev\n    payload: {message: plain}\n"
    messenger.project.queue.write_text(f"messages:\n{odd}{plain}")

    assert [message.payload["message"] for message in messenger.receive("dev")] == ["plain"]
    assert odd in messenger.project.queue.read_text()
    assert any("can't be edited safely" in problem.message for problem in problems)
