"""What goes wrong with the messages from one commit to the next, and whether a later one mends it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from bmad_messenger.comparison import Comparison, Difference, Record, Version, changes, compare, is_only_archived
from bmad_messenger.git.review_findings import faults

Path = tuple[str, ...]


class Kind(Enum):
    """What is wrong since a lapse."""

    CHANGED = "fields differ that should not"
    GONE = "the message is gone"
    UNRECORDED = "the archive lacks the message's file"
    QUEUE_GONE = "the queue is gone"


@dataclass(frozen=True, eq=False)
class Lapse:
    """What should not have happened in `commit`: `parent` had it right, and `before` is the message there.

    `fields` are those that should not differ.
    """

    commit: str
    parent: str
    kind: Kind
    before: Record | None = None
    fields: frozenset[Path] = frozenset()

    @property
    def message_id(self) -> str:
        """The message's id; empty where it is about the queue."""
        return "" if self.before is None else self.before.message.message_id

    def left(self, now: Version, *, has_queue: bool) -> Lapse | None:
        """What of it is still so in a later state, as far as that tells; None where it was mended."""
        if self.before is None:
            return None if has_queue else self
        if self.kind is Kind.UNRECORDED:
            return None if self.message_id in now.archived else self
        record = now.records.get(self.message_id)
        if record is None or is_only_archived(self.before, record):
            return self
        if self.kind is Kind.GONE:
            return None
        wrong = faults(difference(self.before, record, self.fields))
        return self.within(change.path for fault in wrong for change in fault.fields)

    def within(self, fields: Iterable[Path]) -> Lapse | None:
        """What of it is about these fields."""
        common = self.fields.intersection(fields)
        return replace(self, fields=common) if common else None


def lapses_between(parent: str, commit: str, compared: Comparison) -> list[Lapse]:
    """What goes wrong with the messages from one commit to another, by what became of them."""
    return [
        *(one for two in compared.differences for one in changed(parent, commit, two.before, two.after)),
        *(Lapse(commit, parent, Kind.GONE, deletion.before) for deletion in compared.deleted),
        *(Lapse(commit, parent, Kind.UNRECORDED, record) for record in compared.unrecorded),
    ]


def changed(parent: str, commit: str, old: Record, now: Record) -> Iterator[Lapse]:
    """A lapse for each thing that is wrong about the fields in which two records differ."""
    for fault in faults(Difference(old, now, changes(old, now))):
        yield Lapse(commit, parent, Kind.CHANGED, old, frozenset(change.path for change in fault.fields))


def difference(old: Record, now: Record, fields: Collection[Path]) -> Difference:
    """How two records differ in these fields."""
    return Difference(old, now, tuple(change for change in changes(old, now) if change.path in fields))


def unknown(lapses: Iterable[Lapse], known: Iterable[Lapse]) -> list[Lapse]:
    """What of the lapses is about other things than those that are known, and those before it in the list."""
    seen = {about for one in known for about in _about(one)}
    found: list[Lapse] = []
    for lapse in lapses:
        new = {about[-1] for about in _about(lapse) if about not in seen}
        seen.update(_about(lapse))
        left = lapse.within(new) if lapse.kind is Kind.CHANGED else lapse
        if new and left is not None:
            found.append(left)
    return found


def own(lapse: Lapse, shared: Version, other: Version, now: Version) -> Lapse | None:
    """What of a merge's lapse is its own, and not what its other side did.

    Args:
        lapse: what became of one side's message.
        shared: the message where the two sides parted.
        other: the message on the other side.
        now: the message in the merge.
    """
    message_id = lapse.message_id
    if lapse.kind is Kind.QUEUE_GONE:
        return None if shared.queue is not None and other.queue is None else lapse
    if lapse.kind is Kind.GONE:
        theirs_deleted = {one.before.message.message_id for one in compare(shared, other).deleted}
        return None if message_id in theirs_deleted else lapse
    if lapse.kind is Kind.UNRECORDED:
        return None if message_id in shared.archived - other.archived else lapse
    theirs, merged, first = (one.records.get(message_id) for one in (other, now, shared))
    if theirs is None or merged is None:
        return lapse
    differing = [change.path for change in changes(theirs, merged)]
    written = [()] if first is None else [change.path for change in changes(first, theirs)]
    return lapse.within(path for path in lapse.fields if _meets(path, differing) or not _meets(path, written))


def _about(lapse: Lapse) -> list[tuple[Kind, str, Path]]:
    return [(lapse.kind, lapse.message_id, path) for path in (lapse.fields or ((),))]


def _meets(path: Path, others: Iterable[Path]) -> bool:
    """Whether one of the others is the field, within it, or around it."""
    return any(path[: len(one)] == one[: len(path)] for one in others)
