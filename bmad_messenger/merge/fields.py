"""What becomes of a message's fields that depend on each other, or on their meaning, where both sides changed it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from bmad_messenger.merge.order import winner
from bmad_messenger.message import ALL, Status, parse_time

Mapped = Mapping[str, Any]
Path = tuple[str, ...]


class Absent(Enum):
    """The value of a key that is not there."""

    ABSENT = ""


ABSENT: Final = Absent.ABSENT

Settle = Callable[[Path, Mapped, Mapped, Mapped], Mapped]
"""Given the path of a mapping and its values in base, ours and theirs: the keys that follow a rule of their own, and
their values; `ABSENT` for one that goes."""

_ENCODER: Final = json.JSONEncoder(sort_keys=True)
_FORWARD: Final = (Status.PENDING, Status.READ, Status.EXPIRED, Status.CANCELLED, Status.DONE)
_PROGRESS: Final[Mapping[Any, int]] = {status.value: number for number, status in enumerate(_FORWARD)}
_CLOSED: Final = frozenset(status.value for status in Status if status.is_closed)
_CLAIM: Final = frozenset(("claimed_by", "claimed_until"))
_USE: Final = frozenset(("status", "read_by", *_CLAIM))


def canonical(value: Any) -> str:
    """One text for one value, whatever the order of its keys."""
    return "" if value is ABSENT else _ENCODER.encode(value)


def when(text: Any) -> tuple[bool, datetime, str]:
    """Sorts times: the earlier first, and last what is none."""
    try:
        return False, parse_time(text), text
    except (TypeError, ValueError):
        return True, datetime.max.replace(tzinfo=UTC), canonical(text)


def is_only_used(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether an open message was at most read and claimed: what is lost with it where it is closed meanwhile."""
    changed = {key for key in before | after if not _is_same(key, before, after)}
    return not changed or (changed <= _USE and after.get("status") not in _CLOSED)


def message_rules(roster: Collection[str]) -> Settle:
    """The rules of a message's fields; `roster` are the agents that `all` stands for."""

    def settle(path: Path, base: Mapped, ours: Mapped, theirs: Mapped) -> Mapped:
        if not path:
            return _settled(base, ours, theirs, roster)
        return _readings(base, ours, theirs) if path == ("read_by",) else {}

    return settle


def _settled(base: Mapped, ours: Mapped, theirs: Mapped, roster: Collection[str]) -> dict[str, Any]:
    """The fields that are not simply those of the side that changed them.

    Args:
        base: the message before; empty where both added it.
        ours: the message on one side.
        theirs: the message on the other.
        roster: the agents that `all` stands for.

    Returns:
        The fields and their values; `ABSENT` for one that goes.
    """
    fields: dict[str, Any] = {}
    own, other = ours.get("status"), theirs.get("status")
    status = _status(base, ours, theirs)
    if own != other and status is not None:
        fields["status"] = status
        ahead, behind = (ours, theirs) if status == own else (theirs, ours)
        if _progress(ahead) > _progress(behind):
            fields |= _brought_along(ahead)
    closed = "closed" in ours and "closed" in theirs and "closed" not in fields
    if closed and _both_changed(("closed",), base, ours, theirs):
        fields["closed"] = min(ours["closed"], theirs["closed"], key=when)
    if not fields.keys() & _CLAIM and _both_changed(_CLAIM, base, ours, theirs):
        later = max(ours, theirs, key=_lease)
        fields |= {key: later.get(key, ABSENT) for key in _CLAIM}
    if "created" not in base and ours.get("created") != theirs.get("created"):  # sent, or adopted, in two clones
        first = min(ours, theirs, key=lambda side: when(side.get("created")))
        fields |= {key: first.get(key, ABSENT) for key in ("created", "expires")}
    if status == Status.PENDING.value and _was_read_by_all(base, ours, theirs, roster):
        fields["status"] = Status.READ.value
    return fields


def _readings(base: Mapped, ours: Mapped, theirs: Mapped) -> dict[str, Any]:
    """When those agents read the message who did so on either side: the earlier time."""
    both = ours.keys() & theirs.keys()
    changed = (agent for agent in both if _both_changed((agent,), base, ours, theirs))
    return {agent: min(ours[agent], theirs[agent], key=when) for agent in changed}


def _status(base: Mapped, ours: Mapped, theirs: Mapped) -> str | None:
    """The status of the side that changed it, or the further one; None where there is no telling."""
    side = winner(*(canonical(one.get("status", ABSENT)) for one in (base, ours, theirs)))
    if side is None and min(_progress(ours), _progress(theirs)) >= 0:
        side = int(_progress(theirs) > _progress(ours))
    status = None if side is None else (ours, theirs)[side].get("status")
    return status if isinstance(status, str) else None


def _brought_along(ahead: Mapped) -> dict[str, Any]:
    """What goes with the status of the side that is ahead."""
    fields: dict[str, Any] = {}
    if ahead["status"] in _CLOSED:
        fields["closed"] = ahead.get("closed", ABSENT)
    if not ahead.keys() & _CLAIM:
        fields |= dict.fromkeys(_CLAIM, ABSENT)
    return fields


def _progress(side: Mapped) -> int:
    """How far a message has come; -1 where its status is none."""
    status = side.get("status")
    return _PROGRESS.get(status, -1) if isinstance(status, str) else -1


def _lease(side: Mapped) -> tuple[Any, ...]:
    """Sorts leases: the later last."""
    is_none, *until = when(side.get("claimed_until"))
    return not is_none, *until, canonical(side.get("claimed_by"))


def _was_read_by_all(base: Mapped, ours: Mapped, theirs: Mapped, roster: Collection[str]) -> bool:
    """Whether every recipient of a message to several has read it, some on one side, some on the other."""
    recipients = ours.get("to_agents")
    if recipients != theirs.get("to_agents"):
        return False
    if recipients == ALL:
        recipients = [agent for agent in roster if agent != ours.get("from")]
    before, own, other = (side.get("read_by") or {} for side in (base, ours, theirs))
    if not (isinstance(recipients, list) and isinstance(own, dict) and isinstance(other, dict)):
        return False
    readers = {agent for agent in own | other if (agent in own and agent in other) or agent not in before}
    is_news = readers not in (own.keys(), other.keys())  # else it is as one side left it
    return is_news and all(agent in list(readers) for agent in recipients)


def _is_same(key: str, one: Mapped, other: Mapped) -> bool:
    return canonical(one.get(key, ABSENT)) == canonical(other.get(key, ABSENT))


def _both_changed(keys: Collection[str], base: Mapped, ours: Mapped, theirs: Mapped) -> bool:
    return winner(*([canonical(side.get(key, ABSENT)) for key in keys] for side in (base, ours, theirs))) is None
