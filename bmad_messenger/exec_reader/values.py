"""From what stands between `<param>` and `</param>` to a value: markup decoded, YAML parsed, variables filled in."""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from bmad_messenger.errors import InvalidError
from bmad_messenger.exec_reader.variables import PLACEHOLDER, placeholder_name, unknown_variable
from bmad_messenger.yaml.parse import parse

Report = Callable[[int, str, str], None]
"""Takes a problem: its offset in the source, what is wrong, what to do."""


class Piece(NamedTuple):
    """A stretch of the source that belongs to a value; `literal` inside a CDATA section."""

    start: int
    end: int
    literal: bool = False


def read_text(source: str, pieces: list[Piece], variables: Mapping[str, str], report: Report) -> str:
    """The pieces as one line of text, stripped, with their entities decoded and their variables filled in."""
    decoded = _decode(source, pieces, variables, report)
    return decoded.fill(decoded.text.strip())


def read_value(
    source: str, pieces: list[Piece], variables: Mapping[str, str], report: Report, *, block: bool = False
) -> Any:
    """The value of a param: YAML where it spans lines or begins with `[` or `{`, else stripped text; blank is "".

    Variables are filled in after the YAML is parsed, into strings and keys, so that no value of theirs can change
    what the YAML says: `{{name}}` is always text.

    Args:
        source: the whole file.
        pieces: the stretches of it that make up the value, in order.
        variables: what `{name}` and `{{name}}` stand for.
        report: takes every problem; the value that comes back with one is of no use.
        block: whether the value is YAML even on one line.
    """
    decoded = _decode(source, pieces, variables, report)
    text = decoded.text.strip()
    spans_lines = any("\n" in source[piece.start : piece.end] for piece in pieces)
    if text and (block or spans_lines):
        return _read_yaml(decoded, report, "mend the text at that place")
    if text.startswith(("[", "{")):
        return _read_yaml(decoded, report, "write &#91; or &#123; where a [ or { begins plain text")
    return decoded.fill(text)


_FIRST, _LAST = "\ue000", "\ue001"  # enclose the number of a substitute, while YAML is parsed
_PLAIN: Final = ("[", "{", _FIRST, _LAST)  # as an entity these are text, and begin nothing
_NAMED: Final = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_IN_CDATA: Final = re.compile(rf"{PLACEHOLDER}|[{_FIRST}{_LAST}]+")
_IN_TEXT: Final = re.compile(
    rf"{_IN_CDATA.pattern}|&(?P<entity>[lg]t|amp|quot|apos|#[0-9]{{1,7}}|#[xX][0-9a-fA-F]{{1,6}});"
)
_SUBSTITUTE: Final = re.compile(f"{_FIRST}([0-9]{{1,9}}){_LAST}")


@dataclass
class _Decoded:
    """Decoded text that remembers where in the source each part of it stood."""

    text: str = ""
    starts: list[int] = field(default_factory=list)  # offsets in `text`, one a part
    sources: list[int] = field(default_factory=list)  # and in the source
    substitutes: list[str] = field(default_factory=list)

    def fill(self, text: str) -> str:
        """`text` with the substitutes in their places."""
        if _FIRST not in text:
            return text
        return _SUBSTITUTE.sub(self._substitute, text)

    def source_offset(self, offset: int) -> int:
        """Where in the source the character at `offset` of the text stood."""
        part = max(bisect_right(self.starts, offset) - 1, 0)
        return self.sources[part] + offset - self.starts[part]

    def stand_in(self, token: re.Match[str], literal: bool, variables: Mapping[str, str], report: Report) -> str:
        """What takes a token's place until the text is parsed: an entity's character, or a substitute's number."""
        entity = None if literal else token["entity"]
        if entity is not None:
            text = _character(entity) or token[0]
            if text not in _PLAIN:
                return text
        elif token["escape"] is None:
            text = token[0]  # marks like ours that the author wrote
        elif (name := placeholder_name(token)) is None:
            text = token[0][1:]
        elif name in variables:
            text = variables[name]
        else:
            report(token.start(), *unknown_variable(name, variables))
            text = token[0]
        self.substitutes.append(text)
        return f"{_FIRST}{len(self.substitutes) - 1}{_LAST}"

    def _substitute(self, match: re.Match[str]) -> str:
        # A YAML escape can spell the two marks; a number that was never given out is just text.
        number = int(match[1])
        return self.substitutes[number] if number < len(self.substitutes) else match[0]


def _decode(source: str, pieces: list[Piece], variables: Mapping[str, str], report: Report) -> _Decoded:
    decoded = _Decoded()
    parts: list[str] = []
    length = 0

    def add(part: str, offset: int) -> None:
        nonlocal length
        if part:
            parts.append(part)
            decoded.starts.append(length)
            decoded.sources.append(offset)
            length += len(part)

    for start, end, literal in pieces:
        position = start
        for token in (_IN_CDATA if literal else _IN_TEXT).finditer(source, start, end):
            add(source[position : token.start()], position)
            add(decoded.stand_in(token, literal, variables, report), token.start())
            position = token.end()
        add(source[position:end], position)
    decoded.text = "".join(parts)
    return decoded


def _character(entity: str) -> str | None:
    """The character an entity stands for; None for a number that is no character."""
    if entity in _NAMED:
        return _NAMED[entity]
    code = int(f"0{entity[1:]}", 16 if entity[1] in "xX" else 10)
    return chr(code) if 0 < code < 0xD800 or 0xDFFF < code < 0x110000 else None


def _read_yaml(decoded: _Decoded, report: Report, syntax_hint: str) -> Any:
    lines = decoded.text.split("\n")
    margins = _margins(lines)
    text = "\n".join(line[margin:] for line, margin in zip(lines, margins, strict=True)).rstrip(" \t\n") + "\n"

    def offset_of(line: int, column: int) -> int:
        """Where in the decoded text a place (from 1) of the dedented one stands."""
        number = min(line, len(lines)) - 1
        before = sum(len(earlier) + 1 for earlier in lines[:number])
        return before + min(margins[number] + column - 1, len(lines[number]))

    try:
        value = parse(text)
    except InvalidError as error:
        problem = error.problem
        line, column = problem.line or 1, problem.column or 1
        message = problem.message
        hint = syntax_hint if message.startswith("not YAML") else problem.hint
        broken = text.split("\n")[min(line, len(lines)) - 1]
        if "\t" in broken[: len(broken) - len(broken.lstrip(" \t"))]:
            message, hint = "a tab indents this line, which YAML does not allow", "indent it with spaces"
        report(decoded.source_offset(offset_of(line, column)), message, hint)
        return None
    return _filled(value, decoded, report)


def _margins(lines: list[str]) -> list[int]:
    """How many characters of indentation to take off each line.

    The first line, which begins behind the tag, loses its own; the others what they have in common.
    """
    first, *others = [len(line) - len(line.lstrip(" \t")) for line in lines]
    indents = [line[:indent] for line, indent in zip(lines[1:], others, strict=True) if line[indent:]]
    common = len(os.path.commonprefix(indents))  # noqa: RUF071 - characters are meant, not parts of a path
    return [first, *(min(common, indent) for indent in others)]


def _filled(value: Any, decoded: _Decoded, report: Report) -> Any:
    if not decoded.substitutes:
        return value
    if isinstance(value, str):
        return decoded.fill(value)
    if isinstance(value, list):
        return [_filled(item, decoded, report) for item in value]
    if isinstance(value, dict):
        filled = {decoded.fill(key): _filled(item, decoded, report) for key, item in value.items()}
        if len(filled) < len(value):
            report(decoded.sources[0], "two keys become the same when their variables are filled in", "rename one")
        return filled
    return value
