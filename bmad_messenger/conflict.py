"""The conflicts that git leaves in a file where both sides of a merge changed the same lines."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from bmad_messenger.errors import ConflictError, Problem

MARKER: Final = r"(?:<{7}|={7}|>{7}|\|{7})(?=[ \r\n]|\Z)"
"""What begins a line that git put around the two versions; it stands at the left edge of the file."""

_MARKER: Final = re.compile(rf"^{MARKER}", re.MULTILINE)
_WORDS: Final = ("<<<<<<<", ">>>>>>>", "=======", "|||||||")
_BLOCKS: Final = re.compile(r"(?:<\|?=>)+")
_ADVICE: Final = "keep one of the two, and delete the lines with the markers"


class Conflict(NamedTuple):
    """One conflict: the characters from its first marker to the end of the line of its last, and its line, from 1."""

    start: int
    end: int
    line: int

    def problem(self, path: str | None) -> Problem:
        """What is wrong with the message that holds it."""
        return Problem("a merge left its conflict here", _ADVICE, path, self.line, 1, code=ConflictError.code)


def conflicts_in(text: str, path: str | None = None) -> tuple[Conflict, ...]:
    """The conflicts in a text, in their order.

    Raises:
        ConflictError: where a marker is missing, so that it can't be told where the conflict begins and ends.
    """
    if not any(word in text for word in _WORDS):
        return ()
    markers = list(_MARKER.finditer(text))
    if not markers:
        return ()
    if not _BLOCKS.fullmatch("".join(marker[0][0] for marker in markers)):
        raise refusal(text, markers[0].start(), path)
    starts = (marker.start() for marker in markers if marker[0][0] == "<")
    ends = (text.find("\n", marker.end()) + 1 or len(text) for marker in markers if marker[0][0] == ">")
    return tuple(Conflict(start, end, text.count("\n", 0, start) + 1) for start, end in zip(starts, ends, strict=True))


def conflict_of(text: str, path: str | None) -> Problem | None:
    """The first conflict in a file that is of use only as a whole; a line of `=` alone tells none."""
    if "<<<<<<<" not in text and ">>>>>>>" not in text:
        return None
    first = next((marker.start() for marker in _MARKER.finditer(text) if marker[0][0] in "<>"), None)
    return None if first is None else Conflict(first, first, text.count("\n", 0, first) + 1).problem(path)


def refusal(text: str, offset: int, path: str | None) -> ConflictError:
    """The refusal of a whole queue: the marker at `offset` belongs to a conflict that is not within one message."""
    file = path or "FILE"
    return ConflictError(
        f"a merge left its conflict marker {text[offset : offset + 7]} here",
        hint=f"run `bmad-messenger git install`, then `git checkout --merge {file}`, which merges it by message; "
        "`bmad-messenger doctor` says more",
        path=path,
        line=text.count("\n", 0, offset) + 1,
        column=1,
    )
