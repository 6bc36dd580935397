"""Channels of a group: their names with or without `#`, their members, their posts."""

from __future__ import annotations

import sqlite3
from typing import Final

from bmad_messenger.btmsg import audit
from bmad_messenger.btmsg.lookup import new_id
from bmad_messenger.btmsg.records import Agent, Channel, ChannelMessage, from_row
from bmad_messenger.btmsg.roles import RefusedError, may, require, who_may
from bmad_messenger.btmsg.times import moment_of, now
from bmad_messenger.errors import InvalidError, NotFoundError

REVIEW_QUEUE: Final = "review-queue"
REVIEW_LOG: Final = "review-log"
SYSTEM: Final = "system"
"""Who posts and creates where nobody in particular does; there need be no such agent."""

_SELECT: Final = """
    SELECT c.id, c.name, c.group_id, c.created_by, c.created_at,
           (SELECT count(*) FROM channel_members m WHERE m.channel_id = c.id) AS member_count
    FROM channels c"""


def listed(connection: sqlite3.Connection, group_id: str | None = None) -> list[Channel]:
    """The channels of a group, or all, by name."""
    rows = connection.execute(
        f"{_SELECT} WHERE :group IS NULL OR c.group_id = :group ORDER BY ltrim(c.name, '#'), c.rowid",
        {"group": group_id},
    )
    return [from_row(Channel, row) for row in rows]


def get(connection: sqlite3.Connection, channel: str, group_id: str | None = None) -> Channel:
    """The channel with this id, or with this name, `#` or not, in the group.

    Where two programs made the same channel at once, the older one is meant. Without a group, all are looked through.

    Raises:
        NotFoundError: where there is none, or where several groups have one.
    """
    row = connection.execute(f"{_SELECT} WHERE c.id = ?", (channel,)).fetchone()
    if row is not None:
        return from_row(Channel, row)
    rows = connection.execute(
        f"""{_SELECT} WHERE ltrim(c.name, '#') = :name AND (:group IS NULL OR c.group_id = :group)
            ORDER BY {moment_of("c.created_at")}, c.rowid""",
        {"name": channel.lstrip("#"), "group": group_id},
    ).fetchall()
    if not rows:
        raise NotFoundError(f"there is no channel #{channel.lstrip('#')}", hint="btmsg channels lists them")
    if groups := {str(one["group_id"]) for one in rows[1:]} - {rows[0]["group_id"]}:
        names = ", ".join(sorted(groups | {rows[0]["group_id"]}))
        raise NotFoundError(f"#{channel.lstrip('#')} is a channel of {names}", hint="give --group, or the channel's id")
    return from_row(Channel, rows[0])


def create(connection: sqlite3.Connection, creator: Agent, name: str, group_id: str | None = None) -> Channel:
    """Make a channel in the creator's group, or another, and join it.

    Raises:
        RefusedError: where the role may not.
        InvalidError: where the name can't be, or is taken.
    """
    require(creator.id, creator.role, "create channels")
    bare, group_id = name.strip().lstrip("#"), group_id or creator.group_id
    if not bare or not bare.isprintable() or " " in bare:
        raise InvalidError(f"{name!r} is no name of a channel", hint="one word, with or without #")
    if _find(connection, group_id, bare):
        raise InvalidError(f"there is a channel #{bare} in {group_id} already", hint=f"btmsg channel-join {bare}")
    channel_id = _insert(connection, group_id, bare, creator.id)
    _enter(connection, channel_id, creator.id)
    audit.record(connection, creator.id, "channel_create", f"#{bare} in {group_id}: {channel_id}")
    return get(connection, channel_id)


def join(connection: sqlite3.Connection, agent: Agent, channel: Channel) -> Channel:
    """Make the agent a member; nothing changes where it is one.

    Raises:
        RefusedError: where the channel is another group's, and the role may not read those.
    """
    require_group(agent, channel)
    if _enter(connection, channel.id, agent.id):
        audit.record(connection, agent.id, "channel_join", f"#{channel.name.lstrip('#')}: {channel.id}")
    return get(connection, channel.id)


def post(connection: sqlite3.Connection, agent: Agent, channel: Channel, content: str) -> ChannelMessage:
    """Post to a channel.

    Raises:
        RefusedError: where the agent is no member, unless its role needs not be.
        InvalidError: where the post is empty.
    """
    require(agent.id, agent.role, "post to channels")
    if not content.strip():
        raise InvalidError("the post is empty", hint="say something")
    if (
        not may(agent.role, "post to channels they are not in")
        and not connection.execute(
            "SELECT 1 FROM channel_members WHERE channel_id = ? AND agent_id = ?", (channel.id, agent.id)
        ).fetchone()
    ):
        name = channel.name.lstrip("#")
        raise RefusedError(
            f"{agent.id} ({agent.role}) is no member of #{name} and may not post to it",
            hint=f"btmsg channel-join {name}; {who_may('post to channels they are not in')} post without that",
        )
    return _post(connection, channel, agent.id, content)


def posts(connection: sqlite3.Connection, channel: Channel, limit: int | None = None) -> list[ChannelMessage]:
    """The latest `limit` posts of a channel, oldest first."""
    rows = connection.execute(
        f"""{_POSTS} WHERE p.channel_id = ? ORDER BY {moment_of("p.created_at")} DESC, p.rowid DESC LIMIT ?""",
        (channel.id, -1 if limit is None else max(0, limit)),
    )
    return [from_row(ChannelMessage, row) for row in rows][::-1]


def require_group(agent: Agent, channel: Channel) -> None:
    """Nothing, where the channel is of the agent's group, or those of others are open to its role.

    Raises:
        RefusedError: where they are not.
    """
    if channel.group_id != agent.group_id:
        require(agent.id, agent.role, "read the channels of other groups")


def ensure_review_channels(connection: sqlite3.Connection, group_id: str) -> tuple[Channel, Channel]:
    """The group's review queue and review log, made where they are not there.

    The caller's transaction keeps two processes from making them twice.
    """
    found = []
    for name in (REVIEW_QUEUE, REVIEW_LOG):
        channel_id = _find(connection, group_id, name) or _insert(connection, group_id, name, SYSTEM)
        found.append(get(connection, channel_id))
    return found[0], found[1]


def enter_review_channels(connection: sqlite3.Connection, agent: Agent) -> None:
    """Make the agent a member of its group's review channels."""
    for channel in ensure_review_channels(connection, agent.group_id):
        _enter(connection, channel.id, agent.id)


def announce(connection: sqlite3.Connection, channel: Channel, content: str) -> ChannelMessage:
    """Post to a channel as the system."""
    return _post(connection, channel, SYSTEM, content)


_POSTS: Final = """
    SELECT p.id, p.channel_id, p.from_agent, p.content, p.created_at,
           coalesce(a.name, p.from_agent) AS sender_name, a.role AS sender_role
    FROM channel_messages p LEFT JOIN agents a ON a.id = p.from_agent"""


def _find(connection: sqlite3.Connection, group_id: str, bare: str) -> str | None:
    row = connection.execute(
        f"""SELECT id FROM channels WHERE group_id = ? AND ltrim(name, '#') = ?
            ORDER BY {moment_of("created_at")}, rowid LIMIT 1""",
        (group_id, bare),
    ).fetchone()
    return None if row is None else str(row["id"])


def _insert(connection: sqlite3.Connection, group_id: str, bare: str, creator: str) -> str:
    channel_id = new_id()
    connection.execute(
        "INSERT INTO channels (id, name, group_id, created_by, created_at) VALUES (?, ?, ?, ?, ?)",
        (channel_id, bare, group_id, creator, now()),
    )
    return channel_id


def _enter(connection: sqlite3.Connection, channel_id: str, agent_id: str) -> bool:
    cursor = connection.execute(
        "INSERT OR IGNORE INTO channel_members (channel_id, agent_id, joined_at) VALUES (?, ?, ?)",
        (channel_id, agent_id, now()),
    )
    return cursor.rowcount > 0


def _post(connection: sqlite3.Connection, channel: Channel, agent_id: str, content: str) -> ChannelMessage:
    post_id = new_id()
    connection.execute(
        "INSERT INTO channel_messages (id, channel_id, from_agent, content, created_at) VALUES (?, ?, ?, ?, ?)",
        (post_id, channel.id, agent_id, content, now()),
    )
    audit.record(connection, agent_id, "post", f"#{channel.name.lstrip('#')}: {post_id}")
    return from_row(ChannelMessage, connection.execute(f"{_POSTS} WHERE p.id = ?", (post_id,)).fetchone())
