"""The messages that a run may wait for: those in the queue, and those that were closed since it began to wait."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from bmad_messenger.errors import MessengerError
from bmad_messenger.message import Message
from bmad_messenger.messenger import Messenger
from bmad_messenger.workflow.model import fits

_WORDS: Final = ("type", "from", "route", "reply_to")
"""What stands in a message's file as the wait has it."""

_SLACK: Final = 86_400.0  # seconds by which a file's time may differ from that of what it tells
_SKEW: Final = timedelta(hours=1)  # by which the clocks of two machines may differ


class Mailbox:
    """A look at a project's messages, taken once and kept until `refresh` finds that the queue has changed."""

    def __init__(self, messenger: Messenger) -> None:
        self.messenger = messenger
        self._seen: tuple[int, ...] | None = None
        self._texts: dict[tuple[str, float], str] = {}
        self._messages: dict[tuple[str, float], Message | None] = {}

    def refresh(self) -> None:
        """Look anew the next time, where the queue has changed."""
        seen = self._stamp()
        if seen != self._seen or seen is None:
            for name in ("open", "_replies", "_archived"):
                self.__dict__.pop(name, None)
        self._seen = seen

    @cached_property
    def open(self) -> list[Message]:
        """The messages of the queue, oldest first."""
        return sorted(self.messenger.list(), key=lambda message: message.created)

    def candidates(self, wanted: Mapping[str, Any], since: datetime) -> Iterator[Message]:
        """The messages that fit: all that are open, and those that were closed at `since` or later.

        Those of the queue come first, each part in its order of time. Who wrote or closed a message may have another
        clock: of the open ones no date is looked at, and of the others up to an hour is allowed for.
        """
        reply_to = wanted.get("reply_to")
        for message in self.open if reply_to is None else self._replies.get(reply_to, ()):
            if fits(message, wanted):
                yield message
        for message in self._closed(wanted, since):
            if (reply_to is not None or _is_since(message, since)) and fits(message, wanted):
                yield message

    def there(self, several: Iterable[Mapping[str, Any]], now: datetime) -> tuple[str, ...]:
        """The ids of the messages that are `candidates` now for one of several descriptions."""
        found = (message.message_id for wanted in several for message in self.candidates(wanted, now))
        return tuple(dict.fromkeys(found))

    @cached_property
    def _replies(self) -> dict[str, list[Message]]:
        replies: dict[str, list[Message]] = {}
        for message in self.open:
            if message.reply_to is not None:
                replies.setdefault(message.reply_to, []).append(message)
        return replies

    def _closed(self, wanted: Mapping[str, Any], since: datetime) -> Iterator[Message]:
        """The messages that were closed since then and may fit, as far as the archive can be read."""
        start = since.timestamp() - _SLACK
        words = [wanted[name] for name in _WORDS if name in wanted]
        for changed, message_id in self._archived:
            if changed < start:
                continue
            with suppress(MessengerError):  # `validate` tells what can't be read
                text = self._text(message_id, changed)
                message = self._message(message_id, changed) if all(word in text for word in words) else None
                if message is not None and message.status.is_closed:
                    yield message

    def _text(self, message_id: str, changed: float) -> str:
        """The text of a message's file: a glance at it costs less than to parse it."""
        key = (message_id, changed)
        if key not in self._texts:
            self._texts[key] = self.messenger.archive.text(message_id) or ""
        return self._texts[key]

    def _message(self, message_id: str, changed: float) -> Message | None:
        key = (message_id, changed)
        if key not in self._messages:
            self._messages[key] = self.messenger.archive.read(message_id)
        return self._messages[key]

    @cached_property
    def _archived(self) -> list[tuple[float, str]]:
        """The ids of the archive, each with the time of its file's last change, the earliest first."""
        archive = self.messenger.archive
        found = []
        for message_id in archive.ids():
            with suppress(OSError):
                found.append((os.stat(archive.path(message_id)).st_mtime, message_id))
        return sorted(found)

    def _stamp(self) -> tuple[int, ...] | None:
        """What changes when a message is sent, read or closed; None where there is no queue."""
        with suppress(OSError):
            found = os.stat(self.messenger.project.queue)
            return found.st_ino, found.st_size, found.st_mtime_ns
        return None


def _is_since(message: Message, since: datetime) -> bool:
    """Whether a closed message was sent or closed at `since` or later, as far as dates can be trusted."""
    return max(message.created, message.closed or message.created) >= since - _SKEW
