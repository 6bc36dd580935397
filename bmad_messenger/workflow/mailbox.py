"""The messages that a run may wait for: those in the queue, and those that were closed since the run began to wait."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import Any

from bmad_messenger.archive import Archive
from bmad_messenger.errors import MessengerError
from bmad_messenger.message import Message
from bmad_messenger.messenger import Messenger
from bmad_messenger.workflow.model import fits


class Mailbox:
    """A look at a project's messages, taken once and kept until `refresh`."""

    def __init__(self, messenger: Messenger) -> None:
        self.messenger = messenger
        self.archive = Archive(messenger.project.archive, messenger.project.name(messenger.project.archive))

    def refresh(self) -> None:
        """Look anew the next time."""
        for name in ("open", "_replies", "_unread", "_read"):
            self.__dict__.pop(name, None)

    @cached_property
    def open(self) -> list[Message]:
        """The messages of the queue, oldest first."""
        return sorted(self.messenger.list(), key=lambda message: message.created)

    def find(
        self,
        wanted: Mapping[str, Any],
        *,
        since: datetime,
        taken: Collection[str],
        test: Callable[[Message], bool] | None = None,
    ) -> Message | None:
        """The first message that fits, was sent at `since` or later, and is not `taken`."""
        reply_to = wanted.get("reply_to")
        candidates = self.open if reply_to is None else self._replies.get(reply_to, [])
        for message in chain(candidates, self._closed(since)):
            is_fresh = message.created >= since and message.message_id not in taken
            if is_fresh and fits(message, wanted) and (test is None or test(message)):
                return message
        return None

    @cached_property
    def _replies(self) -> dict[str, list[Message]]:
        replies: dict[str, list[Message]] = {}
        for message in self.open:
            if message.reply_to is not None:
                replies.setdefault(message.reply_to, []).append(message)
        return replies

    def _closed(self, since: datetime) -> Iterator[Message]:
        """The messages that were closed since then, as far as the archive can be read."""
        start = since.timestamp()
        while self._unread and self._unread[-1][0] >= start:
            changed, message_id = self._unread.pop()
            with suppress(MessengerError):  # `validate` tells what can't be read
                message = self.archive.read(message_id)
                if message is not None and message.status.is_closed:
                    self._read.append((changed, message))
        yield from (message for changed, message in self._read if changed >= start)

    @cached_property
    def _unread(self) -> list[tuple[float, str]]:
        """The ids of the archive, those last whose files changed last, each with that time."""
        found = []
        for message_id in self.archive.ids():
            with suppress(OSError):
                found.append((os.stat(self.archive.path(message_id)).st_mtime, message_id))
        return sorted(found)

    @cached_property
    def _read(self) -> list[tuple[float, Message]]:
        """The closed messages that were read of these."""
        return []
