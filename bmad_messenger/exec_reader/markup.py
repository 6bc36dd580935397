"""The marks that `<exec>` elements stand among, as patterns: fences, inline code, comments, tags and attributes.

Every pattern reads its text in linear time, also where nothing of it is well-formed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from bmad_messenger.exec_reader.values import Piece

_FLAGS: Final = re.IGNORECASE | re.MULTILINE

# A fence may be indented to any depth, be quoted, or begin a list item.
_FENCE: Final = r"^(?>[ \t>]|[-*+][ \t]|\d{1,9}[.)][ \t])*+(?P<fence>`{3,}(?=[^`\n]*$)|~{3,})"
_HIDDEN: Final = r"(?P<hidden><!--|<!\[CDATA\[)"
# With attributes, or followed by a param: any other <exec> is only a word.
_EXEC: Final = r"(?P<indent>^[ \t]*)?(?P<exec><exec(?=\s+[a-z_]|\s*>\s*<(?:!--|param)))"

PROSE: Final = re.compile(f"{_FENCE}|{_HIDDEN}|{_EXEC}", _FLAGS)
INSIDE_FENCE: Final = re.compile(f"{_HIDDEN}|{_EXEC}", _FLAGS)
INSIDE_EXEC: Final = re.compile(r"<!--|<param(?=[\s/>])|</exec\s*>|<exec(?=[\s/>])", _FLAGS)
INSIDE_PARAM: Final = re.compile(r"<!--|<!\[CDATA\[|</param\s*>|</exec\s*>|<param\s", _FLAGS)

EXEC_TAG: Final = re.compile(r"<(?P<closing>/?)exec(?=[\s/>])", _FLAGS)
PARAM_TAG: Final = re.compile(r"<param(?=[\s/>])", _FLAGS)
SPACE: Final = re.compile(r"\s*")
END_OF_LINE: Final = re.compile(r"[ \t]*$", _FLAGS)

CLOSERS: Final = {"<!--": ("comment", "-->"), "<![CDATA[": ("CDATA section", "]]>")}
"""What hides the tags inside it: its name, and the text that ends it."""

_ATTRIBUTE: Final = re.compile(
    r"""\s+(?P<name>[a-z_][\w.:-]*+)(?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|[^\s"'<>]+))?""", _FLAGS
)
_TAG_END: Final = re.compile(r"\s*(?P<empty>/?)>")

# Inline code reaches over line ends, but not over a blank line, a fence, or a line that an element begins.
_CODE: Final = re.compile(rf"(?P<border>(?:^[ \t>]*\n)++|{_FENCE}|^[ \t]*<exec(?=[\s/>]).*)|\\`|(?P<ticks>`+)", _FLAGS)


class Tag(NamedTuple):
    """An opening tag: `start` and `end` are offsets in the text.

    `attributes` holds, by lower-case name, the stretch between the quotes, or None where there are no quotes.
    `repeated` are the names that stand twice; `whole` is whether the tag ends as a tag does; `empty`, whether it
    ends with `/>`.
    """

    start: int
    end: int
    attributes: dict[str, Piece | None]
    repeated: list[str]
    whole: bool
    empty: bool


def read_tag(text: str, start: int, position: int, end: int) -> Tag:
    """The tag whose `<` is at `start` and whose name ends at `position`, in the text up to `end`."""
    attributes: dict[str, Piece | None] = {}
    repeated: list[str] = []
    while attribute := _ATTRIBUTE.match(text, position, end):
        position = attribute.end()
        name = attribute["name"].lower()
        if name in attributes:
            repeated.append(name)
        quotes = attribute.lastgroup or "name"  # the group matched last: that of the quotes, if there are any
        attributes[name] = None if quotes == "name" else Piece(*attribute.span(quotes))
    closing = _TAG_END.match(text, position, end)
    if closing is None:
        return Tag(start, position, attributes, repeated, whole=False, empty=False)
    return Tag(start, closing.end(), attributes, repeated, whole=True, empty=closing["empty"] == "/")


def find_fence_end(text: str, opening: re.Match[str], end: int) -> re.Match[str] | None:
    """The line that closes the fence which a match of `PROSE` opens."""
    fence = opening["fence"]
    closing = re.compile(rf"^[ \t>]*{fence[0]}{{{len(fence)},}}[ \t]*$", _FLAGS)
    return closing.search(text, opening.end(), end)


def code_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where inline code begins and ends: from a run of backticks to the next of the same length, within a block."""
    if "`" not in text:
        return
    runs: list[tuple[int, int]] = []
    for token in _CODE.finditer(text):
        if token.lastgroup == "ticks":
            runs.append(token.span())
        elif runs and token["border"] is not None:
            yield from _pairs(runs)
            runs = []
    yield from _pairs(runs)


def _pairs(runs: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    partners: list[int | None] = []  # for each run, from the last backwards, the next of its length
    latest: dict[int, int] = {}
    for index in range(len(runs) - 1, -1, -1):
        length = runs[index][1] - runs[index][0]
        partners.append(latest.get(length))
        latest[length] = index
    partners.reverse()
    index = 0
    while index < len(runs):
        partner = partners[index]
        if partner is not None:
            yield runs[index][0], runs[partner][1]
            index = partner
        index += 1
