"""A message of the queue as a person reads it in btmsg: what it is about first, then each field by its name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bmad_messenger.message import Message, format_time, summary_key


def readable_text(message: Message) -> str:
    """The text of a direct message: no JSON, no quotes; the id tells which message of the queue it is.

    Only the message's own lines begin at the margin with a word and a colon: what a field says is set in below it
    where it is longer than a line, so that no text inside can pass for a field.
    """
    payload = dict(message.payload)
    key = summary_key(payload)
    summary = [line.strip() for line in payload.pop(key).splitlines() if line.strip()] if key else []
    envelope = {
        "route": message.route,
        "answers": message.reply_to,
        "expires": format_time(message.expires) if message.expires else None,
        "message": message.message_id,
    }
    return "\n".join(
        [
            ": ".join([f"{message.type.capitalize()} ({message.priority.label})", *summary[:1]]),
            *(f"  {line}" for line in summary[1:]),
            *(line for name, value in payload.items() for line in _field(name, value)),
            *(line for name, value in envelope.items() if value is not None for line in _field(name, value)),
        ]
    )


def _field(name: str, value: Any) -> Iterator[str]:
    """A field by its name in words; a path's is that of the thing, since a path can be told by its looks."""
    words = " ".join(str(name).removesuffix("_path").replace("_", " ").split()) or "_"
    label = f"{words[0].upper()}{words[1:]}"
    lines = list(_value(value))
    if len(lines) == 1 and not isinstance(value, list | dict):
        yield f"{label}: {lines[0]}"
    else:
        yield f"{label}:"
        yield from (f"  {line}" for line in lines)


def _value(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for entry in value:
            first, *more = _value(entry)
            yield f"- {first}"
            yield from (f"  {line}" for line in more)
        if not value:
            yield "none"
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _field(name, inner)
        if not value:
            yield "none"
    elif value is None or isinstance(value, bool):
        yield {None: "none", True: "yes", False: "no"}[value]
    else:
        yield from str(value).splitlines() or [""]
