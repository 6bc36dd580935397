"""A message's fields that both sides changed: state goes forward, and what depends on it goes with it."""

from __future__ import annotations

from typing import Any

import pytest

from bmad_messenger.merge import merge_records
from bmad_messenger.yaml.parse import parse
from bmad_messenger.yaml.render import render_mapping
from tests.merge.written import message

EARLY, LATE = "2025-01-15T10:00:00Z", "2025-01-15T11:00:00Z"
FORWARD = ("pending", "read", "expired", "cancelled", "done")


@pytest.mark.parametrize(("earlier", "later"), [(a, b) for n, a in enumerate(FORWARD) for b in FORWARD[n + 1 :]])
def test_status_goes_forward(earlier: str, later: str) -> None:
    base = {"status": next(status for status in FORWARD if status not in (earlier, later))}

    assert merged(base, {"status": earlier}, {"status": later})["status"] == later


def test_status_that_one_side_alone_turned_back_is_turned_back() -> None:
    assert merged({"status": "read"}, {"status": "pending"}, {"status": "read", "note": "a"})["status"] == "pending"


def test_time_of_closing_goes_with_the_status_that_stands() -> None:
    ours, theirs = {"status": "expired", "closed": EARLY}, {"status": "done", "closed": LATE}

    assert merged({}, ours, theirs)["closed"] == LATE


def test_of_two_times_of_closing_alike_the_earlier_stands() -> None:
    ours, theirs = {"status": "done", "closed": LATE}, {"status": "done", "closed": EARLY}

    assert merged({}, ours, theirs)["closed"] == EARLY


def test_times_of_closing_left_in_an_open_message_are_no_conflict() -> None:
    ours, theirs = {"status": "pending", "closed": LATE}, {"status": "read", "closed": EARLY}

    assert merged({}, ours, theirs)["closed"] == EARLY


def test_message_closed_on_one_side_and_read_on_the_other_is_closed_and_read() -> None:
    result = merged({}, {"status": "done", "closed": LATE}, {"status": "read", "read_by": {"dev": EARLY}})

    assert (result["status"], result["closed"], result["read_by"]) == ("done", LATE, {"dev": EARLY})


def test_readers_are_united_each_with_the_earlier_time() -> None:
    ours, theirs = {"read_by": {"dev": LATE, "pm": EARLY}}, {"read_by": {"dev": EARLY, "sm": LATE}}

    assert merged({}, ours, theirs)["read_by"] == {"dev": EARLY, "pm": EARLY, "sm": LATE}


@pytest.mark.parametrize("to_agents", [["dev", "tea", "sm"], "all"])
def test_message_to_several_is_read_once_its_last_recipient_has_read_it(to_agents: object) -> None:
    base = {"to_agents": to_agents, "read_by": {"sm": EARLY}}
    ours, theirs = ({**base, "read_by": {"sm": EARLY, agent: EARLY}} for agent in ("dev", "tea"))

    assert merged(base, ours, theirs, roster=("pm", "dev", "tea", "sm"))["status"] == "read"
    assert merged(base, ours, theirs, roster=("pm", "dev", "tea", "sm", "user"))["status"] == (
        "pending" if to_agents == "all" else "read"
    )


def test_message_whose_recipients_changed_is_read_once_all_of_them_have_read_it() -> None:
    ours, theirs = (
        {"to_agents": ["dev"], "read_by": {"dev": EARLY}},
        {"to_agents": ["dev", "sm"], "read_by": {"tea": EARLY}},
    )

    assert merged({"to_agents": ["dev"]}, ours, theirs)["status"] == "pending"


def test_later_lease_wins() -> None:
    ours, theirs = {"claimed_by": "a", "claimed_until": EARLY}, {"claimed_by": "b", "claimed_until": LATE}

    result = merged({}, ours, theirs)

    assert (result["claimed_by"], result["claimed_until"]) == ("b", LATE)


def test_lease_is_not_made_up_of_two() -> None:
    base = {"claimed_by": "a", "claimed_until": EARLY}

    result = merged(base, {**base, "claimed_by": "b"}, {**base, "claimed_until": LATE})

    assert (result["claimed_by"], result["claimed_until"]) == ("a", LATE)


@pytest.mark.parametrize("status", ["read", "done"])
def test_lease_goes_where_the_status_that_stands_has_none(status: str) -> None:
    result = merged({}, {"status": status}, {"claimed_by": "b", "claimed_until": LATE})

    assert "claimed_by" not in result
    assert "claimed_until" not in result


def test_message_sent_twice_under_one_key_was_sent_the_first_time() -> None:
    ours, theirs = ({"idempotency_key": "k", "created": time, "expires": time} for time in (LATE, EARLY))

    result = merged(None, ours, theirs)

    assert (result["created"], result["expires"]) == (EARLY, EARLY)


def test_fields_that_each_side_added_stand_in_their_usual_order() -> None:
    result = merged({}, {"note": "a"}, {"read_by": {"dev": EARLY}})

    assert [*result][-3:] == ["read_by", "note", "payload"]


def test_payload_is_merged_by_its_keys_too() -> None:
    base = {"payload": {"a": {"b": "1", "c": "1"}, "d": "1"}}
    ours, theirs = (
        {"payload": {"a": {"b": "2", "c": "1"}, "d": "1"}},
        {"payload": {"a": {"b": "1", "c": "2"}, "e": "1"}},
    )

    assert merged(base, ours, theirs)["payload"] == {"a": {"b": "2", "c": "2"}, "e": "1"}


def test_payload_that_both_sides_took_a_part_of_may_be_empty() -> None:
    base = {"payload": {"a": "1", "b": "1"}}

    assert merged(base, {"payload": {"a": "1"}}, {"payload": {"b": "1"}})["payload"] == {}


@pytest.mark.parametrize("readers", ["dev", ["dev"], {"dev": ["x"]}, None])
@pytest.mark.parametrize("field", ["status", "read_by", "to_agents", "claimed_until", "created"])
def test_value_of_another_kind_than_it_should_be_is_no_reason_to_fail(field: str, readers: object) -> None:
    base, ours, theirs = (record({field: value}) for value in ("x", readers, "y"))

    assert len(merge_records(base, ours, theirs).conflicts) == (field != "claimed_until")
    assert len(merge_records(base, theirs, ours).conflicts) == (field != "claimed_until")


def test_date_that_both_sides_changed_by_hand_is_a_conflict() -> None:
    result = merge_records(*(record({"created": time}) for time in (EARLY, LATE, "2025-01-15T12:00:00Z")))

    assert "created was changed" in result.conflicts[0].message


@pytest.mark.parametrize("time", ["soon", None, 5, ["x"]])
def test_time_that_is_none_gives_way(time: object) -> None:
    ours, theirs = {"status": "done", "closed": time}, {"status": "done", "closed": LATE}

    assert merged({}, ours, theirs)["closed"] == LATE


def merged(base: dict[str, Any] | None, ours: dict[str, Any], theirs: dict[str, Any], **options: Any) -> dict[str, Any]:
    """What the merged message says, the same in both directions; None as a base is that there was no message."""
    before, own, other = ("" if fields is None else record(fields) for fields in (base, ours, theirs))
    result, turned = merge_records(before, own, other, **options), merge_records(before, other, own, **options)
    assert result.conflicts == ()
    assert turned.text == result.text
    mapping: dict[str, Any] = parse(result.text)
    return mapping


def record(fields: dict[str, Any]) -> str:
    return "\n".join(render_mapping(message(1, **fields), 0)) + "\n"
