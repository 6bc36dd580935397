"""The messenger of one project: send, receive, reply, close, sync. The only place where the parts meet."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bmad_messenger import inbox
from bmad_messenger import message as messages
from bmad_messenger.config import Project, find_project
from bmad_messenger.errors import MessengerError, Problem, ThreadTooLongError, UsageError, WaitTimeoutError
from bmad_messenger.inbox import Wanted
from bmad_messenger.message import Draft, Message, Priority, Status
from bmad_messenger.queue.view import Check, QueueView
from bmad_messenger.settings import load_config
from bmad_messenger.store import Store

if TYPE_CHECKING:
    from bmad_messenger.archive import Archive
    from bmad_messenger.message_types import MessageTypes
    from bmad_messenger.outbox import Outbox
    from bmad_messenger.plugins.loading import Plugins
    from bmad_messenger.routes import Routes

MessageList = list[Message]
"""The class below has a method called `list`."""

_LONGEST_LEASE: Final = 366 * 24 * 3600  # seconds


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
        self.store = Store(project, self.config, flavour, self._make_check, self._report)

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
        return self.store.archive

    @cached_property
    def plugins(self) -> Plugins:
        """The plugins that are installed and switched on."""
        from bmad_messenger.plugins.loading import Plugins

        return Plugins(self.config.disabled_plugins)

    @cached_property
    def types(self) -> MessageTypes:
        """The message types: the reference's, those of plugins, those of the project."""
        from bmad_messenger.message_types import MessageTypes
        from bmad_messenger.plugins.additions import added_types

        return MessageTypes.load(self.project, added_types(self.plugins))

    @cached_property
    def routes(self) -> Routes:
        """The routes: the reference's, those of plugins, those of the project's config."""
        from bmad_messenger.plugins.additions import added_routes
        from bmad_messenger.routes import Routes

        return Routes.load(added_routes(self.plugins, self.config.agents), self.config.extra_routes)

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
        expires: datetime | str | None = None,
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
            expires: when it loses its meaning, UTC; or so long from now, as in `2d`.
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
        from bmad_messenger.outbox import priority_of, time_of

        draft = Draft(
            type=type,
            from_agent=from_agent,
            to_agent=to_agent,
            to_agents=to_agents if to_agents is None or isinstance(to_agents, str) else tuple(to_agents),
            payload=payload or {},
            priority=priority_of(priority),
            route=route,
            reply_to=reply_to,
            expires=time_of(expires),
            idempotency_key=idempotency_key,
        )
        prepared = self._prepare([draft], strict=strict)
        if len(prepared) > 1:
            raise UsageError(f"{route!r} stands for several routes", hint="name one of them, or use send_many")
        return self._send(prepared)[0]

    def send_many(self, drafts: Sequence[Draft], *, strict: bool = False) -> MessageList:
        """Send several messages under one lock, in one write: all of them, or none.

        Raises and returns what `send` does, for each draft in turn; one whose route is a trigger gives several.
        """
        return self._send(self._prepare(drafts, strict=strict))

    def prepare(self, drafts: Sequence[Draft], *, strict: bool = False) -> MessageList:
        """The messages that these drafts would become, checked by every rule, and not sent; their ids are empty."""
        created = messages.now()
        prepared = [message for draft in drafts for message in self._outbox.compose(draft, created)]
        if any(message.reply_to is not None for message in prepared):
            from bmad_messenger.loop_guard import answering

            view, limit = self._current(), self.config.limits.thread_length
            prepared = [answering(message, self.store, view, limit) for message in prepared]
        for message in prepared:
            for problem in self._outbox.check(message, strict=strict):
                self._report(problem)
        return [self._completed(message, strict=strict) for message in prepared]

    def receive(
        self,
        agent: str,
        *,
        type_filter: str | None = None,
        priority: Priority | str | None = None,
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
        found = self._waiting(self._wanted(agent, type_filter, priority, limit))
        return found if peek or not found else self.mark_read(agent, [message.message_id for message in found])

    def claim(
        self,
        agent: str,
        seconds: float,
        *,
        type_filter: str | None = None,
        priority: Priority | str | None = None,
        limit: int | None = None,
    ) -> MessageList:
        """Like `receive`, but takes a lease: nobody else receives the messages for at least so many seconds.

        A message that is not closed by then waits again. The messages are not marked read; `mark_read` does that once
        they are in safe hands. One that goes to several agents is not leased: each has its own copy.
        """
        if not 0 < seconds <= _LONGEST_LEASE:
            hint = "give the time that the work takes, at most a year"
            raise UsageError(f"a lease can't last {seconds:g} seconds", hint=hint)
        wanted = self._wanted(agent, type_filter, priority, limit)
        if not self._waiting(wanted):
            return []
        from bmad_messenger.transactions import lease

        return lease(self.store, wanted, seconds)

    def mark_read(self, agent: str, message_ids: Iterable[str]) -> MessageList:
        """Record that an agent has read these messages; returns them as they now are.

        A message to several agents turns `read` when its last recipient has read it. One that was closed meanwhile is
        returned as the archive has it.

        Raises:
            NotFoundError: where one does not exist.
            UsageError: where one is not for this agent; nothing is marked then.
        """
        from bmad_messenger.transactions import mark_read

        roster = self.config.agents
        marked = mark_read(self.store, self.config.require_agent(agent), list(message_ids), roster)
        self._tell("after_read", marked.fresh, agent=agent)
        return marked.messages

    def wait(
        self,
        agent: str,
        seconds: float,
        *,
        type_filter: str | None = None,
        priority: Priority | str | None = None,
        limit: int | None = None,
    ) -> MessageList:
        """What waits for an agent, as soon as there is something; nothing is marked.

        Raises:
            WaitTimeoutError: where nothing came in so many seconds.
        """
        from bmad_messenger.files import make_folder, refusals
        from bmad_messenger.watching import changes

        wanted = self._wanted(agent, type_filter, priority, limit)
        with refusals("write", self.project.name(self.project.folder)):
            make_folder(self.project.folder)
        for _ in changes(self.project.folder, time.monotonic() + seconds):
            if found := self._waiting(wanted):
                return found
        raise WaitTimeoutError(f"nothing came for {agent} in {seconds:.3g} s", hint="wait longer, or go on without")

    def reply(
        self,
        message_id: str,
        payload: Mapping[str, Any] | str,
        *,
        from_agent: str | None = None,
        type: str = "notify",
        priority: Priority | str | None = None,
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
            UsageError: where `status` is that of an open message.
            NotFoundError: where one does not exist; then none is closed.
            InvalidError: where one was closed otherwise before, or the note is no text; then none is closed.
        """
        if not status.is_closed:
            raise UsageError(f"a message can't be closed as {status.value}", hint="close it as done or cancelled")
        if note is not None:
            from bmad_messenger.outbox import plain_note

            note = plain_note(note, self.config.limits.payload_bytes)
        view = self._current()
        return self._close([*dict.fromkeys(self.store.resolve(name, view) for name in message_ids)], status, note)

    def list(
        self,
        *,
        agent: str | None = None,
        type: str | None = None,
        status: Status | str | None = None,
        priority: Priority | str | None = None,
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
        from bmad_messenger.listing import listed

        wanted: dict[str, Any] = {"type": type, "status": status, "priority": priority, "route": route}
        return listed(self, self.store, self._current, agent=agent, **wanted)

    def get(self, message_id: str) -> Message:
        """The message with this id, or with an id that it begins or ends; from the queue, or else the archive.

        Raises:
            NotFoundError: where there is none, or more than one.
            InvalidError: where it stands in the queue and is invalid.
        """
        view = self._current()
        return self.store.get(self.store.resolve(message_id, view), view)

    def thread(self, message_id: str) -> MessageList:
        """The message, what it answers and what answers it, all the way, oldest first."""
        view = self._current()
        return self.store.thread(self.store.resolve(message_id, view), view)

    def carry_out(self) -> MessageList:
        """Adopt the messages that were typed in, close those that a hand-written status or their `expires` ends.

        Every other method does that before its own work. Returns the messages as they then are.
        """
        from bmad_messenger.transactions import adopt

        done = adopt(self.store, self.types.default_priority) if self.store.view().incomplete else []
        self._tell("after_send", done)
        for status, ids in inbox.ended(self.store.view(), messages.now()).items():
            done += self._close(ids, status, None)
        return done

    def sync(self, *, restore: bool = False, rebuild: bool = False) -> Sequence[str]:
        """Settle queue and archive, and let plugins make good what they missed.

        Messages that the archive has as closed leave the queue, and open ones that come from other clones enter it.
        What a crash left half-done is finished.

        Args:
            restore: also bring back what somebody took from the queue by hand: open messages, and that they were read.
            rebuild: also let plugins that keep copies make them anew, as `btmsg` does.

        Returns:
            What was done, a sentence each.
        """
        from bmad_messenger.plugins.calling import after
        from bmad_messenger.settling import settle

        self._current()
        done = settle(self.store, self.config.agents, restore=restore) if "archive" in self.plugins else []
        view = self._current()
        found = [view.message(index) for index in view.valid()]
        answers = after(self.plugins, "sync", self._report, messenger=self, messages=found, rebuild=rebuild)
        return [*done, *(line for answer in answers for line in answer or ())]

    def validate(self, files: Sequence[Path] = ()) -> Sequence[Problem]:
        """Every problem of the project's files (queue, archive, config, types, routes), or of these files alone."""
        from bmad_messenger.validation import validate

        return validate(self.store, self._outbox, self._make_check(), files)

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

    def _wanted(self, agent: str, type: str | None, priority: Priority | str | None, limit: int | None) -> Wanted:
        if isinstance(priority, str):
            from bmad_messenger.outbox import priority_of

            priority = priority_of(priority)
        return Wanted(self.config.require_agent(agent), type, priority, limit)

    def _waiting(self, wanted: Wanted) -> MessageList:
        view = self._current()
        found = [view.message(index) for index in inbox.waiting(view, wanted, messages.now())]
        if found:
            from bmad_messenger.plugins.calling import before_receive

            if before_receive(self.plugins, self, wanted.agent, found, self._report):
                return self._waiting(wanted)
        elif wanted.type is not None and wanted.type not in messages.SHIPPED_TYPES:
            self.types.schema_of(wanted.type)  # one that does not exist would look like an empty inbox
        return found

    def _current(self) -> QueueView:
        """What the queue holds, after what is due was done: hand-typed messages adopted, ended ones closed."""
        view = self.store.view()
        if view.incomplete or inbox.ended(view, messages.now()):
            try:
                self.carry_out()
            except MessengerError as error:  # a reader goes on with what can be read
                self._report(error.problem._replace(severity="warning"))
            view = self.store.view()
        return view

    def _completed(self, message: Message, *, strict: bool) -> Message:
        """The message with what plugins add; one of them may refuse it."""
        from bmad_messenger.plugins.calling import before_send

        completed = before_send(self.plugins, self, message)
        if completed != message:
            for problem in self._outbox.check(completed, strict=strict):
                self._report(problem)
        return completed

    def _prepare(self, drafts: Sequence[Draft], *, strict: bool) -> MessageList:
        """What `prepare` does; where the loop guard stops a thread, a human is asked, once."""
        try:
            return self.prepare(drafts, strict=strict)
        except ThreadTooLongError as error:
            from bmad_messenger.loop_guard import question

            try:
                self._send(self.prepare(question(error, self.store, self._current())))
            except MessengerError as failure:  # what stopped the thread is the error to raise
                self._report(failure.problem._replace(severity="warning"))
                raise error.unasked() from failure
            raise

    def _send(self, prepared: Sequence[Message]) -> MessageList:
        if not prepared:
            return []
        from bmad_messenger.transactions import enqueue

        if not os.path.exists(self.project.queue):
            self.init()
        sent, is_due = enqueue(self.store, prepared)
        self._tell("after_send", sent.fresh)
        if is_due:
            self._current()
        return sent.messages

    def _close(self, ids: Sequence[str], status: Status, note: str | None) -> MessageList:
        if not ids:
            return []
        from bmad_messenger.plugins.calling import before_close
        from bmad_messenger.transactions import close

        closed = close(self.store, ids, status, note, lambda leaving: before_close(self.plugins, self, leaving))
        self._tell("after_close", closed.fresh)
        return closed.messages

    def _tell(self, hook: str, changed: Sequence[Message], **arguments: Any) -> None:
        """Tell plugins what has happened; what fails there is reported, and `sync` repeats it."""
        if changed:
            from bmad_messenger.plugins.calling import after_each

            after_each(self.plugins, hook, self._report, self, changed, **arguments)
