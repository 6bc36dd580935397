"""The built-in plugin that keeps the history: each message as it was sent, and as it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bmad_messenger.message import Message
from bmad_messenger.plugins.spec import hookimpl

if TYPE_CHECKING:
    from bmad_messenger.messenger import Messenger


@hookimpl
def after_send(messenger: Messenger, message: Message) -> None:
    """Keep the message as it was sent."""
    messenger.archive.record(message)


@hookimpl
def before_close(messenger: Messenger, message: Message, record: str) -> None:
    """Keep the final state before the message leaves the queue, so that it is never in neither."""
    messenger.archive.rewrite(message.message_id, record)


@hookimpl
def sync(messenger: Messenger, messages: Sequence[Message]) -> list[str]:
    """Keep what was sent and never recorded; remove what dead processes left half-written."""
    recorded = [message.message_id for message in messages if messenger.archive.record(message)]
    swept = [messenger.project.name(path) for path in messenger.archive.sweep()]
    return [
        *(f"recorded {message_id} in the archive" for message_id in recorded),
        *(f"removed the leftover {name}" for name in swept),
    ]
