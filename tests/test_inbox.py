"""What waits for an agent and what reading or leasing changes, computed from a text and a time alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bmad_messenger.errors import UsageError
from bmad_messenger.inbox import Wanted, ended, is_to, leasing, reading, waiting
from bmad_messenger.message import Priority, Status
from bmad_messenger.queue.view import QueueView, trusted_view
from bmad_messenger.yaml.render import render_mapping

NOW = datetime(2025, 1, 15, 12, 0, tzinfo=UTC)
ROSTER = ("pm", "dev", "tea")
PLAIN: dict[str, Any] = {
    "type": "notify",
    "from": "pm",
    "to": "dev",
    "priority": "low",
    "created": "2025-01-15T10:30:00Z",
    "status": "pending",
    "payload": {"message": "news"},
}
TO_ALL = {"to": None, "to_agents": "all"}


def at(seconds: float) -> str:
    return (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def message(number: int = 0, **keys: Any) -> dict[str, Any]:
    """A message as the file has it; a key given as None is left out."""
    mapping = {"message_id": f"MSG-20250115-{number:04x}", **PLAIN, **keys}
    payload = mapping.pop("payload")
    return {key: value for key, value in {**mapping, "payload": payload}.items() if value is not None}


def view(*messages: dict[str, Any]) -> QueueView:
    lines = ["messages:"]
    for mapping in messages:
        first, *rest = render_mapping(mapping, 4)
        lines += [f"  - {first.lstrip()}", *rest]
    return trusted_view("\n".join(lines) + "\n", None)


def found(wanted: Wanted, *messages: dict[str, Any]) -> list[int]:
    return waiting(view(*messages), wanted, NOW)


@pytest.mark.parametrize(
    ("keys", "waits"),
    [
        ({}, True),
        ({"to": "tea"}, False),
        ({"to": "dev-ops"}, False),
        ({"status": "read", "read_by": {"dev": at(-60)}}, False),
        ({"status": "done"}, False),
        ({"to": None, "to_agents": ["tea", "dev"]}, True),
        ({"to": None, "to_agents": ["tea", "pm"]}, False),
        ({"to": None, "to_agents": ["tea", "dev"], "read_by": {"dev": at(-60)}}, False),
        ({"to": None, "to_agents": ["tea", "dev"], "read_by": {"tea": at(-60)}}, True),
        (TO_ALL, True),
        ({**TO_ALL, "from": "dev"}, False),
        ({"claimed_by": "w", "claimed_until": at(1)}, False),
        ({"claimed_by": "w", "claimed_until": at(0)}, True),
        ({"claimed_by": "w", "claimed_until": at(-1), "status": "read", "read_by": {"dev": at(-60)}}, True),
        ({"claimed_by": "w", "claimed_until": at(-60), "status": "read", "read_by": {"dev": at(-1)}}, False),
        ({"claimed_by": "w", "claimed_until": at(-60), "status": "done"}, False),
    ],
)
def test_a_message_waits_while_its_recipient_has_not_read_it(keys: dict[str, Any], waits: bool) -> None:
    assert found(Wanted("dev"), message(**keys)) == ([0] if waits else [])


def test_the_order_is_priority_then_age_then_place() -> None:
    messages = [
        message(0),
        message(1),
        message(2, created="2025-01-15T10:29:59Z"),
        message(3, created="2025-01-15T11:29:58+01:00"),
        message(4, priority="critical", created="2025-01-15T11:00:00Z"),
    ]

    assert found(Wanted("dev"), *messages) == [4, 3, 2, 0, 1]


@pytest.mark.parametrize(
    ("wanted", "indexes"),
    [
        (Wanted("dev", "review"), [1]),
        (Wanted("dev", priority=Priority.HIGH), [2]),
        (Wanted("dev", limit=2), [2, 0]),
        (Wanted("dev", "notify", limit=1), [2]),
    ],
)
def test_a_receiver_may_ask_for_some(wanted: Wanted, indexes: list[int]) -> None:
    assert found(wanted, message(0), message(1, type="review"), message(2, priority="high")) == indexes


@pytest.mark.parametrize("limit", [0, -5])
def test_a_limit_counts_from_one(limit: int) -> None:
    with pytest.raises(UsageError):
        Wanted("dev", limit=limit)


@pytest.mark.parametrize(("expires", "is_expired"), [(at(-1), True), (at(0), True), (at(1), False), (None, False)])
def test_a_message_expires_when_its_time_has_come(expires: str | None, is_expired: bool) -> None:
    expected = {Status.EXPIRED: ["MSG-20250115-0000"]} if is_expired else {}
    assert ended(view(message(expires=expires)), NOW) == expected


def test_only_the_key_expires_counts() -> None:
    assert ended(view(message(payload={"expires": at(-1)}), message(1, payload={"text": "expires: now"})), NOW) == {}


def test_what_was_closed_by_hand_ends_so_also_when_its_time_has_come() -> None:
    assert ended(view(message(status="done", expires=at(-1))), NOW) == {Status.DONE: ["MSG-20250115-0000"]}


@pytest.mark.parametrize(
    ("keys", "changes"),
    [
        ({}, {"read_by": {"dev": at(0)}, "status": "read"}),
        ({"read_by": {"dev": at(-5)}, "status": "read"}, {}),
        ({"to": None, "to_agents": ["dev", "tea"]}, {"read_by": {"dev": at(0)}}),
        (
            {"to": None, "to_agents": ["dev", "tea"], "read_by": {"tea": at(-5)}},
            {"read_by": {"dev": at(0)}, "status": "read"},
        ),
        (TO_ALL, {"read_by": {"dev": at(0)}}),
        ({**TO_ALL, "read_by": {"tea": at(-5)}}, {"read_by": {"dev": at(0)}, "status": "read"}),
        ({**TO_ALL, "read_by": {"gone": at(-5)}}, {"read_by": {"dev": at(0)}}),
        ({"claimed_until": at(-1), "read_by": {"dev": at(-5)}, "status": "read"}, {"read_by": {"dev": at(0)}}),
        ({"claimed_until": at(1), "read_by": {"dev": at(-5)}, "status": "read"}, {}),
        ({"claimed_until": at(1)}, {"read_by": {"dev": at(0)}, "status": "read"}),
    ],
)
def test_reading_is_noted_once_and_the_last_reader_ends_it(keys: dict[str, Any], changes: dict[str, Any]) -> None:
    assert reading(message(**keys), "dev", ROSTER, NOW) == changes


@pytest.mark.parametrize(("seconds", "least"), [(60, 60), (0.2, 1), (1.5, 2)])
def test_a_lease_lasts_at_least_as_long_as_it_was_asked_for(seconds: float, least: int) -> None:
    assert leasing(message(), "w", seconds, NOW) == {"claimed_by": "w", "claimed_until": at(least + 1)}


@pytest.mark.parametrize("keys", [TO_ALL, {"to": None, "to_agents": ["dev", "tea"]}])
def test_a_message_to_several_is_not_leased(keys: dict[str, Any]) -> None:
    assert leasing(message(**keys), "w", 60, NOW) == {}


@pytest.mark.parametrize(
    ("keys", "recipients"),
    [({}, ["dev"]), (TO_ALL, ["dev", "tea", "user"]), ({"to": None, "to_agents": ["tea", "pm"]}, ["pm", "tea"])],
)
def test_recipients_are_who_it_is_to(keys: dict[str, Any], recipients: list[str]) -> None:
    assert [agent for agent in ("pm", "dev", "tea", "user") if is_to(message(**keys), agent)] == sorted(
        recipients, key=["pm", "dev", "tea", "user"].index
    )
