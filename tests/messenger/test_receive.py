"""Receiving: what waits for an agent, in which order, and what reading it changes."""

from __future__ import annotations

from collections.abc import Callable
from difflib import ndiff
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import InvalidError, Message, Messenger, NotFoundError, Priority, Status, UsageError
from bmad_messenger.config import ROSTER

Note = Callable[..., Message]


def texts(messages: list[Message]) -> list[str]:
    return [message.payload["message"] for message in messages]


def test_the_most_urgent_comes_first_then_the_oldest_then_the_first_in_the_file(
    note: Note, messenger: Messenger, clock: Any
) -> None:
    note("low, first in the file")
    note("low, second in the file")
    clock.tick(-60)
    note("low, older")
    clock.tick(120)
    note("high", priority="high")
    note("medium", priority="medium")

    assert texts(messenger.receive("dev")) == [
        "high",
        "medium",
        "low, older",
        "low, first in the file",
        "low, second in the file",
    ]


def test_what_was_received_does_not_come_again(note: Note, messenger: Messenger) -> None:
    note()

    assert len(messenger.receive("dev")) == 1
    assert messenger.receive("dev") == []


def test_peeking_leaves_messages_unread(note: Note, messenger: Messenger) -> None:
    sent = note()

    assert messenger.receive("dev", peek=True) == [sent]
    assert messenger.receive("dev", peek=True) == [sent]


def test_a_message_that_was_received_is_read_and_says_by_whom_and_when(
    note: Note, messenger: Messenger, clock: Any
) -> None:
    note()
    clock.tick(5)

    (received,) = messenger.receive("dev")

    assert (received.status, received.read_by) == (Status.READ, {"dev": clock.time})
    assert messenger.list() == [received]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"type_filter": "clarify"}, ["clarify"]),
        ({"priority": Priority.LOW}, ["first", "second"]),
        ({"priority": "low"}, ["first", "second"]),
        ({"limit": 1}, ["clarify"]),
        ({"type_filter": "notify", "limit": 1}, ["first"]),
        ({"type_filter": "review"}, []),
    ],
)
def test_a_receiver_may_ask_for_some(
    wanted: dict[str, Any], found: list[str], note: Note, messenger: Messenger
) -> None:
    note("first")
    note("second")
    payload = {"question": "which?", "context": "story 1-2", "message": "clarify"}
    note(type="clarify", payload=payload)

    assert texts(messenger.receive("dev", **wanted)) == found
    assert len(messenger.receive("dev")) == 3 - len(found)


@pytest.mark.parametrize(("wanted", "near"), [({"type_filter": "handof"}, "handoff"), ({"priority": "hihg"}, "high")])
def test_asking_for_what_does_not_exist_is_refused(wanted: dict[str, str], near: str, messenger: Messenger) -> None:
    with pytest.raises(InvalidError, match=f"did you mean `{near}`"):
        messenger.receive("dev", **wanted)  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_wrong_usage(limit: int, messenger: Messenger) -> None:
    with pytest.raises(UsageError, match="limit"):
        messenger.receive("dev", limit=limit)


def test_an_unknown_agent_is_refused_with_the_nearest(messenger: Messenger) -> None:
    with pytest.raises(NotFoundError, match="did you mean 'architect'"):
        messenger.receive("architct")


def test_a_broadcast_is_read_by_each_and_read_after_the_last(note: Note, messenger: Messenger) -> None:
    note(to_agents=["dev", "tea"])

    (first,) = messenger.receive("dev")
    assert (first.status, set(first.read_by)) == (Status.PENDING, {"dev"})
    assert messenger.receive("dev") == []

    (last,) = messenger.receive("tea")
    assert (last.status, set(last.read_by)) == (Status.READ, {"dev", "tea"})


def test_all_is_everyone_but_the_sender(note: Note, messenger: Messenger) -> None:
    sent = note(to_agents="all")

    assert messenger.receive("pm") == []
    for agent in ROSTER:
        assert (sent.message_id in [one.message_id for one in messenger.receive(agent)]) is (agent != "pm")

    assert messenger.get(sent.message_id).status is Status.READ
    assert "user" in messenger.get(sent.message_id).read_by


def test_marking_touches_two_lines_of_the_file(note: Note, messenger: Messenger) -> None:
    note("first")
    note("second")
    before = messenger.project.queue.read_text().splitlines()

    messenger.receive("dev", limit=1)

    changes = [line for line in ndiff(before, messenger.project.queue.read_text().splitlines()) if line[0] in "+-"]
    assert [line.split(":")[0] for line in changes] == ["-     status", "+     status", "+     read_by"]


def test_marking_twice_changes_nothing(note: Note, messenger: Messenger) -> None:
    sent = note()
    messenger.mark_read("dev", [sent.message_id])
    before = messenger.project.queue.read_bytes()

    messenger.mark_read("dev", [sent.message_id])

    assert messenger.project.queue.read_bytes() == before


def test_marking_what_was_closed_meanwhile_returns_its_end(note: Note, messenger: Messenger) -> None:
    sent = note()
    messenger.close(sent.message_id)

    (marked,) = messenger.mark_read("dev", [sent.message_id])

    assert marked.status is Status.DONE


def test_marking_by_a_part_of_the_id_is_marking(note: Note, messenger: Messenger) -> None:
    sent = note()

    (marked,) = messenger.mark_read("dev", [sent.message_id[-4:]])

    assert marked.message_id == sent.message_id


def test_only_a_recipient_marks_as_read(note: Note, messenger: Messenger) -> None:
    own, foreign = note(to_agent="tea"), note()

    with pytest.raises(UsageError, match=f"{foreign.message_id} is not for tea"):
        messenger.mark_read("tea", [own.message_id, foreign.message_id])

    assert all(message.status is Status.PENDING for message in messenger.list())


def test_marking_what_there_is_not_is_refused(messenger: Messenger) -> None:
    with pytest.raises(NotFoundError):
        messenger.mark_read("dev", ["MSG-20250115-ffff"])


def test_an_empty_inbox_leaves_no_trace(messenger: Messenger, tmp_path: Path) -> None:
    assert messenger.receive("dev") == []
    assert list(tmp_path.iterdir()) == []
