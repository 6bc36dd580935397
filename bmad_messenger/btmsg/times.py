"""Times as the database holds them: UTC text that sorts beside SQLite's own `datetime('now')`."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """The time it is: `YYYY-MM-DD HH:MM:SS.ffffff`, in UTC.

    A blank and no `T` stands between date and time, as in SQLite's `datetime('now')`: a `T` would sort a row of ours
    behind every row that another program writes on that day.
    """
    return timestamp(datetime.now(UTC))


def timestamp(moment: datetime) -> str:
    """The text for an aware `moment`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def moment_of(column: str) -> str:
    """The SQL expression to sort a time by, for ties in insertion order to be followed by `rowid`.

    Other programs write whole seconds, which as text precede every fraction of the same second: one that is written
    after a row of ours would move ahead of it. So what happened within one second is told apart by `rowid` alone.
    The indexes are made on this very expression.
    """
    return f"replace(substr({column}, 1, 19), 'T', ' ')"
