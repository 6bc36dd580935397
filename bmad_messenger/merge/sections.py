"""A text cut into sections, each with the comments above it: put together again, they are the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, NamedTuple, TypeVar

from bmad_messenger.errors import InvalidError
from bmad_messenger.queue.text import QueueText
from bmad_messenger.yaml.parse import Document, Path, parse_located
from bmad_messenger.yaml.render import render_entry, render_key

K = TypeVar("K")

_BLANK_LINES: Final = re.compile(r"(?:[ \t]*\r?\n)*")
_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")
_HASH: Final = re.compile(r"(?<!\S)#")
_KEEPS_BLANKS: Final = re.compile(r"[|>](?:\d?\+|\+\d)")


class Section(NamedTuple):
    """An entry of a mapping, or an item of a list, and what stands above it.

    `gap` are the blank lines and `lead` the comments; `text` begins at the key or the dash, without the spaces before
    it, and ends with the end of its last line.
    """

    gap: str
    lead: str
    text: str


@dataclass(frozen=True)
class Block(Generic[K]):
    """A list, or a mapping in block form: `opening`, the sections, whose first characters stand at `column`, `tail`.

    An opening that is a dash alone, at the column `margin`, has the first section behind it on its line. `values` are
    those of a mapping. `is_flow` tells a mapping that is written in braces: its sections are rendered.
    """

    opening: str = ""
    margin: int = 0
    column: int = 0
    sections: Mapping[K, Section] = field(default_factory=dict)
    tail: str = ""
    values: Mapping[K, Any] = field(default_factory=dict)
    is_flow: bool = False

    @property
    def is_bare(self) -> bool:
        """Whether nothing stands around the sections: no blank lines, and no comments."""
        return not self.tail and not any(gap or lead for gap, lead, _ in self.sections.values())

    def at(self, column: int) -> Block[K]:
        """The block with its sections at another column."""
        by = column - self.column
        if not by:
            return self
        sections = {
            key: Section(gap, _shifted_lines(lead, by), shifted(text, by))
            for key, (gap, lead, text) in self.sections.items()
        }
        return replace(self, column=column, sections=sections)


def cut_mapping(text: str, path: Path = (), margin: int = 0, *, file: str | None = None) -> Block[str]:
    """The mapping at `path` of a YAML text that is indented by `margin`, all but its first line.

    Args:
        text: the text.
        path: where the mapping stands in it.
        margin: the column of the text's first character.
        file: the name of the file that is read, for errors.

    Raises:
        InvalidError: where the text is no YAML, or there is no mapping.
    """
    source = " " * margin + text
    document = parse_located(source, path=file)
    mapping = document.value
    for step in path:
        mapping = mapping[step]
    if not isinstance(mapping, dict):
        raise InvalidError("there is no mapping here", hint="write `key: value`", path=file, line=1, column=1)
    return _cut(source, margin, document, path, mapping) or _rendered(source, document, path, mapping, margin)


def cut_flow(key: str, value: Mapping[str, Any], margin: int) -> Block[str]:
    """The mapping that `render_inline` writes as the value of this key, which stands at the column `margin`."""
    return _in_lines(f"{render_key(key)}:\n", margin, value, (), is_flow=True)


def cut_items(queue: QueueText, start: int, opening: str, key_of: Callable[[str], K]) -> Block[K]:
    """The list of a queue's messages, whose first comment or message stands from `start` on."""
    sections: dict[K, Section] = {}
    for index in range(len(queue)):
        first, end = queue.span(index)
        text = queue.text[first + queue.margin : end]
        sections[key_of(text)] = Section(*parted(queue.text[start:first]), text)
        start = end
    return Block(opening, 0, queue.margin, sections, queue.text[start : queue.end])


def shifted(text: str, by: int) -> str:
    """The text with all lines but the first indented by so many columns more, or less."""
    first, end, rest = text.partition("\n")
    return f"{first}{end}{_shifted_lines(rest, by)}"


def keeps_blanks(text: str) -> bool:
    """Whether blank lines below the text may be part of it."""
    return _KEEPS_BLANKS.search(text) is not None


def parted(text: str) -> tuple[str, str]:
    """Blank lines, and the comments below them."""
    blank = _BLANK_LINES.match(text)
    end = blank.end() if blank else 0
    return text[:end], text[end:]


def comments(text: str, margin: int) -> list[str]:
    """The comments in a YAML text, without the spaces before them.

    Raises:
        InvalidError: where the text is no YAML.
    """
    if "#" not in text:
        return []
    source = " " * margin + text
    document = parse_located(source)
    values = (document.values[path] for path in scalars(document.value, ()))
    inside = [(_below_header(source, span.start), span.end) for span in (*document.keys.values(), *values)]
    found: list[str] = []
    end = 0
    for match in _HASH.finditer(source):
        at = match.start()
        if at >= end and not any(first <= at < last for first, last in inside):
            end = source.find("\n", at) + 1 or len(source)
            found.append(source[at:end].rstrip())
    return found


def scalars(value: Any, path: Path) -> Iterator[Path]:
    """The paths of what is no mapping and no list, in a value that stands at `path`."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from scalars(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from scalars(item, (*path, index))
    else:
        yield path


def _cut(source: str, margin: int, document: Document, path: Path, mapping: Mapping[str, Any]) -> Block[str] | None:
    """The mapping by its lines; None where it is not written as lines of its own."""
    if path in document.flow or not mapping:
        return None
    starts = [document.keys[(*path, key)].start for key in mapping]
    lines = [source.rfind("\n", 0, start) + 1 for start in starts]
    column = starts[0] - lines[0]
    if source[margin : starts[0]].rstrip(" ") == "-":
        opening, end = "-", starts[0]
    elif path:
        end = source.index("\n", document.keys[path].start if path in document.keys else margin) + 1
        opening = source[margin:end]
    else:
        opening, end = "", 0
    indents = [source[line:start] for line, start in zip(lines, starts, strict=True)][opening == "-" :]
    if any(indent != " " * column for indent in indents):
        return None
    sections: dict[str, Section] = {}
    for key, line, start, limit in zip(mapping, lines, starts, (*lines[1:], len(source)), strict=True):
        above = source[end:line] if end < line else ""
        end = _end_of_entry(source, document, (*path, key), mapping[key], column, limit)
        sections[key] = Section(*parted(above), source[start:end])
    return Block(opening, margin, column, sections, source[end:], mapping)


def _end_of_entry(source: str, document: Document, path: Path, value: Any, column: int, limit: int) -> int:
    """Where the last line of an entry ends, comments that stand deeper than its key among them."""
    key = document.keys[path]
    while isinstance(value, dict | list) and value and path not in document.flow:
        last = next(reversed(value)) if isinstance(value, dict) else len(value) - 1
        path, value = (*path, last), value[last]
    start, end, *_ = document.values[path]
    end = max(key.end, end)
    if start < end and source[start] in "|>":  # it reaches to the end of its last line, or of the blank ones below
        end -= 1
        while not keeps_blanks(source[start : source.find("\n", start)]) and _is_blank(source, end, column):
            end = source.rfind("\n", 0, end)
    end = source.find("\n", end) + 1 or len(source)
    at = end
    for line in _LINE.findall(source, end, limit):
        at += len(line)
        content = line.lstrip(" ")
        if content.startswith("#") and len(line) - len(content) > column:
            end = at
    return end


def _is_blank(source: str, end: int, column: int) -> bool:
    """Whether the line that ends at `end` is blank; spaces deeper than the key may be a block scalar's last line."""
    line = source[source.rfind("\n", 0, end) + 1 : end].rstrip("\r")
    return not line.strip() and len(line) <= column


def _rendered(source: str, document: Document, path: Path, mapping: Mapping[str, Any], margin: int) -> Block[str]:
    """The mapping in lines of its own, its comments above them."""
    last = path[-1] if path else None
    opening = "" if last is None else "-" if isinstance(last, int) else f"{render_key(last)}:\n"
    return _in_lines(opening, margin, mapping, comments(source, 0), is_flow=path in document.flow)


def _in_lines(
    opening: str, margin: int, mapping: Mapping[str, Any], above: Sequence[str], *, is_flow: bool
) -> Block[str]:
    column = margin + 2 if opening else 0
    lead = "".join(f"{' ' * column}{comment}\n" for comment in above)
    sections: dict[str, Section] = {}
    for key, value in mapping.items():
        text = "\n".join(render_entry(key, value, column))[column:] + "\n"
        sections[key] = Section("", "" if sections else lead, text)
    return Block(opening, margin, column, sections, "", mapping, is_flow=is_flow)


def _shifted_lines(text: str, by: int) -> str:
    lines = text.split("\n")
    if by > 0:
        return "\n".join(" " * by + line if line.rstrip("\r") else line for line in lines)
    return "\n".join(line[min(-by, len(line) - len(line.lstrip(" "))) :] for line in lines)


def _below_header(source: str, start: int) -> int:
    """Where a scalar's text begins: that of a block scalar below its first line, which may end with a comment."""
    return source.find("\n", start) if source.startswith(("|", ">"), start) else start
