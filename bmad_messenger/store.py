"""The queue and the archive together: where a message is, what the journal misses, what came of a key or a thread."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from bmad_messenger import message as messages
from bmad_messenger.archive import Archive
from bmad_messenger.config import Config, Project
from bmad_messenger.errors import InvalidError, MessengerError, NotFoundError, Problem
from bmad_messenger.message import ID_PATTERN, Message, Status
from bmad_messenger.queue.edit import as_item
from bmad_messenger.queue.file import QueueFile, Snapshot
from bmad_messenger.queue.journal import Readings
from bmad_messenger.queue.text import QueueText, scan
from bmad_messenger.queue.view import ADOPTED, Check, QueueView, checked_view, holds_nothing, trusted_view
from bmad_messenger.yaml.parse import parse

OWN_ID: Final = re.compile(rf"\bmessage_id[\"']?[ \t]*:[ \t]*[\"']?({ID_PATTERN.pattern})(?![0-9a-f])")

LAPSES: Final = ("missing", "closed", "unread-again")
"""The codes of what journal and archive know better than the queue."""

_CLOSED: Final = tuple(status.value for status in Status if status.is_closed)
_ATTEMPTS: Final = 5

Report = Callable[[Problem], None]
"""Takes each problem once, as it is found."""


class Store:
    """Where the messages of one project are kept.

    Args:
        project: whose messages.
        config: its settings.
        flavour: the rules that messages are checked by, as a text: other rules, another check.
        check: makes the judge of a message; called only where a text has to be checked.
        report: takes what is wrong.
    """

    def __init__(
        self, project: Project, config: Config, flavour: str, check: Callable[[], Check], report: Report
    ) -> None:
        self.project = project
        self.queue = QueueFile(project, config.limits, flavour)
        self.archive = Archive(project.archive, project.name(project.archive))
        self._make_check, self.report = check, report
        self._archive_decides = "archive" not in config.disabled_plugins

    def view(self, snapshot: Snapshot | None = None, *, attempts: int = _ATTEMPTS) -> QueueView:
        """What the queue holds now, or held in `snapshot`; what is wrong with it is reported.

        Args:
            snapshot: the queue as it was read.
            attempts: how often to look again where the queue is written while it is compared with the journal.

        Raises:
            DamagedError: where the borders of its messages can't be told.
        """
        snapshot = snapshot or self.queue.settled()
        known, is_latest = self.queue.journal.recall(snapshot.digest)
        if known or holds_nothing(snapshot.text):
            view = trusted_view(snapshot.text, self.queue.name)
        else:
            view = checked_view(snapshot.text, self.queue.name, self.check)
        if not is_latest:
            view = self._compared(view, snapshot, attempts)
        for problem in view.problems:
            self.report(problem)
        return view

    def missing(self, view: QueueView) -> list[str]:
        """The ids of the messages that this clone's queue held, that nobody closed, and that are gone from it."""
        retyped = {message.message_id for message in self.retyped(view).values()}
        return [message.message_id for message in self._gone(view) if message.message_id not in retyped]

    def retyped(self, view: QueueView) -> dict[int, Message]:
        """The messages without an id, by index, that are gone from the queue with their ids.

        That is what a save does to a message that was typed in, and adopted while its text was open in an editor.
        """
        found: dict[int, Message] = {}
        gone = self._gone(view) if view.incomplete else []
        for index in sorted(view.incomplete):
            typed = view.mapping(index)
            first = next((one for one in gone if says_the_same(typed, one)), None)
            if first is not None:
                gone.remove(first)
                found[index] = first
        return found

    def turned_back(self, view: QueueView) -> Readings:
        """Who has read, by a command in this clone, an open message that the queue has as not read by them."""
        ids = view.ids()
        found = {
            name: unmarked(view.head(ids[name]), times)
            for name, times in self.queue.journal.readings().items()
            if name in ids
        }
        return {name: times for name, times in found.items() if times}

    def archived_item(self, message_id: str) -> QueueText:
        """A message of the archive as a queue of one."""
        text = self.archive.text(message_id) or ""
        item = as_item(text, parse(text, path=self.archive.name_of(message_id)), 2)
        return scan(f"messages:\n{item}", self.archive.name_of(message_id))

    def resolve(self, name: str, view: QueueView) -> str:
        """The id of the message that `name` means: an id, or any part that begins or ends just one.

        Raises:
            NotFoundError: where there is none, or more than one; it names some.
        """
        if ID_PATTERN.fullmatch(name) and (view.find(name) is not None or self.archive.holds(name)):
            return name
        ids = {match[0] for match in ID_PATTERN.finditer(view.queue.text) if view.find(match[0]) is not None}
        ids.update(self.archive.ids(), self._invalid(view))
        found = sorted(one for one in ids if name and (one.startswith(name) or one.endswith(name)))
        if len(found) == 1:
            return found[0]
        if not found:
            raise NotFoundError(f"there is no message {name[:80]!r}", hint="`bmad-messenger list` shows the open ones")
        some = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
        raise NotFoundError(f"{name!r} may mean {len(found)} messages: {some}", hint="give more of the id")

    def get(self, message_id: str, view: QueueView) -> Message:
        """The message with this full id, from the queue or else the archive.

        Raises:
            NotFoundError: where there is none.
            InvalidError: where it stands in the queue and is invalid; it tells what is wrong, and where.
        """
        found = self._find(message_id, view)
        if found is None or not found.status.is_closed:
            self._require_valid(message_id, view)
        if found is None:
            raise NotFoundError(f"there is no message {message_id}", hint="`bmad-messenger list` shows the open ones")
        return found

    def place(self, message_id: str, view: QueueView) -> int | None:
        """Where the message with this full id stands in the queue, valid or not; None where it does not."""
        index = view.find(message_id)
        return self._invalid(view).get(message_id) if index is None else index

    def by_key(self, key: str, view: QueueView) -> Message | None:
        """The message that was sent with this idempotency key, open or closed.

        A key decides its message's id, so the ids alone narrow the search, in every clone.
        """
        stem = _key_digits(key)
        for index in view.valid():
            near = view.mentions(index, (stem[: messages.SUFFIX_LENGTH],))
            if near and view.head(index).get("idempotency_key") == key:
                return view.message(index)
        for message_id in self.archive.ids():
            if stem.startswith(message_id.rpartition("-")[2]):
                found = self.archive.read(message_id)
                if found is not None and found.idempotency_key == key:
                    return found
        return None

    def free_id(self, message: Message, view: QueueView, taken: set[str], digits: str | None = None) -> str:
        """An id for a new message that neither queue, archive nor `taken` has; a collision makes it longer.

        Its digits come from the message's idempotency key, or else from `digits`, and by default from chance.
        """
        key = message.idempotency_key
        digits = _key_digits(key) if key is not None else digits or secrets.token_hex(32)
        for length in range(messages.SUFFIX_LENGTH, len(digits) + 1):
            candidate = messages.message_id(message.created, digits[:length])
            if candidate in taken or candidate in view.queue.text or self.archive.holds(candidate):
                continue
            return candidate
        raise AssertionError("64 hex digits collide")  # not in the life of this universe

    def ancestors(self, message_id: str, view: QueueView) -> Iterator[Message]:
        """The message and what it answers, up to the first of the thread; a circle ends where it closes."""
        seen: set[str] = set()
        above: str | None = message_id
        while above is not None and above not in seen:
            seen.add(above)
            message = self.get(above, view) if above == message_id else self._find(above, view)
            if message is None:
                return
            yield message
            above = message.reply_to

    def thread(self, message_id: str, view: QueueView) -> list[Message]:
        """Every message of a thread, oldest first."""
        *_, root = self.ancestors(message_id, view)
        replies = {one: self._read_archive(one) for one in self.archive.containing(("reply_to",))}
        replies |= {
            view.head(i)["message_id"]: view.message(i) for i in view.valid() if view.mentions(i, ("reply_to",))
        }
        found = {root.message_id: root}
        grown = True
        while grown:
            more = {k: m for k, m in replies.items() if m is not None and m.reply_to in found and k not in found}
            found |= more
            grown = bool(more)
        return sorted(found.values(), key=lambda message: (message.created, message.message_id != root.message_id))

    def archived(self) -> Iterator[Message]:
        """The messages of the archive; one whose file is damaged is reported and left out."""
        for message_id in self.archive.ids():
            message = self._read_archive(message_id)
            if message is not None:
                yield message

    def _find(self, message_id: str, view: QueueView) -> Message | None:
        index = view.find(message_id)
        return self.archive.read(message_id) if index is None else view.message(index)

    def _invalid(self, view: QueueView) -> dict[str, int]:
        """The ids of the queue's invalid messages, as far as their text tells them, and where each stands."""
        queue = view.queue
        found = (
            (index, OWN_ID.search(queue.text, queue.starts[index], queue.limit(index)))
            for index in sorted(view.invalid, reverse=True)
        )
        return {own[1]: index for index, own in found if own is not None}

    def unreadable(self, message_id: str, view: QueueView) -> int | None:
        """Where a message stands in the queue that is invalid, and whose id is certain all the same."""
        return next((index for index in sorted(view.invalid) if view.queue.own_id(index) == message_id), None)

    def _require_valid(self, message_id: str, view: QueueView) -> None:
        index = None if view.find(message_id) is not None else self._invalid(view).get(message_id)
        if index is None:
            return
        first, limit = (view.queue.line(at) for at in (view.queue.starts[index], view.queue.limit(index)))
        is_last = view.queue.limit(index) == len(view.queue.text)
        can_leave = self.unreadable(message_id, view) == index and self.archive.holds(message_id)
        way_out = "let `bmad-messenger cancel` take it out" if can_leave else "delete it from the file"
        for problem in view.problems:
            if problem.severity == "error" and first <= (problem.line or 0) < limit + is_last:
                message, hint, path, line, column, *_ = problem
                raise InvalidError(
                    f"{message_id} is invalid: {message}",
                    hint=f"{hint or 'mend it there'}; or {way_out}",
                    path=path,
                    line=line,
                    column=column,
                )

    def _read_archive(self, message_id: str) -> Message | None:
        try:
            return self.archive.read(message_id)
        except MessengerError as error:
            self.report(error.problem._replace(severity="warning"))
            return None

    def _compared(self, view: QueueView, snapshot: Snapshot, attempts: int) -> QueueView:
        """The view, with what journal and archive know better; where nothing is wrong, the journal learns of the text.

        A message that the archive has as closed is closed, whatever an old text says that somebody saved.
        """
        missing = self.missing(view)
        ids = view.ids() if self._archive_decides else {}
        closed = {index: one for one, index in ids.items() if self._is_archived_closed(one, view, index)}
        unread = self.turned_back(view)
        if (missing or closed or unread) and attempts and self._was_written_since(snapshot):
            return self.view(attempts=attempts - 1)  # journal and archive are ahead
        if missing or closed or unread:
            again = (self._standing_again(view, index, one) for index, one in closed.items())
            lost = map(self._lost, missing)
            back = (self._unread_again(view, one, readers) for one, readers in unread.items())
            problems = (*view.problems, *again, *lost, *back)
            return replace(view, problems=problems, closed=frozenset(closed), is_clean=False)
        if view.is_clean and snapshot.stamp is not None:
            self.queue.note(snapshot, tuple(view.ids().keys() - self.queue.journal.held()))
        return view

    def _was_written_since(self, snapshot: Snapshot) -> bool:
        """Whether a command wrote this text or another one while it was looked at, and may be at the next already."""
        return self.queue.read().digest != snapshot.digest or self.queue.journal.recall(snapshot.digest)[1]

    def _gone(self, view: QueueView) -> list[Message]:
        """The open messages that this clone's queue held, and whose ids are gone from it."""
        ids = view.ids()
        gone = sorted(one for one in self.queue.journal.held() if view.lacks(one, ids))
        archived = (self._read_archive(message_id) for message_id in gone)
        return [message for message in archived if message is not None and not message.status.is_closed]

    def _is_archived_closed(self, message_id: str, view: QueueView, index: int) -> bool:
        try:
            text = self.archive.text(message_id) or ""
        except MessengerError:  # what can't be read tells nothing; `validate` reports it
            return False
        if not any(word in text for word in _CLOSED):
            return False
        message = self._read_archive(message_id)
        return message is not None and message.status.is_closed and not is_other(view, index, message)

    def _standing_again(self, view: QueueView, index: int, message_id: str) -> Problem:
        message = self.archive.read(message_id)
        status = message.status.value if message else "closed"
        return Problem(
            f"{message_id} stands in the queue, and the archive has it as {status}",
            "`bmad-messenger sync` takes it out; to send it again, delete its `message_id` line",
            self.queue.name,
            view.queue.line(view.queue.starts[index]),
            view.queue.margin + 1,
            code="closed",
            severity="warning",
        )

    def _unread_again(self, view: QueueView, message_id: str, readers: Mapping[str, str]) -> Problem:
        read = ", ".join(f"{agent} had read it at {time}" for agent, time in readers.items())
        return Problem(
            f"{message_id} is unread again: {read}, and the queue was turned back since",
            "`bmad-messenger sync --restore` marks it as read; or let it be read once more",
            self.queue.name,
            view.queue.line(view.queue.starts[view.ids()[message_id]]),
            view.queue.margin + 1,
            code="unread-again",
            severity="warning",
        )

    def _lost(self, message_id: str) -> Problem:
        return Problem(
            f"{message_id} was open and is gone from the queue",
            "`bmad-messenger sync --restore` brings it back, `bmad-messenger cancel` closes it",
            self.queue.name,
            code="missing",
            severity="warning",
        )

    @cached_property
    def check(self) -> Check:
        """The judge of one message of the queue."""
        return self._make_check()


def is_other(view: QueueView, index: int, archived: Message) -> bool:
    """Whether the archive's message is not the one that the queue has under its id."""
    head = view.head(index)
    if (head["from"], messages.parse_time(head["created"])) == archived.origin:
        return False
    return are_two(view.message(index), archived)


def are_two(one: Message, other: Message) -> bool:
    """Whether two messages with one id are different ones, and not two states of one that people edited."""
    is_sent_once = one.idempotency_key is not None and one.idempotency_key == other.idempotency_key
    return one.origin != other.origin and one.payload != other.payload and not is_sent_once


def unmarked(mapping: Mapping[str, Any], readings: Mapping[str, str]) -> dict[str, str]:
    """Those readings of a message that it does not have."""
    known = mapping.get("read_by") or {}
    return {agent: time for agent, time in readings.items() if agent not in known}


def says_the_same(typed: Mapping[str, Any], message: Message) -> bool:
    """Whether a text without an id is what this message was before a command filled in what it lacked."""
    whole = message.to_mapping()
    return "message_id" not in typed and typed == {
        key: value for key, value in whole.items() if key in typed or key not in ADOPTED
    }


def _key_digits(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
