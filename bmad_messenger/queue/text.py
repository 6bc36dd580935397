"""Where the messages are in a queue's text: found by line, without a parser."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from bmad_messenger.conflict import MARKER_WITHIN
from bmad_messenger.errors import DamagedError, InvalidError
from bmad_messenger.message import ID_PATTERN
from bmad_messenger.queue.head import read_head
from bmad_messenger.yaml.parse import Document, parse, parse_located

LIST: Final = re.compile(
    r"^(?:messages|\"messages\"|'messages') *:(?=\s|\Z)[ \t]*([^#\r\n]*?)[ \t]*(?:(?<=[ \t])#[^\r\n]*)?\r?$",
    re.MULTILINE,
)
"""The line of the list; its group is what stands behind the colon."""
_AFTER_DASH: Final = ("", " ", "\n", "\r", "\t")
_EMPTY: Final = ("", "[]", "[ ]", "null", "~")
_NEXT_KEY: Final = re.compile(rf"\n(?!{MARKER_WITHIN})[^\s#]")
_NEXT_KEY_AT_ZERO: Final = re.compile(rf"\n(?!{MARKER_WITHIN})(?:[^\s#-]|-[^\s])")
_SAYS_NOTHING: Final = re.compile(r"[ \t\r]*(?:#.*)?|---[ \t\r]*(?:[ \t]#.*)?|%.*")
_KEEPS_BLANKS: Final = re.compile(r"[|>](?:\d?\+|\+\d)")
_BLANK_LINES: Final = re.compile(r"(?:[ \t]*\r?\n)*")
_ID_LINE: Final = re.compile(
    rf" *[\"']?message_id[\"']?[ \t]*:[ \t]+([\"']?)({ID_PATTERN.pattern})\1[ \t]*(?:[ \t]#.*)?\r?"
)


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

        Blank lines below it, and comments that stand no deeper than its dash, are not part of it, unless its text
        says otherwise: by a block scalar that keeps its last blank lines, or a quoted string whose last line begins
        with `#`.
        """
        start, limit = self.starts[index], self.limit(index)
        end = self._content_end(start, limit, self.margin)
        below = self.text[end:limit]
        if "#" in below and ('"' in below or "'" in below) and not _is_yaml(self.text[start:end]):
            longer = self._content_end(start, limit, -1)
            end = longer if _is_yaml(self.text[start:longer]) else end
        if self.keeps_blanks(index):
            blank = _BLANK_LINES.match(self.text, end, limit)
            end = blank.end() if blank else end
        return start, end

    def keeps_blanks(self, index: int) -> bool:
        """Whether blank lines below the message may be part of its text."""
        return _KEEPS_BLANKS.search(self.text, self.starts[index], self.limit(index)) is not None

    @property
    def last_keeps_blanks(self) -> bool:
        """What `keeps_blanks` says of the last message, which is found without the others."""
        last = self.starts.last if isinstance(self.starts, _Starts) else self.starts[-1]
        return _KEEPS_BLANKS.search(self.text, last, self.end) is not None

    def item(self, index: int) -> str:
        """The text of one message, from its dash on."""
        start, end = self.span(index)
        return self.text[start:end]

    def own_id(self, index: int) -> str | None:
        """The id that stands among the message's own keys, one a line, though it may be no YAML; None where none does,
        or several do.
        """
        lines = self.text[self.starts[index] : self.limit(index)].split("\n")
        lines[0] = lines[0].replace("-", " ", 1)
        depth = next((_depth(line) for line in lines if line.strip() and line.lstrip()[0] != "#"), 0)
        found = {match[2] for line in lines if _depth(line) == depth and (match := _ID_LINE.fullmatch(line))}
        return found.pop() if len(found) == 1 else None

    def parse_item(self, index: int) -> Document:
        """The message by itself, as a list of one, with its places in the file.

        Raises:
            InvalidError: where it is no YAML.
            DamagedError: where the list is in flow form.
        """
        self.require_block()
        return parse_located(self.item(index), path=self.path, line=self.line(self.starts[index]))

    def value(self, index: int) -> Any:
        """What the message says, without places; raises what `parse_item` does."""
        self.require_block()
        try:
            return parse(self.item(index))[0]
        except InvalidError:
            return self.parse_item(index).value[0]  # raises, and names the place

    def head(self, index: int) -> dict[str, Any] | None:
        """What stands in the message beside its payload, read by line; None where that takes a parser."""
        start = self.starts[index]
        first = start + self.margin + 1
        while self.text.startswith(" ", first):
            first += 1
        return read_head(self.text, first, self.limit(index), first - start)

    def require_block(self) -> None:
        """Refuse a list in flow form: its messages have no lines of their own.

        Raises:
            DamagedError: where the list is in flow form.
        """
        if self.in_flow:
            message = "the messages are in brackets, which can't be edited safely"
            raise unclear(self.text, self.list_at, self.path, message)

    def _content_end(self, start: int, limit: int, comment_depth: int) -> int:
        """Where the last line ends that is neither blank nor a comment at most `comment_depth` deep.

        Spaces deeper than the dash are no blank line: they may be the last line of a block scalar.
        """
        end = limit
        while end > start:
            line_start = self.text.rfind("\n", start, end - 1) + 1 or start
            line = self.text[line_start:end].rstrip("\r\n")
            content = line.lstrip(" \t")
            depth = len(line) - len(content)
            if (content and (content[0] != "#" or depth > comment_depth)) or (not content and depth > self.margin):
                break
            end = line_start
        return end


def scan(text: str, path: str | None = None, *, list_is_last: bool = False) -> QueueText:
    """Find the messages of a queue by its lines alone; a merge's conflict markers are lines like any other.

    Args:
        text: the queue.
        path: its name, for errors.
        list_is_last: whether it is known that nothing stands below the list.

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
    ending = None if list_is_last else (_NEXT_KEY if margin else _NEXT_KEY_AT_ZERO).search(text, first)
    end = ending.start() + 1 if ending else len(text)
    return QueueText(text, path, _Starts(text, first, end, margin), end, margin, found.start())


def with_open_list(text: str) -> str:
    """The text with `messages: []` turned into `messages:` where somebody has typed a message below it."""
    found = LIST.search(text)
    if found is None or found[1] not in ("[]", "[ ]"):
        return text
    below = text[_first_content(text, found.end() + 1) :]
    if not below.lstrip(" ").startswith("-"):
        return text
    return text[: found.start(1)].rstrip(" \t") + text[found.end(1) :]


class _Starts(Sequence[int]):
    """The offsets of the dashes' lines, of which there is at least one; looked for when they are asked for.

    An append asks for the last alone, and should not take the longer the more messages there are.
    """

    def __init__(self, text: str, first: int, end: int, margin: int) -> None:
        self.text, self.first, self.end, self.margin = text, first, end, margin

    def __len__(self) -> int:
        return len(self._all)

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, index: Any) -> Any:
        return self._all[index]

    @property
    def last(self) -> int:
        """The offset of the last one."""
        dash = f"\n{' ' * self.margin}-"
        at = self.text.rfind(dash, self.first, self.end)
        while at >= 0 and self.text[at + len(dash) : at + len(dash) + 1] not in _AFTER_DASH:
            at = self.text.rfind(dash, self.first, at)
        return at + 1 if at >= 0 else self.first

    @cached_property
    def _all(self) -> tuple[int, ...]:
        dash = re.compile(rf"\n{' ' * self.margin}-(?=[ \t\r\n]|\Z)")
        return self.first, *(found.start() + 1 for found in dash.finditer(self.text, self.first, self.end))


def _without_list(text: str, path: str | None) -> QueueText:
    """A text that has no `messages:` line: fine while it says nothing else either."""
    offset = 0
    for line in text.split("\n"):
        if not _SAYS_NOTHING.fullmatch(line):
            raise unclear(text, offset, path, "there is no `messages:` list")
        offset += len(line) + 1
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


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _is_yaml(text: str) -> bool:
    try:
        parse(text)
    except InvalidError:
        return False
    return True
