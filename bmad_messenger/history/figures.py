"""Figures of the history: how many messages there are of each kind, and how long they waited."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bmad_messenger.history.entry import Entry, seconds_between
from bmad_messenger.message import Message


@dataclass(frozen=True, slots=True)
class Figures:
    """How many messages there are of one kind, how many of them are open, and medians in seconds."""

    name: str
    messages: int
    open: int
    waited: int | None
    worked: int | None

    def to_mapping(self, kind: str) -> dict[str, Any]:
        """The figures for JSON; `kind` is the key of the name."""
        return {
            kind: self.name,
            "messages": self.messages,
            "open": self.open,
            "waited_seconds": self.waited,
            "worked_seconds": self.worked,
        }


@dataclass(frozen=True, slots=True)
class Statistics:
    """The figures of each route, of each type for messages on no route, and of each agent for what it was sent."""

    routes: tuple[Figures, ...]
    types: tuple[Figures, ...]
    agents: tuple[Figures, ...]


def statistics(entries: Sequence[Entry], roster: Sequence[str]) -> Statistics:
    """The figures of these messages; `roster` are the agents that a message to all goes to."""
    routes: dict[str, list[Entry]] = {}
    types: dict[str, list[Entry]] = {}
    for entry in entries:
        group, name = (types, entry.message.type) if entry.message.route is None else (routes, entry.message.route)
        group.setdefault(name, []).append(entry)
    agents: dict[str, list[Message]] = {}
    for entry in entries:
        for agent in entry.message.recipients(roster):
            agents.setdefault(agent, []).append(entry.message)
    return Statistics(
        tuple(_figures(name, group) for name, group in sorted(routes.items())),
        tuple(_figures(name, group) for name, group in sorted(types.items())),
        tuple(_figures_of_agent(name, group) for name, group in sorted(agents.items())),
    )


def _figures(name: str, entries: Sequence[Entry]) -> Figures:
    opened = sum(not entry.message.status.is_closed for entry in entries)
    waited, worked = (entry.waited for entry in entries), (entry.worked for entry in entries)
    return Figures(name, len(entries), opened, _median(waited), _median(worked))


def _figures_of_agent(name: str, messages: Sequence[Message]) -> Figures:
    """The figures of what one agent was sent: until it read each, and from then on."""
    opened = sum(not message.status.is_closed for message in messages)
    waited = (seconds_between(message.created, message.read_by.get(name)) for message in messages)
    worked = (seconds_between(message.read_by.get(name), message.closed) for message in messages)
    return Figures(name, len(messages), opened, _median(waited), _median(worked))


def _median(values: Iterable[int | None]) -> int | None:
    known = sorted(value for value in values if value is not None)
    middle = len(known) // 2
    if not known:
        return None
    return known[middle] if len(known) % 2 else (known[middle - 1] + known[middle]) // 2
