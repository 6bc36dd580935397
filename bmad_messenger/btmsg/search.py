"""Full-text search over messages, channel posts and tasks, those included that other programs wrote.

Triggers on the shared tables note in an ordinary table what changed, and nothing more: a trigger that wrote to the FTS5
index itself would make every INSERT of a program fail whose SQLite lacks FTS5. Our own writes take those notes into
the index as they commit. A search reads the index, and what is noted but not yet in it through an index in memory, so
it is complete and writes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from bmad_messenger.btmsg.records import Agent, SearchHit, from_row
from bmad_messenger.btmsg.roles import ADMIN, may
from bmad_messenger.btmsg.times import moment_of

BATCH: Final = 500
"""How many notes one write takes into the index, so that none has to wait for what others left."""


class _Source(NamedTuple):
    """A kind of thing to be found: its table, the columns whose change matters, and its text."""

    table: str
    columns: str
    text: str


_SOURCES: Final = {
    "message": _Source("messages", "content", "content"),
    "post": _Source("channel_messages", "content", "content"),
    "task": _Source("tasks", "title, description", "title || char(10) || coalesce(description, '')"),
}

# `sender` and `recipient` are those whose own a thing is, whatever their role.
_HITS: Final = f"""
    SELECT 'message' AS kind, m.id, m.from_agent, m.to_agent AS place, m.content, m.created_at, m.group_id,
           m.from_agent AS sender, m.to_agent AS recipient, {moment_of("m.created_at")} AS moment, m.rowid AS position
      FROM messages m WHERE :kind = 'message' AND m.id = :id
    UNION ALL
    SELECT 'post', p.id, p.from_agent, '#' || ltrim(c.name, '#'), p.content, p.created_at, c.group_id,
           NULL, NULL, {moment_of("p.created_at")}, p.rowid
      FROM channel_messages p JOIN channels c ON c.id = p.channel_id WHERE :kind = 'post' AND p.id = :id
    UNION ALL
    SELECT 'task', t.id, t.created_by, t.status, {_SOURCES["task"].text}, t.created_at, t.group_id,
           NULL, NULL, {moment_of("t.created_at")}, t.rowid
      FROM tasks t WHERE :kind = 'task' AND t.id = :id"""


def create_index(connection: sqlite3.Connection) -> None:
    """Make the index and the triggers, and take in what is there."""
    connection.execute(
        "CREATE TABLE btmsg_search_entries (entry INTEGER PRIMARY KEY, kind TEXT NOT NULL, ref TEXT NOT NULL, "
        "UNIQUE (kind, ref))"
    )
    # Without any constraint that could fail: an INSERT of another program must not fail for it.
    connection.execute("CREATE TABLE btmsg_search_pending (note INTEGER PRIMARY KEY, kind TEXT, ref TEXT)")
    connection.execute("CREATE VIRTUAL TABLE btmsg_search USING fts5(body)")
    for kind, source in _SOURCES.items():
        for event, row in (("INSERT", "new"), (f"UPDATE OF {source.columns}", "new"), ("DELETE", "old")):
            connection.execute(
                f"CREATE TRIGGER btmsg_search_{kind}_{event.split()[0].lower()} AFTER {event} ON {source.table} "
                f"BEGIN INSERT INTO btmsg_search_pending (kind, ref) VALUES ('{kind}', {row}.id); END"
            )
        connection.execute(f"INSERT INTO btmsg_search_entries (kind, ref) SELECT '{kind}', id FROM {source.table}")
        connection.execute(
            f"INSERT INTO btmsg_search (rowid, body) SELECT e.entry, {source.text} FROM btmsg_search_entries e "
            f"JOIN {source.table} s ON s.id = e.ref WHERE e.kind = '{kind}'"
        )


def index_pending(connection: sqlite3.Connection, limit: int | None = BATCH) -> None:
    """Take up to `limit` notes into the index, within the caller's transaction."""
    notes = connection.execute(
        "SELECT note, kind, ref FROM btmsg_search_pending ORDER BY note LIMIT ?", (-1 if limit is None else limit,)
    ).fetchall()
    if not notes:
        return
    for kind, ref in dict.fromkeys((str(row["kind"]), row["ref"]) for row in notes):
        key = (kind, ref)
        old = connection.execute("SELECT entry FROM btmsg_search_entries WHERE kind = ? AND ref = ?", key).fetchone()
        if old is not None:
            connection.execute("DELETE FROM btmsg_search WHERE rowid = ?", (old["entry"],))
            connection.execute("DELETE FROM btmsg_search_entries WHERE entry = ?", (old["entry"],))
        text = _text(connection, kind, ref)
        if text is not None:
            cursor = connection.execute("INSERT INTO btmsg_search_entries (kind, ref) VALUES (?, ?)", key)
            connection.execute("INSERT INTO btmsg_search (rowid, body) VALUES (?, ?)", (cursor.lastrowid, text))
    connection.execute("DELETE FROM btmsg_search_pending WHERE note <= ?", (notes[-1]["note"],))


def search(
    connection: sqlite3.Connection, words: str, reader: Agent | None = None, limit: int | None = 50
) -> list[SearchHit]:
    """The latest things that have all the words, newest first.

    Args:
        connection: to read from.
        words: any text; case, accents and punctuation don't matter, and nothing in it is an operator.
        reader: who searches what it may read; None is everything.
        limit: how many.
    """
    query = match_expression(words)
    rows = (
        connection.execute(_HITS, {"kind": kind, "id": ref}).fetchone() for kind, ref in _matches(connection, query)
    )
    found = list(islice((row for row in rows if row is not None and _is_open(row, reader)), limit))
    found.sort(key=lambda row: (row["moment"] or "", row["position"]), reverse=True)
    return [from_row(SearchHit, row) for row in found]


def match_expression(words: str) -> str:
    """The FTS5 expression for text that has all the words: each quoted, but those without letter or digit."""
    plain = words.replace("\0", " ").replace('"', " ").split()
    return " ".join(f'"{word}"' for word in plain if any(character.isalnum() for character in word))


def _text(connection: sqlite3.Connection, kind: str, ref: object) -> str | None:
    source = _SOURCES[kind]
    row = connection.execute(f"SELECT {source.text} AS text FROM {source.table} WHERE id = ?", (ref,)).fetchone()
    return None if row is None else str(row["text"])


def _is_open(row: sqlite3.Row, reader: Agent | None) -> bool:
    """Whether the reader may read it: what is its own, and what is its group's, but for most roles not others' mail."""
    if reader is None or reader.role == ADMIN or reader.id in (row["sender"], row["recipient"]):
        return True
    is_mail = row["kind"] == "message"
    return row["group_id"] == reader.group_id and (not is_mail or may(reader.role, "read the messages of others"))


def _matches(connection: sqlite3.Connection, query: str) -> Iterator[tuple[str, str]]:
    """Kind and id of what matches, the latest changed first: what is only noted, then the index but for that."""
    if not query:
        return
    noted = dict.fromkeys(
        (str(row["kind"]), str(row["ref"]))
        for row in connection.execute("SELECT kind, ref FROM btmsg_search_pending ORDER BY note DESC")
    )
    yield from _matches_of_noted(connection, query, list(noted))
    rows = connection.execute(
        "SELECT e.kind, e.ref FROM btmsg_search s JOIN btmsg_search_entries e ON e.entry = s.rowid "
        "WHERE btmsg_search MATCH ? ORDER BY s.rowid DESC",
        (query,),
    )
    keys = ((str(row["kind"]), str(row["ref"])) for row in rows)
    yield from (key for key in keys if key not in noted)


def _matches_of_noted(
    connection: sqlite3.Connection, query: str, noted: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    if not noted:
        return []
    memory = sqlite3.connect(":memory:")
    try:
        memory.execute("CREATE VIRTUAL TABLE noted USING fts5(body)")
        texts = ((number, _text(connection, *key)) for number, key in enumerate(noted))
        memory.executemany("INSERT INTO noted (rowid, body) VALUES (?, ?)", texts)
        return [noted[number] for (number,) in memory.execute("SELECT rowid FROM noted WHERE noted MATCH ?", (query,))]
    finally:
        memory.close()
