"""The end of an edit: the merge with what came meanwhile, the save, and what the text asks for beyond that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from bmad_messenger.editing.document import put_back, taken_out, texts_of, values_of, without
from bmad_messenger.editing.draft import Draft
from bmad_messenger.errors import DamagedError, InvalidError, MessengerError, NotFoundError
from bmad_messenger.merge import Merged, merge_queues
from bmad_messenger.message import Message, Status
from bmad_messenger.messenger import Messenger
from bmad_messenger.queue.file import Change, Snapshot
from bmad_messenger.store import OWN_ID, Store, says_the_same

NOTE: Final = "deleted while editing"
_LABELS: Final = ("in the queue now", "in your copy")


class Conflicted(Exception):
    """Both sides changed one thing, each in its own way.

    `now` is what the queue holds, `merged` the text with the conflicts marked in it. `late` are the messages that were
    closed meanwhile, and how; what was changed in them is not in the text.
    """

    def __init__(self, now: str, merged: Merged, late: Mapping[str, Status]) -> None:
        super().__init__()
        self.now, self.merged, self.late = now, merged, late


@dataclass(frozen=True, slots=True)
class Saved:
    """What is to be said of a save: notes of the merge, what came too late, and the ids that the queue then held."""

    notes: tuple[str, ...] = ()
    late: Mapping[str, Status] = field(default_factory=dict)
    ids: frozenset[str] = frozenset()


def save(messenger: Messenger, draft: Draft, text: str) -> Saved:
    """Put a text into the queue, merged with what came meanwhile.

    Raises:
        Conflicted: where both sides changed one thing; nothing is written then.
        InvalidError: where the one message that the draft is of was closed meanwhile.
        DamagedError: where the two can't be merged.
    """

    def change(snapshot: Snapshot) -> Change[Saved]:
        whole, notes, late = merged(messenger, snapshot, draft, text)
        return Change(Saved(notes, late, frozenset(shown(whole))), whole)

    return messenger.store.queue.update(change)


def merged(
    messenger: Messenger, snapshot: Snapshot, draft: Draft, text: str
) -> tuple[str, tuple[str, ...], Mapping[str, Status]]:
    """The queue with a text in it, what is to be said of that, and what came too late; raises what `save` does."""
    message_id, store = draft.message_id, messenger.store
    view = None if message_id is None else store.view(snapshot)
    now = snapshot.text if view is None or message_id is None else taken_out(store, view, message_id)
    closed = {} if now == draft.base else _closed_meanwhile(store, draft.base, now)
    theirs = without(text, closed) if closed else text
    agents = messenger.config.agents
    found = merge_queues(draft.base, now, theirs, labels=_LABELS, path=draft.name, roster=agents)
    before, after = shown(draft.base), shown(text)
    late = {one: status for one, status in closed.items() if after.get(one, before[one]) != before[one]}
    if found.conflicts:
        raise Conflicted(now, found, late)
    if view is None or message_id is None:
        return found.text, found.notes, late
    return put_back(store, view, message_id, found.text), found.notes, late


def cancelled(messenger: Messenger, ids: Iterable[str]) -> list[Message]:
    """Cancel those of these messages that are open and can be; returns them."""
    closed: list[Message] = []
    for message_id in ids:
        with suppress(InvalidError, NotFoundError):  # invalid, closed meanwhile, or never sent
            closed += messenger.close(message_id, status=Status.CANCELLED, note=NOTE)
    return closed


def carried_out(messenger: Messenger) -> list[Message]:
    """Do what a saved text asks for by messages that were typed in or a status that was written; returns those."""
    try:
        return messenger.carry_out()
    except MessengerError as error:  # the next command does it, or says the same
        messenger.store.report(error.problem._replace(severity="warning"))
        return []


def added(store: Store, text: str, old: Collection[str]) -> Iterator[Message]:
    """The messages that are new in a text, as they now stand in the queue; `old` are ids that are not new there.

    One that was typed in has its id by now, from this process or from another.
    """
    view = store.view()
    fresh = [view.message(index) for one, index in view.ids().items() if one not in old]
    for typed in values_of(text):
        own = typed.get("message_id")
        found = next((one for one in fresh if one.message_id == own or says_the_same(typed, one)), None)
        if found is not None:
            fresh.remove(found)
            yield found


def shown(text: str) -> Mapping[str, str]:
    """The texts of a queue's messages by id; where their borders can't be told, the ids alone."""
    try:
        return texts_of(text)
    except DamagedError:
        return {found[1]: "" for found in OWN_ID.finditer(text)}


def _closed_meanwhile(store: Store, base: str, now: str) -> dict[str, Status]:
    """The messages that were closed since a draft began with `base`, and how."""
    here = shown(now)
    archived = ((one, _archived(store, one)) for one in shown(base) if one not in here)
    return {one: message.status for one, message in archived if message is not None and message.status.is_closed}


def _archived(store: Store, message_id: str) -> Message | None:
    try:
        return store.archive.read(message_id)
    except MessengerError:  # `validate` tells what is wrong with it
        return None
