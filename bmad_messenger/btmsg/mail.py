"""Direct messages as they are read: the inbox, the histories, the feed; the flag, and what a session has seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from bmad_messenger.btmsg import audit
from bmad_messenger.btmsg.lookup import full_id, stored
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
_IS: Final = "id IN (:id, CAST(:id AS TEXT))"
_OLDEST_FIRST: Final = f"ORDER BY {moment_of('m.created_at')}, m.rowid"
_NEWEST_FIRST: Final = f"ORDER BY {moment_of('m.created_at')} DESC, m.rowid DESC"

_ENDS: Final = ("from_agent", "to_agent")
_GROUPS: Final = """
    (WITH RECURSIVE found(id) AS (
       SELECT min(group_id) FROM messages
       UNION ALL SELECT (SELECT min(m.group_id) FROM messages m WHERE m.group_id > g.id) FROM found g
       WHERE g.id IS NOT NULL)
     SELECT id FROM found)"""
"""The groups that messages are of, each by one look into the index."""


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
    connection: sqlite3.Connection, group_id: str | None, limit: int | None = None, only: str | None = None
) -> list[FeedEntry]:
    """The latest `limit` messages that a group's agents sent, or any, newest first.

    Args:
        connection: to read from.
        group_id: the group; None is every group.
        limit: how many; None is all.
        only: those alone that are from or to this agent.
    """
    messages, condition = "messages m", "m.group_id = :group"
    if only:
        latest = f"(:group IS NULL OR m.group_id = :group) {_NEWEST_FIRST} LIMIT :limit"
        ends = [f"SELECT m.rowid FROM messages m WHERE m.{end} = :only AND {latest}" for end in _ENDS]
        condition = f"m.rowid IN ({' UNION '.join(f'SELECT * FROM ({one})' for one in ends)})"
    elif group_id is None:  # the latest of each group, for which there is an index
        of_group = f"SELECT m.rowid FROM messages m WHERE m.group_id = g.id {_NEWEST_FIRST} LIMIT :limit"
        messages, condition = f"{_GROUPS} g CROSS JOIN messages m", f"m.rowid IN ({of_group})"
    rows = connection.execute(
        f"""SELECT m.id, m.from_agent, m.to_agent, m.content, m.read, m.reply_to, m.group_id, m.created_at,
                   coalesce(a.name, m.from_agent) AS sender_name, a.role AS sender_role,
                   coalesce(b.name, m.to_agent) AS recipient_name, b.role AS recipient_role
            FROM {messages} LEFT JOIN agents a ON a.id = m.from_agent LEFT JOIN agents b ON b.id = m.to_agent
            WHERE {condition} {_NEWEST_FIRST} LIMIT :limit""",
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
    return from_row(Message, connection.execute(f"{_SELECT} WHERE m.{_IS}", {"id": stored(message_id)}).fetchone())


def mark_read(connection: sqlite3.Connection, reader: Agent, message_ids: Iterable[str]) -> None:
    """Set the flag of messages to the reader, by their whole ids; one that is gone by now is passed over.

    Raises:
        RefusedError: where one went to somebody else.
    """
    for message_id in message_ids:
        key = {"id": stored(message_id)}
        row = connection.execute(f"SELECT id, to_agent FROM messages WHERE {_IS}", key).fetchone()
        if row is not None:
            _require_recipient(reader, message_id, row["to_agent"])
            connection.execute("UPDATE messages SET read = 1 WHERE id = ? AND read IS NOT 1", (row["id"],))


def acknowledge(connection: sqlite3.Connection, messages: Iterable[Message], session: str) -> None:
    """Record that a session has seen these messages."""
    connection.executemany(
        f"INSERT OR IGNORE INTO seen_messages (session_id, message_id) SELECT :session, id FROM messages WHERE {_IS}",
        ({"session": session, "id": stored(message.id)} for message in messages),
    )


def received_by(connection: sqlite3.Connection, reader: Agent, prefixes: Iterable[str]) -> list[Message]:
    """The messages with these ids or beginnings of ones, which the reader received; raises as `get` does."""
    messages = [get(connection, reader, prefix) for prefix in prefixes]
    for message in messages:
        _require_recipient(reader, message.id, message.to_agent)
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
            connection.execute(f"DELETE FROM {table} WHERE {_IS}", {"id": stored(message_id)})
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


def _require_recipient(reader: Agent, message_id: str, to_agent: str) -> None:
    """Nothing, where a message to `to_agent` is the reader's to mark.

    Raises:
        RefusedError: where it is not.
    """
    if reader.id != to_agent and reader.role != ADMIN:
        raise RefusedError(
            f"{reader.id} ({reader.role}) may not mark {message_id}, which went to {to_agent}",
            hint=f"only {to_agent} or admin may",
        )


def _messages(rows: Iterable[sqlite3.Row]) -> list[Message]:
    return [from_row(Message, row) for row in rows]


def _most(limit: int | None) -> int:
    """What SQL takes for a limit; below zero is none."""
    return -1 if limit is None else max(0, limit)
