"""Full-text search over messages, channel posts and tasks, those included that other programs wrote.

Triggers on the shared tables note in an ordinary table what changed, and nothing more: a trigger that wrote to the FTS5
index itself would make every INSERT of a program fail whose SQLite lacks FTS5. Our own writes take those notes into
the index as they commit. A search reads the index, and what is noted but not yet in it through an index in memory, so
it is complete and writes nothing.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final, NamedTuple

from bmad_messenger.btmsg.records import Agent, SearchHit, from_row
from bmad_messenger.btmsg.roles import ADMIN, may
from bmad_messenger.btmsg.times import moment_of
from bmad_messenger.errors import UsageError

BATCH: Final = 500
"""How many notes one write takes into the index, so that none has to wait for what others left."""


WORTHWHILE: Final = 64
"""How many notes are worth it: one at a time costs many times as much each, and a search finds so few anyhow."""

_MODULE: Final = "fts5"
_PLAIN: Final = re.compile(r"[a-zA-Z0-9]{1,100}")
_AT_ONCE: Final = 2_000
"""How many texts are looked through in memory before the next: a search that finds enough of them ends there."""

_SIEVED: Final = 4
"""How many parts of a query are looked for one by one, the longest."""


class _Source(NamedTuple):
    """A kind of thing to be found: its table, the columns whose change matters, and the text of its row `s`."""

    table: str
    columns: str
    text: str


_SOURCES: Final = {
    "message": _Source("messages", "content", "CAST(s.content AS TEXT)"),
    "post": _Source("channel_messages", "content", "CAST(s.content AS TEXT)"),
    "task": _Source("tasks", "title, description", "s.title || char(10) || coalesce(s.description, '')"),
}

# `sender` and `recipient` are those whose own a thing is, whatever their role.
_HITS: Final = f"""
    SELECT 'message' AS kind, m.id, m.from_agent, m.to_agent AS place, m.content, m.created_at, m.group_id,
           m.from_agent AS sender, m.to_agent AS recipient, {moment_of("m.created_at")} AS moment, m.rowid AS position
      FROM messages m WHERE :kind = 'message' AND m.id = :id
    UNION ALL
    SELECT 'post', p.id, p.from_agent, '#' || ltrim(c.name, '#'), p.content, p.created_at, c.group_id,
           NULL, NULL, {moment_of("p.created_at")}, p.rowid
      FROM channel_messages p LEFT JOIN channels c ON c.id = p.channel_id WHERE :kind = 'post' AND p.id = :id
    UNION ALL
    SELECT 'task', s.id, s.created_by, s.status, {_SOURCES["task"].text}, s.created_at, s.group_id,
           NULL, s.assigned_to, {moment_of("s.created_at")}, s.rowid
      FROM tasks s WHERE :kind = 'task' AND s.id = :id"""


def create_index(connection: sqlite3.Connection) -> None:
    """Make the tables and the triggers, and take in what is there."""
    connection.execute(
        "CREATE TABLE btmsg_search_entries (entry INTEGER PRIMARY KEY, kind TEXT NOT NULL, ref TEXT NOT NULL, "
        "UNIQUE (kind, ref))"
    )
    # Without any constraint that could fail: an INSERT of another program must not fail for it.
    connection.execute("CREATE TABLE btmsg_search_pending (note INTEGER PRIMARY KEY, kind TEXT, ref TEXT)")
    create_triggers(connection)
    things = " UNION ALL ".join(
        f"SELECT '{kind}' AS kind, s.id AS ref, {moment_of('s.created_at')} AS moment FROM {source.table} s"
        for kind, source in _SOURCES.items()
    )
    connection.execute(f"INSERT INTO btmsg_search_pending (kind, ref) SELECT kind, ref FROM ({things}) ORDER BY moment")
    index_pending(connection, None)


def create_triggers(connection: sqlite3.Connection) -> None:
    """Make the triggers that note what changes, anew where they are there."""
    for kind, source in _SOURCES.items():
        changed = f"UPDATE OF id, {source.columns}"
        for event, ids in (("INSERT", ("new",)), (changed, ("old", "new")), ("DELETE", ("old",))):
            name = f"btmsg_search_{kind}_{event.split()[0].lower()}"
            notes = ", ".join(f"('{kind}', {one}.id)" for one in ids)
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
            connection.execute(
                f"CREATE TRIGGER {name} AFTER {event} ON {source.table} "
                f"BEGIN INSERT INTO btmsg_search_pending (kind, ref) VALUES {notes}; END"
            )


def index_pending(connection: sqlite3.Connection, limit: int | None = BATCH, *, at_least: int = 1) -> None:
    """Take up to `limit` notes into the index, within the caller's transaction, where there are at least so many.

    Without FTS5 they are left to a program that has it.
    """
    # Asked for apart, so that neither goes through all of them.
    ends = ", ".join(f"(SELECT {end}(note) FROM btmsg_search_pending) AS {end}" for end in ("min", "max"))
    noted = connection.execute(f"SELECT {ends}").fetchone()
    if noted["min"] is None or noted["max"] - noted["min"] + 1 < at_least or not _has_index(connection):
        return
    until = {"until": noted["max"] if limit is None else min(noted["max"], noted["min"] + limit - 1)}
    outdated = """SELECT e.entry FROM btmsg_search_pending p
                  JOIN btmsg_search_entries e ON e.kind = p.kind AND e.ref = p.ref WHERE p.note <= :until"""
    connection.execute(f"DELETE FROM btmsg_search WHERE rowid IN ({outdated})", until)
    connection.execute(f"DELETE FROM btmsg_search_entries WHERE entry IN ({outdated})", until)
    last = connection.execute("SELECT coalesce(max(entry), 0) AS entry FROM btmsg_search_entries").fetchone()
    is_there = " OR ".join(
        f"(p.kind = '{kind}' AND EXISTS (SELECT 1 FROM {source.table} s WHERE s.id = p.ref))"
        for kind, source in _SOURCES.items()
    )
    connection.execute(
        f"""INSERT INTO btmsg_search_entries (kind, ref)
            SELECT p.kind, p.ref FROM btmsg_search_pending p WHERE p.note <= :until AND ({is_there})
            GROUP BY p.kind, p.ref ORDER BY max(p.note)""",
        until,
    )
    for kind, source in _SOURCES.items():
        connection.execute(
            f"""INSERT INTO btmsg_search (rowid, body)
                SELECT e.entry, {source.text} FROM btmsg_search_entries e JOIN {source.table} s ON s.id = e.ref
                WHERE e.kind = '{kind}' AND e.entry > ?""",
            (last["entry"],),
        )
    connection.execute("DELETE FROM btmsg_search_pending WHERE note <= :until", until)


def search(
    connection: sqlite3.Connection, words: str, reader: Agent | None = None, limit: int | None = 50
) -> list[SearchHit]:
    """The latest things that have all the words, newest first.

    Args:
        connection: to read from.
        words: any text; case, accents and punctuation don't matter, and nothing in it is an operator.
        reader: who searches what it may read; None is everything.
        limit: how many.

    Raises:
        UsageError: where this SQLite has no full-text search.
    """
    matches = _matches(connection, match_expression(words))
    rows = (connection.execute(_HITS, {"kind": kind, "id": ref}).fetchone() for kind, ref in matches)
    try:
        found = list(islice((row for row in rows if row is not None and _is_open(row, reader)), limit))
    except sqlite3.OperationalError as error:
        if not _is_lacking(error):
            raise
        raise UsageError(
            "the SQLite of this Python has no full-text search",
            hint="use a Python whose SQLite was built with FTS5; all else works with this one",
        ) from error
    found.sort(key=lambda row: (row["moment"] or "", row["position"]), reverse=True)
    return [from_row(SearchHit, row) for row in found]


def match_expression(words: str) -> str:
    """The FTS5 expression for text that has all the words: each quoted, but those without letter or digit."""
    plain = words.replace("\0", " ").replace('"', " ").split()
    return " ".join(f'"{word}"' for word in plain if any(character.isalnum() for character in word))


def _has_index(connection: sqlite3.Connection) -> bool:
    """Whether there is an index to write to; it is made where this is the first program that has FTS5."""
    try:
        connection.execute(f"CREATE VIRTUAL TABLE IF NOT EXISTS btmsg_search USING {_MODULE}(body)")
        connection.execute("SELECT 1 FROM btmsg_search LIMIT 0")
    except sqlite3.OperationalError as error:
        if not _is_lacking(error):
            raise
        return False
    return True


def _is_lacking(error: sqlite3.OperationalError) -> bool:
    """Whether this SQLite was built without the module of the index."""
    return "no such module" in str(error)


def _is_open(row: sqlite3.Row, reader: Agent | None) -> bool:
    """Whether the reader may read it: what is its own, and what is its group's, but for most roles not others' mail."""
    if reader is None or reader.role == ADMIN or reader.id in (row["sender"], row["recipient"]):
        return True
    is_mail = row["kind"] == "message"
    return row["group_id"] == reader.group_id and (not is_mail or may(reader.role, "read the messages of others"))


def _matches(connection: sqlite3.Connection, query: str) -> Iterator[tuple[str, object]]:
    """Kind and id of what matches, the latest changed first: what is only noted, then the index but for that."""
    if not query:
        return
    yield from _matches_of_noted(connection, query)
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'btmsg_search'").fetchone():
        rows = connection.execute(
            """SELECT e.kind, e.ref FROM btmsg_search i JOIN btmsg_search_entries e ON e.entry = i.rowid
               WHERE btmsg_search MATCH ? AND e.kind || ' ' || e.ref NOT IN
                 (SELECT p.kind || ' ' || p.ref FROM btmsg_search_pending p WHERE p.ref IS NOT NULL)
               ORDER BY i.rowid DESC""",
            (query,),
        )
        yield from ((str(row["kind"]), row["ref"]) for row in rows)


def _matches_of_noted(connection: sqlite3.Connection, query: str) -> Iterator[tuple[str, object]]:
    """What is only noted is looked through in memory, but for what can't match at a first glance, some at a time."""
    sieve, values = _sieve(query)
    texts = " ".join(
        f"WHEN '{kind}' THEN (SELECT {source.text} FROM {source.table} s WHERE s.id = p.ref)"
        for kind, source in _SOURCES.items()
    )
    rows = connection.execute(
        # The limit keeps SQLite from looking up the text once for each time it is named in the condition.
        f"""SELECT kind, ref, body FROM (SELECT p.kind, p.ref, CASE p.kind {texts} END AS body
              FROM btmsg_search_pending p ORDER BY p.note DESC LIMIT -1) WHERE {sieve}""",
        values,
    )
    seen: set[tuple[str, object]] = set()
    while bodies := {(str(row["kind"]), row["ref"]): row["body"] for row in islice(rows, _AT_ONCE)}:
        yield from (key for key in _matching(bodies, query) if key not in seen)
        seen.update(bodies)


def _matching(bodies: Mapping[tuple[str, object], str], query: str) -> list[tuple[str, object]]:
    """The keys of those texts that match, in their order."""
    memory = sqlite3.connect(":memory:")
    memory.row_factory = sqlite3.Row
    try:
        memory.execute(f"CREATE VIRTUAL TABLE noted USING {_MODULE}(body, content = '')")
        memory.executemany("INSERT INTO noted (rowid, body) VALUES (?, ?)", enumerate(bodies.values()))
        keys = list(bodies)
        found = memory.execute("SELECT rowid FROM noted WHERE noted MATCH ? ORDER BY rowid", (query,))
        return [keys[row["rowid"]] for row in found]
    finally:
        memory.close()


def _sieve(query: str) -> tuple[str, list[str]]:
    """The SQL condition that every matching `body` meets: one of plain letters has those of the query somewhere."""
    parts = sorted(set(_PLAIN.findall(query)), key=len)[-_SIEVED:]
    has_all = " AND ".join("body LIKE ?" for _ in parts) or "1"
    return f"(({has_all}) OR length(CAST(body AS BLOB)) <> length(body))", [f"%{part}%" for part in parts]
