"""Messages that could not be delivered: kept with the reason, until they are delivered or cleared."""

from __future__ import annotations

import sqlite3
from typing import Any

from bmad_messenger.btmsg import audit
from bmad_messenger.btmsg.records import Agent, DeadLetter, from_row, payload_text
from bmad_messenger.btmsg.roles import may, require
from bmad_messenger.btmsg.times import moment_of, now
from bmad_messenger.errors import NotFoundError

_SELECT = """
    SELECT d.id, d.from_agent, d.to_agent, d.content, d.error, d.created_at, e.reply_to, e.payload
    FROM dead_letter_queue d LEFT JOIN btmsg_dead_letters e ON e.dead_letter_id = d.id"""


def add(
    connection: sqlite3.Connection,
    sender: Agent,
    to_agent: str,
    content: str,
    reply_to: str | None,
    payload: Any,
    reason: str,
) -> int:
    """Keep a message that can't be delivered; returns its number."""
    cursor = connection.execute(
        "INSERT INTO dead_letter_queue (from_agent, to_agent, content, error, created_at) VALUES (?, ?, ?, ?, ?)",
        (sender.id, to_agent, content, reason, now()),
    )
    number = int(cursor.lastrowid or 0)
    if reply_to is not None or payload is not None:
        connection.execute(
            "INSERT INTO btmsg_dead_letters (dead_letter_id, reply_to, payload) VALUES (?, ?, ?)",
            (number, reply_to, payload_text(payload)),
        )
    audit.record(connection, sender.id, "dead_letter", f"{number} to {to_agent}: {reason}")
    return number


def listed(connection: sqlite3.Connection, reader: Agent | None, group_id: str | None = None) -> list[DeadLetter]:
    """The dead letters that the reader may see, oldest first: its own, or a manager those of a group."""
    return [from_row(DeadLetter, row) for row in _rows(connection, reader, group_id)]


def numbered(
    connection: sqlite3.Connection, reader: Agent, numbers: tuple[int, ...], group_id: str | None
) -> list[sqlite3.Row]:
    """The rows, with payloads, of the letters with these numbers; of all that `listed` gives where none are named.

    Raises:
        NotFoundError: where there is no letter of such a number.
    """
    found = {int(row["id"]): row for row in _rows(connection, reader, group_id)}
    for number in numbers:
        if number not in found:
            raise NotFoundError(f"there is no dead letter {number}", hint="btmsg dead-letters lists them")
    return [found[number] for number in dict.fromkeys(numbers or found)]


def clear(
    connection: sqlite3.Connection, actor: Agent, numbers: tuple[int, ...] = (), group_id: str | None = None
) -> int:
    """Delete dead letters for good; returns how many.

    Raises:
        RefusedError: where the role may not; NotFoundError: where there is no letter of such a number.
    """
    require(actor.id, actor.role, "clear dead letters")
    found = [int(row["id"]) for row in numbered(connection, actor, numbers, group_id)]
    for number in found:
        connection.execute("DELETE FROM dead_letter_queue WHERE id = ?", (number,))
        audit.record(connection, actor.id, "dead_letter_clear", f"{number}")
    return len(found)


def _rows(connection: sqlite3.Connection, reader: Agent | None, group_id: str | None) -> list[sqlite3.Row]:
    only = None if reader is None or may(reader.role, "read the messages of others") else reader.id
    return connection.execute(
        f"""{_SELECT} WHERE (:only IS NULL OR d.from_agent = :only) AND (:group IS NULL OR EXISTS
              (SELECT 1 FROM agents a WHERE a.group_id = :group AND a.id IN (d.from_agent, d.to_agent)))
            ORDER BY {moment_of("d.created_at")}, d.id""",
        {"only": only, "group": group_id},
    ).fetchall()
