"""Closing: a message leaves the queue for the archive, whole and with what people wrote into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bmad_messenger import DamagedError, InvalidError, Message, Messenger, NotFoundError, Status, UsageError

Note = Callable[..., Message]


def test_a_closed_message_is_in_the_archive_and_no_longer_in_the_queue(
    note: Note, messenger: Messenger, clock: Any
) -> None:
    sent = note()
    clock.tick(60)

    (closed,) = messenger.close(sent.message_id, note="taken over")

    assert (closed.status, closed.closed, closed.note) == (Status.DONE, clock.time, "taken over")
    assert messenger.archive.read(sent.message_id) == closed
    assert messenger.list() == []


def test_the_archive_keeps_who_has_read_it(note: Note, messenger: Messenger) -> None:
    note()
    (read,) = messenger.receive("dev")

    (closed,) = messenger.close(read.message_id)

    assert closed.read_by == read.read_by


def test_the_archive_keeps_the_comments_of_people(note: Note, messenger: Messenger) -> None:
    sent = note()
    queue = messenger.project.queue
    queue.write_text(queue.read_text().replace("    payload:", "    # ask Ana first\n    payload:  # in short"))

    messenger.close(sent.message_id)

    record = messenger.archive.text(sent.message_id) or ""
    assert "# ask Ana first\n" in record
    assert "payload:  # in short\n" in record


def test_other_messages_stay_as_they_are(note: Note, messenger: Messenger) -> None:
    first, second, third = note("first"), note("second"), note("third")
    before = messenger.project.queue.read_text()

    messenger.close(second.message_id)

    after = messenger.project.queue.read_text()
    assert messenger.list() == [first, third]
    start, end = (before.index(f'  - message_id: "{one.message_id}"') for one in (second, third))
    assert after == before[:start] + before[end:]


def test_several_are_closed_at_once(note: Note, messenger: Messenger) -> None:
    ids = [note(str(number)).message_id for number in range(3)]

    assert [message.message_id for message in messenger.close(*ids)] == ids
    assert messenger.list() == []


def test_a_part_of_an_id_will_do(note: Note, messenger: Messenger) -> None:
    sent = note()

    (closed,) = messenger.close(sent.message_id[-4:])

    assert closed.message_id == sent.message_id


def test_closing_again_returns_the_message_as_it_is(note: Note, messenger: Messenger) -> None:
    sent = note()
    (closed,) = messenger.close(sent.message_id, note="first")

    assert messenger.close(sent.message_id, note="second") == [closed]


def test_closing_otherwise_is_refused_and_closes_none(note: Note, messenger: Messenger) -> None:
    cancelled, still_open = note("first"), note("second")
    messenger.close(cancelled.message_id, status=Status.CANCELLED)

    with pytest.raises(InvalidError, match=f"{cancelled.message_id} is cancelled already"):
        messenger.close(still_open.message_id, cancelled.message_id)

    assert messenger.list() == [still_open]


def test_an_unknown_message_closes_none(note: Note, messenger: Messenger) -> None:
    sent = note()

    with pytest.raises(NotFoundError):
        messenger.close(sent.message_id, "MSG-20250115-ffff")

    assert messenger.list() == [sent]


@pytest.mark.parametrize("status", [Status.PENDING, Status.READ])
def test_the_status_of_an_open_message_closes_nothing(status: Status, note: Note, messenger: Messenger) -> None:
    sent = note()

    with pytest.raises(UsageError, match=f"can't be closed as {status.value}"):
        messenger.close(sent.message_id, status=status)

    assert messenger.list() == [sent]


def test_a_queue_that_can_not_be_edited_leaves_the_archive_alone(note: Note, messenger: Messenger) -> None:
    sent = note()
    mapping = sent.to_mapping()
    messenger.project.queue.write_text(f"messages: [{mapping!r}]\n")

    with pytest.raises(DamagedError, match="brackets"):
        messenger.close(sent.message_id)

    assert messenger.archive.read(sent.message_id) == sent
