"""The loop guard: a thread of replies that grows too long is stopped, and the user is asked once how it goes on."""

from __future__ import annotations

from dataclasses import replace

from bmad_messenger.config import USER
from bmad_messenger.errors import ThreadTooLongError
from bmad_messenger.message import Draft, Message
from bmad_messenger.queue.view import QueueView
from bmad_messenger.store import Store


def answering(message: Message, store: Store, view: QueueView, limit: int) -> Message:
    """The message, its `reply_to` made a full id.

    Raises:
        NotFoundError: where the message that it answers does not exist.
        ThreadTooLongError: where `limit` messages lead up to it already.
    """
    if message.reply_to is None:
        return message
    reply_to = store.resolve(message.reply_to, view)
    thread = tuple(store.ancestors(reply_to, view))
    if len(thread) >= limit:
        raise ThreadTooLongError(thread[-1].message_id, len(thread), message.from_agent)
    return replace(message, reply_to=reply_to)


def question(stopped: ThreadTooLongError, store: Store, view: QueueView) -> tuple[Draft, ...]:
    """What asks the user about a thread that was stopped; nothing where that was asked before."""
    key = f"thread-length:{stopped.root}"
    if store.by_key(key, view) is not None:
        return ()
    payload = {
        "issue": f"The thread of {stopped.root} has {stopped.length} messages and was stopped",
        "severity": "blocker",
        "recommendation": f"Read `bmad-messenger thread {stopped.root}` and decide how it goes on",
    }
    return (Draft("escalate", stopped.sender, USER, payload=payload, idempotency_key=key),)
