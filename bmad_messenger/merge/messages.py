"""The merge of two queues, or of two archive files of one message, on their common base: by message, then by field."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from bmad_messenger.config import ROSTER
from bmad_messenger.errors import DamagedError, InvalidError, Problem
from bmad_messenger.merge.fields import Mapped, canonical, message_rules
from bmad_messenger.merge.identity import is_alike, is_same, later_of, longer_id, renamed_note, with_ids
from bmad_messenger.merge.mappings import Mappings
from bmad_messenger.merge.order import winner
from bmad_messenger.merge.pieces import Pieces, is_settled, marked, side_of
from bmad_messenger.merge.queues import QueueMerge
from bmad_messenger.merge.reading import BOM, Queue, Reader, Texts, read_queue, refuse_markers, says, unsafe
from bmad_messenger.merge.sections import Block, cut_mapping

_LABELS: Final = ("ours", "theirs")


@dataclass(frozen=True, slots=True)
class Merged:
    """What comes of a merge.

    Attributes:
        text: the merged file.
        conflicts: what both sides changed, each in its own way, with the place of its first marker in `text`.
        notes: what a reader should know, a sentence each.
        others: further archive records, by message id: a second message that had the same id.
    """

    text: str
    conflicts: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    others: Mapping[str, str] = field(default_factory=dict)


def merge_queues(
    base: str,
    ours: str,
    theirs: str,
    *,
    labels: tuple[str, str] = _LABELS,
    marker_size: int = 7,
    path: str | None = None,
    roster: Collection[str] = ROSTER,
) -> Merged:
    """Merge the changes that two sides made to a queue.

    Every message that either side added stays. Of a message that both changed, the fields are merged; where both
    changed one of them, state goes forward, and anything else is marked as a conflict. The result does not depend on
    which side is called ours, but for the order within a conflict's marks.

    Args:
        base: the queue that both sides began with; empty where there was none. What can't be read of it is not in it.
        ours: the queue of one side.
        theirs: the queue of the other.
        labels: what the sides are called, in marks and notes.
        marker_size: how many characters wide a conflict's markers are.
        path: the file's name, for errors and conflicts.
        roster: the agents that `to_agents: all` stands for.

    Raises:
        DamagedError: where the messages of one side can't be told apart, or the two can't be merged safely.
    """
    side = winner(base, ours, theirs)
    if side is not None:
        return Merged((ours, theirs)[side])
    texts = Texts.of(base, ours, theirs)
    reader = Reader()
    own, other = (
        _read_queue(text, label, path, reader) for text, label in zip((texts.ours, texts.theirs), labels, strict=True)
    )
    merge = QueueMerge(labels, message_rules(roster), reader, path)
    outcome = merge.merge(_read_base(texts.base, reader), own, other)
    return _finished(outcome.pieces or (), texts, labels, marker_size, path, tuple(merge.notes))


def merge_records(
    base: str,
    ours: str,
    theirs: str,
    *,
    labels: tuple[str, str] = _LABELS,
    marker_size: int = 7,
    path: str | None = None,
    roster: Collection[str] = ROSTER,
) -> Merged:
    """Merge the changes that two sides made to an archive file, which holds one message.

    Of two different messages the earlier one keeps the file; the other is in `others`, under the id that `merge_queues`
    gives it too.

    Args:
        base: the file that both sides began with; empty where both added it.
        ours: the file of one side.
        theirs: the file of the other.
        labels, marker_size, path, roster: as for `merge_queues`.

    Raises:
        InvalidError, DamagedError: where one side can't be read, or the two can't be merged safely.
    """
    side = winner(base, ours, theirs)
    if side is not None:
        return Merged((ours, theirs)[side])
    if not (ours.strip() and theirs.strip()):  # a power failure left an empty file
        return Merged(max(ours, theirs, key=lambda text: (text.strip(), text)))
    texts = Texts.of(base, ours, theirs)
    own, other = (
        _read_record(text, label, path) for text, label in zip((texts.ours, texts.theirs), labels, strict=True)
    )
    try:
        before = _read_record(texts.base, "base", path)
    except (InvalidError, DamagedError):
        before = Block()
    if _are_two(before.values, own.values, other.values):
        return _both((ours, theirs), (own.values, other.values), labels)
    if is_same(own.values, other.values) and not is_alike(before.values, own.values):
        before = Block()  # an earlier merge put the message in the place of another
    name = str(own.values.get("message_id", path))
    outcome = Mappings(name, message_rules(roster)).merge((before, own, other))
    pieces = outcome.pieces or ()
    for side in (0, 1)[: 1 if is_settled(pieces) else 2]:
        if not says(side_of(pieces, side), outcome.values[side]):
            raise unsafe(path)
    return _finished(pieces, texts, labels, marker_size, path)


def _read_queue(text: str, label: str, path: str | None, reader: Reader) -> Queue:
    with _naming(label):
        refuse_markers(text, path)
        return read_queue(text, path, reader)


def _read_base(text: str, reader: Reader) -> Queue:
    """The base; an empty one where it can't be read, as what git makes up of several bases."""
    try:
        return _read_queue(text, "base", None, reader)
    except (InvalidError, DamagedError):
        return read_queue("", None, reader)


def _read_record(text: str, label: str, path: str | None) -> Block[str]:
    with _naming(label):
        refuse_markers(text, path)
        return cut_mapping(text, file=path)


@contextmanager
def _naming(label: str) -> Iterator[None]:
    """Say in errors which side is meant."""
    try:
        yield
    except (InvalidError, DamagedError) as error:
        message, hint, path, line, column, *_ = error.problem
        raise type(error)(f"{label}: {message}", hint=hint, path=path, line=line, column=column) from error


def _are_two(base: Mapped, ours: Mapped, theirs: Mapped) -> bool:
    """Whether the two sides hold different messages: both new, or one put in the base's place by an earlier merge."""
    own, other = ours.get("message_id"), theirs.get("message_id")
    if not isinstance(own, str) or own != other or is_same(ours, theirs):
        return False
    times = [canonical(side.get("created")) for side in (base, ours, theirs)]
    return not base or (times[1] != times[2] and times[0] in times[1:])


def _both(texts: tuple[str, str], messages: tuple[Mapped, Mapped], labels: tuple[str, str]) -> Merged:
    """Two messages with one id: the earlier one keeps the file."""
    side = later_of(*messages)
    old = messages[side]["message_id"]
    new = longer_id(old, messages[side])
    mark = BOM if texts[side].startswith(BOM) else ""
    other = mark + with_ids(texts[side].removeprefix(BOM), {old: new}, (), own=True)
    return Merged(texts[1 - side], notes=(renamed_note(labels[side], old, new),), others={new: other})


def _finished(
    pieces: Pieces, texts: Texts, labels: tuple[str, str], size: int, path: str | None, notes: tuple[str, ...] = ()
) -> Merged:
    text, marks = marked(pieces, labels, size)
    hint = "keep the lines of one side, and take the markers out"
    conflicts = tuple(Problem(mark.what, hint, path, mark.line, 1, code="conflict") for mark in marks)
    return Merged(texts.finished(text), conflicts, notes)
