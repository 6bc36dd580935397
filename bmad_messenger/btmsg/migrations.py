"""The steps that bring a database of any age up to date: ordered, named, each recorded in its own transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

from bmad_messenger.btmsg import waiting
from bmad_messenger.btmsg.times import now
from bmad_messenger.errors import DamagedError

LEDGER: Final = "btmsg_migrations"
"""The table that holds the names of the migrations that were applied; `PRAGMA user_version` is left to others."""


def shared_tables(connection: sqlite3.Connection) -> None:
    """Every table that the programs share, with every column, default and reference it has today."""
    from bmad_messenger.btmsg.rebuild import complete
    from bmad_messenger.btmsg.schema import SHARED

    for name in SHARED:
        complete(connection, name)


def own_tables(connection: sqlite3.Connection) -> None:
    """What we keep beside the shared tables: payloads, mirrored messages, replies that died, who changed a task."""
    from bmad_messenger.btmsg.schema import OWN_TABLES

    for name, table in OWN_TABLES.items():
        connection.execute(table.create(name))


def indexes(connection: sqlite3.Connection) -> None:
    """The indexes behind the inbox, the feed, the histories and the counts."""
    from bmad_messenger.btmsg.schema import INDEXES

    for name, definition in INDEXES.items():
        connection.execute(f"CREATE INDEX {name} ON {definition}")


def search_index(connection: sqlite3.Connection) -> None:
    """The full-text index, filled with what is there."""
    from bmad_messenger.btmsg.search import create_index

    create_index(connection)


MIGRATIONS: Final[tuple[tuple[str, Callable[[sqlite3.Connection], None]], ...]] = (
    ("0001_shared_tables", shared_tables),
    ("0002_own_tables", own_tables),
    ("0003_indexes", indexes),
    ("0004_search_index", search_index),
)
"""In the order in which they apply. A published one is never changed: what is new goes to the end."""


def pending(connection: sqlite3.Connection, path: str) -> list[str]:
    """The names of the migrations that the database at `path` lacks.

    Raises:
        DamagedError: where the database has one that this version doesn't know.
    """
    applied = _applied(connection)
    known = [name for name, _ in MIGRATIONS]
    if newer := sorted(applied.difference(known)):
        raise DamagedError(
            f"the database was made by a newer version (it has {newer[-1]}); nothing was changed",
            hint="upgrade bmad-messenger",
            path=path,
        )
    return [name for name in known if name not in applied]


def check(connection: sqlite3.Connection, path: str) -> None:
    """Make sure that an old database is whole before it is changed: a migration could hide what was in a damaged one.

    Raises:
        DamagedError: where it is corrupt.
    """
    report = connection.execute("PRAGMA quick_check(1)").fetchone()["quick_check"]
    if report != "ok":
        raise DamagedError(
            f"the database is corrupt: {report.splitlines()[-1]}; nothing was changed",
            hint="restore it from a backup, or recover it with `sqlite3 FILE .recover`",
            path=path,
        )


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Apply what the database at `path` lacks; several processes may do so at once.

    The connection is in autocommit mode, and none of its own transactions is open.

    Raises:
        DamagedError: as `pending` does, or where rows don't fit their tables.
    """
    if not pending(connection, path):
        return
    connection.execute("PRAGMA foreign_keys = OFF")  # dropping a table to rebuild it would empty those that refer to it
    connection.execute("PRAGMA legacy_alter_table = ON")
    try:
        for name, apply in MIGRATIONS:
            if name in pending(connection, path):
                _apply(connection, path, name, apply)
    finally:
        connection.execute("PRAGMA legacy_alter_table = OFF")
        connection.execute("PRAGMA foreign_keys = ON")


def _applied(connection: sqlite3.Connection) -> set[str]:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (LEDGER,)).fetchone():
        return set()
    return {str(row["name"]) for row in connection.execute(f"SELECT name FROM {LEDGER}")}


def _apply(
    connection: sqlite3.Connection, path: str, name: str, migration: Callable[[sqlite3.Connection], None]
) -> None:
    waiting.begin(connection)
    try:
        if name in pending(connection, path):
            migration(connection)
            connection.execute(f"CREATE TABLE IF NOT EXISTS {LEDGER} (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL)")
            connection.execute(f"INSERT INTO {LEDGER} (name, applied_at) VALUES (?, ?)", (name, now()))
        connection.execute("COMMIT")
    except BaseException as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.IntegrityError):
            raise DamagedError(
                f"the database can't be brought up to date, its rows don't fit ({name}: {error}); nothing was changed",
                hint="mend the rows with the sqlite3 shell and run the command again",
                path=path,
            ) from error
        raise
