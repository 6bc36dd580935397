"""Finds one row by its id or by a beginning of the id that no other has."""

from __future__ import annotations

import re
import sqlite3
from typing import Final

from bmad_messenger.errors import NotFoundError

_SHOWN: Final = 5
_ESCAPED: Final = re.compile(rb"\\x([0-9a-f]{2})")
"""How a byte is shown that is no text."""


def full_id(connection: sqlite3.Connection, table: str, prefix: str) -> str | None:
    """The id in `table` that is `prefix`, or the only one that begins with it; None where there is none.

    Raises:
        NotFoundError: where several begin with it; it names some.
    """
    if not prefix:
        return None
    exact = connection.execute(f"SELECT 1 FROM {table} WHERE id IN (:id, CAST(:id AS TEXT))", {"id": stored(prefix)})
    if exact.fetchone():
        return prefix
    rows = connection.execute(
        f"SELECT id FROM {table} WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
        (prefix, prefix + "\U0010ffff", _SHOWN + 1),
    ).fetchall()
    ids = [str(row["id"]) for row in rows]
    if len(ids) > 1:
        names = ", ".join(ids[:_SHOWN]) + (", …" if len(ids) > _SHOWN else "")
        raise NotFoundError(f"several ids begin with {prefix}: {names}", hint="give more of the id")
    return ids[0] if ids else None


def stored(shown: str) -> bytes:
    """The bytes of an id that is shown as this: another program may have stored bytes in place of text, or no UTF-8.

    `id IN (:id, CAST(:id AS TEXT))` finds all of that.
    """
    return _ESCAPED.sub(lambda escape: bytes.fromhex(escape[1].decode()), shown.encode())


def new_id() -> str:
    """A random UUID."""
    import uuid

    return str(uuid.uuid4())
