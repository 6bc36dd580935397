"""What is wrong with the files that a project writes itself: its config, its routes, its message types."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from bmad_messenger.config import ROSTER, Config
from bmad_messenger.errors import InvalidError, Problem
from bmad_messenger.findings import Finding, Source, report, show
from bmad_messenger.message import Priority
from bmad_messenger.schemas import SUFFIX, schema_violations, shipped_validator, violations
from bmad_messenger.yaml.parse import Document, Path

TYPE_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
PRIORITIES: Final = tuple(priority.label for priority in Priority)

Kind = Literal["config", "routes", "type"]


def check_document(
    kind: Kind, document: Document, path: str, *, agents: Collection[str] = ROSTER
) -> tuple[Problem, ...]:
    """Everything that is wrong with a file, with line and column.

    Args:
        kind: `config` for `config.yaml`, `routes` for a file of routes, `type` for the JSON Schema of a payload.
        document: the parsed file; one without places is a value that no file holds, such as a plugin's.
        path: the file's name, for the problems.
        agents: who is on the roster, where it is not the file that says so.

    Returns:
        The problems; an agent that a route names and the roster does not is a warning.
    """
    source = Source(path, document)
    if kind == "type":
        return report(_type_findings(document.value, path), source)
    findings = violations(shipped_validator(f"{kind}.schema.json"), document.value)
    if findings or not document.value:
        return report(findings, source)
    if kind == "routes":
        return _check_routes(document.value["routes"] or (), ("routes",), agents, source)
    try:
        config = Config.from_mapping(document.value)
    except InvalidError as error:
        line, column = document.place(("agents",))
        return (error.problem._replace(path=path, line=line, column=column),)
    return _check_routes(config.extra_routes, ("routes", "add"), config.agents, source)


def _check_routes(
    routes: Sequence[Mapping[str, Any]], at: Path, agents: Collection[str], source: Source
) -> tuple[Problem, ...]:
    errors = report(_route_findings(routes, at), source)
    warnings = report(_strangers(routes, at, agents), source)
    return errors + tuple(problem._replace(severity="warning") for problem in warnings)


def _route_findings(routes: Sequence[Mapping[str, Any]], at: Path) -> Iterator[Finding]:
    """Two routes of one id, and payload fields whose schema is none."""
    known: set[str] = set()
    for number, route in enumerate(routes):
        if route["id"] in known:
            yield Finding((*at, number, "id"), f"the route id {route['id']!r} is taken", "give each route its own id")
        known.add(route["id"])
        for name, schema in route.get("payload", {}).items():
            yield from schema_violations(schema, (*at, number, "payload", name))


def _strangers(routes: Sequence[Mapping[str, Any]], at: Path, agents: Collection[str]) -> Iterator[Finding]:
    for number, route in enumerate(routes):
        for end in ("from", "to"):
            if route[end] not in agents:
                hint = "add it under `agents:` in config.yaml, or name another"
                yield Finding((*at, number, end), f"the agent {route[end]!r} is not on the roster", hint)


def _type_findings(schema: Any, path: str) -> Iterator[Finding]:
    """Also what the program itself reads: the type's name, which is the file's, and its `default_priority`."""
    yield from schema_violations(schema)
    priority = schema.get("default_priority") if isinstance(schema, Mapping) else None
    if priority is not None and priority not in PRIORITIES:
        at, wanted = ("default_priority",), ", ".join(PRIORITIES)
        yield Finding(at, f"default_priority: wanted one of {wanted}, found {show(priority)}")
    name = os.path.basename(path).removesuffix(SUFFIX)
    if path.endswith(SUFFIX) and not TYPE_NAME.fullmatch(name):
        hint = "call the file after the type: lower-case letters, digits, `_` and `-`"
        yield Finding((), f"{show(name)} can't be the name of a message type", hint)
