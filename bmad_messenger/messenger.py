"""The messenger of one project: send, receive, reply, close, sync. The only place where the parts meet."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bmad_messenger import inbox
from bmad_messenger import message as messages
from bmad_messenger.config import USER, Project, find_project
from bmad_messenger.errors import (
    InvalidError,
    LockTimeoutError,
    MessengerError,
    NotPermittedError,
    Problem,
    ThreadTooLongError,
    UsageError,
    WaitTimeoutError,
)
from bmad_messenger.inbox import Wanted
from bmad_messenger.message import Draft, Message, Priority, Status
from bmad_messenger.queue.file import Change, Snapshot
from bmad_messenger.queue.view import Check, QueueView
from bmad_messenger.settings import load_config
from bmad_messenger.store import Store

if TYPE_CHECKING:
    from bmad_messenger.archive import Archive
    from bmad_messenger.message_types import MessageTypes
    from bmad_messenger.outbox import Outbox
    from bmad_messenger.plugins.loading import Plugins
    from bmad_messenger.routes import Routes
    from bmad_messenger.yaml.parse import Document

MessageList = list[Message]
"""The class below has a method called `list`."""

_SAME: Final = ("type", "from_agent", "to_agent", "to_agents", "priority", "route", "reply_to", "expires", "payload")
"""What makes two messages the same thing sent twice."""


class Messenger:
    """One project's messages.

    Args:
        project: the project.
        report: takes each warning and each problem of a message that is left alone, as it is found.

    Raises:
        InvalidError: where the project's config is invalid.
    """

    def __init__(self, project: Project, report: Callable[[Problem], None] | None = None) -> None:
        self.project = project
        self.config, flavour = load_config(project)
        self._reported: set[Problem] = set()
        self._pass_on = report
        self._store = Store(project, self.config, flavour, self._make_check, self._report)

    @classmethod
    def open(cls, path: Path | str | None = None, *, report: Callable[[Problem], None] | None = None) -> Messenger:
        """The messenger of the project at `path`, or of the one around the working directory.

        Raises:
            NotFoundError: where there is no project.
        """
        return cls(find_project(path), report)

    @property
    def archive(self) -> Archive:
        """The history."""
        return self._store.archive

    @cached_property
    def plugins(self) -> Plugins:
        """The plugins that are installed and switched on."""
        from bmad_messenger.plugins.loading import Plugins

        return Plugins(self.config.disabled_plugins)

    @cached_property
    def types(self) -> MessageTypes:
        """The message types: the reference's, those of plugins, those of the project."""
        from bmad_messenger.message_types import MessageTypes

        added: dict[str, Mapping[str, Any]] = {}
        self.plugins.add("message_types", lambda _, answer: added.update(answer or {}))
        return MessageTypes.load(self.project, added)

    @cached_property
    def routes(self) -> Routes:
        """The routes: the reference's, those of plugins, those of the project's config."""
        from bmad_messenger.routes import Routes

        added: list[Mapping[str, Any]] = []
        self.plugins.add("routes", lambda _, answer: added.extend(answer or ()))
        return Routes.load(added, self.config.extra_routes)

    def init(self) -> Sequence[Path]:
        """Make the messenger's folder and its files; what exists stays as it is. Returns what was made."""
        from bmad_messenger.layout import make_layout

        return make_layout(self.project)

    def send(
        self,
        *,
        type: str | None = None,
        from_agent: str | None = None,
        to_agent: str | None = None,
        to_agents: Sequence[str] | str | None = None,
        payload: Mapping[str, Any] | None = None,
        priority: Priority | str | None = None,
        route: str | None = None,
        reply_to: str | None = None,
        expires: datetime | None = None,
        idempotency_key: str | None = None,
        strict: bool = False,
    ) -> Message:
        """Send one message (reference: Sending a Message).

        Args:
            type: the message's type; a `route` tells it too.
            from_agent: who sends; a `route` tells it too.
            to_agent: the one recipient; a `route` tells it too.
            to_agents: several recipients, or `"all"`.
            payload: the content, valid by the type's schema and the route's fields.
            priority: how urgent it is; by default what its type says.
            route: the id of a route.
            reply_to: the id of the message that this one answers.
            expires: when it loses its meaning, UTC.
            idempotency_key: a name for this sending; a second one of the same name returns the first message.
            strict: whether a broken best practice is an error.

        Returns:
            The message as it stands in the queue.

        Raises:
            InvalidError: where the message breaks a schema or a rule; nothing is sent.
            NotFoundError: for an agent or a message that does not exist.
            NotPermittedError: where a plugin or the loop guard refuses it.
            UsageError: where `route` is a trigger that stands for several routes; `send_many` sends on each.
        """
        draft = Draft(
            type=type,
            from_agent=from_agent,
            to_agent=to_agent,
            to_agents=to_agents if to_agents is None or isinstance(to_agents, str) else tuple(to_agents),
            payload=payload or {},
            priority=Priority.parse(priority) if isinstance(priority, str) else priority,
            route=route,
            reply_to=reply_to,
            expires=expires,
            idempotency_key=idempotency_key,
        )
        prepared = self._prepare([draft], strict=strict)
        if len(prepared) > 1:
            raise UsageError(f"{route!r} stands for several routes", hint="name one of them, or use send_many")
        return self._send(prepared)[0]

    def send_many(self, drafts: Sequence[Draft], *, strict: bool = False) -> MessageList:
        """Send several messages under one lock, in one write: all of them, or none.

        Raises and returns what `send` does, for each draft in turn; one whose route is a trigger gives several messages.
        """
        return self._send(self._prepare(drafts, strict=strict))

    def prepare(self, drafts: Sequence[Draft], *, strict: bool = False) -> MessageList:
        """The messages that these drafts would become, checked by every rule, and not sent; their ids are empty."""
        created = messages.now()
        prepared = [message for draft in drafts for message in self._outbox.compose(draft, created)]
        for message in prepared:
            for problem in self._outbox.check(message, strict=strict):
                self._report(problem)
        prepared = [self._after_plugins(message, strict=strict) for message in prepared]
        view = self._current() if any(message.reply_to for message in prepared) else None
        return [self._answering(message, view) if view else message for message in prepared]

    def receive(
        self,
        agent: str,
        *,
        type_filter: str | None = None,
        priority: Priority | None = None,
        limit: int | None = None,
        peek: bool = False,
    ) -> MessageList:
        """What waits for an agent, most urgent first, then oldest first (reference: Receiving Messages).

        Args:
            agent: whose messages.
            type_filter: only those of this type.
            priority: only those of this priority.
            limit: how many at most.
            peek: leave them unread.
        """
        found = self._waiting(Wanted(self.config.require_agent(agent), type_filter, priority, limit))
        return found if peek or not found else self.mark_read(agent, [message.message_id for message in found])

    def claim(
        self,
        agent: str,
        seconds: float,
        *,
        type_filter: str | None = None,
        priority: Priority | None = None,
        limit: int | None = None,
    ) -> MessageList:
        """Like `receive`, but takes a lease: nobody else receives the messages for so many seconds.

        A message that is not closed by then waits again. The messages are not marked read; `mark_read` does that once they
        are in safe hands. One that goes to several agents is not leased: each has its own copy.
        """
        if seconds <= 0:
            raise UsageError("a lease must last longer than 0 seconds", hint="give the time that the work takes")
        wanted = Wanted(self.config.require_agent(agent), type_filter, priority, limit)
        if not self._waiting(wanted):
            return []

        def lease(snapshot: Snapshot) -> Change[MessageList]:
            view, now = self._store.view(snapshot), messages.now()
            found = inbox.waiting(view, wanted, now)
            leases = {index: inbox.leasing(view.mapping(index), _worker(), seconds, now) for index in found}
            return self._changed(view, {index: lease for index, lease in leases.items() if lease}, found)

        return self._store.queue.update(lease)

    def mark_read(self, agent: str, message_ids: Iterable[str]) -> MessageList:
        """Record that an agent has read these messages; returns them as they now are.

        A message to several agents turns `read` when its last recipient has read it. One that was closed meanwhile is
        returned as the archive has it.
        """
        self.config.require_agent(agent)
        names = list(message_ids)
        fresh: set[str] = set()

        def mark(snapshot: Snapshot) -> Change[MessageList]:
            view, now = self._store.view(snapshot), messages.now()
            found = {name: view.find(name) for name in names}
            indexes = [index for index in found.values() if index is not None]
            changes = {i: inbox.reading(view.mapping(i), agent, self.config.agents, now) for i in indexes}
            changes = {index: change for index, change in changes.items() if change}
            fresh.clear()
            fresh.update(name for name, index in found.items() if index in changes)
            change = self._changed(view, changes, indexes)
            open_ones = {message.message_id: message for message in change.result}
            return replace(change, result=[open_ones.get(name) or self._store.get(name, view) for name in names])

        marked = self._store.queue.update(mark)
        for message in marked:
            if message.message_id in fresh:
                self._announce("after_read", message, agent=agent)
        return marked

    def wait(
        self,
        agent: str,
        seconds: float,
        *,
        type_filter: str | None = None,
        priority: Priority | None = None,
        limit: int | None = None,
    ) -> MessageList:
        """What waits for an agent, as soon as there is something; nothing is marked.

        Raises:
            WaitTimeoutError: where nothing came in so many seconds.
        """
        from bmad_messenger.files import make_folder
        from bmad_messenger.watching import changes

        wanted = Wanted(self.config.require_agent(agent), type_filter, priority, limit)
        make_folder(self.project.folder)
        for _ in changes(self.project.folder, time.monotonic() + seconds):
            found = self._waiting(wanted)
            if found:
                return found
        raise WaitTimeoutError(f"nothing came for {agent} in {seconds:g} s", hint="wait longer, or go on without")

    def reply(
        self,
        message_id: str,
        payload: Mapping[str, Any] | str,
        *,
        from_agent: str | None = None,
        type: str = "notify",
        priority: Priority | None = None,
        idempotency_key: str | None = None,
    ) -> Message:
        """Answer a message, to its sender.

        Args:
            message_id: the message's id, or a unique beginning or end of it.
            payload: the content; a text becomes a notify's `message`.
            from_agent: who answers; by default the message's one recipient.
            type: the answer's type.
            priority: by default that of the message answered, but not above high.
            idempotency_key: as for `send`.
        """
        answered = self.get(message_id)
        sender = from_agent or answered.to_agent
        if sender is None:
            raise UsageError(f"{answered.message_id} went to several agents", hint="say who answers: --from")
        return self.send(
            type=type,
            from_agent=sender,
            to_agent=answered.from_agent,
            payload={"message": payload} if isinstance(payload, str) else payload,
            priority=priority or max(answered.priority, Priority.HIGH),
            reply_to=answered.message_id,
            idempotency_key=idempotency_key,
        )

    def close(self, *message_ids: str, status: Status = Status.DONE, note: str | None = None) -> MessageList:
        """Close messages: they leave the queue for the archive, which is written first.

        Args:
            message_ids: ids, or unique beginnings or ends of them.
            status: `done` (the acknowledgement), `cancelled` or `expired`.
            note: a word on how it ended.

        Returns:
            The messages in their final state. One that was closed so already is returned as it is.

        Raises:
            NotFoundError: where one does not exist; then none is closed.
            InvalidError: where one was closed otherwise before; then none is closed.
        """
        view = self._current()
        ids = list(dict.fromkeys(self._store.resolve(name, view) for name in message_ids))
        for message_id in ids:
            message = self._store.get(message_id, view)
            if message.status.is_closed and message.status is not status:
                raise InvalidError(
                    f"{message_id} is {message.status.value} already",
                    hint=f"`bmad-messenger show {message_id}` tells more",
                )
        return self._close(ids, status, note)

    def list(
        self,
        *,
        agent: str | None = None,
        type: str | None = None,
        status: Status | None = None,
        priority: Priority | None = None,
        route: str | None = None,
    ) -> MessageList:
        """The messages that fit every filter: open ones in the file's order, or closed ones, from the archive, by age.

        Args:
            agent: the sender or a recipient.
            type: the message's type.
            status: where it stands; a closed status looks into the archive, none means every open message.
            priority: its priority.
            route: the id of its route.
        """
        if agent is not None:
            self.config.require_agent(agent)
        if status is not None and status.is_closed:
            found = [message for one in self.archive.ids() if (message := self.archive.read(one)) is not None]
        else:
            view = self._current()
            found = [view.message(index) for index in view.valid()]
        return [
            message
            for message in found
            if agent in (None, message.from_agent, *message.recipients(self.config.agents))
            and type in (None, message.type)
            and status in (None, message.status)
            and priority in (None, message.priority)
            and route in (None, message.route)
        ]

    def get(self, message_id: str) -> Message:
        """The message with this id, or with an id that it begins or ends; from the queue, or else the archive.

        Raises:
            NotFoundError: where there is none, or more than one.
        """
        view = self._current()
        return self._store.get(self._store.resolve(message_id, view), view)

    def thread(self, message_id: str) -> MessageList:
        """The message, what it answers and what answers it, all the way, oldest first."""
        view = self._current()
        return self._store.thread(self._store.resolve(message_id, view), view)

    def sync(self, *, restore: bool = False) -> Sequence[str]:
        """Settle queue and archive, and let plugins make good what they missed.

        Messages that the archive has as closed leave the queue, and open ones that come from other clones enter it.
        What a crash left half-done is finished.

        Args:
            restore: also bring back the open messages that were removed from the queue by hand.

        Returns:
            What was done, a sentence each.
        """
        from bmad_messenger.settling import settle

        self._current()
        done = settle(self._store, restore=restore) if "archive" in self.plugins else []
        view = self._current()
        open_messages = [view.message(index) for index in view.valid()]
        for name, answer, error in self.plugins.each("sync", messenger=self, messages=open_messages):
            if error is not None:
                self._report(_hook_failure(name, "sync", error))
            done += answer or ()
        return done

    def validate(self, files: Sequence[Path] = ()) -> Sequence[Problem]:
        """Every problem of the queue, the archive, the config, the project's types and routes, or of these files alone."""
        from bmad_messenger.validation import validate

        return validate(self._store, self._outbox, self._make_check(), files)

    @cached_property
    def _outbox(self) -> Outbox:
        from bmad_messenger.outbox import Outbox

        return Outbox(self.project.root, self.config, self.types, self.routes)

    def _make_check(self) -> Check:
        from bmad_messenger.validation import stored_message_check

        return stored_message_check(self.types, self.routes, self.config)

    def _report(self, problem: Problem) -> None:
        if problem not in self._reported and self._pass_on is not None:
            self._reported.add(problem)
            self._pass_on(problem)

    def _waiting(self, wanted: Wanted) -> MessageList:
        view = self._current()
        return [view.message(index) for index in inbox.waiting(view, wanted, messages.now())]

    def _current(self) -> QueueView:
        """What the queue holds, after what is due was done: hand-typed messages adopted, expired ones closed."""
        view = self._store.view()
        expired = inbox.expired(view, messages.now())
        if not view.incomplete and not expired:
            return view
        try:
            if view.incomplete:
                self._adopt()
            self._close([view.head(index)["message_id"] for index in expired], Status.EXPIRED, None)
        except (LockTimeoutError, NotPermittedError) as error:  # a reader goes on with what can be read
            self._report(replace(error.problem, severity="warning"))
            return view
        return self._store.view()

    def _adopt(self) -> None:
        """Give the messages that were typed in by hand what they lack; they count as sent now."""

        def adopt(snapshot: Snapshot) -> Change[MessageList]:
            view, created = self._store.view(snapshot), messages.now()
            taken: set[str] = set()
            changes: dict[int, dict[str, Any]] = {}
            for index in sorted(view.incomplete):
                mapping = view.mapping(index)
                filled = {
                    "message_id": "",
                    "priority": self.types.default_priority(mapping["type"]).label,
                    "created": messages.format_time(created),
                    "status": Status.PENDING.value,
                }
                whole = Message.from_mapping({**filled, **mapping})
                filled["message_id"] = mapping.get("message_id") or self._store.free_id(whole, view, taken)
                taken.add(filled["message_id"])
                changes[index] = {key: value for key, value in filled.items() if key not in mapping}
            return replace(self._changed(view, changes, sorted(changes)), entered=tuple(taken))

        for message in self._store.queue.update(adopt):
            self._announce("after_send", message)

    def _after_plugins(self, message: Message, *, strict: bool) -> Message:
        """The message with what plugins add; one of them may refuse it."""
        before = message
        for name, answer, error in self.plugins.each("before_send", messenger=self, message=message):
            if error is not None:
                raise (
                    error
                    if isinstance(error, MessengerError)
                    else NotPermittedError(
                        f"the plugin {name!r} failed before the send: {error!r}", hint="mend it, or switch it off"
                    )
                )
            if answer is not None:
                message = answer
        if message == before:
            return message
        kept = ("message_id", "type", "from_agent", "to_agent", "to_agents")
        if any(getattr(message, field) != getattr(before, field) for field in kept):
            raise NotPermittedError(
                "a plugin changed the message's type, sender or recipients",
                hint="plugins may only add; mend the plugin",
            )
        self._outbox.check(message, strict=strict)
        return message

    def _answering(self, message: Message, view: QueueView) -> Message:
        """The message, its `reply_to` made a full id; the loop guard refuses one whose thread has grown too long."""
        if message.reply_to is None:
            return message
        reply_to = self._store.resolve(message.reply_to, view)
        thread = tuple(self._store.ancestors(reply_to, view))
        if len(thread) >= self.config.limits.thread_length:
            raise ThreadTooLongError(thread[-1].message_id, len(thread))
        return replace(message, reply_to=reply_to)

    def _prepare(self, drafts: Sequence[Draft], *, strict: bool) -> MessageList:
        """What `prepare` does; where the loop guard stops a thread, a human is asked, once."""
        try:
            return self.prepare(drafts, strict=strict)
        except ThreadTooLongError as error:
            sender = next(draft.from_agent for draft in drafts if draft.reply_to is not None)
            question = Draft(
                type="escalate",
                from_agent=sender,
                to_agent=USER,
                payload={
                    "issue": f"The thread of {error.root} has {error.length} messages and was stopped",
                    "severity": "blocker",
                    "recommendation": f"Read `bmad-messenger thread {error.root}` and decide how it goes on",
                },
                idempotency_key=f"thread-length:{error.root}",
            )
            view = self._current()
            if self._store.by_key(f"thread-length:{error.root}", view) is None:
                self._send(self.prepare([question]))
            raise

    def _send(self, prepared: Sequence[Message]) -> MessageList:
        from bmad_messenger.queue.edit import append

        if not self.project.queue.exists():
            self.init()
        new: MessageList = []

        def enqueue(snapshot: Snapshot) -> Change[MessageList]:
            view = self._store.view(snapshot)
            new.clear()
            sent: MessageList = []
            taken: set[str] = set()
            for message in prepared:
                first = self._sent_before(message, view, new)
                if first is None:
                    first = replace(message, message_id=self._store.free_id(message, view, taken))
                    new.append(first)
                    taken.add(first.message_id)
                sent.append(first)
            text = append(view.queue, [message.to_mapping() for message in new]) if new else None
            return Change(sent, text, entered=tuple(taken), is_clean=view.is_clean)

        sent = self._store.queue.update(enqueue)
        for message in new:
            self._announce("after_send", message)
        return sent

    def _sent_before(self, message: Message, view: QueueView, new: MessageList) -> Message | None:
        """The message that was sent with the same idempotency key."""
        key = message.idempotency_key
        if key is None:
            return None
        first = next((one for one in new if one.idempotency_key == key), None) or self._store.by_key(key, view)
        if first is None or all(getattr(first, field) == getattr(message, field) for field in _SAME):
            return first
        raise InvalidError(
            f"the idempotency key {key!r} was used for {first.message_id}, which says something else",
            hint="use a new key for a new message",
        )

    def _changed(
        self, view: QueueView, changes: Mapping[int, Mapping[str, Any]], indexes: Iterable[int]
    ) -> Change[MessageList]:
        """The change that sets keys of some messages; its result are the messages at `indexes` as they then are."""
        from bmad_messenger.queue.edit import change, merged

        result = [Message.from_mapping(merged(view.mapping(index), changes.get(index, {}))) for index in indexes]
        return Change(result, change(view.queue, changes) if changes else None, is_clean=view.is_clean)

    def _close(self, ids: Sequence[str], status: Status, note: str | None) -> MessageList:
        if not ids:
            return []
        from bmad_messenger.queue.edit import as_record, changed_item, merged, remove

        closed: MessageList = []

        def close(snapshot: Snapshot) -> Change[MessageList]:
            view = self._store.view(snapshot)
            changes = {"status": status.value, "closed": messages.format_time(messages.now())}
            if note is not None:
                changes["note"] = note
            closed.clear()
            leaving = []
            result: MessageList = []
            for message_id in ids:
                index = view.find(message_id)
                if index is None and not (message := self._store.get(message_id, view)).status.is_closed:
                    queue, at = self._store.archived_item(message_id), 0  # open, and lost from the queue
                elif index is None:
                    result.append(message)
                    continue
                else:
                    leaving.append(index)
                    queue, at = view.queue, index
                message = Message.from_mapping(merged(queue.parse_item(at).value[0], changes))
                self._before_close(message, as_record(changed_item(queue, at, changes), queue.margin))
                closed.append(message)
                result.append(message)
            left = tuple(message.message_id for message in closed)
            text = remove(view.queue, leaving) if leaving else None
            return Change(result, text, left=left, is_clean=view.is_clean)

        result = self._store.queue.update(close)
        for message in closed:
            self._announce("after_close", message)
        return result

    def _before_close(self, message: Message, record: str) -> None:
        """Let plugins refuse; the archive is one of them, and refuses where it can't be written."""
        for name, _, error in self.plugins.each("before_close", messenger=self, message=message, record=record):
            if isinstance(error, MessengerError):
                raise error
            if error is not None:
                raise NotPermittedError(
                    f"the plugin {name!r} failed before the close: {error!r}", hint="mend it, or switch it off"
                ) from error

    def _announce(self, hook: str, message: Message, **more: Any) -> None:
        """Tell plugins what has happened; what fails there is reported, and `sync` repeats it."""
        for name, _, error in self.plugins.each(hook, messenger=self, message=message, **more):
            if error is not None:
                self._report(_hook_failure(name, f"{hook} of {message.message_id}", error))


def _hook_failure(plugin: str, hook: str, error: Exception) -> Problem:
    return Problem(
        f"the plugin {plugin!r} failed in {hook}: {error}",
        "the message stands; `bmad-messenger sync` repeats what was missed",
        code="hook",
        severity="warning",
    )


def _worker() -> str:
    """Who takes a lease: what `BMAD_MESSENGER_WORKER` says, or host and process."""
    return os.environ.get("BMAD_MESSENGER_WORKER") or f"{socket.gethostname()}:{os.getpid()}"
