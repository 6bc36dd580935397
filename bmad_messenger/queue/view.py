"""What a queue holds, as far as it can be read: its messages, and everything that is wrong with it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final

from bmad_messenger.conflict import MARKER_WITHIN, Conflict, conflicts_in, refusal
from bmad_messenger.errors import DamagedError, InvalidError, Problem
from bmad_messenger.message import Message, Status
from bmad_messenger.queue.text import LIST, QueueText, scan, unclear, with_open_list
from bmad_messenger.yaml.parse import ODD_BREAK, Document, parse_located

Check = Callable[[Document, str | None], tuple[Problem, ...]]
"""Judges one message of the queue, given as a list of one: what is wrong with it, and where."""

_MARKER: Final = re.compile(MARKER_WITHIN)
_CLOSED: Final = tuple(status.value for status in Status if status.is_closed)
ADOPTED: Final = ("message_id", "priority", "created", "status")
"""What a message that is typed in by hand need not have."""


@dataclass(frozen=True, slots=True)
class QueueView:
    """The messages of one text.

    `mappings` has each message's keys where they were parsed already, None for one that can't be read. `problems` are
    what is wrong; a message with an error among them is in `invalid`. `incomplete` are those that were typed in by hand
    and lack an id, a date, a status or a priority; `closed` those that the archive has as closed. `is_clean` says that
    there is nothing of all this, and that scanning by line finds what a parser finds: the same messages, with the same
    words in them.
    """

    queue: QueueText
    mappings: tuple[dict[str, Any] | None, ...] | None = None
    problems: tuple[Problem, ...] = ()
    invalid: frozenset[int] = frozenset()
    incomplete: frozenset[int] = frozenset()
    closed: frozenset[int] = frozenset()
    is_clean: bool = True

    def __contains__(self, index: int) -> bool:
        return index not in self.invalid and index not in self.incomplete and index not in self.closed

    def valid(self) -> Iterator[int]:
        """The indexes of the messages that can be worked with, in the file's order."""
        return (index for index in range(len(self.queue)) if index in self)

    def head(self, index: int) -> Mapping[str, Any]:
        """What stands beside the message's payload: `status`, `to`, ..."""
        if self.mappings is None:
            head = self.queue.head(index)
            if head is not None:
                return head
        return self.mapping(index)

    def mapping(self, index: int) -> dict[str, Any]:
        """The keys of the message and their values."""
        known = self.mappings[index] if self.mappings is not None else self.queue.value(index)
        assert isinstance(known, dict)  # an invalid message's index is in `invalid`
        return known

    def message(self, index: int) -> Message:
        """The message."""
        return Message.from_mapping(self.mapping(index))

    def mentions(self, index: int, words: tuple[str, ...]) -> bool:
        """Whether one of these words may stand in the message: a quick way past those that don't matter."""
        if self.mappings is not None and index in self:  # the text may spell the word with an escape
            return True
        start, limit = self.queue.starts[index], self.queue.limit(index)
        return any(self.queue.text.find(word, start, limit) >= 0 for word in words)

    def find(self, message_id: str) -> int | None:
        """The index of the message with this id."""
        at = self.queue.text.find(message_id)
        while at >= 0:
            index = bisect_right(self.queue.starts, at) - 1
            if index >= 0 and index in self and self.head(index).get("message_id") == message_id:
                return index
            at = self.queue.text.find(message_id, at + 1)
        if self.mappings is None:
            return None
        return next((index for index in self.valid() if self.head(index).get("message_id") == message_id), None)

    def ids(self) -> dict[str, int]:
        """The index of each message, by id."""
        return {self.head(index)["message_id"]: index for index in self.valid()}

    def lacks(self, message_id: str, ids: Mapping[str, int]) -> bool:
        """Whether the message is neither among `ids`, those of `self.ids()`, nor in a message that can't be read."""
        if message_id in ids:
            return False
        return not any(self.mentions(index, (message_id,)) for index in self.invalid | self.incomplete)


def trusted_view(text: str, path: str | None) -> QueueView:
    """The view of a text that is known to be clean; nothing is parsed until it is asked for."""
    return QueueView(scan(text, path, list_is_last=True))


def holds_nothing(text: str) -> bool:
    """Whether a queue has no message, which its lines tell without a parser: an empty list and comments."""
    lines = (line.rstrip() for line in text.splitlines())
    return [line for line in lines if line and line[0] != "#"] in ([], ["messages:"], ["messages: []"])


def checked_view(text: str, path: str | None, check: Check) -> QueueView:
    """The view of a text that anybody may have written.

    Raises:
        ConflictError: where a merge's conflict is not within one message.
        DamagedError: where the borders of its messages can't be told.
    """
    opened = with_open_list(text)
    if opened != text:
        return replace(checked_view(opened, path, check), is_clean=False)
    if conflicts := conflicts_in(text, path):
        return _conflicted_view(text, path, check, conflicts)
    try:
        document = parse_located(text, path=path, depth=2)
    except InvalidError as error:
        return _piecewise_view(text, path, check, error)
    queue, is_scannable = _located(text, path, document)
    mappings = tuple((document.value or {}).get("messages") or ())
    view = _judged(queue, mappings, check, {})
    list_is_last = queue.end == len(text)
    # A text that holds a closed message, which is about to leave, is never trusted: so no command looks for one there.
    holds_closed = any(view.head(index)["status"] in _CLOSED for index in view.valid())
    if not (is_scannable and list_is_last) or view.problems or view.incomplete or holds_closed:
        return replace(view, is_clean=False)
    return replace(view, is_clean=all(_lines_agree(queue, index, view.mapping(index)) for index in view.valid()))


def _conflicted_view(text: str, path: str | None, check: Check, conflicts: Sequence[Conflict]) -> QueueView:
    """The view of a text in which a merge left conflicts: the messages that hold them are invalid, the others are not.

    A conflict that reaches from one message to another, or opens one, mixes two messages line by line.
    """
    try:
        queue = scan(text, path)
    except DamagedError as unclear:
        raise refusal(text, conflicts[0].start, path) from unclear
    broken: dict[int, tuple[Problem, ...]] = {}
    for conflict in conflicts:
        index = bisect_right(queue.starts, conflict.start) - 1
        if index < 0 or conflict.end > queue.limit(index):
            raise refusal(text, conflict.start, path)
        broken[index] = (*broken.get(index, ()), conflict.problem(path))
    if not _borders_are_clear(queue):
        raise refusal(text, conflicts[0].start, path)
    mappings, unreadable = _pieces(queue, broken)
    return replace(_judged(queue, mappings, check, unreadable | broken), is_clean=False)


def _piecewise_view(text: str, path: str | None, check: Check, error: InvalidError) -> QueueView:
    """The view of a text that is no YAML as a whole: each message by itself, between borders that are clear."""
    try:
        queue = scan(text, path)
    except DamagedError as unclear:
        raise _damaged(error) from unclear
    if not queue.starts or not _borders_are_clear(queue):
        raise _damaged(error)
    mappings, broken = _pieces(queue)
    view = _judged(queue, mappings, check, broken)
    if not broken:  # every message is well, so what is wrong stands around them
        view = replace(view, problems=(error.problem, *view.problems))
    return replace(view, is_clean=False)


def _pieces(queue: QueueText, but: Collection[int] = ()) -> tuple[tuple[Any, ...], dict[int, tuple[Problem, ...]]]:
    """Each message read by itself, None for those in `but` and those that can't be; and why they can't."""
    mappings: list[Any] = [None] * len(queue)
    broken: dict[int, tuple[Problem, ...]] = {}
    for index in range(len(queue)):
        if index not in but:
            try:
                mappings[index] = queue.value(index)
            except InvalidError as error:
                broken[index] = (error.problem,)
    return tuple(mappings), broken


def _damaged(error: InvalidError) -> DamagedError:
    message, hint, path, line, column, *_ = error.problem
    hint = f"{hint}, or see `bmad-messenger doctor` for the way back"
    return DamagedError(message, hint=hint, path=path, line=line, column=column)


def _borders_are_clear(queue: QueueText) -> bool:
    """Whether every line of the list stands as deep as a message's lines do."""
    margin = queue.margin
    for line in queue.text[queue.starts[0] : queue.end].split("\n"):
        content = line.rstrip("\r").lstrip(" ")
        depth = len(line) - len(content)
        if (content.startswith("\t") and not content.lstrip().startswith("-")) or _MARKER.match(line):
            continue  # whatever it is, it opens no message
        if content and content[0] != "#" and (depth < margin or (depth == margin and content[0] != "-")):
            return False
    return True


def _located(text: str, path: str | None, document: Document) -> tuple[QueueText, bool]:
    """The text with its messages where the parser found them, and whether a scan by line finds the same.

    Raises:
        DamagedError: where there is no list, or none that can be told from its lines.
    """
    root = {} if document.value is None else document.value
    if not isinstance(root, dict) or not isinstance(root.get("messages", []), list | None):
        line, column = document.place(("messages",))
        hint = "write `messages:` and below it one `- ` item a message"
        raise DamagedError("there is no list of messages", hint=hint, path=path, line=line, column=column)
    items = root.get("messages") or []
    list_at = document.keys[("messages",)].start if "messages" in root else -1
    if not items:
        scanned = scan(text, path)
        if scanned.starts or scanned.list_at != list_at:
            raise unclear(text, max(list_at, 0), path, "an empty list must be written `messages: []`")
        return scanned, True
    spans = [document.values[("messages", index)] for index in range(len(items))]
    end = document.values[("messages",)].end
    if ("messages",) in document.flow:
        return QueueText(text, path, tuple(span.start for span in spans), end, 0, list_at, in_flow=True), False
    starts = tuple(_dash_line(text, span.start, path) for span in spans)
    end = end if end == len(text) else text.rfind("\n", 0, end) + 1
    found = LIST.search(text)
    if found is not None and found.start() == list_at:
        scanned = scan(text, path)
        if (tuple(scanned.starts), scanned.end) == (starts, end):
            return scanned, True
    margin = text.index("-", starts[0]) - starts[0]
    return QueueText(text, path, starts, end, margin, list_at), False


def _dash_line(text: str, offset: int, path: str | None) -> int:
    """The offset of the line whose dash opens the item that begins at `offset`; only blank lines and comments may
    stand between the two.
    """
    start = text.rfind("\n", 0, offset) + 1
    before = text[start:offset]
    while start and not before.partition("#")[0].strip():
        end, start = start, text.rfind("\n", 0, start - 1) + 1
        before = text[start:end]
    if not before.lstrip(" ").startswith("-") or ODD_BREAK.search(before):
        raise unclear(text, offset, path, "a message must begin with `- ` on a line of its own")
    return start


def _judged(
    queue: QueueText, mappings: tuple[Any, ...], check: Check, broken: Mapping[int, tuple[Problem, ...]]
) -> QueueView:
    """The view of these messages; `broken` are those that can't be read, and why."""
    found: list[Problem] = []
    invalid: set[int] = set()
    first: dict[str, int] = {}  # where each id stands
    for index, mapping in enumerate(mappings):
        problems = broken[index] if index in broken else _problems_of(queue, index, mapping, check, first)
        if any(problem.severity == "error" for problem in problems):
            invalid.add(index)
        found += problems
    kept = tuple(mapping if isinstance(mapping, dict) else None for mapping in mappings)
    incomplete = frozenset(i for i, m in enumerate(kept) if m and i not in invalid and any(k not in m for k in ADOPTED))
    return QueueView(queue, kept, tuple(found), frozenset(invalid), incomplete)


def _problems_of(
    queue: QueueText, index: int, mapping: Any, check: Check, first: dict[str, int]
) -> tuple[Problem, ...]:
    if not isinstance(mapping, dict):
        return (_problem(queue, index, "this item is no message", "write its keys below it, or delete it"),)
    message_id = mapping.get("message_id")
    if isinstance(message_id, str):
        if message_id in first:
            where = queue.line(queue.starts[first[message_id]])
            hint = "delete one, or remove this one's message_id line: it then gets an id of its own"
            twice = _problem(queue, index, f"{message_id} stands twice, first in line {where}", hint)
            return (twice._replace(code="duplicate"),)
        first[message_id] = index
    problems = check(Document([mapping]), queue.path)
    if problems and not queue.in_flow:
        return check(queue.parse_item(index), queue.path)
    return tuple(_problem(queue, index, problem.message, problem.hint) for problem in problems)


def _problem(queue: QueueText, index: int, message: str, hint: str) -> Problem:
    """A problem of a whole message."""
    offset = queue.starts[index]
    line_start = queue.text.rfind("\n", 0, offset) + 1
    return Problem(message, hint, queue.path, queue.line(offset), offset - line_start + queue.margin + 1)


def _lines_agree(queue: QueueText, index: int, mapping: Mapping[str, Any]) -> bool:
    """Whether the message's lines, read without a parser, say what the parser says."""
    beside_payload = {key: value for key, value in mapping.items() if key != "payload"}
    head = queue.head(index)
    if head is not None:
        return head == beside_payload
    lines = queue.text[queue.starts[index] : queue.limit(index)]
    return all(word in lines for word in _words(beside_payload))


def _words(value: Any) -> Iterator[str]:
    """Every text in a value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from chain.from_iterable(map(_words, (*value, *value.values())))
    elif isinstance(value, list):
        yield from chain.from_iterable(map(_words, value))
