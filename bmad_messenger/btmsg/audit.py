"""The audit log: who did what, to whom, and when."""

from __future__ import annotations

import sqlite3

from bmad_messenger.btmsg.records import AuditEntry, from_row
from bmad_messenger.btmsg.times import now


def record(connection: sqlite3.Connection, agent_id: str, event_type: str, detail: str) -> None:
    """Add an entry, in the transaction of the act itself."""
    connection.execute(
        "INSERT INTO audit_log (agent_id, event_type, detail, created_at) VALUES (?, ?, ?, ?)",
        (agent_id, event_type, detail, now()),
    )


def entries(
    connection: sqlite3.Connection,
    *,
    agent_id: str | None = None,
    group_id: str | None = None,
    event_type: str | None = None,
    limit: int | None = None,
) -> list[AuditEntry]:
    """The latest `limit` entries, newest first: of one agent, of a group's agents, of one event; None is any."""
    rows = connection.execute(
        """SELECT l.id, l.agent_id, l.event_type, l.detail, l.created_at FROM audit_log l
            WHERE (:agent IS NULL OR l.agent_id = :agent) AND (:event IS NULL OR l.event_type = :event)
              AND (:group IS NULL OR l.agent_id IN (SELECT id FROM agents WHERE group_id = :group))
            ORDER BY l.id DESC LIMIT :limit""",
        {"agent": agent_id, "group": group_id, "event": event_type, "limit": -1 if limit is None else limit},
    )
    return [from_row(AuditEntry, row) for row in rows]
