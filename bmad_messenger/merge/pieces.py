"""Merged text before it is one text: what is settled, and between it what both sides changed, each in its own way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Conflict:
    """Whole lines that differ: `ours` and `theirs`, either may be empty; `what` says what they are about."""

    what: str
    ours: str
    theirs: str


Pieces = tuple[str | Conflict, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A conflict in the marked text: the number of the line of its first marker, from 1."""

    what: str
    line: int


def is_settled(pieces: Pieces) -> bool:
    """Whether nothing in the pieces conflicts."""
    return all(isinstance(piece, str) for piece in pieces)


def side_of(pieces: Pieces, side: int) -> str:
    """The text with every conflict settled for one side: 0 for ours, 1 for theirs."""
    return "".join(piece if isinstance(piece, str) else (piece.ours, piece.theirs)[side] for piece in pieces)


def with_prefix(pieces: Pieces, prefix: str) -> Pieces:
    """The pieces with `prefix` before them, on whichever side has a first line there."""
    if not pieces:
        return (prefix,)
    first, *rest = pieces
    if isinstance(first, str):
        return f"{prefix}{first}", *rest
    sides = (f"{prefix}{lines}" if lines else "" for lines in (first.ours, first.theirs))
    return Conflict(first.what, *sides), *rest


def marked(pieces: Pieces, labels: Sequence[str], size: int) -> tuple[str, tuple[Mark, ...]]:
    """The text with git's markers around each conflict, and where they are.

    Args:
        pieces: the text.
        labels: what the two sides are called.
        size: the width of a marker.
    """
    text = "".join(_lines(pieces, labels, size))
    marks: list[Mark] = []
    line = 1
    for piece, shown in zip(pieces, _lines(pieces, labels, size), strict=True):
        if isinstance(piece, Conflict):
            marks.append(Mark(piece.what, line))
        line += shown.count("\n")
    return text, tuple(marks)


def _lines(pieces: Pieces, labels: Sequence[str], size: int) -> Iterator[str]:
    ours, theirs = (f" {label}" if label else "" for label in labels)
    for piece in pieces:
        if isinstance(piece, str):
            yield piece
        else:
            yield f"{'<' * size}{ours}\n{piece.ours}{'=' * size}\n{piece.theirs}{'>' * size}{theirs}\n"
