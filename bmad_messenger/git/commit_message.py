"""What a commit of the messenger's files says: the handoffs in it, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bmad_messenger.comparison import Comparison
from bmad_messenger.message import Message, summary_of

_WIDTH: Final = 60  # characters of a summary


@dataclass(frozen=True)
class Handoff:
    """What became of one message: `sent`, `read`, `done`, `cancelled`, `expired`, `changed` or `deleted`."""

    event: str
    message: Message

    @property
    def line(self) -> str:
        """It in one line: `sent MSG-20250115-a1b2 pm → architect: handoff, prd-complete`."""
        message = self.message
        recipients = message.to_agent or message.to_agents
        names = ", ".join(recipients) if isinstance(recipients, tuple) else recipients
        about = message.route or _shortened(summary_of(message))
        what = f"{message.type}, {about}" if about else message.type
        return _plain(f"{self.event} {message.message_id} {message.from_agent} → {names}: {what}")


def handoffs_in(comparison: Comparison) -> list[Handoff]:
    """What became of the messages, each told once, by what comes first below."""
    told: dict[str, Handoff] = {}
    for one in _all(comparison):
        told.setdefault(one.message.message_id, one)
    return [*told.values()]


def counts(handoffs: Sequence[Handoff]) -> str:
    """How many of each: `2 sent, 1 done`."""
    events = [one.event for one in handoffs]
    return ", ".join(f"{events.count(event)} {event}" for event in dict.fromkeys(events))


def commit_message(subject: str | None, handoffs: Sequence[Handoff]) -> str:
    """The message of a commit.

    Args:
        subject: what it begins with, where somebody gave that.
        handoffs: what is in the commit.
    """
    first = (subject or "").strip() or (f"Handoffs: {counts(handoffs)}" if handoffs else "Update the messenger's files")
    body = "".join(f"{one.line}\n" for one in handoffs)
    return f"{first}\n\n{body}" if body else f"{first}\n"


def _all(comparison: Comparison) -> Iterator[Handoff]:
    yield from (Handoff("sent", one.message) for one in comparison.new if one.is_open)
    yield from (Handoff("read", one.after.message) for one in comparison.read)
    yield from (Handoff(one.message.status.value, one.message) for one in comparison.closed)
    yield from (Handoff("deleted", one.before.message) for one in comparison.deleted)
    yield from (Handoff("changed", one.after.message) for one in comparison.differences)


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1].rstrip()}…"


def _plain(text: str) -> str:
    """The text without what is no part of a line: a message's words may hold anything."""
    return "".join(character for character in text if character.isprintable())
