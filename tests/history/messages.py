"""Messages at known times, for the tests of the history and of what compares messages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bmad_messenger import Message, Priority, Status

NOON = datetime(2025, 1, 15, 12, 0, tzinfo=UTC)


def message(number: int, **fields: Any) -> Message:
    """A message sent so many minutes after noon; dev asks architect, unless told otherwise."""
    plain = Message(
        message_id=f"MSG-20250115-{number:04x}",
        type="clarify",
        from_agent="dev",
        to_agent="architect",
        to_agents=None,
        priority=Priority.HIGH,
        created=NOON + timedelta(minutes=number),
        status=Status.PENDING,
        payload={"question": f"Question {number}?", "context": "c"},
    )
    return replace(plain, **fields)


def done(number: int, waited: int, worked: int, **fields: Any) -> Message:
    """A message that waited and was worked on for so many seconds."""
    sent = message(number, **fields)
    read = sent.created + timedelta(seconds=waited)
    readers = sent.recipients(("architect",))
    return replace(
        sent,
        status=Status.DONE,
        read_by=dict.fromkeys(readers, read),
        closed=read + timedelta(seconds=worked),
        note=sent.note or "fine",
    )
