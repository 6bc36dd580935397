"""Direct messages as they are read: the inbox, the histories, the feed; the flag, and what a session has seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from bmad_messenger.btmsg import audit
from bmad_messenger.btmsg.lookup import full_id
from bmad_messenger.btmsg.records import Agent, FeedEntry, Message, from_row
from bmad_messenger.btmsg.roles import ADMIN, RefusedError, may, require
from bmad_messenger.btmsg.times import moment_of
from bmad_messenger.btmsg.unread import UNREAD
from bmad_messenger.errors import NotFoundError

_SELECT: Final = """
    SELECT m.id, m.from_agent, m.to_agent, m.content, m.read, m.reply_to, m.group_id, m.sender_group_id, m.created_at,
           coalesce(a.name, m.from_agent) AS sender_name, a.role AS sender_role,
           (SELECT p.payload FROM btmsg_payloads p WHERE p.message_id = m.id) AS payload
    FROM messages m LEFT JOIN agents a ON a.id = m.from_agent"""
_OLDEST_FIRST: Final = f"ORDER BY {moment_of('m.created_at')}, m.rowid"
_NEWEST_FIRST: Final = f"ORDER BY {moment_of('m.created_at')} DESC, m.rowid DESC"


def unread(connection: sqlite3.Connection, agent_id: str, limit: int | None = None) -> list[Message]:
    """The messages that wait for the agent, oldest first; as many as `unread_count` says."""
    rows = connection.execute(
        f"{_SELECT} WHERE m.to_agent = ? AND {UNREAD} {_OLDEST_FIRST} LIMIT ?", (agent_id, _most(limit))
    )
    return _messages(rows)


def received(connection: sqlite3.Connection, agent_id: str, limit: int | None = None) -> list[Message]:
    """The latest `limit` messages to the agent, read or not, oldest first."""
    rows = connection.execute(f"{_SELECT} WHERE m.to_agent = ? {_NEWEST_FIRST} LIMIT ?", (agent_id, _most(limit)))
    return _messages(rows)[::-1]


def unseen(connection: sqlite3.Connection, agent_id: str, session: str) -> list[Message]:
    """The messages to the agent that it has not read and this session has not acknowledged, oldest first."""
    rows = connection.execute(
        f"""{_SELECT} WHERE m.to_agent = ? AND m.read = 0 AND NOT EXISTS
              (SELECT 1 FROM seen_messages s WHERE s.session_id = ? AND s.message_id = m.id) {_OLDEST_FIRST}""",
        (agent_id, session),
    )
    return _messages(rows)


def history(connection: sqlite3.Connection, one: str, other: str, limit: int | None = None) -> list[Message]:
    """The latest `limit` messages between two agents, oldest first."""
    newest = f"WHERE m.from_agent = ? AND m.to_agent = ? {_NEWEST_FIRST} LIMIT ?"
    directions = dict.fromkeys([(one, other), (other, one)])
    rowids = " UNION ".join(f"SELECT * FROM (SELECT m.rowid FROM messages m {newest})" for _ in directions)
    rows = connection.execute(
        f"{_SELECT} WHERE m.rowid IN ({rowids}) {_NEWEST_FIRST} LIMIT ?",
        (*(value for pair in directions for value in (*pair, _most(limit))), _most(limit)),
    )
    return _messages(rows)[::-1]


def feed(
    connection: sqlite3.Connection, group_id: str, limit: int | None = None, only: str | None = None
) -> list[FeedEntry]:
    """The latest `limit` messages that the group's agents sent, newest first; `only` one agent's, if that is given."""
    rows = connection.execute(
        f"""SELECT m.id, m.from_agent, m.to_agent, m.content, m.read, m.reply_to, m.group_id, m.created_at,
                   coalesce(a.name, m.from_agent) AS sender_name, a.role AS sender_role,
                   coalesce(b.name, m.to_agent) AS recipient_name, b.role AS recipient_role
            FROM messages m LEFT JOIN agents a ON a.id = m.from_agent LEFT JOIN agents b ON b.id = m.to_agent
            WHERE m.group_id = :group {"AND :only IN (m.from_agent, m.to_agent)" if only else ""}
            {_NEWEST_FIRST} LIMIT :limit""",
        {"group": group_id, "limit": _most(limit), "only": only},
    )
    return [from_row(FeedEntry, row) for row in rows]


def get(connection: sqlite3.Connection, reader: Agent | None, prefix: str) -> Message:
    """The message with this id or beginning of one.

    Raises:
        NotFoundError: where there is none, or several.
        RefusedError: where it is neither from nor to `reader`, who may not read those of others.
    """
    message_id = full_id(connection, "messages", prefix)
    if message_id is None:
        raise NotFoundError(f"there is no message {prefix}", hint="btmsg inbox --all lists yours")
    message = by_id(connection, message_id)
    if reader is not None and reader.id not in (message.from_agent, message.to_agent):
        require(reader.id, reader.role, "read the messages of others")
    return message


def by_id(connection: sqlite3.Connection, message_id: str) -> Message:
    """The message with exactly this id, which exists."""
    return from_row(Message, connection.execute(f"{_SELECT} WHERE m.id = ?", (message_id,)).fetchone())


def mark_read(connection: sqlite3.Connection, reader: Agent, prefixes: Iterable[str]) -> None:
    """Set the flag of messages to the reader; raises as `get` does."""
    for message in _own(connection, reader, prefixes):
        connection.execute("UPDATE messages SET read = 1 WHERE id = ?", (message.id,))


def acknowledge(connection: sqlite3.Connection, reader: Agent, prefixes: Iterable[str], session: str) -> list[Message]:
    """Record that a session has seen messages to the reader; raises as `get` does."""
    messages = _own(connection, reader, prefixes)
    for message in messages:
        connection.execute(
            "INSERT OR IGNORE INTO seen_messages (session_id, message_id) VALUES (?, ?)", (session, message.id)
        )
    return messages


def delete(connection: sqlite3.Connection, actor: Agent, prefix: str) -> str:
    """Delete a direct message or a channel's post; returns its id.

    Raises:
        RefusedError: where the role may not; NotFoundError: where there is no such message.
    """
    require(actor.id, actor.role, "delete messages")
    for table in ("messages", "channel_messages"):
        message_id = full_id(connection, table, prefix)
        if message_id is not None:
            connection.execute(f"DELETE FROM {table} WHERE id = ?", (message_id,))
            audit.record(connection, actor.id, "delete", f"{table}: {message_id}")
            return message_id
    raise NotFoundError(f"there is no message {prefix}", hint="btmsg feed and btmsg channel-read list them")


def require_reader(reader: Agent | None, agent_id: str) -> None:
    """Nothing, where the messages of `agent_id` are the reader's own, or those of others are open to it.

    Raises:
        RefusedError: where they are not.
    """
    if reader is not None and reader.id != agent_id:
        require(reader.id, reader.role, "read the messages of others")


def own_only(reader: Agent | None) -> str | None:
    """The agent to whose messages a view of the group is limited, by its role; None is no limit."""
    return None if reader is None or may(reader.role, "read the messages of others") else reader.id


def _own(connection: sqlite3.Connection, reader: Agent, prefixes: Iterable[str]) -> list[Message]:
    messages = [get(connection, reader, prefix) for prefix in prefixes]
    for message in messages:
        if reader.id != message.to_agent and reader.role != ADMIN:
            raise RefusedError(
                f"{reader.id} ({reader.role}) may not mark {message.id}, which went to {message.to_agent}",
                hint=f"only {message.to_agent} or admin may",
            )
    return messages


def _messages(rows: Iterable[sqlite3.Row]) -> list[Message]:
    return [from_row(Message, row) for row in rows]


def _most(limit: int | None) -> int:
    """What SQL takes for a limit; below zero is none."""
    return -1 if limit is None else max(0, limit)
