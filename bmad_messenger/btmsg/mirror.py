"""Keeps copies of another program's messages in the database: each once, with what was read carried both ways."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from bmad_messenger.btmsg import audit, search
from bmad_messenger.btmsg.database import Database
from bmad_messenger.btmsg.mirrored_agents import Member, registered
from bmad_messenger.btmsg.records import payload_text
from bmad_messenger.btmsg.unread import UNREAD


class Entry(NamedTuple):
    """One message of the other program to one recipient.

    `created_at` is UTC text as `times.timestamp` gives it; `reply_to` is the external id of another entry; `payload` is
    any JSON value; `read` says that its recipient has read it, `closed` that nobody is to read it any more. One that
    goes `to_all` is for those whom it went to when it was first copied: later there are no more.
    """

    external_id: str
    created_at: str
    from_agent: str
    to_agent: str
    content: str
    payload: Any = None
    reply_to: str | None = None
    read: bool = False
    closed: bool = False
    to_all: bool = False

    @property
    def key(self) -> Key:
        """Which copy it is."""
        return Key(self.external_id, self.created_at, self.to_agent)


class Key(NamedTuple):
    """Which copy: a message of the other program, by its id and the time of its making, and its recipient.

    The time tells apart messages of two places that came to have the same id.
    """

    external_id: str
    created_at: str
    agent_id: str


class Delivered(NamedTuple):
    """What a delivery changed: how many copies are new, and how many older ones were unread until now."""

    new: int
    read: int


class Mirror:
    """The copies of one source's messages. No contacts and no roles apply: the other program has decided who may send.

    Its agents keep their ids; one whose id an agent of another group has is called `group/id` here. The operator is
    the same in every group. Entries, members and keys name agents by their ids in the other program.

    Several places of the other program may share a source, each with a mirror of its own. A message that several of
    them have, with the same id, time and payload, is copied once. Copies of what a place doesn't have it leaves alone.

    Every method raises DamagedError, LockTimeoutError, NotPermittedError or StorageError for the file.

    Args:
        database: where the copies are; `Database()` is the user's.
        source: what tells this program's ids from those of others in the same database, for good.
        group_id: the group of its agents and messages.
        origin: the place whose messages these are, such as a folder.
    """

    def __init__(self, database: Database, *, source: str, group_id: str, origin: str = "") -> None:
        self.database = database
        self.source = source
        self.group_id = group_id
        self.origin = origin

    def deliver(self, entries: Iterable[Entry], members: Iterable[Member] = ()) -> Delivered:
        """Copy what is not copied yet, in one transaction, and set the flag of what was read or closed.

        A copy that someone deleted here stays deleted.

        Args:
            entries: the messages, in their order.
            members: who to register on first use, beside senders and recipients; those it lacks are project agents.
        """
        with self.database.writing() as connection:
            return self._deliver(connection, list(entries), members, renew=False)

    def rebuild(self, entries: Iterable[Entry], members: Iterable[Member] = ()) -> int:
        """Make the copies of `entries` anew: missing ones return, changed ones are put right.

        What was read or acknowledged here stays so. A copy goes only where its message is among the entries, and for
        others now. Returns how many entries there are.
        """
        entries = list(entries)
        with self.database.writing() as connection:
            self._deliver(connection, entries, members, renew=True)
        return len(entries)

    def copied(self) -> set[str]:
        """The external ids of the messages that were ever copied."""
        with self.database.reading() as connection:
            query = "SELECT DISTINCT external_id FROM btmsg_mirrored WHERE source = ?"
            return {str(row["external_id"]) for row in connection.execute(query, (self.source,))}

    def settled(self) -> dict[str, list[str]]:
        """The messages of which every copy was read, as both programs know: external ids, with their times."""
        with self.database.reading() as connection:
            rows = connection.execute(
                """SELECT external_id, created_at FROM btmsg_mirrored WHERE source = ?
                   GROUP BY external_id, created_at HAVING min(carried) = 1""",
                (self.source,),
            )
            found: dict[str, list[str]] = {}
            for row in rows:
                found.setdefault(str(row["external_id"]), []).append(str(row["created_at"]))
            return found

    def read_here(self, among: Iterable[Key] | None = None) -> list[Key]:
        """The copies read or acknowledged here that were not reported to the other program yet; see `carried`.

        Args:
            among: the copies to look at; None is all.
        """
        query = f"""SELECT r.external_id, r.created_at, r.agent_id
                    FROM btmsg_mirrored AS r JOIN messages m ON m.id = r.message_id
                    WHERE r.source = :source AND r.carried = 0 AND NOT ({UNREAD}) AND {_OURS}"""
        place = {"source": self.source, "origin": self.origin}
        with self.database.reading() as connection:
            if among is None:
                rows = connection.execute(f"{query} ORDER BY m.rowid", place).fetchall()
            else:
                one = f"{query} AND {_OF_KEY}"
                rows = [row for key in among for row in connection.execute(one, place | key._asdict())]
            return [Key(str(row["external_id"]), str(row["created_at"]), str(row["agent_id"])) for row in rows]

    def carried(self, keys: Iterable[Key]) -> None:
        """Note that the other program knows of these reads."""
        with self.database.writing() as connection:
            connection.executemany(
                f"UPDATE btmsg_mirrored AS r SET carried = 1 WHERE {_OF_KEY} AND {_OURS}",
                [{"source": self.source, "origin": self.origin, **key._asdict()} for key in keys],
            )

    def _deliver(
        self, connection: sqlite3.Connection, entries: Sequence[Entry], members: Iterable[Member], *, renew: bool
    ) -> Delivered:
        people = dict.fromkeys(one for entry in entries for one in (entry.from_agent, entry.to_agent))
        ids = registered(connection, self.group_id, people, members)
        messages: dict[tuple[str, str], list[Entry]] = {}
        for entry in entries:
            messages.setdefault((entry.external_id, entry.created_at), []).append(entry)
        new = read = 0
        for of_one in messages.values():
            copies = self._copies(connection, of_one[0])
            is_known = bool(copies)
            for entry in of_one:
                copy = copies.get(entry.to_agent)
                if copy is None and entry.to_all and is_known:
                    continue
                if copy is None or renew:
                    copies[entry.to_agent] = self._write(connection, entry, ids, copy)
                was_unread = entry.read and self._mark_read(connection, copies[entry.to_agent])
                new += copy is None
                read += was_unread and copy is not None
            recipients = {entry.to_agent for entry in of_one}
            others = [copy for agent, copy in copies.items() if agent not in recipients]
            if of_one[0].closed:
                read += sum(self._mark_read(connection, copy) for copy in others)
            elif renew and not of_one[0].to_all:
                self._remove(connection, [copy for copy in others if self._is_own(copy)])
        search.index_pending(connection, search.BATCH + len(entries), at_least=search.WORTHWHILE)
        return Delivered(new, read)

    def _copies(self, connection: sqlite3.Connection, entry: Entry) -> dict[str, _Copy]:
        """The copies of the entry's message, by recipient.

        Two places may by chance have a message of one id, made in one second: what tells them apart is the payload.
        """
        rows = connection.execute(
            """SELECT r.agent_id, r.message_id, r.origin, p.payload
               FROM btmsg_mirrored r LEFT JOIN btmsg_payloads p ON p.message_id = r.message_id
               WHERE r.source = ? AND r.external_id = ? AND r.created_at = ? ORDER BY r.origin = ?""",
            (self.source, entry.external_id, entry.created_at, self.origin),
        ).fetchall()
        found = {}
        for row in rows:
            key = Key(entry.external_id, entry.created_at, str(row["agent_id"]))
            copy = _Copy(key, str(row["message_id"]), str(row["origin"]))
            if self._is_own(copy) or row["payload"] in (None, payload_text(entry.payload)):
                found[key.agent_id] = copy
        return found

    def _is_own(self, copy: _Copy) -> bool:
        """Whether the copy was made for this place; an earlier version did not write down for which."""
        return copy.origin in ("", self.origin)

    def _write(self, connection: sqlite3.Connection, entry: Entry, ids: Mapping[str, str], copy: _Copy | None) -> _Copy:
        payload = payload_text(entry.payload)
        kept = copy or _Copy(entry.key, self._message_id(entry.key, payload), self.origin)
        connection.execute(
            """INSERT INTO messages
                 (id, from_agent, to_agent, content, read, reply_to, group_id, sender_group_id, created_at)
               VALUES (:id, :sender, :recipient, :content, 0, :reply_to, :group, :group, :created)
               ON CONFLICT (id) DO UPDATE SET from_agent = :sender, to_agent = :recipient, content = :content,
                 reply_to = :reply_to, group_id = :group, sender_group_id = :group, created_at = :created""",
            {
                "id": kept.message_id,
                "sender": ids[entry.from_agent],
                "recipient": ids[entry.to_agent],
                "content": entry.content,
                "reply_to": entry.reply_to and self._replied(connection, entry.reply_to, entry.from_agent),
                "group": self.group_id,
                "created": entry.created_at,
            },
        )
        connection.execute(
            "INSERT OR REPLACE INTO btmsg_payloads (message_id, payload) VALUES (?, ?)", (kept.message_id, payload)
        )
        if copy is None:
            connection.execute(
                "INSERT INTO btmsg_mirrored (source, external_id, created_at, agent_id, message_id, origin) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (self.source, *entry.key, kept.message_id, self.origin),
            )
            detail = f"to {ids[entry.to_agent]}: {kept.message_id}, a copy of {entry.external_id}"
            audit.record(connection, ids[entry.from_agent], "send", detail)
        return kept

    def _message_id(self, key: Key, payload: str) -> str:
        """The same id whenever the copy is made, so that replies and acknowledgements outlive a rebuild."""
        import uuid

        return str(uuid.uuid5(uuid.NAMESPACE_URL, "\n".join((self.source, *key, payload))))

    def _replied(self, connection: sqlite3.Connection, external_id: str, replier: str) -> str | None:
        """The id of the copy that was answered: one of this place, the replier's own, else any."""
        row = connection.execute(
            """SELECT message_id FROM btmsg_mirrored WHERE source = ? AND external_id = ?
               ORDER BY origin = ? DESC, agent_id = ? DESC, created_at DESC LIMIT 1""",
            (self.source, external_id, self.origin, replier),
        ).fetchone()
        return row and str(row["message_id"])

    def _mark_read(self, connection: sqlite3.Connection, copy: _Copy) -> bool:
        """Set the flag, and note that the other program knows; whether it was unread here."""
        query = f"SELECT m.read, {UNREAD} AS is_unread FROM messages m WHERE m.id = ?"
        row = connection.execute(query, (copy.message_id,)).fetchone()
        if row is None:
            return False
        if not row["read"]:
            connection.execute("UPDATE messages SET read = 1 WHERE id = ?", (copy.message_id,))
        connection.execute(
            f"UPDATE btmsg_mirrored AS r SET carried = 1 WHERE {_OF_COPY} AND carried = 0", self._place(copy)
        )
        return bool(row["is_unread"])

    def _remove(self, connection: sqlite3.Connection, copies: Iterable[_Copy]) -> None:
        for copy in copies:
            connection.execute("DELETE FROM messages WHERE id = ?", (copy.message_id,))
            connection.execute(f"DELETE FROM btmsg_mirrored AS r WHERE {_OF_COPY}", self._place(copy))

    def _place(self, copy: _Copy) -> dict[str, str]:
        return {"source": self.source, "origin": copy.origin, **copy.key._asdict()}


class _Copy(NamedTuple):
    """A copy, and the place that it was made for."""

    key: Key
    message_id: str
    origin: str


_OF_KEY: Final = (
    "r.source = :source AND r.external_id = :external_id AND r.created_at = :created_at AND r.agent_id = :agent_id"
)
_OF_COPY: Final = f"{_OF_KEY} AND r.origin = :origin"
_OURS: Final = """
    (r.origin = :origin OR NOT EXISTS (
       SELECT 1 FROM btmsg_mirrored o
       WHERE (o.source, o.external_id, o.created_at, o.agent_id) = (r.source, r.external_id, r.created_at, r.agent_id)
         AND o.origin = :origin))"""
"""A copy that was made for this place, or for another where there is none of the same key for this one."""
