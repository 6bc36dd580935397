"""Beyond the schemas: the reference's best practices, the routes, and artifact paths that stay in the project."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from bmad_messenger.config import USER, Config
from bmad_messenger.errors import InvalidError, Problem
from bmad_messenger.findings import show, show_path
from bmad_messenger.message import Message, Priority
from bmad_messenger.message_types import MessageTypes
from bmad_messenger.routes import HANDOFF, Route, Routes
from bmad_messenger.yaml.parse import Path as FieldPath

ARTIFACT_PATH: Final = "artifact-path"
"""The `format` that marks a field as the path of a document, in a type's schema or a route's."""

LONGEST_PATH: Final = 200  # characters; longer text is a body
MOST_SPACES: Final = 8
_LONGEST_NAME: Final = 4096  # characters; no system opens a file by a longer name

_CONTEXT: Final = {"handoff": "context_summary", "clarify": "context", "collaborate": "context"}
_NEVER_CRITICAL: Final = ("notify", "collaborate", "review")


class Broken(NamedTuple):
    """A rule that a message breaks, and the path of the field that breaks it."""

    at: FieldPath
    problem: Problem


def broken_rules(message: Message, root: Path, types: MessageTypes, routes: Routes, config: Config) -> Iterator[Broken]:
    """All that the three checks below find, errors and warnings, each with its place in the message."""
    yield from _stray_paths(message, root, types, routes)
    yield from _broken_routes(message, routes, config)
    yield from _broken_practices(message, root, types, routes)


def check_practices(message: Message, root: Path, types: MessageTypes, routes: Routes) -> tuple[Problem, ...]:
    """The warnings for best practices that a valid message breaks (reference: Best Practices).

    A message on a route has that route's fields for context and actions, so practices 1 and 4 are not asked of it.

    Args:
        message: the message.
        root: the project's folder, which artifact paths start from.
        types: the project's types.
        routes: the project's routes.
    """
    return tuple(broken.problem for broken in _broken_practices(message, root, types, routes))


def check_artifact_paths(message: Message, root: Path, types: MessageTypes, routes: Routes) -> tuple[Problem, ...]:
    """The errors for artifact paths that lead out of the project: by `..`, from the root, or by a symbolic link."""
    return tuple(broken.problem for broken in _stray_paths(message, root, types, routes))


def check_route(message: Message, routes: Routes, config: Config) -> tuple[Problem, ...]:
    """What is wrong with the way a message goes (reference: Standard Handoff Routes).

    A handoff between two agents that no route joins is a warning, or an error where the project is strict. A message
    that names a route must go from its sender to its recipient, as one of its types.
    """
    return tuple(broken.problem for broken in _broken_routes(message, routes, config))


def artifact_paths(message: Message, types: MessageTypes, routes: Routes) -> Iterator[tuple[FieldPath, str]]:
    """The text of each artifact path in the payload, with the path of its field.

    Raises:
        InvalidError: where there is no such type any more.
    """
    fields: dict[str, Any] = dict(types.schema_of(message.type).get("properties", {}))
    if message.route is not None and message.route in routes.by_id:
        fields.update(routes.by_id[message.route].payload)
    yield from _marked({"properties": fields}, message.payload, ("payload",))


def _stray_paths(message: Message, root: Path, types: MessageTypes, routes: Routes) -> Iterator[Broken]:
    hint = "name a file inside the project, relative to its folder"
    for at, text in artifact_paths(message, types, routes):
        if not _is_url(text) and not _stays_inside(text, root):
            found = f"{show_path(at)}: {show(text)} leads out of the project"
            yield Broken(at, Problem(found, hint, code="artifact-path"))


def _broken_routes(message: Message, routes: Routes, config: Config) -> Iterator[Broken]:
    if message.route is not None:
        try:
            yield from _off_route(message, routes.get(message.route))
        except InvalidError as error:
            yield Broken(("route",), error.problem)
        return
    sender, recipient = message.from_agent, message.to_agent
    if message.type != HANDOFF or recipient is None or USER in (sender, recipient):
        return
    if routes.between(sender, recipient, HANDOFF):
        return
    usual = ", ".join(route.to_agent for route in routes if route.from_agent == sender) or "nobody"
    problem = Problem(
        f"no route joins {sender} to {recipient} for a handoff",
        f"{sender} hands over to {usual}; config.yaml can add a route",
        code="no-route",
        severity="error" if config.strict_routes else "warning",
    )
    yield Broken(("to",), problem)


def _broken_practices(message: Message, root: Path, types: MessageTypes, routes: Routes) -> Iterator[Broken]:
    routed = message.route is not None
    context = _CONTEXT.get(message.type)
    if context and not routed and _is_blank(message.payload.get(context)):
        found = f"a {message.type} without `{context}`"
        yield _warning(1, ("payload", context), found, "say what the recipient has to know")
    if message.priority is Priority.CRITICAL and message.type in _NEVER_CRITICAL:
        found = f"a {message.type} with priority critical"
        yield _warning(2, ("priority",), found, "reserve critical for true blockers")
    for at, text in artifact_paths(message, types, routes):
        if _is_body(text):
            found = f"{show_path(at)}: a text stands where a path belongs"
            yield _warning(3, at, found, "save it to a file and name its path")
        elif not _is_url(text) and _stays_inside(text, root) and not _exists(text, root):
            found = f"{show_path(at)}: there is no file {show(text)}"
            yield _warning(3, at, found, "write the file first, or mend the path")
    if message.type == HANDOFF and not routed and not message.payload.get("next_actions"):
        found = "a handoff without `next_actions`"
        yield _warning(4, ("payload", "next_actions"), found, "list what the recipient should do")


def _warning(number: int, at: FieldPath, found: str, hint: str) -> Broken:
    code = f"best-practice-{number}"
    return Broken(at, Problem(f"best practice {number}: {found}", hint, code=code, severity="warning"))


def _is_blank(value: Any) -> bool:
    return not value or (isinstance(value, str) and not value.strip())


def _marked(schema: Any, value: Any, path: FieldPath) -> Iterator[tuple[FieldPath, str]]:
    """Every text in `value` whose schema bears the mark of an artifact path, with its place."""
    if not isinstance(schema, Mapping):
        return
    if isinstance(value, str) and schema.get("format") == ARTIFACT_PATH:
        yield path, value
    elif isinstance(value, Mapping):
        for name, field in schema.get("properties", {}).items():
            if name in value:
                yield from _marked(field, value[name], (*path, name))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _marked(schema.get("items"), item, (*path, number))


def _is_body(text: str) -> bool:
    return "\n" in text or len(text) > LONGEST_PATH or text.count(" ") > MOST_SPACES


def _is_url(text: str) -> bool:
    return _URL.match(text) is not None


def _stays_inside(text: str, root: Path) -> bool:
    """Whether every reading of `text` is in the project: with its fragment or without, on this system or on Windows."""
    if "\0" in text:
        return False
    inside = os.path.realpath(root)
    # Following links costs a system call and a copy for each part, too much for a body with a million slashes in it.
    resolve = os.path.realpath if len(text) <= _LONGEST_NAME else os.path.normpath
    for reading in {text, _without_fragment(text), text.replace("\\", "/")}:
        try:
            target = resolve(os.path.join(inside, reading))
        except ValueError:  # half a surrogate pair: the name of no file
            return False
        if target != inside and not target.startswith(inside.rstrip(os.sep) + os.sep):
            return False
    return True


def _exists(text: str, root: Path) -> bool:
    return any(os.path.exists(os.path.join(root, reading)) for reading in (text, _without_fragment(text)))


def _without_fragment(text: str) -> str:
    return text.partition("#")[0] or text


def _off_route(message: Message, route: Route) -> Iterator[Broken]:
    """Where a message differs from the route that it names."""
    recipient = message.to_agent if message.to_agents is None else "several agents"
    for found, wanted, way in (
        (message.from_agent, route.from_agent, "from"),
        (recipient, route.to_agent, "to"),
    ):
        if found != wanted:
            hint = f"the route goes from {route.from_agent} to {route.to_agent}"
            wrong = f"the route {route.id} goes {way} {wanted}, not {way} {found}"
            at = "to_agents" if way == "to" and message.to_agents is not None else way
            yield Broken((at,), Problem(wrong, hint, code="route"))
    if message.type not in route.types:
        wrong, hint = f"a {message.type} can't go on the route {route.id}", f"it takes: {', '.join(route.types)}"
        yield Broken(("type",), Problem(wrong, hint, code="route"))


_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?!/)")
