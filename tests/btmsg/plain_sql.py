"""The schemas and statements of the programs that share the database, written out as those programs have them."""

from __future__ import annotations

import sqlite3

RECENT = """
CREATE TABLE agents (id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, group_id TEXT NOT NULL,
  tier INTEGER NOT NULL DEFAULT 2, model TEXT, cwd TEXT, system_prompt TEXT, status TEXT DEFAULT 'stopped',
  last_active_at TEXT, created_at TEXT DEFAULT (datetime('now')));
CREATE TABLE contacts (agent_id TEXT NOT NULL, contact_id TEXT NOT NULL, PRIMARY KEY (agent_id, contact_id),
  FOREIGN KEY (agent_id) REFERENCES agents(id), FOREIGN KEY (contact_id) REFERENCES agents(id));
CREATE TABLE messages (id TEXT PRIMARY KEY, from_agent TEXT NOT NULL, to_agent TEXT NOT NULL, content TEXT NOT NULL,
  read INTEGER DEFAULT 0, reply_to TEXT, group_id TEXT NOT NULL, created_at TEXT DEFAULT (datetime('now')),
  sender_group_id TEXT, FOREIGN KEY (from_agent) REFERENCES agents(id), FOREIGN KEY (to_agent) REFERENCES agents(id));
CREATE TABLE channels (id TEXT PRIMARY KEY, name TEXT NOT NULL, group_id TEXT NOT NULL, created_by TEXT NOT NULL,
  created_at TEXT DEFAULT (datetime('now')), FOREIGN KEY (created_by) REFERENCES agents(id));
CREATE TABLE channel_members (channel_id TEXT NOT NULL, agent_id TEXT NOT NULL,
  joined_at TEXT DEFAULT (datetime('now')), PRIMARY KEY (channel_id, agent_id),
  FOREIGN KEY (channel_id) REFERENCES channels(id), FOREIGN KEY (agent_id) REFERENCES agents(id));
CREATE TABLE channel_messages (id TEXT PRIMARY KEY, channel_id TEXT NOT NULL, from_agent TEXT NOT NULL,
  content TEXT NOT NULL, created_at TEXT DEFAULT (datetime('now')),
  FOREIGN KEY (channel_id) REFERENCES channels(id), FOREIGN KEY (from_agent) REFERENCES agents(id));
CREATE TABLE heartbeats (agent_id TEXT PRIMARY KEY, timestamp INTEGER NOT NULL,
  FOREIGN KEY (agent_id) REFERENCES agents(id));
CREATE TABLE dead_letter_queue (id INTEGER PRIMARY KEY AUTOINCREMENT, from_agent TEXT NOT NULL,
  to_agent TEXT NOT NULL, content TEXT NOT NULL, error TEXT NOT NULL, created_at TEXT DEFAULT (datetime('now')),
  FOREIGN KEY (from_agent) REFERENCES agents(id), FOREIGN KEY (to_agent) REFERENCES agents(id));
CREATE TABLE audit_log (id INTEGER PRIMARY KEY AUTOINCREMENT, agent_id TEXT NOT NULL, event_type TEXT NOT NULL,
  detail TEXT NOT NULL, created_at TEXT DEFAULT (datetime('now')), FOREIGN KEY (agent_id) REFERENCES agents(id));
CREATE TABLE seen_messages (session_id TEXT NOT NULL, message_id TEXT NOT NULL, seen_at INTEGER DEFAULT (unixepoch()),
  PRIMARY KEY (session_id, message_id), FOREIGN KEY (message_id) REFERENCES messages(id) ON DELETE CASCADE);
CREATE TABLE tasks (id TEXT PRIMARY KEY, title TEXT NOT NULL, description TEXT DEFAULT '', status TEXT DEFAULT 'todo',
  priority TEXT DEFAULT 'medium', assigned_to TEXT, created_by TEXT NOT NULL, group_id TEXT NOT NULL,
  parent_task_id TEXT, sort_order INTEGER DEFAULT 0, created_at TEXT DEFAULT (datetime('now')),
  updated_at TEXT DEFAULT (datetime('now')), version INTEGER DEFAULT 1);
CREATE TABLE task_comments (id TEXT PRIMARY KEY, task_id TEXT NOT NULL, agent_id TEXT NOT NULL, content TEXT NOT NULL,
  created_at TEXT DEFAULT (datetime('now')));
"""

OLDER = """
CREATE TABLE agents (id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, group_id TEXT NOT NULL,
  tier INTEGER NOT NULL DEFAULT 2, model TEXT, status TEXT DEFAULT 'stopped');
CREATE TABLE contacts (agent_id TEXT NOT NULL, contact_id TEXT NOT NULL, PRIMARY KEY (agent_id, contact_id));
CREATE TABLE messages (id TEXT PRIMARY KEY, from_agent TEXT NOT NULL REFERENCES agents(id),
  to_agent TEXT NOT NULL REFERENCES agents(id), content TEXT NOT NULL, read INTEGER DEFAULT 0, reply_to TEXT,
  created_at TEXT DEFAULT (datetime('now')));
CREATE TABLE channels (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, group_id TEXT NOT NULL,
  created_by TEXT NOT NULL REFERENCES agents(id), created_at TEXT DEFAULT (datetime('now')));
CREATE TABLE tasks (id TEXT PRIMARY KEY, title TEXT NOT NULL, description TEXT DEFAULT '', status TEXT DEFAULT 'todo',
  priority TEXT DEFAULT 'medium', assigned_to TEXT REFERENCES agents(id),
  created_by TEXT NOT NULL REFERENCES agents(id), group_id TEXT NOT NULL, parent_task_id TEXT,
  sort_order INTEGER DEFAULT 0, created_at TEXT DEFAULT (datetime('now')),
  updated_at TEXT DEFAULT (datetime('now')));
"""

OLDEST = """
CREATE TABLE agents (id TEXT PRIMARY KEY, name TEXT, role TEXT, group_id TEXT);
CREATE TABLE messages (id TEXT PRIMARY KEY, from_agent TEXT, to_agent TEXT, content TEXT, read INTEGER,
  created_at TEXT);
"""

AGES = {"recent": RECENT, "older": OLDER, "oldest": OLDEST, "empty": ""}

AGENT = "INSERT INTO agents (id, name, role, group_id, tier) VALUES (?, ?, ?, ?, ?)"
MESSAGE = "INSERT INTO messages (id, from_agent, to_agent, content, group_id) VALUES (?, ?, ?, ?, ?)"

WRITES = (
    (AGENT, ("new-1", "New", "manager", "g", 1)),
    (AGENT, ("new-2", "Other", "project", "g", 2)),
    ("INSERT OR IGNORE INTO contacts (agent_id, contact_id) VALUES (?, ?)", ("new-1", "new-2")),
    (MESSAGE, ("m-new", "new-1", "new-2", "hello there", "g")),
    ("INSERT OR IGNORE INTO seen_messages (session_id, message_id) VALUES (?, ?)", ("s", "m-new")),
    ("INSERT INTO channels (id, name, group_id, created_by) VALUES (?, ?, ?, 'system')", ("c-new", "review-log", "g")),
    ("INSERT INTO channels (id, name, group_id, created_by) VALUES (?, ?, ?, 'system')", ("c-two", "review-log", "h")),
    ("INSERT INTO channel_members (channel_id, agent_id) VALUES (?, ?)", ("c-new", "new-1")),
    (
        "INSERT INTO channel_messages (id, channel_id, from_agent, content) VALUES (?, ?, 'system', ?)",
        ("p-new", "c-new", "posted by nobody"),
    ),
    ("INSERT INTO heartbeats (agent_id, timestamp) VALUES (?, ?)", ("new-1", 1_700_000_000)),
    (
        "INSERT INTO dead_letter_queue (from_agent, to_agent, content, error) VALUES (?, ?, ?, ?)",
        ("new-1", "nobody", "lost", "no such agent"),
    ),
    ("INSERT INTO audit_log (agent_id, event_type, detail) VALUES (?, ?, ?)", ("nobody", "event", "detail")),
    (
        """INSERT INTO tasks (id, title, description, priority, group_id, created_by, assigned_to)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        ("t-new", "A task", "to do", "high", "g", "nobody", "new-2"),
    ),
    ("UPDATE tasks SET status = ?, version = version + 1 WHERE id = ? AND version = ?", ("progress", "t-new", 1)),
    ("INSERT INTO task_comments (id, task_id, agent_id, content) VALUES (?, ?, ?, ?)", ("k", "t-new", "new-2", "fine")),
    ("UPDATE messages SET read = 1 WHERE to_agent = ? AND from_agent = ? AND read = 0", ("x", "y")),
)


def as_they_do(path: object) -> sqlite3.Connection:
    """A connection as a program with references enforced opens it, which is the stricter of the two kinds."""
    connection = sqlite3.connect(str(path), isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    return connection
