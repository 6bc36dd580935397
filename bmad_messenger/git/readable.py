"""A queue or a file of the archive as a person reads it in `git diff`: one line a message."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bmad_messenger.errors import MessengerError
from bmad_messenger.findings import visible
from bmad_messenger.message import summary_in
from bmad_messenger.queue.text import LIST, QueueText, scan
from bmad_messenger.yaml.parse import parse

_DIGEST: Final = 7  # characters, as git shortens its own


def readable(content: bytes) -> str:
    """The text that stands for a file in a diff; the file's own text where it holds no messages that can be told apart.

    Each line ends with a digest of all that the message says, so that no change goes unseen. Nothing in it is obeyed by
    a terminal.
    """
    text = content.decode("utf-8", "backslashreplace").removeprefix("\ufeff")
    try:
        lines = [*_queue_lines(scan(text))] if LIST.search(text) else [_line(parse(text), text)]
    except (MessengerError, _NoMessageError):
        lines = _raw(text)
    return "".join(f"{line}\n" for line in lines)


class _NoMessageError(Exception):
    """What was read is no message."""


def _queue_lines(queue: QueueText) -> Iterator[str]:
    """A line for each message; what stands above and below them, and messages that can't be read, as they are."""
    first = queue.starts[0] if len(queue) else len(queue.text)
    yield from _raw(queue.text[:first])
    for index, start in enumerate(queue.starts):
        item = queue.text[start : queue.limit(index)]
        try:
            yield _line(queue.value(index), item)
        except (MessengerError, _NoMessageError):
            yield from _raw(item)
    if len(queue):
        yield from _raw(queue.text[queue.end :])


def _line(message: Any, text: str) -> str:
    if not isinstance(message, dict) or not ("message_id" in message or "type" in message):
        raise _NoMessageError
    to_agents = message.get("to", message.get("to_agents"))
    recipients = ", ".join(map(str, to_agents)) if isinstance(to_agents, list) else to_agents
    parts = (
        message.get("message_id"),
        message.get("created"),
        f"{_word(message.get('from'))} → {_word(recipients)}",
        *(message.get(key) for key in ("type", "priority", "status")),
        *([message["route"]] if "route" in message else []),
    )
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return "  ".join([*map(_word, parts), *_summary(message.get("payload")), f"({digest})"])


def _summary(payload: Any) -> list[str]:
    """What a payload is about, in quotes."""
    text = summary_in(payload) if isinstance(payload, Mapping) else ""
    return [f'"{visible(text)}"'] if text else []


def _word(value: Any) -> str:
    return "-" if value is None else visible(str(value))


def _raw(text: str) -> list[str]:
    """The lines of a text, with nothing in them that a terminal obeys."""
    lines = text.removesuffix("\n").split("\n") if text else []
    return ["".join(c if c.isprintable() or c == "\t" else f"\\u{ord(c):04x}" for c in line) for line in lines]
