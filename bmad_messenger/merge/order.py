"""Three ways at once: which side changed a thing, and in which order things go."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from heapq import merge
from typing import Any, TypeVar

K = TypeVar("K")
C = TypeVar("C", bool, int, str)


def winner(base: object, ours: object, theirs: object) -> int | None:
    """Which side stands: 0 for ours, 1 for theirs; None where both changed the base, each in its own way."""
    if theirs in (ours, base):
        return 0
    return 1 if ours == base else None


def chosen(base: Any, ours: C, theirs: C) -> C:
    """What the side has that changed it; of two changes always the same, the lesser."""
    side = winner(base, ours, theirs)
    return min(ours, theirs) if side is None else (ours, theirs)[side]


def merged_order(base: Sequence[K], ours: Sequence[K], theirs: Sequence[K], rank: Callable[[K], Any]) -> list[K]:
    """All that ours or theirs holds, in an order that does not depend on which is which.

    What both hold keeps the order of the side that changed it. What one holds follows what it follows there; where both
    have something at the same place, `rank`, which is different for each, interleaves the two runs, and each keeps its
    own order.
    """
    if ours == theirs:
        return [*ours]
    shared = set(ours).intersection(theirs)
    runs, other_runs = _runs(ours, shared), _runs(theirs, shared)
    order = [*merge(runs[None], other_runs[None], key=rank)]
    for key in _order_of_shared(base, ours, theirs, shared):
        order.append(key)
        if key in runs or key in other_runs:
            order += merge(runs[key], other_runs[key], key=rank)
    return order


def united(base: str, ours: str, theirs: str) -> str:
    """Lines of comments: those that both have, and those that one of them has added."""
    side = winner(base, ours, theirs)
    if side is not None:
        return (ours, theirs)[side]
    before, own, other = (_numbered(text) for text in (base, ours, theirs))
    kept = (
        line
        for line in merged_order([*before], [*own], [*other], rank=lambda line: line)
        if (line in own and line in other) or line not in before
    )
    return "".join(min(lines[line] for lines in (own, other) if line in lines) for line in kept)


def added_lines(base: str, text: str) -> list[str]:
    """The comments that a text has and its base has not."""
    before = _numbered(base)
    return [line for key, line in _numbered(text).items() if key not in before and key[0]]


def _runs(keys: Iterable[K], shared: set[K]) -> dict[K | None, list[K]]:
    """What one side alone holds, by what it follows."""
    runs: dict[K | None, list[K]] = defaultdict(list)
    anchor: K | None = None
    for key in keys:
        if key in shared:
            anchor = key
        else:
            runs[anchor].append(key)
    return runs


def _order_of_shared(base: Sequence[K], ours: Sequence[K], theirs: Sequence[K], shared: set[K]) -> list[K]:
    """What both hold, in the order of the side that changed it."""
    own = [key for key in ours if key in shared]
    other = [key for key in theirs if key in shared]
    known = shared.intersection(base)
    orders = [[key for key in keys if key in known] for keys in (base, own, other)]
    side = winner(*orders) if orders[1] != orders[2] else None
    return min(own, other) if side is None else (own, other)[side]


def _numbered(text: str) -> dict[tuple[str, int], str]:
    """The lines of a text, by what they say and how often that was said before."""
    lines: dict[tuple[str, int], str] = {}
    count: Counter[str] = Counter()
    for line in text.splitlines(keepends=True):
        content = line.strip()
        lines[content, count[content]] = line
        count[content] += 1
    return lines
