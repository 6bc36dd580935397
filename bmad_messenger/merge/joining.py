"""Sections put together: what became of each, in their merged order, with the blank lines and comments between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bmad_messenger.merge.order import added_lines, chosen, united, winner
from bmad_messenger.merge.pieces import Conflict, Pieces, side_of, with_prefix
from bmad_messenger.merge.sections import Block, Section, comments, keeps_blanks, parted

K = TypeVar("K")
Blocks = tuple[Block[K], Block[K], Block[K]]
"""Base, ours, theirs."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of one section.

    `pieces` are its text, None where it is gone. `values` is what it says with every conflict settled for ours, and for
    theirs. `comments` lost their place in it, and go above it or, where it is gone, above what follows.
    """

    pieces: Pieces | None
    values: tuple[Any, Any] = (None, None)
    comments: tuple[str, ...] = ()


def levelled(blocks: Blocks[K]) -> Blocks[K]:
    """The blocks with their sections at one column: that of the side that moved them."""
    base, ours, theirs = blocks
    own, other = (one.column if one.sections else spare.column for one, spare in ((ours, theirs), (theirs, ours)))
    column = chosen(base.column if base.sections else None, own, other)
    return base.at(column), ours.at(column), theirs.at(column)


def lost_comments(base: str | None, kept: str | None, lost: str | None, margin: int) -> tuple[str, ...]:
    """The comments that one side has added to a text that does not stand."""
    if lost is None or "#" not in lost or lost in (base, kept):
        return ()
    known = {comment for text in (base, kept) if text is not None for comment in comments(text, margin)}
    return tuple(comment for comment in comments(lost, margin) if comment not in known)


def joined(blocks: Blocks[K], order: Sequence[K], outcomes: Mapping[K, Outcome], spacing: str = "") -> Pieces:
    """One block's text.

    Args:
        blocks: the blocks, levelled.
        order: every section that ours or theirs has.
        outcomes: what becomes of each.
        spacing: the blank lines between two sections that met nowhere before.
    """
    base, ours, theirs = blocks
    margin = " " * ours.column
    opening, carried = _opening(blocks)
    if not (carried or spacing) and all(block.is_bare for block in blocks):
        kept = [outcomes[key] for key in order if outcomes[key].pieces is not None]
        if kept and not any(outcome.comments for outcome in outcomes.values()):
            return _bare(opening, kept, ours)
    gaps, once = _Gaps(blocks, spacing), _Once(blocks)
    pieces: list[str | Conflict] = []
    previous: K | None = None
    for key in order:
        sections, outcome = [block.sections.get(key) for block in blocks], outcomes[key]
        carried += [f"{margin}{comment}\n" for comment in outcome.comments]
        if outcome.pieces is None:
            carried += _left_behind(sections)
            continue
        above = once.passing("".join((*carried, _lead(sections))))
        above = gaps.between(previous, key) + above
        if previous is None:
            pieces += _opened(opening, above, outcome.pieces, ours)
        else:
            pieces += (_below(outcomes[previous], above, margin), *with_prefix(outcome.pieces, margin))
        carried, previous = [], key
    tail = once.passing("".join((*carried, united(base.tail, ours.tail, theirs.tail))))
    pieces += (opening, tail) if previous is None else (_below(outcomes[previous], tail, margin),)
    return tuple(pieces)


def _bare(opening: str, outcomes: Sequence[Outcome], block: Block[K]) -> Pieces:
    """The opening and the sections, where nothing stands between them."""
    margin = " " * block.column
    first, *rest = (outcome.pieces or () for outcome in outcomes)
    return *_opened(opening, "", first, block), *(piece for pieces in rest for piece in with_prefix(pieces, margin))


def _opened(opening: str, above: str, first: Pieces, block: Block[K]) -> Pieces:
    """The opening and the first section, which stands behind a dash if nothing is to stand between the two."""
    margin = " " * block.column
    if opening != "-":
        return f"{opening}{above}", *with_prefix(first, margin)
    if above or isinstance(first[0], Conflict):
        return f"-\n{above}", *with_prefix(first, margin)
    return with_prefix(first, f"-{margin[block.margin + 1 :]}")


def _opening(blocks: Blocks[K]) -> tuple[str, list[str]]:
    """The line that opens the block, and the comments of another that does not stand."""
    base, ours, theirs = (block.opening for block in blocks)
    kept = chosen(base, ours, theirs)
    lost = lost_comments(base, kept, theirs if kept == ours else ours, 0)
    return kept, [f"{' ' * blocks[1].column}{comment}\n" for comment in lost]


def _lead(sections: Sequence[Section | None]) -> str:
    """The comments above a section that stays."""
    base, *sides = (section.lead if section else None for section in sections)
    ours, theirs = sides
    if ours is None or theirs is None:
        return ours or theirs or ""
    return united(base or "", ours, theirs)


def _left_behind(sections: Sequence[Section | None]) -> Iterator[str]:
    """The comments that somebody wrote, or moved, above a section that goes."""
    base, *sides = sections
    for section in sides:
        if section is not None:
            yield from added_lines(base.lead if base else "", section.lead)


def _below(above: Outcome, text: str, margin: str) -> str:
    """Blank lines and comments below a section, so that they don't become part of it.

    Comments deeper than `margin` would, and blank lines below a block scalar that keeps them.
    """
    if not text:
        return text
    if any(keeps_blanks(side_of(above.pieces or (), side)) for side in (0, 1)):
        text = parted(text)[1]
    if f"{margin} " not in text:
        return text
    lines = text.splitlines(keepends=True)
    return "".join(margin + line.lstrip(" ") if line.startswith(f"{margin} ") else line for line in lines)


class _Once:
    """Lets comments pass, each as often as the sides have it; they move to the next section when theirs goes."""

    def __init__(self, blocks: Blocks[K]) -> None:
        base, ours, theirs = (Counter(_comments_around(block)) for block in blocks)
        both = ours | theirs
        self.left = {
            line: max(1, ours[line] + theirs[line] - base[line], min(ours[line], theirs[line])) for line in both
        }

    def passing(self, text: str) -> str:
        """The text without comments that stand elsewhere already."""
        if not text:
            return text
        lines = [line for line in text.splitlines(keepends=True) if self._passes(line.strip())]
        return "".join(lines) if any(line.strip() for line in lines) or text.isspace() else ""

    def _passes(self, line: str) -> bool:
        if not line:
            return True
        self.left[line] = self.left.get(line, 1) - 1
        return self.left[line] >= 0


def _comments_around(block: Block[K]) -> Iterator[str]:
    """The comments around the sections of a block, one a line."""
    for text in (*(section.lead for section in block.sections.values() if section.lead), block.tail):
        yield from filter(None, map(str.strip, text.splitlines()))


class _Gaps(Generic[K]):
    """The blank lines between sections: they go with the two that they part."""

    def __init__(self, blocks: Blocks[K], spacing: str) -> None:
        self.blocks, self.spacing = blocks, spacing
        self.above = [dict(zip(block.sections, (None, *block.sections), strict=False)) for block in blocks]

    def between(self, previous: K | None, key: K) -> str:
        """The blank lines below `previous` and above `key`."""
        base, ours, theirs = (
            block.sections[key].gap if above.get(key, key) == previous else None
            for block, above in zip(self.blocks, self.above, strict=True)
        )
        if ours is not None and theirs is not None:
            side = winner(base, ours, theirs)
            return max(ours, theirs, key=len) if side is None else (ours, theirs)[side]
        if ours is not None or theirs is not None:
            return ours or theirs or ""
        if previous is None:
            return ""
        used = [self.blocks[n].sections[key].gap for n in (1, 2) if self.above[n].get(key) is not None]
        return max(used, key=len, default=self.spacing)
