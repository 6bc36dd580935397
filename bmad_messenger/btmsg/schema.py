"""The tables that every program sharing the database knows, and the tables and indexes that are ours alone."""

from __future__ import annotations

from typing import Final, NamedTuple

from bmad_messenger.btmsg.times import moment_of


class Table(NamedTuple):
    """A table: its columns' definitions by name, and the constraints of the whole."""

    columns: dict[str, str]
    constraints: tuple[str, ...] = ()

    def create(self, name: str, extra: tuple[str, ...] = ()) -> str:
        """The statement that makes it under `name`; `extra` columns and constraints are definitions of their own."""
        columns = [f"{column} {definition}" for column, definition in self.columns.items()]
        return f"CREATE TABLE {name} (\n  " + ",\n  ".join((*columns, *extra, *self.constraints)) + "\n)"


_KEY: Final = "TEXT PRIMARY KEY"
_NUMBER: Final = "INTEGER PRIMARY KEY AUTOINCREMENT"
_TEXT: Final = "TEXT NOT NULL"
_TIME: Final = "TEXT DEFAULT (datetime('now'))"
_OF_CHANNEL: Final = "TEXT NOT NULL REFERENCES channels(id) ON DELETE CASCADE"

# Only messages refer to agents: a channel or a post may come from `system`, a dead letter goes to someone who is not
# there, and what an unknown agent was refused is audited.
SHARED: Final[dict[str, Table]] = {
    "agents": Table(
        {
            "id": _KEY,
            "name": _TEXT,
            "role": _TEXT,
            "group_id": _TEXT,
            "tier": "INTEGER NOT NULL DEFAULT 2",
            "model": "TEXT",
            "cwd": "TEXT",
            "system_prompt": "TEXT",
            "status": "TEXT DEFAULT 'stopped'",
            "last_active_at": "TEXT",
            "created_at": _TIME,
        }
    ),
    "contacts": Table({"agent_id": _TEXT, "contact_id": _TEXT}, ("PRIMARY KEY (agent_id, contact_id)",)),
    "messages": Table(
        {
            "id": _KEY,
            "from_agent": "TEXT NOT NULL REFERENCES agents(id)",
            "to_agent": "TEXT NOT NULL REFERENCES agents(id)",
            "content": _TEXT,
            "read": "INTEGER DEFAULT 0",
            "reply_to": "TEXT",
            "group_id": _TEXT,
            "sender_group_id": "TEXT",
            "created_at": _TIME,
        }
    ),
    "channels": Table({"id": _KEY, "name": _TEXT, "group_id": _TEXT, "created_by": _TEXT, "created_at": _TIME}),
    "channel_members": Table(
        {"channel_id": _OF_CHANNEL, "agent_id": _TEXT, "joined_at": _TIME}, ("PRIMARY KEY (channel_id, agent_id)",)
    ),
    "channel_messages": Table(
        {"id": _KEY, "channel_id": _OF_CHANNEL, "from_agent": _TEXT, "content": _TEXT, "created_at": _TIME}
    ),
    "heartbeats": Table({"agent_id": _KEY, "timestamp": "INTEGER NOT NULL"}),
    "dead_letter_queue": Table(
        {"id": _NUMBER, "from_agent": _TEXT, "to_agent": _TEXT, "content": _TEXT, "error": _TEXT, "created_at": _TIME}
    ),
    "audit_log": Table({"id": _NUMBER, "agent_id": _TEXT, "event_type": _TEXT, "detail": _TEXT, "created_at": _TIME}),
    "seen_messages": Table(
        {
            "session_id": _TEXT,
            "message_id": "TEXT NOT NULL REFERENCES messages(id) ON DELETE CASCADE",
            "seen_at": "INTEGER DEFAULT (unixepoch())",
        },
        ("PRIMARY KEY (session_id, message_id)",),
    ),
    "tasks": Table(
        {
            "id": _KEY,
            "title": _TEXT,
            "description": "TEXT DEFAULT ''",
            "status": "TEXT DEFAULT 'todo'",
            "priority": "TEXT DEFAULT 'medium'",
            "assigned_to": "TEXT",
            "created_by": _TEXT,
            "group_id": _TEXT,
            "parent_task_id": "TEXT",
            "sort_order": "INTEGER DEFAULT 0",
            "created_at": _TIME,
            "updated_at": _TIME,
            "version": "INTEGER DEFAULT 1",
        }
    ),
    "task_comments": Table(
        {
            "id": _KEY,
            "task_id": "TEXT NOT NULL REFERENCES tasks(id) ON DELETE CASCADE",
            "agent_id": _TEXT,
            "content": _TEXT,
            "created_at": _TIME,
        }
    ),
}

# What the rows of an old database get where a column that may not be empty is missing or empty; `old` is the old row.
BACKFILL: Final[dict[tuple[str, str], str]] = {
    ("agents", "name"): "old.id",
    ("agents", "role"): "'project'",
    ("agents", "tier"): "2",
    ("messages", "group_id"): "(SELECT group_id FROM agents WHERE id = old.from_agent)",
    ("channels", "created_by"): "'system'",
    ("tasks", "created_by"): "'system'",
    ("tasks", "version"): "1",
}

OWN_TABLES: Final[dict[str, Table]] = {
    "btmsg_payloads": Table(
        {"message_id": "TEXT PRIMARY KEY REFERENCES messages(id) ON DELETE CASCADE", "payload": _TEXT}
    ),
    "btmsg_mirrored": Table(
        {
            "source": _TEXT,
            "external_id": _TEXT,
            "created_at": _TEXT,
            "agent_id": _TEXT,
            "message_id": _TEXT,  # no reference: the row stays when its message is deleted, so that it stays deleted
            "origin": _TEXT,
            "carried": "INTEGER NOT NULL DEFAULT 0",
        },
        ("PRIMARY KEY (source, external_id, created_at, agent_id, origin)",),
    ),
    "btmsg_dead_letters": Table(
        {
            "dead_letter_id": "INTEGER PRIMARY KEY REFERENCES dead_letter_queue(id) ON DELETE CASCADE",
            "reply_to": "TEXT",
            "payload": "TEXT",
        }
    ),
    "btmsg_task_changes": Table(
        {
            "task_id": "TEXT NOT NULL REFERENCES tasks(id) ON DELETE CASCADE",
            "version": "INTEGER NOT NULL",
            "agent_id": _TEXT,
            "change": _TEXT,
            "created_at": _TEXT,
        }
    ),
}

_MOMENT: Final = moment_of("created_at")

INDEXES: Final[dict[str, str]] = {
    "btmsg_messages_to": f"messages(to_agent, {_MOMENT})",
    "btmsg_messages_pair": f"messages(from_agent, to_agent, {_MOMENT})",
    "btmsg_messages_from": f"messages(from_agent, {_MOMENT})",
    "btmsg_messages_group": f"messages(group_id, {_MOMENT})",
    "btmsg_seen_message": "seen_messages(message_id)",
    "btmsg_posts": f"channel_messages(channel_id, {_MOMENT})",
    "btmsg_channels_group": "channels(group_id)",
    "btmsg_tasks_group": "tasks(group_id, status)",
    "btmsg_comments_task": "task_comments(task_id)",
    "btmsg_audit_agent": "audit_log(agent_id)",
    "btmsg_mirrored_open": "btmsg_mirrored(source) WHERE carried = 0",
    "btmsg_task_changes_task": "btmsg_task_changes(task_id, version)",
}

WAITING_INDEX: Final = f"messages(to_agent, read, btmsg_seen, {_MOMENT})"
"""Behind the unread messages of an agent, and their count."""
