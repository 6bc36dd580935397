"""A message as a value: its types of status and priority, its id, its times, and its form in the file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, IntEnum
from typing import Any, Final

ID_PATTERN: Final = re.compile(r"MSG-(\d{4})(\d{2})\d{2}-[0-9a-f]{4,}")
"""`MSG-YYYYMMDD-` and four or more lower-case hex digits; the groups are year and month."""

SUFFIX_LENGTH: Final = 4
"""How many digits an id's suffix has where they suffice."""

SHIPPED_TYPES: Final = ("handoff", "review", "clarify", "escalate", "notify", "collaborate")
"""The types of the reference."""

ALL: Final = "all"
"""The value of `to_agents` that means every agent of the project but the sender."""

_TYPED: Final = ("type", "from", "to", "to_agents", "route", "reply_to", "expires", "payload")

KEY_ORDER: Final = (
    "message_id",
    "type",
    "from",
    "to",
    "to_agents",
    "priority",
    "created",
    "status",
    "route",
    "reply_to",
    "expires",
    "idempotency_key",
    "read_by",
    "claimed_by",
    "claimed_until",
    "closed",
    "note",
    "payload",
)
"""The keys of a message in the file, in their order (reference: Queue File Structure)."""


SUMMARIES: Final = ("context_summary", "summary", "message", "question", "issue", "topic")
"""The payload's fields that tell what a message is about, in one sentence; the first of them that is there does."""


class Priority(IntEnum):
    """How urgent a message is; the smaller value is the more urgent (reference: Priority Levels)."""

    CRITICAL = 1
    HIGH = 2
    MEDIUM = 3
    LOW = 4

    @property
    def label(self) -> str:
        """The word that stands in the file."""
        return self.name.lower()

    @classmethod
    def parse(cls, text: str) -> Priority:
        """The priority called `text`; ValueError where there is none."""
        try:
            return cls[text.upper()]
        except KeyError:
            raise ValueError(f"{text!r} is no priority") from None


class Status(Enum):
    """Where a message stands: it goes from pending to read, and ends as done, cancelled or expired."""

    PENDING = "pending"
    READ = "read"
    DONE = "done"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_closed(self) -> bool:
        """Whether the message has left the queue for the archive."""
        return self in (Status.DONE, Status.CANCELLED, Status.EXPIRED)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the queue or the archive.

    Exactly one of `to_agent` and `to_agents` is set; `to_agents` is a tuple of agents or `"all"`.
    Times are UTC. `extra` holds the keys that begin with `x-`, which belong to the project.
    """

    message_id: str
    type: str
    from_agent: str
    to_agent: str | None
    to_agents: tuple[str, ...] | str | None
    priority: Priority
    created: datetime
    status: Status
    payload: Mapping[str, Any]
    route: str | None = None
    reply_to: str | None = None
    expires: datetime | None = None
    idempotency_key: str | None = None
    read_by: Mapping[str, datetime] = field(default_factory=dict)
    claimed_by: str | None = None
    claimed_until: datetime | None = None
    closed: datetime | None = None
    note: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Message:
        """The message that a mapping of the file's keys holds; the mapping is valid by `message.schema.json`."""
        to_agents = mapping.get("to_agents")
        return cls(
            message_id=mapping["message_id"],
            type=mapping["type"],
            from_agent=mapping["from"],
            to_agent=mapping.get("to"),
            to_agents=tuple(to_agents) if isinstance(to_agents, list) else to_agents,
            priority=Priority.parse(mapping["priority"]),
            created=parse_time(mapping["created"]),
            status=Status(mapping["status"]),
            payload=mapping["payload"],
            route=mapping.get("route"),
            reply_to=mapping.get("reply_to"),
            expires=_optional_time(mapping.get("expires")),
            idempotency_key=mapping.get("idempotency_key"),
            read_by={agent: parse_time(time) for agent, time in (mapping.get("read_by") or {}).items()},
            claimed_by=mapping.get("claimed_by"),
            claimed_until=_optional_time(mapping.get("claimed_until")),
            closed=_optional_time(mapping.get("closed")),
            note=mapping.get("note"),
            extra={key: value for key, value in mapping.items() if key.startswith("x-")},
        )

    def to_mapping(self) -> dict[str, Any]:
        """The message under the file's keys, in their order, as YAML and JSON values; absent what is not set."""
        values: dict[str, Any] = {
            "message_id": self.message_id,
            "type": self.type,
            "from": self.from_agent,
            "to": self.to_agent,
            "to_agents": list(self.to_agents) if isinstance(self.to_agents, tuple) else self.to_agents,
            "priority": self.priority.label,
            "created": format_time(self.created),
            "status": self.status.value,
            "route": self.route,
            "reply_to": self.reply_to,
            "expires": format_time(self.expires) if self.expires else None,
            "idempotency_key": self.idempotency_key,
            "read_by": {agent: format_time(time) for agent, time in self.read_by.items()} or None,
            "claimed_by": self.claimed_by,
            "claimed_until": format_time(self.claimed_until) if self.claimed_until else None,
            "closed": format_time(self.closed) if self.closed else None,
            "note": self.note,
        }
        present = {key: value for key, value in values.items() if value is not None}
        return {**present, **self.extra, "payload": dict(self.payload)}

    @property
    def origin(self) -> tuple[str, datetime]:
        """Who sent it, and when: what no message has in common with another of its id."""
        return self.from_agent, self.created

    def recipients(self, roster: Collection[str]) -> tuple[str, ...]:
        """The agents this message is for; `all` is everyone on `roster` but the sender."""
        if self.to_agent is not None:
            return (self.to_agent,)
        if isinstance(self.to_agents, tuple):
            return self.to_agents
        return tuple(agent for agent in roster if agent != self.from_agent)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a sender gives; what is None is filled in from the type, the route or the clock.

    `route` may also name a trigger, which may stand for several routes: one message goes out on each.
    """

    type: str | None = None
    from_agent: str | None = None
    to_agent: str | None = None
    to_agents: tuple[str, ...] | str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    priority: Priority | None = None
    route: str | None = None
    reply_to: str | None = None
    expires: datetime | None = None
    idempotency_key: str | None = None


def summary_key(payload: Mapping[str, Any]) -> str | None:
    """The payload's field that tells what the message is about, if it has one that says something."""
    return next((key for key in SUMMARIES if isinstance(payload.get(key), str) and payload[key].strip()), None)


def summary_of(message: Message) -> str:
    """What a message is about, on one line: its summary, or else the first text of its payload."""
    return summary_in(message.payload)


def summary_in(payload: Mapping[str, Any]) -> str:
    """The same of a payload by itself."""
    key = summary_key(payload)
    return " ".join((next(_texts(payload), "") if key is None else payload[key]).split())


def now() -> datetime:
    """The current time in UTC, to the second, as the file keeps it."""
    return datetime.now(UTC).replace(microsecond=0)


def format_time(time: datetime) -> str:
    """A time as the file writes it: `2025-01-15T10:30:00Z`."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """The time that ISO 8601 `text` names; without a zone it is UTC. ValueError where it is none."""
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def message_id(created: datetime, suffix: str) -> str:
    """The id of a message created then; `suffix` is four or more hex digits."""
    return f"MSG-{created.astimezone(UTC):%Y%m%d}-{suffix}"


def typed_digits(mapping: Mapping[str, Any]) -> str:
    """The hex digits of a message that was typed in without an id: the same in every clone that gives it one.

    They come from what is typed in and not changed by using the message.
    """
    import hashlib
    import json

    content = {key: mapping[key] for key in _TYPED if key in mapping}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _optional_time(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value that say something, in their order."""
    if isinstance(value, str):
        if value.strip():
            yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)
