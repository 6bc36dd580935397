"""Waits for other writers: as long as they get on, and no more than five seconds for one that doesn't."""

from __future__ import annotations

import sqlite3
import time
from typing import Final

BUSY_SECONDS: Final = 5.0
"""How long a statement waits while nobody commits."""

_PATIENCE: Final = 12
"""How many times as long it waits while others do: chance decides among busy writers who is next."""

_PAUSE: Final = 0.002


def begin(connection: sqlite3.Connection) -> None:
    """Begin to write, as soon as nobody else does.

    SQLite itself would ask ten times a second once it has waited a while, and give up after five: among many busy
    writers, some would wait in vain.

    Raises:
        sqlite3.OperationalError: with SQLITE_BUSY, where the others did not end in time.
    """
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        insist(connection, "BEGIN IMMEDIATE")
    finally:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")


def insist(connection: sqlite3.Connection, statement: str) -> None:
    """Execute the statement, again and again while the file is busy; raises as `begin` does."""
    started = since = time.monotonic()
    version: int | None = None
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            now, last, version = time.monotonic(), version, _version(connection)
            since = now if version != last else since
            if now - since > BUSY_SECONDS or now - started > BUSY_SECONDS * _PATIENCE:
                raise
        time.sleep(_PAUSE)


def _version(connection: sqlite3.Connection) -> int | None:
    """A number that changes when somebody else commits; None where the file is too busy to tell."""
    try:
        return int(connection.execute("PRAGMA data_version").fetchone()[0])
    except sqlite3.OperationalError:
        return None
