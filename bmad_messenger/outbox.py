"""From a sender's draft to messages that may be sent: filled in from route and type, then checked by every rule."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bmad_messenger import message as messages
from bmad_messenger.config import USER, Config
from bmad_messenger.errors import InvalidError, Problem, UsageError
from bmad_messenger.findings import nearest, show
from bmad_messenger.message import ALL, Draft, Message, Priority, Status, message_id, parse_time
from bmad_messenger.message_types import MessageTypes, check_message
from bmad_messenger.practices import check_artifact_paths, check_practices, check_route
from bmad_messenger.routes import Route, Routes
from bmad_messenger.yaml.parse import MAX_DEPTH, parse

_ESCALATE: Final = "escalate"
_ANY_SUFFIX: Final = "0000"
_LONGEST_NUMBER: Final = 14_000  # bits; Python writes out and reads numbers of up to 4,300 digits
_DURATION: Final = re.compile(r"(\d+)\s*([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class Outbox:
    """The rules of one project for what is sent; `root` is the project's folder."""

    root: Path
    config: Config
    types: MessageTypes
    routes: Routes

    def compose(self, draft: Draft, created: datetime) -> Iterator[Message]:
        """The messages that a draft stands for, one a route; complete but for their ids, which are empty.

        Raises:
            UsageError: where sender, recipient or type is missing and no route tells it.
            NotFoundError: for an agent that is not on the roster.
            InvalidError: for a route or type that does not exist, or a payload that is none of JSON's.
        """
        for one in self._on_routes(draft):
            yield self._compose(one, created)

    def check(self, message: Message, *, strict: bool = False) -> tuple[Problem, ...]:
        """The warnings about a message that may be sent.

        Args:
            message: the message; its id may be empty.
            strict: whether warnings count as errors.

        Raises:
            InvalidError: with every error of the message together.
        """
        mapping = replace(message, message_id=message_id(message.created, _ANY_SUFFIX)).to_mapping()
        errors = check_message(mapping, self.types, self.routes)
        if not errors:  # the rules below rely on the schemas
            found = (
                *check_artifact_paths(message, self.root, self.types, self.routes),
                *check_route(message, self.routes, self.config),
                *check_practices(message, self.root, self.types, self.routes),
            )
            errors = tuple(problem for problem in found if strict or problem.severity == "error")
            if not errors:
                return found
        raise InvalidError.of(errors, f"this {message.type} can't be sent")

    def _on_routes(self, draft: Draft) -> Iterator[Draft]:
        if draft.route is None:
            yield draft
            return
        routes = self.routes.select(draft.route)
        chosen = [route for route in routes if _fits(draft, route)] or list(routes[:1])
        for route in chosen:
            others = {name for other in chosen for name in other.payload} - route.payload.keys()
            several = len(chosen) > 1
            yield replace(
                draft,
                route=route.id,
                type=draft.type or route.types[0],
                from_agent=draft.from_agent or route.from_agent,
                to_agent=draft.to_agent or (None if draft.to_agents else route.to_agent),
                payload={name: value for name, value in draft.payload.items() if name not in others}
                if several
                else draft.payload,
                idempotency_key=f"{draft.idempotency_key}:{route.id}"
                if several and draft.idempotency_key
                else draft.idempotency_key,
            )

    def _compose(self, draft: Draft, created: datetime) -> Message:
        if draft.type is None:
            raise UsageError("the message has no type", hint="give --type or --route")
        if draft.from_agent is None:
            raise UsageError("the message has no sender", hint="give --from, or a --route that tells it")
        to_agent, to_agents = self._recipients(draft)
        return Message(
            message_id="",
            type=draft.type,
            from_agent=self.config.require_agent(draft.from_agent),
            to_agent=to_agent,
            to_agents=to_agents,
            priority=draft.priority or self.types.default_priority(draft.type),
            created=created,
            status=Status.PENDING,
            route=draft.route,
            reply_to=draft.reply_to,
            expires=_as_kept(draft.expires) if draft.expires else None,
            idempotency_key=draft.idempotency_key,
            payload=plain_payload(draft.payload, self.config.limits.payload_bytes),
        )

    def _recipients(self, draft: Draft) -> tuple[str | None, tuple[str, ...] | str | None]:
        if draft.to_agent is not None and draft.to_agents is not None:
            raise UsageError(
                "the message has both one recipient and several", hint="give --to or --to-agents, not both"
            )
        if draft.to_agents is None:
            to_agent = draft.to_agent or (USER if draft.type == _ESCALATE else None)
            if to_agent is None:
                raise UsageError(
                    "the message has no recipient", hint="give --to, --to-agents, or a --route that tells it"
                )
            return self.config.require_agent(to_agent), None
        if isinstance(draft.to_agents, str):
            if draft.to_agents != ALL:
                raise UsageError(f"to_agents is {draft.to_agents!r}", hint=f"give a list of agents, or {ALL!r}")
            return None, ALL
        return None, tuple(dict.fromkeys(self.config.require_agent(agent) for agent in draft.to_agents))


def priority_of(value: Any) -> Priority | None:
    """A priority by its name; None stays None.

    Raises:
        InvalidError: where there is none of that name, naming the nearest.
    """
    if value is None or isinstance(value, Priority):
        return value
    try:
        return Priority.parse(str(value))
    except ValueError:
        labels = [priority.label for priority in Priority]
        hint = f"{nearest(str(value), labels)}the priorities are {', '.join(labels)}"
        raise InvalidError(f"there is no priority {show(value)}", hint=hint) from None


def status_of(value: Any) -> Status | None:
    """A status by its name; None stays None.

    Raises:
        InvalidError: where there is none of that name, naming the nearest.
    """
    if value is None or isinstance(value, Status):
        return value
    try:
        return Status(str(value).lower())
    except ValueError:
        names = [status.value for status in Status]
        hint = f"{nearest(str(value), names)}the statuses are {', '.join(names)}"
        raise InvalidError(f"there is no status {show(value)}", hint=hint) from None


def time_of(value: Any, *, is_past: bool = False) -> datetime | None:
    """A time: in ISO 8601, or so long from now, as in `2d`, `3h` or `45m`; with `is_past`, so long ago.

    Raises:
        InvalidError: where it is neither.
    """
    if value is None or isinstance(value, datetime):
        return value
    text = str(value).strip()
    found = _DURATION.fullmatch(text)
    try:
        if found:
            distance = timedelta(**{_UNITS[found[2]]: int(found[1])})
            return messages.now() - distance if is_past else messages.now() + distance
        return parse_time(text)
    except (ValueError, OverflowError):
        way = "how long ago" if is_past else "a time from now"
        hint = f"write it as 2025-01-15T10:30:00Z, or as {way}: 2d, 3h, 45m"
        raise InvalidError(f"{text!r} is no time", hint=hint) from None


def read_payload(text: str, limit: int, path: str | None = None) -> dict[str, Any]:
    """The payload that YAML or JSON text holds; `limit` is the size in bytes it may have.

    Raises:
        InvalidError: where the text is too large, is no YAML (with its place), or is no mapping.
    """
    if len(text) > limit:
        raise _too_large(limit)
    payload = parse(text.removeprefix("\ufeff"), path=path)
    if payload is None:
        return {}
    if not isinstance(payload, dict):
        raise InvalidError("the payload is not a mapping", hint="write it as `key: value`", path=path, line=1, column=1)
    return payload


def plain_payload(payload: Mapping[str, Any], limit: int) -> dict[str, Any]:
    """A copy of a payload that holds JSON's own types alone.

    Raises:
        InvalidError: where a value is none of JSON's, nests too deep, or where it is larger than `limit` bytes.
    """
    copy = _plain(payload, "payload", 0)
    if not isinstance(copy, dict):
        raise InvalidError(f"payload: wanted a mapping, found {show(copy)}", hint="give it keys")
    if len(json.dumps(copy, ensure_ascii=False).encode("utf-8", "surrogatepass")) > limit:
        raise _too_large(limit)
    return copy


def plain_note(note: str, limit: int) -> str:
    """A word on how a message ended, if it is a text of at most `limit` bytes; InvalidError where it is not."""
    if not isinstance(note, str):
        raise InvalidError(f"note: wanted text, found {show(note)}", hint="say it in words")
    if len(_plain(note, "note", 0).encode()) > limit:
        raise InvalidError(f"the note is larger than {limit} bytes", hint="save it to a file and name its path")
    return note


def _as_kept(time: datetime) -> datetime:
    """A time as the file keeps it: UTC, which one without a zone is taken for, and to the second."""
    try:
        return parse_time(time.isoformat()).replace(microsecond=0)
    except OverflowError:
        raise InvalidError(f"expires: {time.isoformat()} is in no year of UTC", hint="name a nearer time") from None


def _plain(value: Any, where: str, depth: int) -> Any:
    if depth > MAX_DEPTH - 4:  # a message adds the levels around its payload
        raise InvalidError(f"{where[:80]}… nests too deep", hint="flatten the payload")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InvalidError(f"{where}: the key {key!r} is not text", hint="use text for keys")
            _plain(key, f"{where}: a key", depth)
        return {key: _plain(item, f"{where}.{key}", depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{number}]", depth + 1) for number, item in enumerate(value)]
    if isinstance(value, float) and value - value != 0:
        raise InvalidError(f"{where}: {value} is not a number that JSON can hold", hint="use a finite number, or text")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidError(f"{where}: half a surrogate pair is not text", hint="send valid Unicode") from None
        return str(value)
    if isinstance(value, int) and value.bit_length() > _LONGEST_NUMBER:
        raise InvalidError(f"{where}: this number is too large", hint="send it as text")
    if value is None or isinstance(value, bool | int | float):
        return value
    raise InvalidError(f"{where}: a {type(value).__name__} is not a value of JSON", hint="turn it into text")


def _too_large(limit: int) -> InvalidError:
    return InvalidError(
        f"the payload is larger than {limit} bytes",
        hint="save it to a file and send its path (best practice 3), or raise limits.payload_bytes in config.yaml",
    )


def _fits(draft: Draft, route: Route) -> bool:
    """Whether what the sender has said leaves this route open."""
    return (
        draft.from_agent in (None, route.from_agent)
        and draft.to_agent in (None, route.to_agent)
        and (draft.type is None or draft.type in route.types)
    )
