"""Which messages wait for an agent, in which order, and what reading or leasing one changes: nothing is touched."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Final

from bmad_messenger.errors import UsageError
from bmad_messenger.message import ALL, Priority, Status, format_time, parse_time
from bmad_messenger.queue.view import QueueView

_ENDINGS: Final = ("expires", *(status.value for status in Status if status.is_closed))
"""The words without which no message ends by itself."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a receiver asks for; None means any. `limit` counts messages, from 1."""

    agent: str
    type: str | None = None
    priority: Priority | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"the limit is {self.limit}", hint="ask for 1 message or more")


def waiting(view: QueueView, wanted: Wanted, now: datetime) -> list[int]:
    """The indexes of the messages that wait for an agent: most urgent first, then the older first, then in file order.

    A message waits while its recipient has not read it, and again once a lease on it has run out.
    """
    found: list[tuple[Priority, datetime, int]] = []
    for index in view.valid():
        if not view.mentions(index, (wanted.agent, "to_agents")):
            continue
        head = view.head(index)
        if not is_to(head, wanted.agent) or not _is_unread(head, wanted.agent, now):
            continue
        priority = Priority.parse(head["priority"])
        if wanted.type in (None, head["type"]) and wanted.priority in (None, priority):
            found.append((priority, parse_time(head["created"]), index))
    return [index for _, _, index in sorted(found)[: wanted.limit]]


def ended(view: QueueView, now: datetime) -> dict[Status, list[str]]:
    """The ids of the open messages that are to be closed, by how they end: as their hand-written status says, or else
    as expired, where their `expires` has passed.
    """
    found: dict[Status, list[str]] = {}
    words = _ENDINGS if view.mappings is not None else ("expires",)  # a clean text holds no closed message
    if not any(word in view.queue.text for word in words):
        return found
    for head in (view.head(index) for index in view.valid() if view.mentions(index, words)):
        status = Status(head["status"])
        if not status.is_closed and "expires" in head and parse_time(head["expires"]) <= now:
            status = Status.EXPIRED
        if status.is_closed:
            found.setdefault(status, []).append(head["message_id"])
    return found


def reading(mapping: Mapping[str, Any], agent: str, roster: Collection[str], now: datetime) -> dict[str, Any]:
    """The keys that change when `agent` has read the message; none where it had before."""
    readers = mapping.get("read_by") or {}
    if agent in readers and not _has_returned(mapping, agent, now):
        return {}
    return marked(mapping, {agent: format_time(now)}, roster)


def marked(mapping: Mapping[str, Any], readings: Mapping[str, str], roster: Collection[str]) -> dict[str, Any]:
    """The keys that change when agents have read the message, each at its time."""
    changes: dict[str, Any] = {"read_by": dict(readings)}
    readers = {*readings, *(mapping.get("read_by") or ())}
    if mapping["status"] == Status.PENDING.value and readers >= set(_recipients(mapping, roster)):
        changes["status"] = Status.READ.value
    return changes


def leasing(mapping: Mapping[str, Any], worker: str, seconds: float, now: datetime) -> dict[str, Any]:
    """The keys that change when a worker takes the message for at least so many seconds.

    A message to several agents is everyone's own copy, so there is nothing to lease.
    """
    if mapping.get("to") is None:
        return {}
    until = now + timedelta(seconds=ceil(seconds) + 1)  # times are cut to the second, which may not shorten the lease
    return {"claimed_by": worker, "claimed_until": format_time(until)}


def is_to(mapping: Mapping[str, Any], agent: str) -> bool:
    """Whether the agent is a recipient; of a message to all, everyone is but its sender."""
    to_agents = mapping.get("to_agents")
    if to_agents is None:
        return mapping.get("to") == agent
    return mapping["from"] != agent if to_agents == ALL else agent in to_agents


def _is_unread(head: Mapping[str, Any], agent: str, now: datetime) -> bool:
    status = Status(head["status"])
    if status.is_closed:
        return False
    if "claimed_until" in head:
        return _has_returned(head, agent, now)
    return status is Status.PENDING and agent not in (head.get("read_by") or ())


def _has_returned(head: Mapping[str, Any], agent: str, now: datetime) -> bool:
    """Whether a lease has run out, and the agent has not read the message since."""
    if "claimed_until" not in head:
        return False
    end, read = parse_time(head["claimed_until"]), (head.get("read_by") or {}).get(agent)
    return end <= now and (read is None or parse_time(read) < end)


def _recipients(mapping: Mapping[str, Any], roster: Collection[str]) -> Iterator[str]:
    to_agents = mapping.get("to_agents")
    if to_agents is None:
        yield mapping["to"]
    elif to_agents == ALL:
        yield from (agent for agent in roster if agent != mapping["from"])
    else:
        yield from to_agents
