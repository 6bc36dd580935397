"""The merge of three cut queues: which messages stay, and what becomes of those that both sides changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from bmad_messenger.errors import MessengerError
from bmad_messenger.merge.fields import Settle, canonical, is_only_used, when
from bmad_messenger.merge.identity import renamed_note, told_apart
from bmad_messenger.merge.joining import Blocks, Outcome, joined, levelled, lost_comments
from bmad_messenger.merge.mappings import Mappings
from bmad_messenger.merge.order import merged_order, winner
from bmad_messenger.merge.pieces import is_settled, side_of
from bmad_messenger.merge.reading import ItemKey, Queue, Reader, read_queue, unsafe
from bmad_messenger.merge.sections import Block

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class QueueMerge:
    """The merge of one queue.

    Args:
        labels: what the two sides are called.
        settle: the rules of a message's fields.
        reader: has read the queues.
        path: the file's name, for errors.
    """

    def __init__(self, labels: Sequence[str], settle: Settle, reader: Reader, path: str | None) -> None:
        self.labels, self.settle, self.reader, self.path = labels, settle, reader, path
        self.notes: list[str] = []
        self.kept: list[Outcome] | None = None  # the messages of the merged list

    def merge(self, base: Queue, ours: Queue, theirs: Queue) -> Outcome:
        """The merged queue.

        Raises:
            DamagedError: where the merged text would not hold what it should.
        """
        lists = (base.items, ours.items, theirs.items)
        outcome = Mappings("the queue", lambda *_: {}).merge(
            (base.outline, ours.outline, theirs.outline), others={"messages": lambda: self._merge_lists(lists)}
        )
        if self.kept is None:  # one side alone changed the list
            side = winner(*(queue.outline.sections["messages"].text for queue in (base, ours, theirs)))
            self.kept = [Outcome((section.text,)) for section in lists[1 + (side or 0)].sections.values()]
        self._verify(outcome, self.kept)
        return outcome

    def _merge_lists(self, blocks: Blocks[ItemKey]) -> Outcome:
        before, blocks = blocks, levelled(blocks)
        for block, moved in zip(before, blocks, strict=True):
            self._require_same(block, moved)
        blocks, renamed = told_apart(blocks, self.reader)
        self.notes += [renamed_note(self.labels[side], old, new) for side, old, new in renamed]
        base, ours, theirs = blocks
        order = merged_order([*base.sections], [*ours.sections], [*theirs.sections], rank=_Rank(blocks, self.reader))
        outcomes = {key: self._merge_message(key, blocks) for key in order}
        self.kept = [outcomes[key] for key in order if outcomes[key].pieces is not None]
        pieces = joined(blocks, order, outcomes, spacing="\n")
        if not self.kept:
            opening = side_of(pieces, 0)
            colon = opening.index(":") + 1
            pieces = (f"{opening[:colon]} []{opening[colon:]}",)
        return Outcome(pieces)

    def _merge_message(self, key: ItemKey, blocks: Blocks[ItemKey]) -> Outcome:
        margin = blocks[1].column
        sections = (block.sections.get(key) for block in blocks)
        texts = [None if section is None else section.text for section in sections]
        side = winner(*texts)
        if side is not None:
            text = texts[1 + side]
            return Outcome(None if text is None else (text,))
        if None in texts[1:]:
            mappings = [None if text is None else self.reader.mapping(text, margin) for text in texts]
            return self._merge_deleted(key[0], texts, mappings, margin)
        base, ours, theirs = (Block() if text is None else self.reader.cut(text, margin) for text in texts)
        return Mappings(key[0], self.settle).merge((base, ours, theirs))

    def _merge_deleted(
        self, name: str, texts: Sequence[str | None], mappings: Sequence[dict[str, Any] | None], margin: int
    ) -> Outcome:
        """A message that one side took out and the other changed: it is closed, if the other only made use of it."""
        side = 0 if texts[1] is not None else 1
        before, after, text = mappings[0], mappings[1 + side], texts[1 + side]
        assert text is not None
        if before is not None and after is not None and is_only_used(before, after):
            return Outcome(None, comments=lost_comments(texts[0], None, text, margin))
        self.notes.append(f"kept {name}: {self.labels[1 - side]} took it out, {self.labels[side]} changed it")
        return Outcome((text,))

    def _require_same(self, block: Block[ItemKey], moved: Block[ItemKey]) -> None:
        """Refuse to indent a message otherwise where that would change what it says."""
        if moved.column == block.column:
            return
        for key, section in block.sections.items():
            same = self.reader.mapping(moved.sections[key].text, moved.column)
            if canonical(same) != canonical(self.reader.mapping(section.text, block.column)):
                raise unsafe(self.path)

    def _verify(self, outcome: Outcome, kept: Sequence[Outcome]) -> None:
        """Read the merged text as either side would settle it."""
        assert outcome.pieces is not None
        for side in (0, 1):
            try:
                queue = read_queue(side_of(outcome.pieces, side), None, self.reader)
            except MessengerError as error:
                raise unsafe(self.path) from error
            found = [section.text for section in queue.items.sections.values()]
            wanted = [(side_of(one.pieces or (), side), one.values[side]) for one in kept]
            if len(found) != len(wanted) or not all(
                self._is_as_wanted(text, *put, queue.items.column) for text, put in zip(found, wanted, strict=True)
            ):
                raise unsafe(self.path)
            if _without_list(queue.outline.values) != _without_list(outcome.values[side]):
                raise unsafe(self.path)
            if is_settled(outcome.pieces):
                break

    def _is_as_wanted(self, text: str, wanted: str, value: dict[str, Any] | None, column: int) -> bool:
        """Whether a message of the merged text is the one that was put there; `value` is what a composed one says."""
        if value is None:
            if text == wanted:
                return True
            value = self.reader.mapping(wanted, column)  # it may have a comment more, or less
        return value is not None and canonical(self.reader.mapping(text, column)) == canonical(value)


def _without_list(values: Mapping[str, Any]) -> str:
    return canonical({key: value for key, value in values.items() if key != "messages"})


class _Rank:
    """Sorts messages by when they were sent, and then by id."""

    def __init__(self, blocks: Blocks[ItemKey], reader: Reader) -> None:
        self.blocks, self.reader = blocks, reader

    def __call__(self, key: ItemKey) -> tuple[datetime, ItemKey]:
        block = next(block for block in self.blocks[1:] if key in block.sections)
        head = self.reader.head(block.sections[key].text, block.column)
        is_none, time, _ = when(head.get("created"))
        return _LONG_AGO if is_none else time, key
