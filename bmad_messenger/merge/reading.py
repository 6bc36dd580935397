"""What the texts say before they are merged: their line ends, and where in a queue each message is."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from bmad_messenger.conflict import MARKER, refusal
from bmad_messenger.errors import DamagedError, InvalidError
from bmad_messenger.merge.fields import canonical
from bmad_messenger.merge.lines import cut_lines, first_key
from bmad_messenger.merge.order import chosen
from bmad_messenger.merge.sections import Block, cut_items, cut_mapping
from bmad_messenger.queue.head import read_head
from bmad_messenger.queue.text import LIST, QueueText, scan, unclear, with_open_list
from bmad_messenger.queue.view import checked_view
from bmad_messenger.yaml.parse import parse

ItemKey = tuple[str, int]
"""A message's id, or else its text, and how many before it have the same."""

BOM: Final = "\ufeff"
_MARKER: Final = re.compile(rf"^{MARKER}", re.MULTILINE)
_CONFLICT: Final = re.compile(r"^<{7,}(?: .*)?\r?\n(?:.*\n)*?>{7,}(?: .*)?(?:\n|\Z)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Texts:
    """Base, ours and theirs with one kind of line ends and the last line ended; and what the merged text is to have."""

    base: str
    ours: str
    theirs: str
    line_end: str
    has_bom: bool

    @classmethod
    def of(cls, base: str, ours: str, theirs: str) -> Texts:
        """The three texts; what can't be read of a base with conflict markers is not in it."""
        marks = [text.startswith(BOM) for text in (base, ours, theirs)]
        texts = [text.removeprefix(BOM) for text in (_CONFLICT.sub("", base), ours, theirs)]
        line_end = "\n"
        if all(_is_even(text) for text in texts):
            before, own, other = (_line_end(text) for text in texts)
            line_end = chosen(before, own or other or "\n", other or own or "\n")
            texts = [text.replace("\r\n", "\n") for text in texts]
        base, ours, theirs = (text if not text or text.endswith("\n") else f"{text}\n" for text in texts)
        return cls(base, ours, theirs, line_end, chosen(*marks))

    def finished(self, text: str) -> str:
        """A merged text with its line ends and its byte-order mark."""
        mark = BOM if self.has_bom else ""
        return mark + text.replace("\n", self.line_end)


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue: `outline` are its top-level keys, and `items` the messages in the list among them."""

    outline: Block[str]
    items: Block[ItemKey]


class Reader:
    """Reads messages from their texts in a list, each text once."""

    def __init__(self) -> None:
        self._heads: dict[tuple[str, int], dict[str, Any] | None] = {}
        self._blocks: dict[tuple[str, int], Block[str]] = {}
        self._mappings: dict[tuple[str, int], dict[str, Any] | None] = {}
        self._values: dict[str, Any] = {}

    def mapping(self, text: str, margin: int) -> dict[str, Any] | None:
        """The keys and values of the message whose dash stands at the column `margin`; None where it can't be read."""
        place = text, margin
        if place not in self._mappings:
            self._mappings[place] = _mapping(" " * margin + text)
        return self._mappings[place]

    def cut(self, text: str, margin: int) -> Block[str]:
        """The keys of that message, each with its text; none where it can't be read."""
        place = text, margin
        if place not in self._blocks:
            head = self._head(text, margin)
            block = None if head is None else cut_lines(text, margin, head, self._value)
            self._blocks[place] = block or self._cut(text, margin)
        return self._blocks[place]

    def head(self, text: str, margin: int) -> dict[str, Any]:
        """What stands in the message beside its payload; nothing where it can't be read."""
        head = self._head(text, margin)
        return (self.mapping(text, margin) or {}) if head is None else head

    def _cut(self, text: str, margin: int) -> Block[str]:
        """The keys of the message as a parser finds them."""
        place = text, margin
        try:
            block = cut_mapping(text, (0,), margin)
        except InvalidError:
            block, self._mappings[place] = Block(), None
        else:
            self._mappings[place] = {**block.values}
        return block

    def _head(self, text: str, margin: int) -> dict[str, Any] | None:
        """What stands beside the payload; None where it takes a parser to tell."""
        place = text, margin
        if place not in self._heads:
            first = first_key(text)
            self._heads[place] = read_head(text, first, len(text), margin + first)
        return self._heads[place]

    def _value(self, text: str) -> Any:
        """The value of a YAML text; None where it can't be read."""
        if text not in self._values:
            try:
                self._values[text] = parse(text)
            except InvalidError:
                self._values[text] = None
        return self._values[text]


def refuse_markers(text: str, path: str | None) -> None:
    """Refuse a text in which a merge has left its markers.

    Raises:
        ConflictError: with the place of the first.
    """
    found = _MARKER.search(text)
    if found:
        raise refusal(text, found.start(), path)


def read_queue(text: str, path: str | None, reader: Reader) -> Queue:
    """Cut a queue.

    Raises:
        DamagedError: where the borders of its messages can't be told, or the list is in brackets.
    """
    queue = _borders(text, path)
    text = queue.text
    if queue.list_at < 0:
        return read_queue(f"{text}messages: []\n", path, reader)
    start = text.find("\n", queue.list_at) + 1
    found = LIST.match(text, queue.list_at)
    if found is None:
        raise unclear(text, queue.list_at, path, "the list of messages must begin with `messages:`")
    before, behind = text[queue.list_at : found.start(1)], text[found.end(1) : start]
    opening = f"{before.rstrip() if found[1] else before}{behind}"
    outline = _outline(text[:start] + text[queue.end :], start, path, text[start : queue.end])
    return Queue(outline, cut_items(queue, start, opening, _Keys(queue.margin, reader)))


def says(text: str, value: Any) -> bool:
    """Whether a YAML text has this value."""
    try:
        return canonical(parse(text)) == canonical(value)
    except InvalidError:
        return False


def unsafe(path: str | None) -> DamagedError:
    """The refusal of sides whose merged text would not say what it should."""
    message = "the two sides are written so that they can't be merged by message safely"
    return DamagedError(message, hint="merge this file by hand", path=path)


def _is_even(text: str) -> bool:
    """Whether all lines end alike."""
    return text.count("\r") == text.count("\r\n") and text.count("\r") in (0, text.count("\n"))


def _line_end(text: str) -> str:
    return "\r\n" if "\r" in text else "\n" if "\n" in text else ""


def _mapping(item: str) -> dict[str, Any] | None:
    try:
        value = parse(item)[0]
    except InvalidError:
        return None
    return value if isinstance(value, dict) else None


def _borders(text: str, path: str | None) -> QueueText:
    """The messages of a queue, found by line where a parser would find the same, and by a parser otherwise."""
    text = with_open_list(text)
    try:
        queue = scan(text, path)
    except DamagedError:
        queue = None
    if queue is None or not _lines_tell(queue):
        queue = checked_view(text, path, lambda *_: ()).queue
    queue.require_block()
    return queue


def _lines_tell(queue: QueueText) -> bool:
    """Whether the lines that look like a message's first are just those.

    They are where no line is less deep than the messages, and each closes what it opens: quotes, or brackets. What is
    written otherwise has to be YAML by itself.
    """
    text, margin = queue.text, " " * queue.margin
    shallow = re.compile(rf"^(?:(?!{margin}) *[^\s#]|{margin}(?:[^\s#-]|-\S))", re.MULTILINE)

    def tells(start: int, end: int) -> bool:
        inside = (max(start, borders[1]), min(end, queue.end))
        return _CLOSED.fullmatch(text, start, end) is not None and not shallow.search(text, *inside)

    borders = (0, *queue.starts, queue.end, len(text))
    return tells(0, len(text)) or all(
        tells(start, end) or _is_yaml(text[start:end]) for start, end in pairwise(borders)
    )


def _is_yaml(text: str) -> bool:
    try:
        parse(text)
    except InvalidError:
        return False
    return True


def _outline(text: str, start: int, path: str | None, items: str) -> Block[str]:
    """The top-level keys of a queue.

    Args:
        text: the queue without its messages.
        start: where in it they stood.
        path: the file's name, for errors.
        items: their text.
    """
    try:
        block = cut_mapping(text)
    except InvalidError as error:
        message, hint, _, line, column, *_ = error.problem
        if line is not None and line > text.count("\n", 0, start):
            line += items.count("\n")
        raise DamagedError(message, hint=hint, path=path, line=line, column=column) from error
    section = block.sections.get("messages")
    if section is None or not text.endswith(section.text, 0, start):
        raise unclear(text, start - 1, path, "the list of messages must begin with `messages:`")
    return replace(block, sections={**block.sections, "messages": section._replace(text=section.text + items)})


class _Keys:
    """Names the messages of one list, each by its id or else its text."""

    def __init__(self, margin: int, reader: Reader) -> None:
        self.margin, self.reader = margin, reader
        self.count: Counter[str] = Counter()

    def __call__(self, text: str) -> ItemKey:
        name = self.reader.head(text, self.margin).get("message_id")
        if not isinstance(name, str) or not name:
            name = text
        self.count[name] += 1
        return name, self.count[name] - 1


# Lines that close whatever they open: dashes, a key, a value and a comment, each where it is there.
_CONTROL: Final = r"\x00-\x08\n-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff"
_QUOTED: Final = rf'"(?:[^"\\{_CONTROL}]|\\[^{_CONTROL}])*+"'
_PLAIN: Final = (
    rf"(?:[^\s\"'\[\]{{}}|>&*!%@`,#?:{_CONTROL}-]|[-?:](?=[^\s{_CONTROL}]))(?:[^:#{_CONTROL}]|:(?=\S)|(?<=\S)\#)*+"
)
_PAIRS: Final = rf'\{{[\w-]+: "[^"\\{_CONTROL}]*+"(?:, [\w-]+: "[^"\\{_CONTROL}]*+")*+\}}'
_VALUE: Final = rf"(?:{_QUOTED}|'(?:[^'{_CONTROL}]|'')*+'|[|>][-+0-9]*+|\[\]|\{{\}}|{_PAIRS}|{_PLAIN})"
_KEY: Final = rf"(?:\w[\w .-]*+|{_QUOTED}):(?=\s)"
_CLOSED: Final = re.compile(
    rf"(?:(?!---[ \t]+[^#\s]|\.\.\.) *+(?:- ++)*+(?:-(?=\s))?(?:{_KEY})? *+{_VALUE}?"
    rf"(?:(?<=\S)[ \t]++)?(?:(?<!\S)#[^{_CONTROL}]*+)?\r?\n)*+"
)
