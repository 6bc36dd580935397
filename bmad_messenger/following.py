"""What happens to the messages, as it happens: they are sent, claimed, read, edited, closed; none is touched by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from bmad_messenger import message as messages
from bmad_messenger.errors import MessengerError, Problem
from bmad_messenger.files import refusals
from bmad_messenger.message import Message, Status, format_time
from bmad_messenger.messenger import Messenger
from bmad_messenger.queue.file import stamp_of
from bmad_messenger.queue.journal import Mark
from bmad_messenger.queue.view import QueueView
from bmad_messenger.watching import changes


class Kind(Enum):
    """What happened to a message."""

    SENT = "sent"
    CLAIMED = "claimed"
    READ = "read"
    EDITED = "edited"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a message: what, when (in UTC), and the message as it was then or soon after.

    `by` is the agent that read it, or the worker that claimed it; `fields` are the keys that somebody edited.
    """

    kind: Kind
    time: datetime
    message: Message
    by: str | None = None
    fields: tuple[str, ...] = ()

    def to_mapping(self) -> dict[str, Any]:
        """The event as JSON has it."""
        document: dict[str, Any] = {"event": self.kind.value, "time": format_time(self.time)}
        if self.by is not None:
            document["by"] = self.by
        if self.fields:
            document["fields"] = [*self.fields]
        return {**document, "message": self.message.to_mapping()}


@dataclass(frozen=True, slots=True)
class News:
    """What came out at one look: what happened, oldest first, and what is wrong now and was not before."""

    events: tuple[Event, ...] = ()
    problems: tuple[Problem, ...] = ()


def follow(messenger: Messenger, deadline: float) -> Iterator[News]:
    """What happens until `deadline` (on the clock of `time.monotonic`), at least every second, and be it nothing.

    The first news is the life of the messages that are open now. What came and was closed between two looks is told
    too. Nothing is marked, no lock is taken, and a queue that can't be read, or is not there, is waited for.
    """
    follower = Follower(messenger)
    for _ in changes(messenger.project.folder, deadline):
        yield follower.look()


class Follower:
    """Looks at a project's messages again and again, and remembers what it has told.

    Args:
        messenger: whose messages.
    """

    def __init__(self, messenger: Messenger) -> None:
        self._store = messenger.store
        self._mark: Mark | None = None  # how far the journal was read
        self._stamp: tuple[int, int, int] | None = None
        self._view: QueueView | None = None
        self._items: Mapping[str, str] = {}  # the ids in the queue, by their messages' texts
        self._open: dict[str, Message] = {}  # each as it was told last
        self._told: set[str] = set()
        self._unseen: set[str] = set()  # they came, and neither the queue nor the archive has shown them yet
        self._problems: frozenset[Problem] = frozenset()

    def look(self) -> News:
        """What happened since the last look; at the first, what happened to the messages that are open now."""
        entered, self._mark = self._store.queue.journal.entered_since(self._mark)  # before the queue, which is ahead
        self._unseen.update(one for one in entered if one not in self._told)
        events: list[Event] = []
        try:
            with refusals("read", self._store.queue.name):
                stamp = stamp_of(self._store.queue.path)
            if self._view is None or stamp is None or stamp != self._stamp:
                self._view, self._stamp = self._store.view(), stamp
                events += self._standing(self._view)
        except MessengerError as error:
            self._view = None
            return News(problems=self._new_problems(error.problem))
        events += self._gone(self._view)
        return News(tuple(sorted(events, key=_when)), self._new_problems(*self._view.problems))

    def _standing(self, view: QueueView) -> Iterator[Event]:
        """What happened to the messages in the queue; only those whose text is another one are read."""
        items: dict[str, str] = {}
        for index in view.valid():
            text = view.queue.item(index)
            known = self._items.get(text)
            if known is None:
                message = view.message(index)
                known = message.message_id
                yield from self._news_of(message)
                self._open[known] = message
            items[text] = known
        self._items = items

    def _gone(self, view: QueueView) -> Iterator[Event]:
        """What happened to the messages that are not in the queue any more, or never were when anybody looked."""
        ids = set(self._items.values())
        self._unseen -= self._told
        for message_id in sorted({*self._open, *self._unseen} - ids):
            if not view.lacks(message_id, {}):
                continue  # it stands there, and can't be read just now
            try:
                message = self._store.archive.read(message_id)
            except MessengerError:  # `validate` tells what is wrong with it; when it is mended, it is told
                continue
            if message is None:
                continue
            if message.status.is_closed:
                yield from self._news_of(message)
                yield Event(Kind.CLOSED, message.closed or messages.now(), message)
                self._open.pop(message_id, None)
            elif message_id in self._unseen:
                yield from self._news_of(message)
                self._open[message_id] = message
            self._unseen.discard(message_id)

    def _news_of(self, message: Message) -> Iterator[Event]:
        """What happened to an open message since it was told last, but for its end."""
        before = self._open.get(message.message_id)
        if before is None:
            if message.message_id in self._told:  # it was closed, and an old text of the queue has it again
                return
            self._told.add(message.message_id)
            yield Event(Kind.SENT, message.created, message)
        now, known = messages.now(), dict(before.read_by) if before else {}
        lease = (message.claimed_by, message.claimed_until)
        if lease != (before and (before.claimed_by, before.claimed_until)) and (message.claimed_until or now) > now:
            yield Event(Kind.CLAIMED, now, message, message.claimed_by)
        for agent, time in message.read_by.items():
            if known.get(agent) != time:
                yield Event(Kind.READ, time, message, agent)
        if before is not None and (fields := _edited(before, message)):
            yield Event(Kind.EDITED, now, message, fields=fields)

    def _new_problems(self, *found: Problem) -> tuple[Problem, ...]:
        """Those that were not there at the last look, each once."""
        new = tuple(problem for problem in dict.fromkeys(found) if problem not in self._problems)
        self._problems = frozenset(found)
        return new


def _edited(before: Message, after: Message) -> tuple[str, ...]:
    """The keys that differ and that no command changes so: somebody edited the file."""
    changed = {"claimed_by", "claimed_until"}
    if set(before.read_by) <= set(after.read_by):
        changed.add("read_by")
    if after.status is Status.READ and before.status is Status.PENDING:
        changed.add("status")
    if after.closed is not None:
        changed |= {"status", "closed", "note"}
    old, new = before.to_mapping(), after.to_mapping()
    return tuple(key for key in {**old, **new} if key not in changed and old.get(key) != new.get(key))


def _when(event: Event) -> datetime:
    return event.time
