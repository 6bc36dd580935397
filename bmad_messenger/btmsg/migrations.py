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

_UNFIT_CODES: Final = (sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH)
"""What SQLite answers where a table or a row is not what a step expects."""


class UnfitError(Exception):
    """What is in the database can't be given its present form; the text says what that is."""


def shared_tables(connection: sqlite3.Connection) -> None:
    """Every table that the programs share, with every column, default and reference it has today."""
    from bmad_messenger.btmsg.rebuild import complete
    from bmad_messenger.btmsg.repairs import repair
    from bmad_messenger.btmsg.schema import SHARED

    for name in SHARED:
        complete(connection, name)
    repair(connection)


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


def completed_rows(connection: sqlite3.Connection) -> None:
    """What the first version left: the constraints of old tables, rows without an id or a flag, those to come too."""
    from bmad_messenger.btmsg import repairs, search

    shared_tables(connection)
    repairs.create_triggers(connection)
    search.create_triggers(connection)


def copies_by_time(connection: sqlite3.Connection) -> None:
    """The time of a message's making in the key of its copies, and for whom each was made."""
    from bmad_messenger.btmsg.schema import INDEXES, OWN_TABLES

    connection.execute("DROP INDEX IF EXISTS btmsg_messages_reply")
    columns = [row["name"] for row in connection.execute("SELECT name FROM pragma_table_info('btmsg_mirrored')")]
    if "created_at" in columns:
        return
    connection.execute("ALTER TABLE btmsg_mirrored RENAME TO btmsg_mirrored_before")
    connection.execute(OWN_TABLES["btmsg_mirrored"].create("btmsg_mirrored"))
    connection.execute(
        """INSERT INTO btmsg_mirrored (source, external_id, created_at, agent_id, message_id, origin, carried)
           SELECT r.source, r.external_id, coalesce(m.created_at, ''), r.agent_id, r.message_id, '', r.carried
           FROM btmsg_mirrored_before r LEFT JOIN messages m ON m.id = r.message_id"""
    )
    connection.execute("DROP TABLE btmsg_mirrored_before")
    connection.execute(f"CREATE INDEX btmsg_mirrored_open ON {INDEXES['btmsg_mirrored_open']}")


def seen_mark(connection: sqlite3.Connection) -> None:
    """Beside the flag of a message whether a session has acknowledged it, and an index of both."""
    from bmad_messenger.btmsg.schema import WAITING_INDEX
    from bmad_messenger.btmsg.unread import create_mark

    create_mark(connection)
    connection.execute("DROP INDEX IF EXISTS btmsg_messages_unread")
    connection.execute(f"CREATE INDEX btmsg_messages_waiting ON {WAITING_INDEX}")


MIGRATIONS: Final[tuple[tuple[str, Callable[[sqlite3.Connection], None]], ...]] = (
    ("0001_shared_tables", shared_tables),
    ("0002_own_tables", own_tables),
    ("0003_indexes", indexes),
    ("0004_search_index", search_index),
    ("0005_completed_rows", completed_rows),
    ("0006_copies_by_time", copies_by_time),
    ("0007_seen_mark", seen_mark),
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
        if isinstance(error, UnfitError) or (
            isinstance(error, sqlite3.Error) and error.sqlite_errorcode & 0xFF in _UNFIT_CODES
        ):
            raise DamagedError(
                f"the database can't be brought up to date, its tables or rows don't fit: {error} (the step {name}, "
                "which was undone)",
                hint="mend that with the sqlite3 shell and run the command again",
                path=path,
            ) from error
        raise
