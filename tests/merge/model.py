"""What a merge comes to, told by plain mappings of ids to messages: what the merge of texts is compared with."""

from __future__ import annotations

from typing import Any

from bmad_messenger.config import ROSTER
from bmad_messenger.merge.fields import canonical
from bmad_messenger.merge.identity import digits, longer_id

Message = dict[str, Any]
Queue = dict[str, Message]

ORDER = ["pending", "read", "expired", "cancelled", "done"]
CLAIM = ("claimed_by", "claimed_until")
GONE: Any = object()


class Clash:
    """Two values that both sides gave to one field."""

    def __init__(self, ours: Any, theirs: Any) -> None:
        self.sides = (ours, theirs)


def merged(base: Queue, ours: Queue, theirs: Queue) -> Queue:
    """The messages that are to stay, by id; a field in conflict is a `Clash`."""
    ours, theirs = told_apart(base, ours, theirs)
    result: Queue = {}
    for name in {**ours, **theirs}:
        before, own, other = (queue.get(name) for queue in (base, ours, theirs))
        if own is not None and other is not None:
            result[name] = merged_message(before or {}, own, other)
        elif before is None:
            result[name] = own or other or {}
        else:
            kept = own or other or {}
            if has_news(before, kept):
                result[name] = kept
    return result


def told_apart(base: Queue, ours: Queue, theirs: Queue) -> tuple[Queue, Queue]:
    sides = [dict(ours), dict(theirs)]
    for name in sorted({*ours} & {*theirs} - {*base}):
        contents = [
            {key: side[name].get(key) for key in ("type", "from", "to", "to_agents", "created")}
            for side in (ours, theirs)
        ]
        if contents[0] == contents[1] and may_be_one(ours[name]["payload"], theirs[name]["payload"]):
            continue
        later = int(_first(ours[name]) < _first(theirs[name]))
        new = longer_id(name, sides[later][name])
        sides[later] = {
            (new if key == name else key): renamed(one, name, new) if key == name or base.get(key) != one else one
            for key, one in sides[later].items()
        }
    return sides[0], sides[1]


def may_be_one(own: Message, other: Message) -> bool:
    """Whether two payloads may be states of one: they agree in a field, or in most words of one."""
    texts = [(own[key], other[key]) for key in own.keys() & other.keys()]
    words = [(str(one).split(), str(two).split()) for one, two in texts]
    common = [(sum(min(one.count(word), two.count(word)) for word in {*one}), one, two) for one, two in words]
    agree = any(one == two for one, two in texts)
    return own == other or agree or any(n > 2 and 3 * n > 2 * max(len(one), len(two)) for n, one, two in common)


def renamed(message: Message, old: str, new: str) -> Message:
    if message["message_id"] == old:
        message = {**message, "message_id": new}
    return {**message, "reply_to": new} if message.get("reply_to") == old else message


def has_news(before: Message, after: Message) -> bool:
    """Whether more was done to a message than to read or claim it."""
    changed = {key for key in {**before, **after} if before.get(key) != after.get(key)}
    return bool(changed - {"status", "read_by", *CLAIM}) or ("status" in changed and ORDER.index(after["status"]) > 1)


def merged_message(before: Message, own: Message, other: Message) -> Message:
    result = merged_mapping(before, own, other)
    ahead = behind = None
    if isinstance(result["status"], Clash):
        result["status"] = max(result["status"].sides, key=ORDER.index)
    if own["status"] != other["status"]:
        ahead, behind = (own, other) if result["status"] == own["status"] else (other, own)
    if ahead and behind and ORDER.index(ahead["status"]) > ORDER.index(behind["status"]):
        if ORDER.index(ahead["status"]) > 1:
            result["closed"] = ahead.get("closed", GONE)
        if not any(key in ahead for key in CLAIM):
            result |= dict.fromkeys(CLAIM, GONE)
    if isinstance(result.get("closed"), Clash):
        result["closed"] = min(result["closed"].sides)
    claims = [tuple(one.get(key) for key in CLAIM) for one in (before, own, other)]
    if claims[1] != claims[2] and claims[0] not in claims[1:] and GONE not in (result.get(key) for key in CLAIM):
        later = max(claims[1:], key=lambda claim: (claim[1] or "", claim[0] or ""))
        result |= {key: GONE if value is None else value for key, value in zip(CLAIM, later, strict=True)}
    readers = result.get("read_by", {})
    if isinstance(readers, dict):
        result["read_by"] = {agent: min(at.sides) if isinstance(at, Clash) else at for agent, at in readers.items()}
        recipients = (
            [agent for agent in ROSTER if agent != own["from"]]
            if own.get("to_agents") == "all"
            else own.get("to_agents")
        )
        is_news = result["read_by"].keys() not in (own.get("read_by", {}).keys(), other.get("read_by", {}).keys())
        if result["status"] == "pending" and is_news and all(agent in readers for agent in recipients):
            result["status"] = "read"
    return {key: value for key, value in result.items() if value is not GONE and (key != "read_by" or value)}


def merged_mapping(before: Any, own: Message, other: Message) -> Message:
    before = before if isinstance(before, dict) else {}
    result: Message = {}
    for key in {**own, **other}:
        sides = [one.get(key, GONE) for one in (before, own, other)]
        if sides[1] == sides[2] or sides[2] == sides[0]:
            result[key] = sides[1]
        elif sides[1] == sides[0]:
            result[key] = sides[2]
        elif isinstance(sides[1], dict) and isinstance(sides[2], dict):
            result[key] = merged_mapping(sides[0], sides[1], sides[2])
        else:
            result[key] = Clash(sides[1], sides[2])
    return {key: value for key, value in result.items() if value is not GONE}


def settled(value: Any, side: int) -> Any:
    """The value with every clash settled for one side."""
    if isinstance(value, Clash):
        return value.sides[side]
    if isinstance(value, dict):
        both = {key: settled(item, side) for key, item in value.items()}
        return {key: item for key, item in both.items() if item is not GONE}
    return value


def clashes(value: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """The paths of the fields in conflict."""
    if isinstance(value, Clash):
        return {path}
    if isinstance(value, dict):
        return {found for key, item in value.items() for found in clashes(item, (*path, key))}
    return set()


def _first(message: Message) -> tuple[str, str, str]:
    return message["created"], digits(message), canonical(message["payload"])
