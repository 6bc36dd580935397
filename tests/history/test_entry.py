"""A message of the history, and times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bmad_messenger.errors import InvalidError
from bmad_messenger.history.entry import Entry, duration_text, since, until
from tests.history.messages import NOON, done, message


def test_an_entry_tells_how_long_each_step_took() -> None:
    entry = Entry(done(0, waited=60, worked=3600))

    assert (entry.waited, entry.worked) == (60, 3600)


def test_the_first_reader_counts() -> None:
    readers = {"sm": NOON + timedelta(minutes=9), "pm": NOON + timedelta(minutes=2)}

    assert Entry(message(0, read_by=readers)).waited == 120


def test_what_has_not_happened_takes_no_time() -> None:
    entry = Entry(message(0))

    assert (entry.read, entry.waited, entry.worked) == (None, None, None)


def test_what_was_closed_unread_was_not_worked_on() -> None:
    assert Entry(message(0, closed=NOON)).worked is None


def test_a_readers_slow_clock_makes_no_negative_time() -> None:
    assert Entry(message(0, read_by={"architect": NOON - timedelta(seconds=5)})).waited == 0


def test_an_entry_for_json_has_the_files_keys_and_the_times() -> None:
    mapping = Entry(done(0, waited=60, worked=3600)).to_mapping()

    assert mapping["message_id"] == "MSG-20250115-0000"
    assert (mapping["waited_seconds"], mapping["worked_seconds"]) == (60, 3600)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (11100, "3 h 5 min"),
        (86400, "1 d"),
        (187200, "2 d 4 h"),
        (86460, "1 d"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: int, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2025-01-10", datetime(2025, 1, 10, tzinfo=UTC)),
        ("2025-01-10T08:00:00Z", datetime(2025, 1, 10, 8, tzinfo=UTC)),
        ("2025-01-10T08:00:00+02:00", datetime(2025, 1, 10, 6, tzinfo=UTC)),
        ("2d", NOON - timedelta(days=2)),
        ("3h", NOON - timedelta(hours=3)),
        ("1w", NOON - timedelta(weeks=1)),
    ],
)
def test_since_is_a_time_or_so_long_ago(text: str, time: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bmad_messenger.message.now", lambda: NOON)

    assert since(text) == time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2025-01-10", datetime(2025, 1, 10, 23, 59, 59, tzinfo=UTC)),
        ("9999-12-31", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2025-01-10T08:00:00Z", datetime(2025, 1, 10, 8, tzinfo=UTC)),
    ],
)
def test_until_a_date_means_its_end(text: str, time: datetime) -> None:
    assert until(text) == time


@pytest.mark.parametrize("text", ["", "yesterday", "2 fortnights", "9999999999w", "2025-13-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidError, match="is no time; write it as 2025-01-15T10:30:00Z, or as how long ago: 2d"):
        since(text)
