"""A message of the history, and its times as people write them: when, how long ago, how long it took."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from bmad_messenger.message import Message
from bmad_messenger.outbox import time_of

_DATE: Final = re.compile(r"\d{4}-?\d\d-?\d\d")


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the history; times are UTC, lengths of time whole seconds, None where that has not happened."""

    message: Message

    @property
    def read(self) -> datetime | None:
        """When its first reader received it."""
        return min(self.message.read_by.values(), default=None)

    @property
    def waited(self) -> int | None:
        """How long it waited for its first reader."""
        return seconds_between(self.message.created, self.read)

    @property
    def worked(self) -> int | None:
        """How long it took from its first reader to its end."""
        return seconds_between(self.read, self.message.closed)

    def to_mapping(self) -> dict[str, Any]:
        """The message under the file's keys, and the two lengths of time."""
        return {**self.message.to_mapping(), "waited_seconds": self.waited, "worked_seconds": self.worked}


def since(text: str) -> datetime:
    """The time from which on: a date, a time in ISO 8601, or so long ago, as in `2d`.

    Raises:
        InvalidError: where it is none of these.
    """
    time = time_of(text, is_past=True)
    assert time is not None  # it was given
    return time


def until(text: str) -> datetime:
    """The time up to which, as in `since`; a date means its end."""
    time = since(text)
    return time + timedelta(days=1, seconds=-1) if _DATE.fullmatch(text.strip()) else time


def duration_text(seconds: int) -> str:
    """A length of time in at most two units: `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`."""
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if not minutes:
        return f"{seconds} s"
    if not hours:
        return f"{minutes} min"
    if not days:
        return f"{hours} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    return f"{days} d" + (f" {hours % 24} h" if hours % 24 else "")


def seconds_between(start: datetime | None, end: datetime | None) -> int | None:
    """The time between two moments; none where clocks that differ have it negative."""
    return None if start is None or end is None else max(0, round((end - start).total_seconds()))
