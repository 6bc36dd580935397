"""Where the messages are in a queue's text, and what stands at their head: found by line, without a parser."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from bmad_messenger.errors import DamagedError
from bmad_messenger.yaml.parse import Document, parse_located

Head = Mapping[str, str | list[str]]
"""What stands in a message beside its payload, as text."""

LIST: Final = re.compile(
    r"^(?:messages|\"messages\"|'messages') *:(?=\s|\Z)[ \t]*([^#\r\n]*?)[ \t]*(?:#[^\r\n]*)?\r?$", re.MULTILINE
)
"""The line of the list; its group is what stands behind the colon."""
_AFTER_DASH: Final = ("", " ", "\n", "\r", "\t")
_EMPTY: Final = ("", "[]", "[ ]", "null", "~")
_NEXT_KEY: Final = re.compile(r"\n[^\s#]")
_NEXT_KEY_AT_ZERO: Final = re.compile(r"\n(?:[^\s#-]|-[^\s])")
_SCALAR: Final = r"(?:\"([^\"\\]*)\"|'([^']*)'|([^\W_](?:[^\r:#]|:(?=\S)|(?<=\S)#)*?))"
_ENTRY: Final = re.compile(rf"([A-Za-z_][\w-]*):(?: +{_SCALAR})?[ \t]*(?:(?<=\s)#.*)?\r?")
_ELEMENT: Final = re.compile(rf" *- +{_SCALAR}[ \t]*(?:(?<=\s)#.*)?\r?")


@dataclass(frozen=True, slots=True)
class QueueText:
    """The text of a queue, without a byte-order mark, and where its messages are.

    `starts` are the offsets of the lines that hold the messages' dashes, `end` is where the list ends, `margin` the
    column of the dashes. `list_at` is the offset of the `messages:` line, -1 where there is none. `in_flow` tells a
    list in brackets, which is read but not edited. `path` is the file's name, for errors.
    """

    text: str
    path: str | None = None
    starts: Sequence[int] = ()
    end: int = 0
    margin: int = 2
    list_at: int = -1
    in_flow: bool = False

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def line_end(self) -> str:
        """How the file ends its lines."""
        return "\r\n" if "\r\n" in self.text[: self.text.find("\n") + 1] else "\n"

    def line(self, offset: int) -> int:
        """The number (from 1) of the line that holds `offset`."""
        return self.text.count("\n", 0, offset) + 1

    def limit(self, index: int) -> int:
        """Where the message after `index` begins, or the list ends."""
        return self.starts[index + 1] if index + 1 < len(self.starts) else self.end

    def span(self, index: int) -> tuple[int, int]:
        """From the dash's line to the end of the message's last line.

        Blank lines below it, and comments that stand no deeper than its dash, are not part of it.
        """
        start, end = self.starts[index], self.limit(index)
        while end > start:
            line_start = self.text.rfind("\n", start, end - 1) + 1 or start
            line = self.text[line_start:end]
            content = line.lstrip(" \t")
            if content.strip() and not (content[0] == "#" and len(line) - len(content) <= self.margin):
                break
            end = line_start
        return start, end

    def item(self, index: int) -> str:
        """The text of one message, from its dash on."""
        start, end = self.span(index)
        return self.text[start:end]

    def parse_item(self, index: int) -> Document:
        """The message by itself, as a list of one; InvalidError names its place in the file."""
        return parse_located(self.item(index), path=self.path, line=self.line(self.starts[index]))

    def head(self, index: int) -> dict[str, str | list[str]] | None:
        """What stands in the message beside its payload, read by line; None where that takes a parser."""
        start, limit = self.starts[index], self.limit(index)
        text = self.text
        column = start + self.margin + 1
        while text[column : column + 1] == " ":
            column += 1
        column -= start
        margin = " " * column
        payload = text.find(f"\n{margin}payload:", start, limit)
        if payload < 0 or _key_at(margin).search(text, payload + column + 9, limit):
            return None
        return _read_head(text[start + column : payload], margin)


def scan(text: str, path: str | None = None) -> QueueText:
    """Find the messages of a queue by its lines alone.

    Raises:
        DamagedError: where lines alone can't tell the borders of the messages.
    """
    found = LIST.search(text)
    if found is None:
        return _without_list(text, path)
    start = found.end() + 1
    if found[1] not in _EMPTY:
        raise unclear(text, found.start(1), path, "the messages are not in block form")
    first = _first_content(text, start)
    after = first
    while text.startswith(" ", after):
        after += 1
    margin = after - first
    is_item = text.startswith("-", after) and text[after + 1 : after + 2] in _AFTER_DASH
    if first == len(text) or (margin == 0 and not is_item):
        return QueueText(text, path, (), first, 2, found.start())
    if not is_item or found[1]:
        raise unclear(text, after, path, "a message must begin with `- ` here")
    ending = (_NEXT_KEY if margin else _NEXT_KEY_AT_ZERO).search(text, first)
    end = ending.start() + 1 if ending else len(text)
    starts = [first]
    dash = "\n" + " " * margin + "-"
    at = text.find(dash, first, end)
    while at >= 0:
        if text[at + len(dash) : at + len(dash) + 1] in _AFTER_DASH:
            starts.append(at + 1)
        at = text.find(dash, at + 1, end)
    return QueueText(text, path, starts, end, margin, found.start())


def _without_list(text: str, path: str | None) -> QueueText:
    """A text that has no `messages:` line: fine while it says nothing else either."""
    offset = 0
    for line in text.splitlines(keepends=True):
        if line.strip() and not line.startswith(("#", "---", "%")):
            raise unclear(text, offset, path, "there is no `messages:` list")
        offset += len(line)
    return QueueText(text, path, (), len(text))


def _first_content(text: str, start: int) -> int:
    """The offset of the first line from `start` on that is neither blank nor a comment; the text's end if none is."""
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        content = text[start:end].strip()
        if content and content[0] != "#":
            return start
        start = end
    return len(text)


def unclear(text: str, offset: int, path: str | None, message: str) -> DamagedError:
    """The refusal of a text whose borders can't be told at `offset`."""
    return DamagedError(
        message,
        hint="write the queue as `messages:`, then one `- ` item a message, indented alike",
        path=path,
        line=text.count("\n", 0, offset) + 1,
        column=offset - text.rfind("\n", 0, offset),
    )


def _read_head(text: str, margin: str) -> dict[str, str | list[str]] | None:
    """The entries in `text`, a message's lines from its first key to its payload; None where one isn't simple."""
    head: dict[str, str | list[str]] = {}
    list_key = None  # the key above that has no value beside it
    for number, line in enumerate(text.split("\n")):
        content = line.strip()
        if not content or content[0] == "#":
            continue
        if number and not line.startswith(margin):
            return None
        body = line[len(margin) :] if number else line
        if body[0] == " ":
            element = _ELEMENT.fullmatch(body)
            if element is None or list_key is None:
                return None
            elements = head.setdefault(list_key, [])
            assert isinstance(elements, list)  # a key without a value holds nothing else
            elements.append(element[1] or element[2] or element[3] or "")
            continue
        entry = _ENTRY.fullmatch(body)
        if entry is None or entry[1] in head:
            return None
        value = next((text for text in entry.groups()[1:] if text is not None), None)
        list_key = entry[1] if value is None else None
        if value is not None:
            head[entry[1]] = value
    return head


@cache
def _key_at(margin: str) -> re.Pattern[str]:
    return re.compile(rf"\n{margin}[^\s#]")
