"""The changes that commands make to the queue: each under its lock, in one write."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bmad_messenger import inbox
from bmad_messenger import message as messages
from bmad_messenger.errors import DamagedError, InvalidError, MessengerError, UsageError
from bmad_messenger.inbox import Wanted
from bmad_messenger.message import Message, Priority, Status
from bmad_messenger.queue.edit import append, as_comment, as_record, change, changed_item, merged, remove
from bmad_messenger.queue.file import Change, Snapshot, host_name
from bmad_messenger.queue.view import QueueView
from bmad_messenger.store import Store, is_other, unmarked

Leaving = Sequence[tuple[Message, str]]
"""Messages in their final state, each with its text as a document of its own."""

_SAME: Final = ("type", "from_agent", "to_agent", "to_agents", "priority", "route", "reply_to", "payload")
"""What makes two messages the same thing sent twice; not `expires`, which is often given as so long from now."""

_UNREADABLE: Final = "It stood in the queue like this, and could not be read:"


@dataclass(frozen=True, slots=True)
class Effect:
    """What came of a change: the messages that were asked for, and those of them that it is news for."""

    messages: list[Message]
    fresh: list[Message]


def enqueue(store: Store, prepared: Sequence[Message]) -> tuple[Effect, bool]:
    """Append messages that have no ids yet; one that was sent before under its idempotency key is not sent again.

    Returns:
        The messages as they stand in the queue, and whether others of the queue are due: typed in by hand, or ended.

    Raises:
        InvalidError: where an idempotency key was used for something else; nothing is sent then.
    """

    def edit(snapshot: Snapshot) -> Change[tuple[Effect, bool]]:
        view = store.view(snapshot)
        sent: list[Message] = []
        new: list[Message] = []
        taken: set[str] = set()
        for message in prepared:
            first = _sent_before(store, message, view, new)
            if first is None:
                first = replace(message, message_id=store.free_id(message, view, taken))
                new.append(first)
                taken.add(first.message_id)
            sent.append(first)
        is_due = bool(view.incomplete or inbox.ended(view, messages.now()))
        text = append(view.queue, [message.to_mapping() for message in new]) if new else None
        return Change((Effect(sent, new), is_due), text, entered=tuple(taken), is_clean=view.is_clean)

    return store.queue.update(edit)


def adopt(store: Store, priority_of: Callable[[str], Priority]) -> list[Message]:
    """Give the messages that were typed in by hand what they lack; they count as sent now.

    Args:
        store: the messages.
        priority_of: the priority that a type has by default.

    Returns:
        The messages that were adopted.
    """

    def edit(snapshot: Snapshot) -> Change[list[Message]]:
        view, created = store.view(snapshot), messages.now()
        retyped = store.retyped(view)
        taken: set[str] = set()
        changes: dict[int, dict[str, Any]] = {}
        for index in sorted(view.incomplete):
            mapping = view.mapping(index)
            filled = {
                "message_id": "",
                "priority": priority_of(mapping["type"]).label,
                "created": messages.format_time(created),
                "status": Status.PENDING.value,
            }
            if index in retyped:
                filled |= {key: value for key, value in retyped[index].to_mapping().items() if key in filled}
            whole = Message.from_mapping({**filled, **mapping})
            digits = messages.typed_digits(mapping)  # whoever gets the text from git may adopt it too
            filled["message_id"] = whole.message_id or store.free_id(whole, view, taken, digits)
            missing = {key: value for key, value in filled.items() if key not in mapping}
            try:
                changed_item(view.queue, index, missing)
            except DamagedError as error:  # the others are adopted all the same
                store.report(error.problem)
                continue
            taken.add(filled["message_id"])
            changes[index] = missing
        return replace(_changed(view, changes, sorted(changes)), entered=tuple(taken))

    return store.queue.update(edit)


def lease(store: Store, wanted: Wanted, seconds: float) -> list[Message]:
    """Take what waits for an agent for at least so many seconds; returns the messages as they then are."""

    def edit(snapshot: Snapshot) -> Change[list[Message]]:
        view, now = store.view(snapshot), messages.now()
        found = inbox.waiting(view, wanted, now)
        leases = {index: inbox.leasing(view.mapping(index), _worker(), seconds, now) for index in found}
        return _changed(view, {index: lease for index, lease in leases.items() if lease}, found)

    return store.queue.update(edit)


def mark_read(store: Store, agent: str, names: Sequence[str], roster: Collection[str]) -> Effect:
    """Record that an agent has read messages; one that was closed meanwhile is returned as the archive has it.

    Raises:
        NotFoundError: where one does not exist.
        UsageError: where one is not for this agent; nothing is marked then.
    """

    def edit(snapshot: Snapshot) -> Change[Effect]:
        view, now = store.view(snapshot), messages.now()
        ids = [store.resolve(name, view) for name in names]
        indexes = {message_id: index for message_id in ids if (index := view.find(message_id)) is not None}
        changes: dict[int, dict[str, Any]] = {}
        for message_id, index in indexes.items():
            mapping = view.mapping(index)
            if not inbox.is_to(mapping, agent):
                raise UsageError(f"{message_id} is not for {agent}", hint="only who receives a message reads it")
            if marks := inbox.reading(mapping, agent, roster, now):
                changes[index] = marks
        changed = _changed(view, changes, indexes.values())
        open_ones = {message.message_id: message for message in changed.result}
        marked = [open_ones.get(message_id) or store.get(message_id, view) for message_id in ids]
        fresh = [message for message in changed.result if indexes[message.message_id] in changes]
        read = {message_id: changes[index]["read_by"] for message_id, index in indexes.items() if index in changes}
        return Change(Effect(marked, fresh), changed.text, read=read, is_clean=changed.is_clean)

    return store.queue.update(edit)


def close(store: Store, ids: Sequence[str], status: Status, note: str | None, ask: Callable[[Leaving], None]) -> Effect:
    """Take messages out of the queue; one that is closed already is returned as it is.

    One that is invalid can only be cancelled: its record, as it was sent, is closed, and keeps its text as a comment.

    Args:
        store: the messages.
        ids: their full ids.
        status: how they end.
        note: a word on that.
        ask: is given what is about to leave, under the lock, and may raise to prevent it.

    Raises:
        NotFoundError: where one does not exist.
        InvalidError: where one was closed otherwise before.
    """

    def edit(snapshot: Snapshot) -> Change[Effect]:
        view = store.view(snapshot)
        final: dict[str, Any] = {"status": status.value, "closed": messages.format_time(messages.now())}
        if note is not None:
            final["note"] = note
        readings = {} if view.is_clean else store.queue.journal.readings()
        result: list[Message] = []
        leaving: list[tuple[Message, str]] = []
        indexes: list[int] = []
        for message_id in ids:
            index, remark = view.find(message_id), ""
            if index is not None:
                _require_own_record(store, message_id, view, index)
                indexes.append(index)
                queue, at = view.queue, index
            elif status is Status.CANCELLED and (broken := _broken(store, message_id, view)) is not None:
                indexes.append(broken)
                remark = as_comment(view.queue.item(broken), _UNREADABLE)
                queue, at = store.archived_item(message_id), 0
            else:
                archived = store.get(message_id, view)
                if archived.status.is_closed:
                    _require(archived, status)
                    result.append(archived)
                    continue
                queue, at = store.archived_item(message_id), 0  # open, and lost from the queue
            mapping = queue.parse_item(at).value[0]
            lost = unmarked(mapping, readings.get(message_id, {}))
            changes = final | ({"read_by": lost} if lost else {})
            message = Message.from_mapping(merged(mapping, changes))
            leaving.append((message, as_record(changed_item(queue, at, changes), queue.margin) + remark))
            result.append(message)
        text = remove(view.queue, indexes) if indexes else None
        ask(leaving)
        closed = [message for message, _ in leaving]
        left = tuple(message.message_id for message in closed)
        return Change(Effect(result, closed), text, left=left, is_clean=view.is_clean)

    return store.queue.update(edit)


def _require_own_record(store: Store, message_id: str, view: QueueView, index: int) -> None:
    """Refuse to close a message in whose place the archive has another one."""
    try:
        record = store.archive.read(message_id)
    except MessengerError:  # it is not known what it was; `validate` tells why
        return
    if record is not None and is_other(view, index, record):
        raise InvalidError(
            f"the archive has another message as {message_id}",
            hint="`bmad-messenger sync` gives the one in the queue an id of its own",
            path=store.archive.name_of(message_id),
        )


def _broken(store: Store, message_id: str, view: QueueView) -> int | None:
    """Where an invalid message stands whose record, as it was sent, can be closed in its place."""
    index = store.unreadable(message_id, view)
    archived = store.archive.read(message_id) if index is not None else None
    return None if archived is None or archived.status.is_closed else index


def _require(closed: Message, status: Status) -> None:
    if status not in (closed.status, Status.EXPIRED):  # what expires may have been closed just now, in any way
        raise InvalidError(
            f"{closed.message_id} is {closed.status.value} already",
            hint=f"`bmad-messenger show {closed.message_id}` tells more",
        )


def _sent_before(store: Store, message: Message, view: QueueView, new: Sequence[Message]) -> Message | None:
    """The message that was sent with the same idempotency key."""
    key = message.idempotency_key
    if key is None:
        return None
    first = next((one for one in new if one.idempotency_key == key), None) or store.by_key(key, view)
    if first is None or all(getattr(first, field) == getattr(message, field) for field in _SAME):
        return first
    raise InvalidError(
        f"the idempotency key {key!r} was used for {first.message_id}, which says something else",
        hint="use a new key for a new message",
    )


def _changed(
    view: QueueView, changes: Mapping[int, Mapping[str, Any]], indexes: Iterable[int]
) -> Change[list[Message]]:
    """The change that sets keys of some messages; its result are the messages at `indexes` as they then are."""
    result = [Message.from_mapping(merged(view.mapping(index), changes.get(index, {}))) for index in indexes]
    return Change(result, change(view.queue, changes) if changes else None, is_clean=view.is_clean)


def _worker() -> str:
    """Who takes a lease: what `BMAD_MESSENGER_WORKER` says, or host and process."""
    return os.environ.get("BMAD_MESSENGER_WORKER") or f"{host_name()}:{os.getpid()}"
