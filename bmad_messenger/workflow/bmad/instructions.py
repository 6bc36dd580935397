"""Reads BMAD's instructions, Markdown or XML that is seldom well-formed: the tags in it, what each holds, the text.

Nothing is refused but broken `<exec>` elements. An element ends at its closing tag, or where one that it stands in
ends; a tag that BMAD does not know and that nothing closes is text. What stands in a code fence, in inline code or in a
comment is no tag.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import unescape
from itertools import accumulate
from typing import Final

from bmad_messenger.exec_reader import read_exec
from bmad_messenger.exec_reader.markup import CLOSERS, PROSE, code_spans, find_fence_end, read_tag
from bmad_messenger.exec_reader.variables import PLACEHOLDER, placeholder_name

STEPS: Final = ("step", "substep")
FRAMES: Final = ("workflow", "instructions", "steps", "flow", "task", "section", "phase", "group", *STEPS, "check")
"""The tags that only hold others; what they hold is played."""
ITEMS: Final = (
    "action",
    "anchor",
    "ask",
    "continue",
    "critical",
    "elicit-required",
    "example",
    "goto",
    "invoke-protocol",
    "invoke-task",
    "invoke-workflow",
    "note",
    "output",
    "template-output",
)
"""The tags that say something themselves."""
TEXT: Final = "text"
EXEC: Final = "exec"

NAME: Final = re.compile(r"[A-Za-z_][\w.-]*")


@dataclass(frozen=True, slots=True)
class Mark:
    """A tag, a text or an `<exec>` element: the stretch of the source that it is, and the mark after what it holds.

    `close` is a number of a mark: for one that holds nothing, that of the next. `parent` is -1 at the top.
    """

    name: str
    start: int
    end: int
    close: int
    parent: int = -1
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Instructions:
    """The instructions of a workflow: their text, the file and the line that it begins at, and the marks in it."""

    text: str
    name: str
    first_line: int = 1
    marks: tuple[Mark, ...] = ()

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column (from 1) of an offset."""
        line = bisect_right(self._lines, offset)
        return line + self.first_line - 1, offset - self._lines[line - 1] + 1

    @cached_property
    def mentioned(self) -> frozenset[str]:
        """The names that stand in braces somewhere: variables, whether they are known or not."""
        return frozenset(names_in(self.text))

    @cached_property
    def unknown_tags(self) -> tuple[str, ...]:
        """The tags that BMAD does not know, each once."""
        known = (*FRAMES, *ITEMS, TEXT, EXEC)
        return tuple(dict.fromkeys(mark.name for mark in self.marks if mark.name not in known))

    @cached_property
    def _lines(self) -> list[int]:
        return [0, *accumulate(len(line) + 1 for line in self.text.split("\n"))]


def read_instructions(text: str, name: str, first_line: int = 1) -> Instructions:
    """The instructions in a text.

    Args:
        text: the text; it may be anything.
        name: the file's name.
        first_line: the line of the file that the text begins at.

    Raises:
        InvalidError: with every `<exec>` that is broken.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    bare = Instructions(text, name, first_line)
    reader = _Reader(text, _exec_starts(bare))
    reader.read()
    return Instructions(text, name, first_line, tuple(reader.finished()))


def names_in(text: str) -> list[str]:
    """The names that stand in braces in a text."""
    names = (placeholder_name(match) for match in _PLACEHOLDER.finditer(text))
    return list(dict.fromkeys(name for name in names if name and NAME.fullmatch(name)))


def unfilled(text: str) -> dict[str, str]:
    """Variables that leave every variable of a text as it stands."""
    names = (placeholder_name(match) for match in _PLACEHOLDER.finditer(text))
    return {name: f"\\{{{{{name}}}}}" for name in names if name is not None}


_PLACEHOLDER: Final = re.compile(PLACEHOLDER)
_TAG: Final = r"(?P<margin>^[ \t>]*+)?<(?P<closing>/?)(?P<name>[a-z][\w-]*+)(?=[\s/>])"
_TOKEN: Final = re.compile(rf"{PROSE.pattern}|{_TAG}", PROSE.flags)
_EXEC_END: Final = re.compile(r"<!--|<!\[CDATA\[|</exec\s*>", PROSE.flags)
_EMPTY: Final = ("anchor", "continue", "elicit-required", "goto", "invoke-protocol")
"""The tags that hold nothing where nothing closes them."""
_RANKS: Final = {"check": 1, "substep": 2, "step": 3, "workflow": 4}
"""How strongly a tag holds what is in it: the closing tag of a weaker one does not reach out of it."""


def _exec_starts(instructions: Instructions) -> frozenset[int]:
    """Where the `<exec>` elements begin that are meant."""
    text = instructions.text
    elements = read_exec(text, path=instructions.name, variables=unfilled(text))
    return frozenset(instructions._lines[one.line - 1] + one.column - 1 for one in elements)


@dataclass(slots=True)
class _Open:
    """A mark in the making."""

    name: str
    start: int
    end: int
    attributes: Mapping[str, str] = field(default_factory=dict)
    is_text: bool = False
    close: int = -1


class _Reader:
    """Reads one text from front to back; no stretch is read more than twice."""

    def __init__(self, text: str, exec_starts: frozenset[int]) -> None:
        self.text, self.exec_starts = text, exec_starts
        self.marks: list[_Open] = []
        self._stack: list[int] = []  # the numbers of the elements that are open
        self._depths: dict[str, list[int]] = {}  # for each name, where in the stack it stands
        self._closes_steps = re.search(r"</step\s*>", text, re.IGNORECASE) is not None
        self._missing: dict[str, int] = {}
        code = list(code_spans(text))
        self._code_starts, self._code_ends = [start for start, _ in code], [end for _, end in code]

    def read(self) -> None:
        """Find all marks."""
        position = kept = 0  # up to where the text is read, and up to where it is kept
        while token := _TOKEN.search(self.text, position):
            start, end = token.span()
            if token["fence"]:
                closing = find_fence_end(self.text, token, len(self.text))
                position = closing.end() if closing else end
                continue
            if token["hidden"]:
                position = self._hidden_end(token)
                if position > end:
                    self._add_text(kept, start)
                    if token["hidden"] != "<!--":
                        self._add_text(end, position - len("]]>"))
                    kept = position
                continue
            if token["exec"]:
                start = token.start("exec")
                position = self._exec_end(end) if start in self.exec_starts else end
                if position == end:
                    continue
                self._add_text(kept, start)
                attributes, _ = self._attributes(start, token.end("exec"))
                self._add(EXEC, start, position, attributes)
                kept = position
                continue
            position = end
            start = token.start("closing") - 1
            if token["margin"] is None and self._is_code(start):
                continue
            self._add_text(kept, start)
            position = kept = self._read_tag(token, start)
        self._add_text(kept, len(self.text))
        while self._stack:
            self._pop(is_closed=False)

    def finished(self) -> list[Mark]:
        """The marks, each with the one that it stands in."""
        marks: list[Mark] = []
        around: list[int] = []
        for number, mark in enumerate(self.marks):
            while around and self.marks[around[-1]].close <= number:
                around.pop()
            close = mark.close if mark.close >= 0 else number + 1
            parent = around[-1] if around else -1
            name = TEXT if mark.is_text else mark.name
            marks.append(Mark(name, mark.start, mark.end, close, parent, mark.attributes))
            if close > number + 1:
                around.append(number)
        return marks

    def _read_tag(self, token: re.Match[str], start: int) -> int:
        """Take note of an opening or a closing tag; return where to go on."""
        name = token["name"].lower()
        attributes, tag_end = self._attributes(start, token.end())
        if token["closing"]:
            self._close(name)
            return tag_end
        is_empty = self.text[tag_end - 2 : tag_end] == "/>"
        if name == EXEC:
            return tag_end
        if name == "step" and not self._closes_steps:
            depth = next(iter(self._depths.get(name, ())), len(self._stack))
            while len(self._stack) > depth:
                self._pop(is_closed=False)
        self._add(name, start, tag_end, attributes)
        if not is_empty:
            self._depths.setdefault(name, []).append(len(self._stack))
            self._stack.append(len(self.marks) - 1)
        return tag_end

    def _close(self, name: str) -> None:
        """End the innermost element of that name, with all that is open in it."""
        places = self._depths.get(name)
        if not places:
            return
        rank = _RANKS.get(name, 0)
        stronger = (self._depths.get(other) or [-1] for other, its in _RANKS.items() if its > rank)
        if max((depths[-1] for depths in stronger), default=-1) > places[-1]:
            return
        depth = places[-1]
        while len(self._stack) > depth + 1:
            self._pop(is_closed=False)
        self._pop(is_closed=True)

    def _pop(self, *, is_closed: bool) -> None:
        """End the innermost element; a tag that nothing closes and BMAD does not know is text."""
        mark = self.marks[self._stack.pop()]
        self._depths[mark.name].pop()
        if is_closed or mark.name in FRAMES or (mark.name in ITEMS and mark.name not in _EMPTY):
            mark.close = len(self.marks)
        else:
            mark.is_text = mark.name not in ITEMS

    def _add(self, name: str, start: int, end: int, attributes: Mapping[str, str] | None = None) -> None:
        self.marks.append(_Open(name, start, end, attributes or {}))

    def _add_text(self, start: int, end: int) -> None:
        if start < end and not self.text[start:end].isspace():
            self._add(TEXT, start, end)

    def _attributes(self, start: int, position: int) -> tuple[dict[str, str], int]:
        """The attributes of the tag at `start`, and where it ends; a broken tag ends where it can't be read."""
        tag = read_tag(self.text, start, position, len(self.text))
        found = {
            name: "" if piece is None else unescape(self.text[piece.start : piece.end]).strip()
            for name, piece in tag.attributes.items()
        }
        if not tag.whole:
            found["if"] = f"{self.text[start : tag.end]}…"
        return found, tag.end

    def _hidden_end(self, token: re.Match[str]) -> int:
        closer = CLOSERS[token["hidden"].upper()][1]
        closing = self._find(closer, token.end())
        return token.end() if closing < 0 else closing + len(closer)

    def _exec_end(self, position: int) -> int:
        """Where the element ends whose tag's name ends at `position`."""
        tag = read_tag(self.text, position, position, len(self.text))
        if tag.empty:
            return tag.end
        at = tag.end
        while token := _EXEC_END.search(self.text, at):
            at = token.end()
            if token[0].upper() not in CLOSERS:
                return at
            closer = CLOSERS[token[0].upper()][1]
            closing = self._find(closer, at)
            at = at if closing < 0 else closing + len(closer)
        return at

    def _find(self, needle: str, start: int) -> int:
        """Like `str.find`, but what was looked for in vain once is not looked for again further on."""
        if start >= self._missing.get(needle, len(self.text) + 1):
            return -1
        found = self.text.find(needle, start)
        if found < 0:
            self._missing[needle] = start
        return found

    def _is_code(self, offset: int) -> bool:
        index = bisect_right(self._code_starts, offset) - 1
        return index >= 0 and self._code_ends[index] > offset
