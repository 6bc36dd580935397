"""Messages as a sequence diagram of Mermaid: who hands what to whom, and how each message ended."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Final

from bmad_messenger.markdown import shortened
from bmad_messenger.message import Message, summary_of

MOST_CHARACTERS: Final = 50_000
"""Of a longer diagram, Mermaid by itself shows only that it is too long."""

_LONGEST: Final = 80  # characters of a text in an arrow or a note
_SPECIAL: Final = re.compile(r"[^\w .,'?!()/→…-]|\b[enw](?=(?:nd|owrap|rap)\b)", re.IGNORECASE)
"""What may mean something to Mermaid, and the first letters of its words `end`, `nowrap` and `wrap`."""


def sequence_diagram(messages: Sequence[Message]) -> str:
    """The diagram of these messages, oldest first, as Mermaid reads it.

    A reply's arrow is dashed, and a note tells how a message ended. Whatever a text holds, it stands in the diagram as
    it is, on one line and cut short.
    """
    names: dict[str, str] = {}
    for message in messages:
        for agent in (message.from_agent, *_recipients(message)):
            names.setdefault(agent, f"agent{len(names) + 1}")
    lines = [
        "sequenceDiagram",
        *(f"    participant {name} as {_text(agent)}" for agent, name in names.items()),
        *(f"    {line}" for _, line in sorted(_lines(messages, names), key=itemgetter(0))),
    ]
    return "".join(f"{line}\n" for line in lines)


def _lines(messages: Sequence[Message], names: Mapping[str, str]) -> Iterator[tuple[tuple[datetime, int, int], str]]:
    """The arrows and notes, each with its place: of one second, a note stands below the answers to its message."""
    answers = {message.reply_to: number for number, message in enumerate(messages) if message.reply_to is not None}
    for number, message in enumerate(messages):
        sender, recipients = names[message.from_agent], [names[agent] for agent in _recipients(message)]
        mark = _text(message.message_id.rpartition("-")[2])
        arrow = "-->>" if message.reply_to else "->>"
        about = summary_of(message)
        what = f"{_text(message.type)} {mark}{f': {_text(about)}' if about else ''}"
        for recipient in recipients:
            yield (message.created, number, 0), f"{sender}{arrow}{recipient}: {what}"
        if message.status.is_closed:
            whose = recipients[0] if len(recipients) == 1 else sender
            end = max(message.closed or message.created, message.created)
            note = f": {_text(message.note)}" if message.note and message.note.strip() else ""
            place = (end, max(number, answers.get(message.message_id, number)), 1)
            yield place, f"Note over {whose}: {mark} {message.status.value}{note}"


def _recipients(message: Message) -> tuple[str, ...]:
    """Whom a message is for, as its sender wrote it: `all` is one of them."""
    return (message.to_agents,) if isinstance(message.to_agents, str) else message.recipients(())


def _text(text: str) -> str:
    """A text as Mermaid takes it: what may mean something to it stands as the number of its character."""
    line = shortened(" ".join(text.split()), _LONGEST) or "-"
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", line)
