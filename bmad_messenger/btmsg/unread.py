"""How many messages wait for an agent; a module of its own, so that a hook that asks at every prompt starts fast."""

from __future__ import annotations

import sqlite3
from typing import Final

UNREAD: Final = "m.read = 0 AND m.btmsg_seen = 0"
"""A message waits for its agent until the agent has read it or a session has acknowledged it; `m` is the message."""

UNREAD_AT_ANY_AGE: Final = "m.read = 0 AND NOT EXISTS (SELECT 1 FROM seen_messages s WHERE s.message_id = m.id)"
"""The same, also in a database that was not brought up to date; slow where many messages were acknowledged."""

_IS_SEEN: Final = "EXISTS (SELECT 1 FROM seen_messages WHERE message_id = messages.id)"
_TOUCHED: Final = {"INSERT": "new.message_id", "UPDATE": "old.message_id, new.message_id", "DELETE": "old.message_id"}


def unread_count(connection: sqlite3.Connection, agent_id: str) -> int:
    """How many messages wait for the agent; as many as `mail.unread` lists."""
    query = f"SELECT count(*) AS n FROM messages m WHERE m.to_agent = ? AND {UNREAD}"
    return int(connection.execute(query, (agent_id,)).fetchone()["n"])


def create_mark(connection: sqlite3.Connection) -> None:
    """Make the column that tells whether any session has acknowledged a message, and the triggers that keep it."""
    connection.execute("ALTER TABLE messages ADD COLUMN btmsg_seen INTEGER NOT NULL DEFAULT 0")
    connection.execute(f"UPDATE messages SET btmsg_seen = 1 WHERE {_IS_SEEN}")
    connection.execute(  # what was acknowledged under an id stays so when a row is written anew
        "CREATE TRIGGER btmsg_seen_message AFTER INSERT ON messages "
        "WHEN EXISTS (SELECT 1 FROM seen_messages WHERE message_id = new.id) "
        "BEGIN UPDATE messages SET btmsg_seen = 1 WHERE id = new.id; END"
    )
    for event, ids in _TOUCHED.items():
        connection.execute(
            f"CREATE TRIGGER btmsg_seen_{event.lower()} AFTER {event} ON seen_messages "
            f"BEGIN UPDATE messages SET btmsg_seen = {_IS_SEEN} WHERE id IN ({ids}); END"
        )
