"""Who hands work to whom: the routes, and how one is chosen by its id or its trigger."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bmad_messenger.errors import InvalidError
from bmad_messenger.findings import nearest, show
from bmad_messenger.shipped import shipped

HANDOFF = "handoff"


@dataclass(frozen=True, slots=True)
class Route:
    """One way on which work goes from one agent to another (reference: Standard Handoff Routes).

    `types` are the message types that may travel on it; `payload` holds the fields that such a message must carry,
    each with the JSON Schema of its value.
    """

    id: str
    from_agent: str
    to_agent: str
    trigger: str
    phase: str = ""
    also_on: tuple[str, ...] = ()
    types: tuple[str, ...] = (HANDOFF,)
    payload: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Route:
        """The route that a mapping holds which is valid by `routes.schema.json`."""
        return cls(
            id=mapping["id"],
            from_agent=mapping["from"],
            to_agent=mapping["to"],
            trigger=mapping["trigger"],
            phase=mapping.get("phase", ""),
            also_on=tuple(mapping.get("also_on", ())),
            types=tuple(mapping.get("types", (HANDOFF,))),
            payload=mapping.get("payload", {}),
        )

    def to_mapping(self) -> dict[str, Any]:
        """The route under the file's keys."""
        return {
            "id": self.id,
            "phase": self.phase,
            "from": self.from_agent,
            "to": self.to_agent,
            "trigger": self.trigger,
            "also_on": list(self.also_on),
            "types": list(self.types),
            "payload": dict(self.payload),
        }

    @property
    def triggers(self) -> frozenset[str]:
        """The slugs of every trigger that selects the route."""
        return frozenset(slug(trigger) for trigger in (self.trigger, *self.also_on))

    def example(self) -> dict[str, Any]:
        """A payload that shows each field: its schema's first example, or else a word in its place."""
        return {name: next(iter(schema.get("examples", ())), f"<{name}>") for name, schema in self.payload.items()}


@dataclass(frozen=True, slots=True)
class Routes:
    """Every route of a project, in the order of the shipped ones, then the added ones; `phases` gives their titles."""

    by_id: Mapping[str, Route]
    phases: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def shipped(cls) -> Routes:
        """The routes of the reference, from `workflows/routes.yaml`."""
        return cls.load()

    @classmethod
    def load(cls, *extra: Iterable[Mapping[str, Any]]) -> Routes:
        """The shipped routes and `extra` ones, such as a plugin's and then a project's.

        Each is a mapping valid by `routes.schema.json#/$defs/route`. One whose id is known takes the other's place.
        """
        from bmad_messenger.yaml.parse import parse

        path = shipped("workflows/routes.yaml")
        file = parse(path.read_text(encoding="utf-8"), path=str(path))
        routes = [Route.from_mapping(mapping) for group in (file["routes"], *extra) for mapping in group]
        return cls({route.id: route for route in routes}, file["phases"])

    def __iter__(self) -> Iterator[Route]:
        return iter(self.by_id.values())

    def __len__(self) -> int:
        return len(self.by_id)

    def get(self, route_id: str) -> Route:
        """The route of that id.

        Raises:
            InvalidError: naming the nearest id.
        """
        if route_id in self.by_id:
            return self.by_id[route_id]
        raise self._unknown(route_id)

    def select(self, name: str) -> tuple[Route, ...]:
        """The one route whose id is `name`, or else every route with that trigger (as text or as slug).

        Raises:
            InvalidError: where there is none, naming the nearest.
        """
        if name in self.by_id:
            return (self.by_id[name],)
        trigger = slug(name)
        selected = tuple(route for route in self if trigger in route.triggers)
        if not selected:
            raise self._unknown(name)
        return selected

    def between(self, from_agent: str, to_agent: str, type: str) -> tuple[Route, ...]:
        """The routes on which a message of that type may go from the one agent to the other."""
        ends = (from_agent, to_agent)
        return tuple(route for route in self if (route.from_agent, route.to_agent) == ends and type in route.types)

    def _unknown(self, name: str) -> InvalidError:
        known = dict.fromkeys((*self.by_id, *sorted(trigger for route in self for trigger in route.triggers)))
        return InvalidError(
            f"there is no route {show(name)}", hint=f"{nearest(name, known)}the routes are {', '.join(known)}"
        )


def slug(trigger: str) -> str:
    """A trigger as a name: `PRD complete, with UI` is `prd-complete-with-ui`."""
    return re.sub(r"[\W_]+", "-", trigger.lower()).strip("-")
