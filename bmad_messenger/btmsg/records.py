"""What the database's rows are to the program and to JSON: plain values with the columns' names."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import cache
from typing import Any, Final, NamedTuple, TypeVar

from bmad_messenger.errors import InvalidError


class Agent(NamedTuple):
    """An agent; `tier` 0 is the operator, 1 management, 2 a project."""

    id: str
    name: str
    role: str
    group_id: str
    tier: int
    model: str | None
    status: str
    cwd: str | None
    last_active_at: str | None
    created_at: str | None


class ListedAgent(NamedTuple):
    """An agent, and how many messages wait for it."""

    id: str
    name: str
    role: str
    group_id: str
    tier: int
    model: str | None
    status: str
    cwd: str | None
    last_active_at: str | None
    created_at: str | None
    unread_count: int


class Message(NamedTuple):
    """A direct message; `read` is its flag, and a message acknowledged by a session keeps its own."""

    id: str
    from_agent: str
    to_agent: str
    content: str
    read: bool
    reply_to: str | None
    group_id: str
    sender_group_id: str | None
    created_at: str | None
    sender_name: str
    sender_role: str | None
    payload: Any


class FeedEntry(NamedTuple):
    """A direct message with both its ends."""

    id: str
    from_agent: str
    to_agent: str
    content: str
    read: bool
    reply_to: str | None
    group_id: str
    created_at: str | None
    sender_name: str
    sender_role: str | None
    recipient_name: str
    recipient_role: str | None


class Channel(NamedTuple):
    """A channel of a group; its name stands without `#`, as the other programs look for it."""

    id: str
    name: str
    group_id: str
    created_by: str
    member_count: int
    created_at: str | None


class ChannelMessage(NamedTuple):
    """A post in a channel."""

    id: str
    channel_id: str
    from_agent: str
    content: str
    created_at: str | None
    sender_name: str
    sender_role: str | None


class DeadLetter(NamedTuple):
    """A message that could not be delivered; `error` is the reason."""

    id: int
    from_agent: str
    to_agent: str
    content: str
    error: str
    reply_to: str | None
    created_at: str | None


class Retried(NamedTuple):
    """What became of a dead letter: the message it was delivered as, or why it still is one."""

    id: int
    to_agent: str
    message_id: str | None
    error: str | None


class AuditEntry(NamedTuple):
    """One line of the audit log."""

    id: int
    agent_id: str
    event_type: str
    detail: str
    created_at: str | None


class Health(NamedTuple):
    """How an agent does: `state` is healthy, stalled, silent (no heartbeat ever), not-started, sleeping or stopped."""

    agent_id: str
    name: str
    role: str
    status: str
    state: str
    last_heartbeat: int | None
    seconds_since: int | None
    unread_count: int


class GraphNode(NamedTuple):
    """An agent and the ids of those it may message."""

    id: str
    name: str
    role: str
    tier: int
    status: str
    unread_count: int
    contacts: tuple[str, ...]


class Sent(NamedTuple):
    """A message that was delivered, and what its sender should know: that the recipient looks stalled."""

    message: Message
    warning: str | None


class SearchHit(NamedTuple):
    """A message, channel post or task that has the words; `place` is the recipient, the channel or the status."""

    kind: str
    id: str
    from_agent: str
    place: str
    content: str
    created_at: str | None


class Task(NamedTuple):
    """A task of the board; `version` counts its changes."""

    id: str
    title: str
    description: str
    status: str
    priority: str
    assigned_to: str | None
    created_by: str
    group_id: str
    parent_task_id: str | None
    sort_order: int
    created_at: str | None
    updated_at: str | None
    version: int


class TaskComment(NamedTuple):
    """What someone said about a task."""

    id: str
    task_id: str
    agent_id: str
    content: str
    created_at: str | None


class PriorityCount(NamedTuple):
    """How many tasks of a priority there are, and how many of them are not done."""

    priority: str
    open: int
    total: int


_Record = TypeVar("_Record", bound=tuple[Any, ...])


def from_row(kind: type[_Record], row: sqlite3.Row) -> _Record:
    """The record that a row holds; the row's columns have the names of the record's fields.

    SQLite lets any program put a value of any type into any column, so each is made what its field is.
    """
    return kind(*[read(row[name]) for name, read in _readers(kind)])


def payload_text(payload: Any) -> str:
    """The JSON text of a payload.

    Raises:
        InvalidError: where it is no JSON value.
    """
    import json

    try:
        return json.dumps(payload, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidError(f"the payload is no JSON value: {error}", hint="texts, numbers, lists, objects") from error


def payload_of(stored: object) -> Any:
    """The payload that a stored JSON text holds; a text that is no JSON stands for itself."""
    if stored is None:
        return None
    import json

    text = as_text(stored)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def whole_number(value: object) -> int | None:
    """The whole number that a value is or reads as; None where it is none."""
    if isinstance(value, int) or value is None:
        return value
    try:
        return int(float(as_text(value)))
    except (ValueError, OverflowError):
        return None


def as_dict(record: Any) -> dict[str, Any]:
    """The JSON object of a record: its fields in camelCase, records within it likewise."""
    return {_camel(name): _plain(value) for name, value in record._asdict().items()}


@cache
def _readers(kind: type) -> list[tuple[str, Callable[[Any], Any]]]:
    """What reads each field of a record."""
    return [(name, _READERS[str(getattr(one, "__forward_arg__", one))]) for name, one in kind.__annotations__.items()]


def as_text(value: object) -> str:
    """A text as it is, bytes as the text that they are in UTF-8, with `\\xff` for what is none, a number in digits."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return "" if value is None else str(value)


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "str": as_text,
    "str | None": lambda value: None if value is None else as_text(value),
    "int": lambda value: whole_number(value) or 0,
    "int | None": whole_number,
    "bool": lambda value: value != 0,
    "Any": payload_of,
}
"""What makes a stored value one of a field's type."""


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return as_dict(value)
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
