"""Messages as values: their form in the file, their ids, their times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from bmad_messenger.message import (
    ID_PATTERN,
    KEY_ORDER,
    Message,
    Priority,
    Status,
    format_time,
    message_id,
    now,
    parse_time,
    summary_key,
    summary_of,
)

REFERENCE: dict[str, Any] = {
    "message_id": "MSG-20250115-a1b2",
    "type": "handoff",
    "from": "pm",
    "to": "architect",
    "priority": "high",
    "created": "2025-01-15T10:30:00Z",
    "status": "pending",
    "payload": {"context_summary": "PRD complete"},
}
FULL: dict[str, Any] = {
    **{key: value for key, value in REFERENCE.items() if key not in ("to", "payload")},
    "to_agents": ["architect", "tea"],
    "route": "prd-complete",
    "reply_to": "MSG-20250114-0001",
    "expires": "2025-01-16T10:30:00Z",
    "idempotency_key": "k",
    "read_by": {"tea": "2025-01-15T11:00:00Z"},
    "claimed_by": "worker",
    "claimed_until": "2025-01-15T12:00:00Z",
    "closed": "2025-01-15T13:00:00Z",
    "note": "well",
    "x-team": ["blue"],
    "payload": {},
}


@pytest.mark.parametrize("mapping", [REFERENCE, FULL, {**REFERENCE, "to": None, "to_agents": "all"}])
def test_a_message_has_one_form_in_the_file(mapping: dict[str, Any]) -> None:
    wanted = {key: value for key, value in mapping.items() if value is not None}

    assert Message.from_mapping(mapping).to_mapping() == wanted


def test_the_keys_stand_in_the_reference_s_order() -> None:
    mapping = Message.from_mapping(dict(reversed(FULL.items()))).to_mapping()

    assert [key for key in mapping if key in KEY_ORDER] == [key for key in KEY_ORDER if key in mapping]
    assert list(mapping)[-2:] == ["x-team", "payload"]


def test_a_message_can_not_be_changed() -> None:
    with pytest.raises(AttributeError):
        Message.from_mapping(REFERENCE).status = Status.READ  # type: ignore[misc]


@pytest.mark.parametrize(
    ("keys", "recipients"),
    [
        ({}, ("architect",)),
        ({"to": None, "to_agents": ["dev", "tea"]}, ("dev", "tea")),
        ({"to": None, "to_agents": "all"}, ("dev", "user")),
    ],
)
def test_the_recipients_of_all_are_the_roster_but_the_sender(keys: dict[str, Any], recipients: tuple[str, ...]) -> None:
    assert Message.from_mapping({**REFERENCE, **keys}).recipients(("pm", "dev", "user")) == recipients


def test_the_priorities_are_the_reference_s() -> None:
    assert {priority.label: priority.value for priority in Priority} == {
        "critical": 1,
        "high": 2,
        "medium": 3,
        "low": 4,
    }


@pytest.mark.parametrize("text", ["high", "High", "HIGH"])
def test_a_priority_is_found_by_its_name(text: str) -> None:
    assert Priority.parse(text) is Priority.HIGH


def test_there_is_no_other_priority() -> None:
    with pytest.raises(ValueError, match="'urgent'"):
        Priority.parse("urgent")


@pytest.mark.parametrize(
    ("status", "is_closed"),
    [
        (Status.PENDING, False),
        (Status.READ, False),
        (Status.DONE, True),
        (Status.CANCELLED, True),
        (Status.EXPIRED, True),
    ],
)
def test_a_message_is_closed_when_its_way_has_ended(status: Status, is_closed: bool) -> None:
    assert status.is_closed is is_closed


@pytest.mark.parametrize(
    "text",
    ["2025-01-15T10:30:00Z", "2025-01-15T10:30:00+00:00", "2025-01-15T12:30:00+02:00", "2025-01-15T10:30:00"],
)
def test_a_time_is_read_as_utc(text: str) -> None:
    time = parse_time(text)

    assert (time, time.tzinfo) == (datetime(2025, 1, 15, 10, 30, tzinfo=UTC), UTC)


def test_a_time_is_written_in_utc() -> None:
    assert format_time(datetime(2025, 1, 15, 12, 30, tzinfo=timezone(timedelta(hours=2)))) == "2025-01-15T10:30:00Z"


@pytest.mark.parametrize("text", ["", "soon", "2025-13-01T00:00:00Z"])
def test_what_is_no_time_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|month"):
        parse_time(text)


def test_now_is_what_the_file_can_keep() -> None:
    assert parse_time(format_time(now())) == now()


def test_an_id_holds_the_date_in_utc() -> None:
    evening = datetime(2025, 1, 15, 23, 0, tzinfo=timezone(timedelta(hours=-5)))

    assert message_id(evening, "a1b2") == "MSG-20250116-a1b2"


@pytest.mark.parametrize("text", ["MSG-20250115-a1b2", "MSG-20250115-a1b2c3"])
def test_an_id_ends_in_four_or_more_hex_digits(text: str) -> None:
    assert ID_PATTERN.fullmatch(text)


@pytest.mark.parametrize("text", ["MSG-20250115-a1b", "MSG-20250115-A1B2", "MSG-2025011-a1b2", "MSG-20250115-a1b2/.."])
def test_other_texts_are_no_ids(text: str) -> None:
    assert not ID_PATTERN.fullmatch(text)


@pytest.mark.parametrize(
    ("payload", "summary"),
    [
        ({"artifact_path": "prd.md", "context_summary": "PRD\n  complete"}, "PRD complete"),
        ({"message": " ", "question": "Which?"}, "Which?"),
        ({"question": 5, "topic": "Cookies"}, "Cookies"),
        ({"count": 2, "paths": ["", {"first": "a.md"}]}, "a.md"),
        ({"count": 2}, ""),
        ({}, ""),
    ],
)
def test_a_message_is_about_its_summary_or_its_first_text(payload: dict[str, Any], summary: str) -> None:
    assert summary_of(Message.from_mapping({**REFERENCE, "payload": payload})) == summary


def test_a_payload_without_a_summary_has_no_field_for_it() -> None:
    assert summary_key({"artifact_path": "prd.md"}) is None
