"""Looking: lists by filter, one message by a part of its id, and a thread from end to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bmad_messenger import InvalidError, Message, Messenger, NotFoundError, Priority, Problem, Status

Note = Callable[..., Message]


@pytest.fixture
def board(messenger: Messenger, note: Note) -> Messenger:
    """One message for each filter."""
    note("for dev")
    note("for tea", to_agent="tea", priority="high")
    note("for all", to_agents="all", from_agent="sm")
    note("read", from_agent="sm", to_agent="architect")
    messenger.receive("architect", priority=Priority.LOW)
    payload = {"message": "routed", "story_path": "s.md", "acceptance_criteria": "works"}
    messenger.send(route="story-ready", payload=payload)
    messenger.close(note("done", to_agent="tea").message_id)
    messenger.close(note("cancelled").message_id, status=Status.CANCELLED)
    return messenger


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["for dev", "for tea", "for all", "read", "routed"]),
        ({"agent": "tea"}, ["for tea", "for all"]),
        ({"agent": "sm"}, ["for all", "read", "routed"]),
        ({"type": "handoff"}, ["routed"]),
        ({"status": Status.READ}, ["read"]),
        ({"status": Status.PENDING}, ["for dev", "for tea", "for all", "routed"]),
        ({"status": Status.DONE}, ["done"]),
        ({"status": Status.CANCELLED}, ["cancelled"]),
        ({"status": Status.DONE, "agent": "dev"}, []),
        ({"priority": Priority.HIGH}, ["for tea", "routed"]),
        ({"status": "read"}, ["read"]),
        ({"priority": "high"}, ["for tea", "routed"]),
        ({"route": "story-ready"}, ["routed"]),
        ({"route": "prd-complete"}, []),
    ],
)
def test_a_list_holds_what_fits_every_filter(wanted: dict[str, Any], found: list[str], board: Messenger) -> None:
    assert [message.payload["message"] for message in board.list(**wanted)] == found


def test_listing_for_an_unknown_agent_is_refused(messenger: Messenger) -> None:
    with pytest.raises(NotFoundError, match="did you mean 'dev'"):
        messenger.list(agent="devv")


@pytest.mark.parametrize(
    ("wanted", "near"),
    [
        ({"type": "handof"}, "handoff"),
        ({"route": "story-redy"}, "story-ready"),
        ({"status": "redd"}, "read"),
        ({"priority": "hihg"}, "high"),
    ],
)
def test_listing_by_a_name_that_does_not_exist_is_refused(
    wanted: dict[str, Any], near: str, messenger: Messenger
) -> None:
    with pytest.raises(InvalidError, match=f"did you mean `{near}`"):
        messenger.list(**wanted)


def test_listing_marks_nothing(note: Note, messenger: Messenger) -> None:
    sent = note()

    messenger.list()

    assert messenger.get(sent.message_id) == sent


def test_a_damaged_archive_file_is_left_out_and_told(note: Note, messenger: Messenger, problems: list[Problem]) -> None:
    damaged, sound = note("first"), note("second")
    messenger.close(damaged.message_id, sound.message_id)
    messenger.archive.path(damaged.message_id).write_text("type: [")

    assert [message.message_id for message in messenger.list(status=Status.DONE)] == [sound.message_id]
    assert [problem.severity for problem in problems] == ["warning"]


def test_a_message_is_found_by_the_beginning_or_the_end_of_its_id(note: Note, messenger: Messenger) -> None:
    sent = note()

    assert messenger.get(sent.message_id[:6]) == messenger.get(sent.message_id[-4:]) == sent


def test_a_closed_message_is_found_too(note: Note, messenger: Messenger) -> None:
    sent = note()
    messenger.close(sent.message_id)

    assert messenger.get(sent.message_id[-4:]).status is Status.DONE


@pytest.mark.parametrize("name", ["", "zzzz", "../x", "MSG-20250115-ffff", "[", "\0"])
def test_what_there_is_not_is_not_found(name: str, note: Note, messenger: Messenger) -> None:
    note()

    with pytest.raises(NotFoundError, match="there is no message"):
        messenger.get(name)


def test_a_part_that_several_ids_have_is_refused_with_them(note: Note, messenger: Messenger) -> None:
    ids = sorted(note(str(number)).message_id for number in range(2))

    with pytest.raises(NotFoundError, match=f"may mean 2 messages: {', '.join(ids)}"):
        messenger.get("MSG-")


def test_a_thread_is_whole_from_any_of_its_messages(note: Note, messenger: Messenger, clock: Any) -> None:
    thread = [note("first")]
    for text, answered in (("second", 0), ("third", 1), ("a branch", 0)):
        clock.tick(1)
        thread.append(messenger.reply(thread[answered].message_id, text))
    note("another thread")
    messenger.close(thread[1].message_id)

    for message in thread:
        found = messenger.thread(message.message_id)
        assert [one.payload["message"] for one in found] == ["first", "second", "third", "a branch"]


def test_a_message_without_answers_is_a_thread(note: Note, messenger: Messenger) -> None:
    sent = note()

    assert messenger.thread(sent.message_id) == [sent]


def test_messages_that_answer_each_other_are_a_thread(note: Note, messenger: Messenger) -> None:
    first = note("first")
    second = messenger.reply(first.message_id, "second")
    queue = messenger.project.queue
    text = queue.read_text()
    queue.write_text(text.replace("    payload:", f'    reply_to: "{second.message_id}"\n    payload:', 1))

    assert {one.message_id for one in messenger.thread(first.message_id)} == {first.message_id, second.message_id}
