"""Brings queue and archive into agreement: the archive decides what is closed, the queue holds what is open."""

from __future__ import annotations

from bmad_messenger.files import refusals, sweep
from bmad_messenger.message import Message
from bmad_messenger.queue.edit import append_rendered, as_item, remove
from bmad_messenger.queue.file import Change, Snapshot
from bmad_messenger.queue.text import scan
from bmad_messenger.store import Store


def settle(store: Store, *, restore: bool) -> list[str]:
    """Settle queue and archive under the lock.

    Args:
        store: the messages.
        restore: whether open messages that this clone's queue held and lost come back.

    Returns:
        What was done, a sentence each.
    """

    def agree(snapshot: Snapshot) -> Change[list[str]]:
        view = store.view(snapshot)
        ids = view.ids()
        held = store.queue.journal.held()
        archived = list(store.archived())
        closed = [one.message_id for one in archived if one.status.is_closed and one.message_id in ids]
        absent = [one for one in archived if not one.status.is_closed and view.lacks(one.message_id, ids)]
        entering = sorted(
            (message for message in absent if restore or message.message_id not in held),
            key=lambda message: message.created,
        )
        text = remove(view.queue, [ids[one] for one in closed])
        if entering:
            queue = scan(text, store.queue.name)
            text = append_rendered(queue, [_item(store, message, queue.margin) for message in entering])
        done = [f"took {one} from the queue: the archive has it closed" for one in closed]
        done += [
            f"brought {message.message_id} back into the queue"
            if message.message_id in held
            else f"took {message.message_id} into the queue from the archive"
            for message in entering
        ]
        text_after = text if done else None
        if view.invalid:
            done.append(f"left {len(view.invalid)} unreadable in the queue: `bmad-messenger validate` says why")
        entered = tuple(message.message_id for message in entering)
        is_clean = view.is_clean and not entering  # what others wrote has to be checked first
        return Change(done, text_after, entered=entered, left=tuple(closed), is_clean=is_clean)

    done = store.queue.update(agree)
    with store.queue.locked(), refusals("clear", store.project.name(store.project.folder)):
        done += [f"removed the leftover {store.project.name(path)}" for path in sweep(store.project.folder)]
        store.queue.journal.compact()
    return done


def _item(store: Store, message: Message, margin: int) -> str:
    return as_item(store.archive.text(message.message_id) or "", message.to_mapping(), margin)
