"""Finds one row by its id or by a beginning of the id that no other has."""

from __future__ import annotations

import sqlite3

from bmad_messenger.errors import NotFoundError

_SHOWN = 5


def full_id(connection: sqlite3.Connection, table: str, prefix: str) -> str | None:
    """The id in `table` that is `prefix`, or the only one that begins with it; None where there is none.

    Raises:
        NotFoundError: where several begin with it; it names some.
    """
    if not prefix:
        return None
    rows = connection.execute(
        f"SELECT id FROM {table} WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
        (prefix, prefix + "\U0010ffff", _SHOWN + 1),
    ).fetchall()
    ids = [str(row["id"]) for row in rows]
    if len(ids) > 1 and ids[0] != prefix:
        names = ", ".join(ids[:_SHOWN]) + (", …" if len(ids) > _SHOWN else "")
        raise NotFoundError(f"several ids begin with {prefix}: {names}", hint="give more of the id")
    return ids[0] if ids else None


def new_id() -> str:
    """A random UUID."""
    import uuid

    return str(uuid.uuid4())
