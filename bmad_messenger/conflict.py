"""The conflicts that git leaves in a file where both sides of a merge changed the same lines."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from bmad_messenger.errors import ConflictError, Problem

SHORTEST: Final = 7
"""How many characters a marker has where git is told nothing else; shorter ones look too much like text."""

LONGEST: Final = 60
"""How many it may have where the attribute `conflict-marker-size` tells git another number."""

_BEHIND: Final = r"(?=[ \r\n]|\Z)"
_SIZE: Final = f"{{{SHORTEST},{LONGEST}}}"

MARKER: Final = rf"(?:<{_SIZE}|>{_SIZE}|={{{SHORTEST}}}|\|{{{SHORTEST}}}){_BEHIND}"
"""What begins a line that git put around the two versions; it stands at the left edge of the file.

A longer line of `=` or `|` is no marker by itself: it may stand under a heading.
"""

MARKER_WITHIN: Final = rf"(?:<{_SIZE}|>{_SIZE}|={_SIZE}|\|{_SIZE}){_BEHIND}"
"""The same, where it is known already that there are conflicts, of whatever size, or that it makes no difference."""

_MARKER: Final = re.compile(rf"^{MARKER_WITHIN}", re.MULTILINE)
_WORDS: Final = tuple(sign * SHORTEST for sign in "<>=|")
_BLOCK: Final = re.compile(r"<\|?=>")
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
    """The conflicts in a text, in their order. The markers of one are all of one length.

    Raises:
        ConflictError: where a marker is missing, so that it can't be told where the conflict begins and ends.
    """
    if not any(word in text for word in _WORDS):
        return ()
    found: list[Conflict] = []
    signs, start, size = "", 0, 0
    for marker in _MARKER.finditer(text):
        word = marker[0]
        if not signs:
            if word[0] in "=|" and len(word) > SHORTEST:
                continue
            start, size = marker.start(), len(word)
        elif len(word) != size:  # as in the base of a conflict, where the ancestors' own conflict may stand
            continue
        signs += word[0]
        if word[0] != ">":
            continue
        if not _BLOCK.fullmatch(signs):
            break
        end = text.find("\n", marker.end()) + 1 or len(text)
        found.append(Conflict(start, end, text.count("\n", 0, start) + 1))
        signs = ""
    if signs:
        raise refusal(text, start, path)
    return tuple(found)


def conflict_of(text: str, path: str | None) -> Problem | None:
    """The first conflict in a file that is of use only as a whole; a line of `=` alone tells none."""
    if not any(word in text for word in _WORDS[:2]):
        return None
    first = next((marker.start() for marker in _MARKER.finditer(text) if marker[0][0] in "<>"), None)
    return None if first is None else Conflict(first, first, text.count("\n", 0, first) + 1).problem(path)


def refusal(text: str, offset: int, path: str | None) -> ConflictError:
    """The refusal of a whole queue: the marker at `offset` belongs to a conflict that is not within one message."""
    file, marker = path or "FILE", _MARKER.match(text, offset)
    return ConflictError(
        f"a merge left its conflict marker {marker[0] if marker else text[offset : offset + SHORTEST]} here",
        hint=f"run `bmad-messenger git install`, then `git checkout --merge {file}`, which merges it by message; "
        "`bmad-messenger doctor` says more",
        path=path,
        line=text.count("\n", 0, offset) + 1,
        column=1,
    )
