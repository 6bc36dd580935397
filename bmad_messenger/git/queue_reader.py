"""Reads the texts that one queue had in many commits: a message that stood so before is not parsed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from bmad_messenger.comparison import Record, Version
from bmad_messenger.errors import InvalidError, MessengerError
from bmad_messenger.git.versions import Tree, check_item, read_queue, text_of
from bmad_messenger.message import Message
from bmad_messenger.queue.text import QueueText, scan
from bmad_messenger.queue.view import QueueView, checked_view
from bmad_messenger.store import OWN_ID


class _Item(NamedTuple):
    """One message as a parser found it: `text` is its item, `ids` those that it names where it can't be read."""

    message: Message | None
    text: str
    ids: tuple[str, ...]


class QueueReader:
    """Remembers the items of the texts that it has read, and what stands around the list."""

    def __init__(self) -> None:
        self._items: dict[str, _Item] = {}
        self._frames: set[tuple[str, str]] = set()

    def read(self, tree: Tree, texts: Mapping[str, bytes]) -> Version:
        """What `read_queue` gives, but for the problems; a message that was read before is the same object.

        A text whose items can't be told by its lines alone is read as a whole.
        """
        version = self._by_items(tree, texts) if tree.queue is not None else None
        return version or read_queue(tree, texts)

    def _by_items(self, tree: Tree, texts: Mapping[str, bytes]) -> Version | None:
        path = tree.queue_path
        try:
            assert tree.queue is not None
            queue = scan(text_of(tree.queue, path, texts), path)
        except MessengerError:
            return None
        stretches = _stretches(queue)
        if not stretches:
            return None
        frame = queue.text[: queue.starts[0]], queue.text[queue.end :]
        fresh = [one for one in stretches if one not in self._items]
        if (fresh or frame not in self._frames) and not self._learn(frame, fresh or stretches[:1], path):
            return None
        records: dict[str, Record] = {}
        unreadable: list[str] = []
        line, at, named = 1, 0, 0
        for start, stretch in zip(queue.starts, stretches, strict=True):
            line, at = line + queue.text.count("\n", at, start), start
            message, text, ids = self._items[stretch]
            unreadable += ids
            named += 1 if message is not None else len(ids)
            if message is not None:
                records[message.message_id] = Record(message, path, line, text, in_queue=True)
        is_each_once = len({*records, *unreadable}) == named
        return Version(records, unreadable=frozenset(unreadable), queue=path) if is_each_once else None

    def _learn(self, frame: tuple[str, str], stretches: Sequence[str], path: str) -> bool:
        """Parse a queue of these items alone; whether each of them means the same in any other."""
        try:
            view = checked_view("".join((frame[0], *stretches, frame[1])), path, check_item)
        except MessengerError:
            return False
        if view.queue.in_flow or _stretches(view.queue) != [*stretches]:
            return False
        if any(problem.code == "duplicate" for problem in view.problems):
            return False
        if not all(_stands_alone(view, index) for index in range(len(view.queue))):
            return False
        for index, stretch in enumerate(stretches):
            if index in view:
                self._items[stretch] = _Item(view.message(index), view.queue.item(index), ())
            else:
                self._items[stretch] = _Item(None, "", tuple(own[1] for own in OWN_ID.finditer(stretch)))
        self._frames.add(frame)
        return True


def legible(queue: Version, earlier: Sequence[Version]) -> Version:
    """A queue in which what can't be read, or all where it is gone, stands as it last stood.

    Args:
        queue: the queue of one commit.
        earlier: that of each of its parents.
    """
    if queue.queue is None or not queue.is_clear:
        return next((one for one in earlier if one.queue is not None), queue)
    lacking = queue.unreadable - queue.records.keys()
    known = {one: version.records[one] for version in reversed(earlier) for one in lacking & version.records.keys()}
    if not known:
        return queue
    return replace(queue, records={**queue.records, **known}, unreadable=queue.unreadable - known.keys())


def _stretches(queue: QueueText) -> list[str]:
    """The text from each dash to the next, whatever stands below the message."""
    return [queue.text[start : queue.limit(index)] for index, start in enumerate(queue.starts)]


def _stands_alone(view: QueueView, index: int) -> bool:
    """Whether the item is YAML without the others; an alias may mean what another has anchored."""
    if view.mappings is None or view.mappings[index] is None:
        return False
    if "*" not in view.queue.text[view.queue.starts[index] : view.queue.limit(index)]:
        return True
    try:
        return bool(view.queue.value(index) == view.mappings[index])
    except InvalidError:
        return False
