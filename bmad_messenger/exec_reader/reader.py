"""Finds the `<exec>` elements in a BMAD task or instruction file, which is seldom well-formed XML.

What runs: an `<exec>` with a task that is closed, or that params follow, wherever it stands in the text. What does
not: one in a code fence, in inline code, in a comment or in a CDATA section, which is an example; and a tag that is
only named in a sentence: it has no task, or it has neither params nor an end, nor a line to itself. Where an element is
broken, or it can't be told whether it is meant, reading fails before anything could run. Attributes other than `task`
and `name` are left alone.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, NoReturn

from bmad_messenger.errors import InvalidError, Problem
from bmad_messenger.exec_reader.markup import (
    CLOSERS,
    END_OF_LINE,
    EXEC_TAG,
    INSIDE_EXEC,
    INSIDE_FENCE,
    INSIDE_PARAM,
    PARAM_TAG,
    PROSE,
    SPACE,
    Tag,
    code_spans,
    find_fence_end,
    read_tag,
)
from bmad_messenger.exec_reader.values import Piece, read_text, read_value
from bmad_messenger.exec_reader.variables import resolve_variables


@dataclass(frozen=True, slots=True)
class ExecElement:
    """One `<exec>`: the task it names, its params, and the place (from 1) of its `<`."""

    task: str
    params: Mapping[str, Any]
    path: str | None
    line: int
    column: int


def read_exec(text: str, *, path: str | None, variables: Mapping[str, str], fenced: bool = False) -> list[ExecElement]:
    """The `<exec>` elements of `text`, in order.

    A param on one line is text, stripped; one that spans lines, begins with `[` or `{`, or is called `payload` is
    YAML. XML entities are decoded, CDATA is unwrapped, comments are left out, and any other `<` and `&` stays.

    Args:
        text: the content of a Markdown or XML file.
        path: the file's name, for errors and for the elements.
        variables: what `{name}` and `{{name}}` stand for; they may refer to each other. `\\{name}` is `{name}` as
            plain text, and so are `${name}`, which belongs to shells, and single braces around no name.
        fenced: whether the elements inside code fences are read too.

    Raises:
        InvalidError: with every problem and its file, line and column: broken elements, unknown variables, YAML
            that is none.
    """
    variables = resolve_variables(variables)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not EXEC_TAG.search(text):
        return []
    reader = _Reader(text, path, variables, fenced)
    reader.scan(0, len(text), PROSE)
    if reader.problems:
        reader.refuse()
    return reader.elements


_MAX_PROBLEMS: Final = 100
_BLOCK_PARAMS: Final = frozenset({"payload"})


class _Reader:
    """Reads one text from front to back, collecting elements and problems; no stretch is read more than twice."""

    def __init__(self, text: str, path: str | None, variables: Mapping[str, str], fenced: bool) -> None:
        self.text, self.path, self.variables, self.fenced = text, path, variables, fenced
        self.elements: list[ExecElement] = []
        self.problems: list[Problem] = []
        self._doubt: tuple[int, str] | None = None  # what was opened and not closed before the place we are at
        self._missing: dict[tuple[str, int], int] = {}
        self._lines = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
        self._code = list(code_spans(text))
        self._code_starts = [start for start, _ in self._code]

    def report(self, offset: int, message: str, hint: str) -> None:
        """Note a problem; at a hundred of them, reading ends."""
        line, column = self._place(offset)
        self.problems.append(Problem(message, hint, self.path, line, column))
        if len(self.problems) >= _MAX_PROBLEMS:
            self.refuse()

    def refuse(self) -> NoReturn:
        """Raise the problems."""
        raise InvalidError.of(tuple(self.problems), "the <exec> elements" if len(self.problems) > 1 else "")

    def scan(self, position: int, end: int, tokens: re.Pattern[str]) -> None:
        """Read the elements between two offsets of running text."""
        while token := tokens.search(self.text, position, end):
            if tokens is PROSE and token["fence"]:
                position = self._pass_fence(token, end)
                continue
            if tokens is PROSE and (code_end := self._code_end(token.end())):
                position = code_end
            elif token["hidden"]:
                position = self._pass_hidden(token, end)
            else:
                position = self._read_exec(token, end)

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def _code_end(self, offset: int) -> int:
        """Where the inline code ends that the offset is in; 0 where it is in none."""
        index = bisect_right(self._code_starts, offset) - 1
        return self._code[index][1] if index >= 0 and self._code[index][1] > offset else 0

    def _pass_fence(self, opening: re.Match[str], end: int) -> int:
        closing = find_fence_end(self.text, opening, end)
        if closing is None and not self.fenced:
            self._doubt = (opening.start("fence"), "code fence")
        if closing is None or self.fenced:
            self.scan(opening.end(), closing.start() if closing else end, INSIDE_FENCE)
        return closing.end() if closing else end

    def _pass_hidden(self, opening: re.Match[str], end: int) -> int:
        what, closer = CLOSERS[opening[0].upper()]
        closing = self._find(closer, opening.end(), end)
        if closing >= 0:
            return closing + len(closer)
        self._doubt = self._doubt or (opening.start(), what)
        return opening.end()

    def _find(self, needle: str, start: int, end: int) -> int:
        """Like `str.find`, but what was looked for in vain once is not looked for again further on."""
        if start >= self._missing.get((needle, end), end):
            return -1
        found = self.text.find(needle, start, end)
        if found < 0:
            self._missing[needle, end] = start
        return found

    def _read_exec(self, token: re.Match[str], end: int) -> int:
        """Read the element that begins at `token`, if it is one; return where to go on."""
        tag = read_tag(self.text, token.start("exec"), token.end("exec"), end)
        if not self._is_meant(tag, token["indent"] is not None, end):
            return token.end()
        if self._doubt:
            offset, what = self._doubt
            self.report(offset, f"this {what} is not closed, and an <exec> stands after it", f"close the {what}")
            self._doubt = None
        if not tag.whole:
            self.report(tag.start, "this <exec> tag can't be read", 'write it as <exec task="NAME">')
            return token.end()
        task = self._attribute(tag, "exec", "task")
        params: dict[str, Any] = {}
        position = tag.end if tag.empty else self._read_params(tag, params, end)
        line, column = self._place(tag.start)
        self.elements.append(ExecElement(task, params, self.path, line, column))
        return position

    def _is_meant(self, tag: Tag, begins_line: bool, end: int) -> bool:
        """Whether the tag begins an element, well or badly, and is not only named in a sentence."""
        has_task = "task" in tag.attributes
        if not tag.whole:
            return has_task and begins_line
        if tag.empty:
            return has_task
        child = self._pass_blank(tag.end, end)
        if PARAM_TAG.match(self.text, child, end):
            return True
        if not has_task:
            return False
        if begins_line and END_OF_LINE.match(self.text, tag.end, end):
            return True
        following = EXEC_TAG.search(self.text, child, end)
        return following is not None and (following["closing"] == "/" or following.start() == child)

    def _pass_blank(self, position: int, end: int) -> int:
        """The next offset that holds neither white space nor a comment."""
        while True:
            space = SPACE.match(self.text, position, end)
            position = space.end() if space else position
            if not self.text.startswith("<!--", position, end):
                return position
            closing = self._find("-->", position + 4, end)
            if closing < 0:
                return position
            position = closing + 3

    def _attribute(self, tag: Tag, element: str, name: str) -> str:
        """The text of an attribute that must be there."""
        if name not in tag.attributes:
            self.report(tag.start, f"this <{element}> has no {name}", f'write <{element} {name}="…">')
            return ""
        if name in tag.repeated:
            self.report(tag.start, f"the {name} of this <{element}> stands twice", "remove one of the two")
        piece = tag.attributes[name]
        if piece is None:
            self.report(tag.start, f"the {name} of this <{element}> is not in quotes", f'write {name}="…"')
            return ""
        value = read_text(self.text, [piece], self.variables, self.report)
        if not value:
            self.report(tag.start, f"the {name} of this <{element}> is empty", f'write {name}="…"')
        return value

    def _read_params(self, tag: Tag, params: dict[str, Any], end: int) -> int:
        """Fill `params` from what stands between `<exec>` and `</exec>`; return where to go on."""
        position = tag.end
        while True:
            token = INSIDE_EXEC.search(self.text, position, end)
            kind = token[0][:5].lower() if token else ""
            if token is None or kind == "<exec":
                next_one = f"before the next one begins in line {self._place(token.start())[0]}" if token else ""
                self.report(
                    tag.start,
                    f"this <exec> is not closed {next_one}".rstrip(),
                    "write </exec> after its last param; elements can't be nested",
                )
                return position
            self._refuse_text(position, token.start())
            if kind == "</exe":
                return token.end()
            if kind == "<para":
                position = self._read_param(read_tag(self.text, token.start(), token.end(), end), params, end)
            elif (closing := self._find("-->", token.end(), end)) >= 0:
                position = closing + 3
            else:
                self.report(token.start(), "this comment is not closed", "write --> where it ends")
                return token.end()

    def _refuse_text(self, start: int, end: int) -> None:
        text = self.text[start:end]
        if words := text.strip():
            self.report(
                start + text.index(words[0]),
                f"text stands inside an <exec> but outside its params: {words[:40]!r}",
                "put it into a <param>; if the tag is only named here, write it in backticks",
            )

    def _read_param(self, tag: Tag, params: dict[str, Any], end: int) -> int:
        """Add the param that `tag` begins to `params`; return where to go on."""
        if not tag.whole:
            self.report(tag.start, "this <param> tag can't be read", 'write it as <param name="NAME">')
            return self._value(tag, end)[1]
        name = self._attribute(tag, "param", "name")
        if "value" in tag.attributes:
            self.report(tag.start, "a <param> has no attribute value", "write the value between <param> and </param>")
        if name in params:
            self.report(tag.start, f"the param {name[:80]!r} stands twice in one <exec>", "remove one of the two")
        pieces, position = ([], tag.end) if tag.empty else self._value(tag, end)
        value = read_value(self.text, pieces, self.variables, self.report, block=name in _BLOCK_PARAMS)
        if name:
            params.setdefault(name, value)
        return position

    def _value(self, tag: Tag, end: int) -> tuple[list[Piece], int]:
        """The pieces of a param's value, without its comments, and the offset behind `</param>`."""
        pieces: list[Piece] = []
        start = position = tag.end
        while token := INSIDE_PARAM.search(self.text, position, end):
            opener = token[0].upper()
            if opener not in CLOSERS:
                break
            _, closer = CLOSERS[opener]
            position = token.end()
            closing = self._find(closer, position, end)
            if closing < 0:  # a stray opener is text
                continue
            pieces.append(Piece(start, token.start()))
            if opener != "<!--":
                pieces.append(Piece(position, closing, literal=True))
            start = position = closing + len(closer)
        stop = token.start() if token else end
        pieces.append(Piece(start, stop))
        if token is not None and token[0].lower().startswith("</param"):
            return pieces, token.end()
        self.report(tag.start, "this <param> is not closed", "write </param>, and &lt; for a < that belongs to it")
        return pieces, stop
