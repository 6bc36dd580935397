"""What became of the messages between two states."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bmad_messenger.archive import render_record
from bmad_messenger.comparison import ABSENT, Comparison, FieldChange, Record, Version, compare
from bmad_messenger.message import Message, Status, parse_time
from bmad_messenger.queue.edit import render_item
from tests.history.messages import NOON, done, message

READ = {"architect": NOON}


def queued(one: Message) -> Record:
    return Record(one, "queue.yaml", 5, render_item(one.to_mapping(), 2), in_queue=True)


def archived(one: Message) -> Record:
    return Record(one, f"archive/{one.message_id}.yaml", 1, render_record(one), in_queue=False)


def version(*records: Record, lost: tuple[str, ...] = (), **fields: Any) -> Version:
    """A state in which each message has its file in the archive, but those in `lost`."""
    found = {record.message.message_id: record for record in records}
    return Version(
        **{"records": found, "archived": frozenset(found.keys() - set(lost)), "queue": "queue.yaml", **fields}
    )


def compared(before: Record, after: Record) -> Comparison:
    return compare(version(before), version(after))


def test_the_same_state_shows_nothing() -> None:
    state = version(queued(message(1)), archived(done(2, 0, 0)))

    assert not compare(state, state)


def test_a_message_that_was_not_there_is_new() -> None:
    second, first = queued(message(2)), queued(message(1))

    assert compare(Version(), version(second, first)).new == (first, second)


def test_a_new_message_that_is_closed_already_is_both() -> None:
    record = archived(done(1, 0, 0))

    found = compare(Version(), version(record))

    assert (found.new, found.closed) == ((record,), (record,))


def test_a_closed_message_tells_how_it_ended() -> None:
    found = compared(queued(message(1)), archived(done(1, 0, 0)))

    assert [(one.message.status, one.message.note) for one in found.closed] == [(Status.DONE, "fine")]
    assert (found.changed, found.read, found.deleted) == ((), (), ())


def test_a_message_that_was_read_tells_by_whom() -> None:
    found = compared(queued(message(1)), queued(message(1, status=Status.READ, read_by=READ)))

    assert [one.readers for one in found.read] == [("architect",)]
    assert (found.changed, found.closed) == ((), ())


def test_a_lease_is_neither_a_change_nor_a_reading() -> None:
    found = compared(queued(message(1)), queued(message(1, claimed_by="worker", claimed_until=NOON)))

    assert (found.changed, found.read) == ((), ())


def test_a_change_tells_each_field_with_both_values() -> None:
    new = message(1, payload={"question": "Another?", "impact": "high"}, to_agent="pm")

    assert compared(queued(message(1)), queued(new)).changed[0].fields == (
        FieldChange(("to",), "architect", "pm"),
        FieldChange(("payload", "question"), "Question 1?", "Another?"),
        FieldChange(("payload", "context"), "c", ABSENT),
        FieldChange(("payload", "impact"), ABSENT, "high"),
    )


@pytest.mark.parametrize(
    ("old", "new"), [(1, True), (1, 1.0), (None, "null"), ([1], [True]), ([{"a": 1}], [{"a": 1.0}])]
)
def test_values_of_another_kind_differ(old: Any, new: Any) -> None:
    assert compared(queued(message(1, payload={"x": old})), queued(message(1, payload={"x": new}))).changed


def test_the_same_moment_written_otherwise_is_no_change() -> None:
    there = parse_time("2025-01-15T13:00:00+01:00")

    assert not compared(queued(message(1, created=NOON)), queued(message(1, created=there)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (message(1, status=Status.READ, read_by=READ), message(1)),
        (message(1, status=Status.READ, read_by=READ), message(1, status=Status.READ)),
        (done(1, 0, 0), message(1, status=Status.READ, read_by=READ)),
        (done(1, 0, 0), done(1, 0, 0, note="other")),
        (done(1, 0, 0), replace(done(1, 0, 0), status=Status.CANCELLED)),
    ],
)
def test_what_goes_back_or_changes_after_its_end_is_a_change(old: Message, new: Message) -> None:
    assert len(compared(queued(old), queued(new)).changed) == 1


def test_an_open_message_gone_from_the_queue_is_deleted_though_the_archive_has_it() -> None:
    old, left = queued(message(1, status=Status.READ, read_by=READ)), archived(message(1))

    found = compared(old, left)

    assert [(one.before, one.left) for one in found.deleted] == [(old, left)]
    assert found.differences == ()


def test_a_message_gone_from_everywhere_is_deleted() -> None:
    record = archived(done(1, 0, 0))

    assert [(one.before, one.left) for one in compare(version(record), version()).deleted] == [(record, None)]


def test_a_message_that_lost_its_file_in_the_archive_is_told() -> None:
    record = queued(message(1))

    found = compare(version(record), version(record, lost=(record.message.message_id,)))

    assert found.unrecorded == (record,)
    assert found


def test_a_queue_that_was_never_recorded_has_lost_no_file() -> None:
    record = queued(message(1))
    state = version(record, lost=(record.message.message_id,))

    assert not compare(state, state)


@pytest.mark.parametrize("left", [(), (archived(message(1)),)])
def test_a_queue_that_cannot_be_read_has_lost_nothing(left: tuple[Record, ...]) -> None:
    before = version(queued(message(1, status=Status.READ, read_by=READ)))

    assert not compare(before, version(*left, is_clear=False, archived=before.archived))


def test_after_a_queue_that_could_not_be_read_nothing_is_said_of_what_it_may_have_held() -> None:
    before = version(archived(message(1)), is_clear=False)

    assert not compare(before, version(queued(message(1, status=Status.READ, read_by=READ))))


def test_of_a_message_that_the_queue_may_hold_unreadable_nothing_is_said() -> None:
    read, record = queued(message(1, status=Status.READ, read_by=READ)), archived(message(1))
    hidden = version(record, unreadable=frozenset([record.message.message_id]))

    assert not compare(version(read), hidden)
    assert not compare(hidden, version(read))


@pytest.mark.parametrize("known", ["unreadable", "same"])
def test_a_message_that_was_there_and_not_read_is_not_new(known: str) -> None:
    record = queued(message(1))
    before = Version(**{known: frozenset([record.message.message_id])}, archived=frozenset([record.message.message_id]))

    assert compare(before, version(record)).new == ()


def test_a_record_knows_the_lines_of_its_fields() -> None:
    record = queued(message(1))

    assert record.line_of("message_id") == 5
    assert record.line_of("payload", "question") == 5 + record.text.splitlines().index('      question: "Question 1?"')
    assert record.line_of("payload", "gone") == record.line_of("payload")


def test_a_record_without_lines_of_its_own_is_in_its_first() -> None:
    assert replace(queued(message(1)), text="").line_of("payload") == 5
