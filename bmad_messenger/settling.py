"""Brings queue and archive into agreement: the archive decides what is closed, the queue holds what is open."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from bmad_messenger.files import refusals, sweep
from bmad_messenger.inbox import is_to, marked
from bmad_messenger.merge.identity import longer_id
from bmad_messenger.message import SUFFIX_LENGTH, Message
from bmad_messenger.queue.edit import append_rendered, as_comment, as_item, as_record, change, changed_item, remove
from bmad_messenger.queue.file import Change, Snapshot
from bmad_messenger.queue.text import QueueText, scan
from bmad_messenger.queue.view import QueueView
from bmad_messenger.store import Store, is_other, unmarked
from bmad_messenger.yaml.render import render_mapping

_WRITTEN: Final = ("type", "from_agent", "to_agent", "to_agents", "created")
"""What tells a message from another of its id: who sent it to whom, and when."""

_NOT_TEXT: Final = (
    *("message_id", "created", "reply_to"),  # which settling and adopting set
    *("status", "read_by", "claimed_by", "claimed_until", "closed"),
)
"""The keys that commands set; every other holds what somebody wrote."""

_OTHERWISE: Final = "When it was closed, another queue had it otherwise in this:"
_WITH_TEXT: Final = ", with another text: kept as a comment in its record"

Twins = Mapping[str, tuple[Message, Message]]
"""Two messages that were given one id, by that id: the one that kept it, and the one that has a longer one."""


def settle(store: Store, roster: Collection[str], *, restore: bool) -> list[str]:
    """Settle queue and archive under the lock.

    Args:
        store: the messages.
        roster: the agents that `to_agents: all` stands for.
        restore: whether what this clone's queue held and lost comes back: open messages, and that they were read.

    Returns:
        What was done, a sentence each.
    """

    def agree(snapshot: Snapshot) -> Change[list[str]]:
        view = store.view(snapshot)
        ids = view.ids() | {view.head(index)["message_id"]: index for index in view.closed}
        archived = list(store.archived())
        renamed = _renamed(view, ids, archived)
        queue = view.queue
        changes = {ids[old]: {"message_id": new} for old, new in renamed.items()}
        twins = _twins(archived)
        replies = _replies(twins, [view.message(index) for index in ids.values()] if twins else [])
        for reply, answered in replies.items():
            changes.setdefault(ids[reply], {})["reply_to"] = answered
        again = store.turned_back(view) if restore else {}
        for name, times in again.items():
            marks = marked(view.mapping(ids[name]), times, roster)
            changes[ids[name]] = {**changes.get(ids[name], {}), **marks}
        if changes:
            queue = scan(change(queue, changes), store.queue.name)
        records = _replies(twins, archived)
        for reply, answered in records.items():
            record = changed_item(store.archived_item(reply), 0, {"reply_to": answered})
            store.archive.rewrite(reply, as_record(record, 2))
        ids = {renamed.get(one, one): index for one, index in ids.items()}
        held = store.queue.journal.held() - renamed.keys()
        closed = {one.message_id: one for one in archived if one.status.is_closed and one.message_id in ids}
        readings = _readings(store, view, ids, renamed, twins)
        finished = [one for one in archived if one.status.is_closed and one.message_id in readings]
        added = {one.message_id: _record_readings(store, one, readings[one.message_id]) for one in finished}
        kept = {one for one, record in closed.items() if _record_text(store, view.message(ids[one]), record)}
        absent = [one for one in archived if not one.status.is_closed and view.lacks(one.message_id, ids)]
        entering = sorted(
            (message for message in absent if restore or message.message_id not in held),
            key=lambda message: message.created,
        )
        text = remove(queue, [ids[one] for one in closed])
        if entering:
            queue = scan(text, store.queue.name)
            text = append_rendered(queue, [_item(store, message, queue.margin) for message in entering])
            text = _as_read(scan(text, store.queue.name), entering, readings, roster)
        done = [f"renamed {old} to {new}: the archive has another message as {old}" for old, new in renamed.items()]
        done += [f"made {reply} the reply to {new} that it was sent as" for reply, new in (records | replies).items()]
        done += [f"marked {one} as read by {', '.join(readers)} again" for one, readers in again.items()]
        done += [f"added to {one} in the archive that {', '.join(new)} read it" for one, new in added.items() if new]
        done += [
            f"took {one} from the queue: the archive has it closed{_WITH_TEXT if one in kept else ''}" for one in closed
        ]
        done += [
            f"brought {message.message_id} back into the queue"
            if message.message_id in held
            else f"took {message.message_id} into the queue from the archive"
            for message in entering
        ]
        text_after = text if done else None
        if view.invalid:
            done.append(f"left {len(view.invalid)} unreadable in the queue: `bmad-messenger validate` says why")
        entered = (*renamed.values(), *(message.message_id for message in entering))
        is_clean = view.is_clean and not entered  # what others wrote has to be checked first
        read = {new: readings[new] for new in renamed.values() if new in readings}
        return Change(done, text_after, entered=entered, left=tuple(closed), read=read, is_clean=is_clean)

    done = store.queue.update(agree)
    with store.queue.locked(), refusals("clear", store.project.name(store.project.folder)):
        done += [f"removed the leftover {store.project.name(path)}" for path in sweep(store.project.folder)]
        store.queue.journal.compact()
    return done


def _readings(
    store: Store, view: QueueView, ids: Mapping[str, int], renamed: Mapping[str, str], twins: Twins
) -> dict[str, dict[str, str]]:
    """Who has read which message, as the queue has it, or a command of this clone knows where an id means just one."""
    readings: dict[str, dict[str, str]] = {}
    for name, times in store.queue.journal.readings().items():
        for agent, time in times.items():
            both = twins.get(name, ()) if name not in renamed else ()
            owners = [one.message_id for one in both if is_to(one.to_mapping(), agent)] or [renamed.get(name, name)]
            if len(owners) == 1:
                readings.setdefault(owners[0], {})[agent] = time
    for name, index in ids.items():
        if readers := view.head(index).get("read_by"):
            readings.setdefault(name, {}).update(readers)
    return readings


def _record_readings(store: Store, message: Message, readings: Mapping[str, str]) -> list[str]:
    """Add to a closed message's record who has read it besides; returns them."""
    new = unmarked(message.to_mapping(), readings)
    if new:
        record = changed_item(store.archived_item(message.message_id), 0, {"read_by": new})
        store.archive.rewrite(message.message_id, as_record(record, 2))
    return [*new]


def _record_text(store: Store, queued: Message, closed: Message) -> bool:
    """Keep in a closed message's record what the queue has otherwise in its text; whether it has anything."""
    said = closed.to_mapping()
    text = {
        key: value
        for key, value in queued.to_mapping().items()
        if key not in _NOT_TEXT and (key not in said or said[key] != value)
    }
    if not text:
        return False
    comment = as_comment("\n".join(render_mapping(text, 1)), _OTHERWISE)
    record = store.archive.text(closed.message_id) or ""
    if comment not in record.replace("\r\n", "\n"):
        end = "" if record.endswith("\n") else "\n"
        store.archive.rewrite(closed.message_id, f"{record}{end}{comment}")
    return True


def _as_read(
    queue: QueueText,
    entered: Sequence[Message],
    readings: Mapping[str, Mapping[str, str]],
    roster: Collection[str],
) -> str:
    """The queue with the messages that have entered it, its last ones, marked as read by those who had read them."""
    changes = {}
    for index, message in enumerate(entered, len(queue) - len(entered)):
        mapping = message.to_mapping()
        if lost := unmarked(mapping, readings.get(message.message_id, {})):
            changes[index] = marked(mapping, lost, roster)
    return change(queue, changes) if changes else queue.text


def _renamed(view: QueueView, ids: Mapping[str, int], archived: Sequence[Message]) -> dict[str, str]:
    """The longer ids that messages of the queue have in the archive, by their ids in the queue.

    Where two clones gave one id to two messages, the one that came second is in the archive under a longer one, or is
    not there yet.
    """
    first = {message.message_id: message for message in archived}
    renamed = {
        name: longer_id(name, view.mapping(index), {*first, *ids})
        for name, index in ids.items()
        if name in first and is_other(view, index, first[name])
    }
    for second in archived:
        old = next((one for one in ids if second.message_id.startswith(one)), None) if _is_long(second) else None
        if old is not None and second.message_id not in ids and old in first:
            queued = view.message(ids[old])
            if _likeness(queued, second) > _likeness(queued, first[old]):
                renamed[old] = second.message_id
    return renamed


def _twins(archived: Sequence[Message]) -> Twins:
    """The messages of which two were given one id."""
    by_id = {message.message_id: message for message in archived}
    pairs = ((by_id.get(_short(message)), message) for message in archived if _is_long(message))
    return {first.message_id: (first, second) for first, second in pairs if first is not None}


def _replies(twins: Twins, replies: Sequence[Message]) -> dict[str, str]:
    """The longer ids of what messages answer, by theirs: of those that can't answer the one with the shorter id."""
    found = {}
    for reply in replies:
        first, second = twins.get(reply.reply_to or "", (None, None))
        if first and second and _may_answer(reply, second) and not _may_answer(reply, first):
            found[reply.message_id] = second.message_id
    return found


def _may_answer(reply: Message, message: Message) -> bool:
    """Whether one who had this message can have answered it thus."""
    return (
        reply.to_agent == message.from_agent
        and message.to_agent in (None, reply.from_agent)
        and message.created <= reply.created
    )


def _is_long(message: Message) -> bool:
    return message.message_id != _short(message)


def _short(message: Message) -> str:
    """The id that a message had, or would have had, before its collision with another."""
    stem, _, digits = message.message_id.rpartition("-")
    return f"{stem}-{digits[:SUFFIX_LENGTH]}"


def _likeness(one: Message, other: Message) -> int:
    """How surely two are the same message, whatever became of it: its payload may have been reworded by hand."""
    if any(getattr(one, field) != getattr(other, field) for field in _WRITTEN):
        return 0
    return 1 + (one.payload == other.payload)


def _item(store: Store, message: Message, margin: int) -> str:
    return as_item(store.archive.text(message.message_id) or "", message.to_mapping(), margin)
