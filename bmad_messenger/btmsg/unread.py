"""How many messages wait for an agent; a module of its own, so that a hook that asks at every prompt starts fast."""

from __future__ import annotations

import sqlite3
from typing import Final

UNREAD: Final = "m.read = 0 AND NOT EXISTS (SELECT 1 FROM seen_messages s WHERE s.message_id = m.id)"
"""A message waits for its agent until the agent has read it or a session has acknowledged it; `m` is the message."""

_FEW: Final = 2_000


def unread_count(connection: sqlite3.Connection, agent_id: str) -> int:
    """How many messages wait for the agent; as many as `mail.unread` lists."""
    flagged = _number(connection, "SELECT count(*) AS n FROM messages WHERE to_agent = ? AND read = 0", agent_id)
    if flagged <= _FEW:
        return _number(connection, f"SELECT count(*) AS n FROM messages m WHERE m.to_agent = ? AND {UNREAD}", agent_id)
    # The same number, at the cost of the acknowledged messages in place of those that wait.
    acknowledged = """SELECT count(DISTINCT s.message_id) AS n FROM seen_messages s
                      CROSS JOIN messages m ON m.id = s.message_id WHERE m.to_agent = ? AND m.read = 0"""
    return flagged - _number(connection, acknowledged, agent_id)


def _number(connection: sqlite3.Connection, query: str, agent_id: str) -> int:
    return int(connection.execute(query, (agent_id,)).fetchone()["n"])
