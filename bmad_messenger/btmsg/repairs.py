"""Gives rows of other programs what every row must have: an id to be called by, and a flag that is set or not."""

from __future__ import annotations

import sqlite3
from typing import Final

_LACKS: Final = {"messages": ("id", "read"), "channel_messages": ("id",), "tasks": ("id",)}
"""The columns, by table, that SQLite lets be empty and that nothing works without; a primary key may be, too."""

_VALUES: Final = {"id": "lower(hex(randomblob(16)))", "read": "0"}
"""What is put there."""


def repair(connection: sqlite3.Connection) -> None:
    """Complete the rows that are there."""
    for table, columns in _LACKS.items():
        for column in columns:
            connection.execute(f"UPDATE {table} SET {column} = {_VALUES[column]} WHERE {column} IS NULL")


def create_triggers(connection: sqlite3.Connection) -> None:
    """Complete from now on each row as it is inserted, which no INSERT can fail by."""
    for table, columns in _LACKS.items():
        lacks = " OR ".join(f"new.{column} IS NULL" for column in columns)
        values = ", ".join(f"{column} = coalesce({column}, {_VALUES[column]})" for column in columns)
        connection.execute(f"DROP TRIGGER IF EXISTS btmsg_repair_{table}")
        connection.execute(
            f"CREATE TRIGGER btmsg_repair_{table} AFTER INSERT ON {table} WHEN {lacks} "
            f"BEGIN UPDATE {table} SET {values} WHERE rowid = new.rowid; END"
        )
