"""What became of the messages between two states of a project: new, changed, read, closed and deleted ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, Final

from bmad_messenger.errors import Problem
from bmad_messenger.message import Message, Status
from bmad_messenger.yaml.parse import parse_located

PROGRESS: Final = ("status", "read_by", "claimed_by", "claimed_until", "closed", "note")
"""The keys that a message's way through the queue changes; every other is what its sender wrote."""

_STAGES: Final = {Status.PENDING: 0, Status.READ: 1}


class Absent(Enum):
    """What stands for the value of a field that is not there; null is a value."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True)
class Record:
    """A message where it stands in one state: `text` begins in `line` of the file `path`.

    `path` is as git writes it: from the repository's top folder. `text` is the item of the queue, or the whole file
    of the archive.
    """

    message: Message
    path: str
    line: int
    text: str
    in_queue: bool

    @cached_property
    def mapping(self) -> dict[str, Any]:
        """The message under the file's keys, its times in one form."""
        return self.message.to_mapping()

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed it."""
        return not self.message.status.is_closed

    @property
    def was_read(self) -> bool:
        """Whether any recipient has seen it."""
        return self.message.status is Status.READ or bool(self.message.read_by)

    def line_of(self, *path: str) -> int:
        """The line of the field at `path`, or of the nearest thing around it."""
        if not self.text:  # in a list in brackets, a message has no lines of its own
            return self.line
        document = parse_located(self.text, line=self.line)
        return document.place((*((0,) if self.in_queue else ()), *path))[0]


@dataclass(frozen=True)
class Version:
    """All messages of one state.

    `records` has each message that can be read, by id: from the archive where that has it closed or the queue lacks
    it, else from the queue. `archived` are the ids of all files of the archive; those of `same` were not read, since
    the state that this one is compared with has the same files. `unreadable` are the ids of messages that are there
    and can't be read. `queue` is the queue's path, None where there is no such file; `is_clear` tells whether its
    messages could be told from each other. `problems` says what could not be read, and where.
    """

    records: Mapping[str, Record] = field(default_factory=dict)
    archived: frozenset[str] = frozenset()
    same: frozenset[str] = frozenset()
    unreadable: frozenset[str] = frozenset()
    queue: str | None = None
    is_clear: bool = True
    problems: tuple[Problem, ...] = ()

    def holds(self, message_id: str) -> bool:
        """Whether the message is there, readable or not."""
        return message_id in self.records or message_id in self.archived or message_id in self.unreadable

    def may_queue(self, message_id: str) -> bool:
        """Whether the queue may hold the message where it can't be read."""
        return not self.is_clear or message_id in self.unreadable


@dataclass(frozen=True)
class FieldChange:
    """A field that differs; `path` is that of its keys, as `("payload", "question")`."""

    path: tuple[str, ...]
    old: Any
    new: Any


@dataclass(frozen=True)
class Difference:
    """One message in both states, and each field that differs."""

    before: Record
    after: Record
    fields: tuple[FieldChange, ...]

    @property
    def written(self) -> tuple[FieldChange, ...]:
        """The fields that differ beside those of the message's way through the queue."""
        return tuple(change for change in self.fields if change.path[0] not in PROGRESS)

    @property
    def unread_again(self) -> tuple[str, ...]:
        """The agents that had read it, and by its fields have not any more."""
        return tuple(agent for agent in self.before.message.read_by if agent not in self.after.message.read_by)

    @property
    def is_back(self) -> bool:
        """Whether its status went back: to pending, or from closed to open."""
        old, new = self.before.message.status, self.after.message.status
        return _STAGES.get(new, 2) < _STAGES.get(old, 2)

    @property
    def is_closing(self) -> bool:
        """Whether it was open and is closed."""
        return self.before.is_open and not self.after.is_open

    @property
    def readers(self) -> tuple[str, ...]:
        """The agents that have read it since."""
        return tuple(agent for agent in self.after.message.read_by if agent not in self.before.message.read_by)

    @property
    def is_change(self) -> bool:
        """Whether more has happened to it than what receiving, claiming and closing do."""
        is_late = not self.before.is_open and bool(self.fields)
        return is_late or bool(self.written) or self.is_back or bool(self.unread_again)


@dataclass(frozen=True)
class Deletion:
    """A message that is gone: as it was, and what the archive still has of it, if anything."""

    before: Record
    left: Record | None


@dataclass(frozen=True)
class Comparison:
    """What became of the messages, each list oldest first.

    `new` are the messages that were not there. `differences` has each message that was, and differs in any field.
    `closed` are those that are closed and were open or not there. `deleted` are gone from the archive, or open and gone
    from the queue. `unrecorded` are those of which the archive alone lacks its file.
    """

    new: tuple[Record, ...] = ()
    differences: tuple[Difference, ...] = ()
    closed: tuple[Record, ...] = ()
    deleted: tuple[Deletion, ...] = ()
    unrecorded: tuple[Record, ...] = ()

    @property
    def changed(self) -> tuple[Difference, ...]:
        """The messages to which more has happened than that they were read, claimed or closed."""
        return tuple(one for one in self.differences if one.is_change)

    @property
    def read(self) -> tuple[Difference, ...]:
        """The messages that are still open, and that somebody has read since."""
        turned = (one for one in self.differences if one.after.is_open and not one.is_back)
        return tuple(one for one in turned if one.readers or one.after.was_read > one.before.was_read)

    def __bool__(self) -> bool:
        return bool(self.new or self.differences or self.deleted or self.unrecorded)


def compare(before: Version, after: Version) -> Comparison:
    """What became of the messages from the one state to the other.

    Of a message that one of the states has and can't tell, nothing is said.
    """
    new = _by_age(record for one, record in after.records.items() if not before.holds(one))
    pairs = [(before.records[one], record) for one, record in after.records.items() if one in before.records]
    left_queue = [(old, now) for old, now in pairs if is_only_archived(old, now)]
    differences = [
        Difference(old, now, fields)
        for old, now in pairs
        if _are_comparable(old, now, before) and (fields := changes(old, now))
    ]
    deleted = [
        *(Deletion(old, None) for one, old in before.records.items() if not after.holds(one) and _is_told(old, after)),
        *(Deletion(old, now) for old, now in left_queue if _is_told(old, after)),
    ]
    closing = (one.after for one in differences if one.is_closing)
    return Comparison(
        new=new,
        differences=tuple(sorted(differences, key=lambda one: _age(one.after))),
        closed=_by_age([*closing, *(record for record in new if not record.is_open)]),
        deleted=tuple(sorted(deleted, key=lambda one: _age(one.before))),
        unrecorded=_by_age(
            record
            for one in before.archived - after.archived
            if (record := after.records.get(one)) is not None and record.in_queue
        ),
    )


def changes(old: Record, now: Record) -> tuple[FieldChange, ...]:
    """Each field in which two records of a message differ."""
    return tuple(_changes((), old.mapping, now.mapping))


def is_only_archived(old: Record, now: Record) -> bool:
    """Whether an open message is gone from the queue, so that the archive alone has it, as it was sent."""
    return old.in_queue and not now.in_queue and now.is_open


def _is_told(old: Record, after: Version) -> bool:
    """Whether the later state tells that this message is gone: a queue that can't be read may hold it."""
    return not old.in_queue or not after.may_queue(old.message.message_id)


def _are_comparable(old: Record, now: Record, before: Version) -> bool:
    """Whether both states know where the message stands."""
    if is_only_archived(old, now):
        return False
    return old.in_queue or not now.in_queue or not before.may_queue(now.message.message_id)


def _changes(path: tuple[str, ...], old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[FieldChange]:
    """The fields that differ, down through mappings; a list is one value."""
    for key in dict.fromkeys((*old, *new)):
        was, now = old.get(key, ABSENT), new.get(key, ABSENT)
        if isinstance(was, dict) and isinstance(now, dict):
            yield from _changes((*path, key), was, now)
        elif not _are_same(was, now):
            yield FieldChange((*path, key), was, now)


def _are_same(one: Any, other: Any) -> bool:
    """Whether two values are one value in the file: 1 is neither true nor 1.0."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_are_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_are_same(value, other[key]) for key, value in one.items())
    return type(one) is type(other) and bool(one == other)


def _by_age(records: Iterable[Record]) -> tuple[Record, ...]:
    return tuple(sorted(records, key=_age))


def _age(record: Record) -> tuple[Any, str]:
    return record.message.created, record.message.message_id
