"""Which messages wait for an agent, in which order, and what reading or leasing one changes: computed, nothing touched."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bmad_messenger.message import ALL, Priority, Status, format_time, parse_time
from bmad_messenger.queue.view import QueueView


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a receiver asks for; None means any. `limit` counts messages."""

    agent: str
    type: str | None = None
    priority: Priority | None = None
    limit: int | None = None


def waiting(view: QueueView, wanted: Wanted, now: datetime) -> list[int]:
    """The indexes of the messages that wait for an agent: most urgent first, the older first among those, then in file order.

    A message waits while its recipient has not read it, and again once a lease on it has run out.
    """
    found: list[tuple[Priority, datetime, int]] = []
    for index in view.valid():
        if not view.mentions(index, (wanted.agent, ALL)):
            continue
        head = view.head(index)
        if not _is_to(head, wanted.agent) or not _is_unread(head, wanted.agent, now):
            continue
        priority = Priority.parse(head["priority"])
        if wanted.type in (None, head["type"]) and wanted.priority in (None, priority):
            found.append((priority, parse_time(head["created"]), index))
    return [index for _, _, index in sorted(found)[: wanted.limit]]


def next_return(view: QueueView, agent: str) -> datetime | None:
    """When the first lease on a message of this agent runs out; None where there is no lease."""
    heads = (view.head(index) for index in view.valid() if view.mentions(index, ("claimed_until",)))
    return min(
        (parse_time(head["claimed_until"]) for head in heads if _is_to(head, agent) and "claimed_until" in head),
        default=None,
    )


def expired(view: QueueView, now: datetime) -> list[int]:
    """The indexes of the messages whose `expires` has passed."""
    if "expires" not in view.queue.text:
        return []
    heads = ((index, view.head(index)) for index in view.valid() if view.mentions(index, ("expires",)))
    return [index for index, head in heads if "expires" in head and parse_time(head["expires"]) <= now]


def reading(mapping: Mapping[str, Any], agent: str, roster: Collection[str], now: datetime) -> dict[str, Any]:
    """The keys that change when `agent` has read the message; none where it had before."""
    if agent in (mapping.get("read_by") or {}):
        return {}
    changes: dict[str, Any] = {"read_by": {agent: format_time(now)}}
    readers = {agent, *(mapping.get("read_by") or {})}
    if mapping["status"] == Status.PENDING.value and readers >= set(_recipients(mapping, roster)):
        changes["status"] = Status.READ.value
    return changes


def leasing(mapping: Mapping[str, Any], worker: str, seconds: float, now: datetime) -> dict[str, Any]:
    """The keys that change when a worker takes the message for so many seconds.

    A message to several agents is everyone's own copy, so there is nothing to lease.
    """
    if mapping.get("to") is None:
        return {}
    return {"claimed_by": worker, "claimed_until": format_time(now + timedelta(seconds=seconds))}


def _is_to(head: Mapping[str, Any], agent: str) -> bool:
    to_agents = head.get("to_agents")
    if to_agents is None:
        return head.get("to") == agent
    return head["from"] != agent if to_agents == ALL else agent in to_agents


def _is_unread(head: Mapping[str, Any], agent: str, now: datetime) -> bool:
    status = Status(head["status"])
    if status.is_closed:
        return False
    if "claimed_until" in head:
        return parse_time(head["claimed_until"]) <= now
    return status is Status.PENDING and agent not in (head.get("read_by") or ())


def _recipients(mapping: Mapping[str, Any], roster: Collection[str]) -> Iterator[str]:
    to_agents = mapping.get("to_agents")
    if to_agents is None:
        yield mapping["to"]
    elif to_agents == ALL:
        yield from (agent for agent in roster if agent != mapping["from"])
    else:
        yield from to_agents
