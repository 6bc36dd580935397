"""Keeps a copy of another program's messages in the database: each once, with what was read carried both ways."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from bmad_messenger.btmsg import agents, audit, channels, mail, search
from bmad_messenger.btmsg.database import Database
from bmad_messenger.btmsg.records import Message
from bmad_messenger.btmsg.roles import ADMIN
from bmad_messenger.btmsg.times import now
from bmad_messenger.btmsg.unread import UNREAD


class Member(NamedTuple):
    """An agent that the other program's messages come from or go to, by its id there."""

    id: str
    role: str = "project"
    name: str | None = None


class Entry(NamedTuple):
    """One message of the other program to one recipient.

    `created_at` is UTC text as `times.timestamp` gives it, None for now; `reply_to` is the external id of another
    entry; `payload` is any JSON value; `read` says that its recipient has read it, or that it is closed. One that goes
    `to_all` is for those whom it went to when it was first copied: later there are no more.
    """

    external_id: str
    from_agent: str
    to_agent: str
    content: str
    payload: Any = None
    created_at: str | None = None
    reply_to: str | None = None
    read: bool = False
    to_all: bool = False


class Key(NamedTuple):
    """Which copy: a message of the other program, and its recipient."""

    external_id: str
    agent_id: str


class Mirror:
    """The copies of one source's messages. No contacts and no roles apply: the other program has decided who may send.

    Its agents keep their ids; one whose id an agent of another group has is called `group/id` here. The operator is
    the same in every group. Entries, members and keys name agents by their ids in the other program.

    Every method raises DamagedError, LockTimeoutError, NotPermittedError or StorageError for the file.

    Args:
        database: where the copies are; `Database()` is the user's.
        source: what tells this program's ids from those of others in the same database, for good.
        group_id: the group of its agents and messages.
    """

    def __init__(self, database: Database, *, source: str, group_id: str) -> None:
        self.database = database
        self.source = source
        self.group_id = group_id

    def ensure_agents(self, members: Iterable[Member]) -> list[str]:
        """Register those that are not there yet; returns their ids here. Who exists stays as it is."""
        with self.database.writing() as connection:
            return list(self._ensure_agents(connection, members).values())

    def deliver(self, entries: Iterable[Entry], members: Iterable[Member] = ()) -> int:
        """Copy what is not copied yet, in one transaction, and set the flag of what was read; returns how many are new.

        A copy that someone deleted here stays deleted.

        Args:
            entries: the messages, in their order.
            members: agents to register first; senders and recipients that nobody registered become project agents.
        """
        with self.database.writing() as connection:
            return self._deliver(connection, list(entries), members, renew=False)

    def rebuild(self, entries: Iterable[Entry], members: Iterable[Member] = ()) -> int:
        """Make the copies anew from `entries`: missing ones return, changed ones are put right, others go.

        What was read or acknowledged here stays so. Returns how many there are.
        """
        entries = list(entries)
        with self.database.writing() as connection:
            self._deliver(connection, entries, members, renew=True)
            wanted = {(entry.external_id, entry.to_agent) for entry in entries}
            for row in self._rows(connection):
                if (row["external_id"], row["agent_id"]) not in wanted:
                    connection.execute("DELETE FROM messages WHERE id = ?", (row["message_id"],))
                    connection.execute("DELETE FROM btmsg_mirrored WHERE message_id = ?", (row["message_id"],))
            search.index_pending(connection, None)
            return len(wanted)

    def find(self, external_id: str) -> list[Message]:
        """The copies of a message, one for each recipient."""
        with self.database.reading() as connection:
            rows = connection.execute(
                "SELECT r.message_id FROM btmsg_mirrored r JOIN messages m ON m.id = r.message_id "
                "WHERE r.source = ? AND r.external_id = ? ORDER BY m.rowid",
                (self.source, external_id),
            ).fetchall()
            return [mail.by_id(connection, row["message_id"]) for row in rows]

    def mark_read(self, keys: Iterable[Key]) -> int:
        """Set the flag of copies that were read in the other program; returns how many were unread here."""
        with self.database.writing() as connection:
            return sum(self._mark_read(connection, key) for key in keys)

    def mark_closed(self, external_ids: Iterable[str]) -> int:
        """Set the flag of every copy of messages that the other program closed; returns how many were unread here."""
        with self.database.writing() as connection:
            rows = [row for one in external_ids for row in self._rows(connection, one)]
            return sum(self._mark_read(connection, Key(row["external_id"], row["agent_id"])) for row in rows)

    def copied(self) -> set[str]:
        """The external ids of the messages that were ever copied."""
        with self.database.reading() as connection:
            return {str(row["external_id"]) for row in self._rows(connection)}

    def unsettled(self) -> set[str]:
        """The external ids of those of them that no read was carried for yet, from either side, to every recipient."""
        with self.database.reading() as connection:
            rows = connection.execute(
                "SELECT external_id FROM btmsg_mirrored WHERE source = ? AND carried = 0", (self.source,)
            )
            return {str(row["external_id"]) for row in rows}

    def read_here(self, among: Iterable[Key] | None = None) -> list[Key]:
        """The copies read or acknowledged here that were not reported to the other program yet; see `carried`.

        Args:
            among: the copies to look at; None is all.
        """
        query = f"""SELECT r.external_id, r.agent_id FROM btmsg_mirrored r JOIN messages m ON m.id = r.message_id
                    WHERE r.source = ? AND r.carried = 0 AND NOT ({UNREAD})"""
        with self.database.reading() as connection:
            if among is None:
                rows = connection.execute(f"{query} ORDER BY m.rowid", (self.source,)).fetchall()
            else:
                one = f"{query} AND r.external_id = ? AND r.agent_id = ?"
                rows = [row for key in among for row in connection.execute(one, (self.source, *key))]
            return [Key(str(row["external_id"]), str(row["agent_id"])) for row in rows]

    def carried(self, keys: Iterable[Key]) -> None:
        """Note that the other program knows of these reads."""
        with self.database.writing() as connection:
            connection.executemany(
                "UPDATE btmsg_mirrored SET carried = 1 WHERE source = ? AND external_id = ? AND agent_id = ?",
                [(self.source, *key) for key in keys],
            )

    def _ensure_agents(self, connection: sqlite3.Connection, members: Iterable[Member]) -> dict[str, str]:
        """Register those that are not there yet; returns the ids here of all by their ids there."""
        wanted = {one.id: one for one in reversed([*members])}
        names = [name for one in wanted for name in (one, self._own_id(one))]
        rows = connection.execute(
            f"SELECT id, group_id, role FROM agents WHERE id IN ({', '.join('?' * len(names))})", names
        )
        there = {str(row["id"]): row for row in rows}
        ids = {one.id: self._id_here(one, there) for one in reversed(wanted.values())}
        for name, here in ids.items():
            if here not in there:
                one = wanted[name]
                agent = agents.register(
                    connection, None, here, name=one.name or name, role=one.role, group_id=self.group_id
                )
                channels.enter_review_channels(connection, agent)
        return ids

    def _own_id(self, name: str) -> str:
        return f"{self.group_id}/{name}"

    def _id_here(self, one: Member, there: Mapping[str, sqlite3.Row]) -> str:
        """The id of the agent: its own, unless an agent of another group has that."""
        own, same = self._own_id(one.id), there.get(one.id)
        if own in there:
            return own
        is_ours = same is None or same["group_id"] == self.group_id or same["role"] == one.role == ADMIN
        return one.id if is_ours else own

    def _deliver(
        self, connection: sqlite3.Connection, entries: Sequence[Entry], members: Iterable[Member], *, renew: bool
    ) -> int:
        people = dict.fromkeys(one for entry in entries for one in (entry.from_agent, entry.to_agent))
        ids = self._ensure_agents(connection, [*members, *(Member(one) for one in people)])
        known = {
            external_id: {row["agent_id"] for row in self._rows(connection, external_id)}
            for external_id in dict.fromkeys(entry.external_id for entry in entries)
        }
        count = 0
        for entry in entries:
            copies = known[entry.external_id]
            is_known = entry.to_agent in copies or (entry.to_all and bool(copies) and not renew)
            if renew or not is_known:
                self._write(connection, entry, ids)
                count += not is_known
            if entry.read:
                self._mark_read(connection, Key(entry.external_id, entry.to_agent))
        search.index_pending(connection, None)
        return count

    def _write(self, connection: sqlite3.Connection, entry: Entry, ids: Mapping[str, str]) -> None:
        import json

        message_id = self._message_id(entry.external_id, entry.to_agent)
        is_new = not connection.execute("SELECT 1 FROM messages WHERE id = ?", (message_id,)).fetchone()
        connection.execute(
            """INSERT INTO messages
                 (id, from_agent, to_agent, content, read, reply_to, group_id, sender_group_id, created_at)
               VALUES (:id, :sender, :recipient, :content, 0, :reply_to, :group, :group, :created)
               ON CONFLICT (id) DO UPDATE SET from_agent = :sender, to_agent = :recipient, content = :content,
                 reply_to = :reply_to, group_id = :group, sender_group_id = :group, created_at = :created""",
            {
                "id": message_id,
                "sender": ids[entry.from_agent],
                "recipient": ids[entry.to_agent],
                "content": entry.content,
                "reply_to": entry.reply_to and self._replied(connection, entry.reply_to, entry.from_agent),
                "group": self.group_id,
                "created": entry.created_at or now(),
            },
        )
        connection.execute("DELETE FROM btmsg_payloads WHERE message_id = ?", (message_id,))
        if entry.payload is not None:
            text = json.dumps(entry.payload, ensure_ascii=False, default=str)
            connection.execute("INSERT INTO btmsg_payloads (message_id, payload) VALUES (?, ?)", (message_id, text))
        connection.execute(
            "INSERT INTO btmsg_mirrored (source, external_id, agent_id, message_id) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (source, external_id, agent_id) DO UPDATE SET message_id = excluded.message_id",
            (self.source, entry.external_id, entry.to_agent, message_id),
        )
        if is_new:
            detail = f"to {ids[entry.to_agent]}: {message_id}, a copy of {entry.external_id}"
            audit.record(connection, ids[entry.from_agent], "send", detail)

    def _message_id(self, external_id: str, agent_id: str) -> str:
        """The same id whenever the copy is made, so that replies and acknowledgements outlive a rebuild."""
        import uuid

        return str(uuid.uuid5(uuid.NAMESPACE_URL, "\n".join((self.source, external_id, agent_id))))

    def _replied(self, connection: sqlite3.Connection, external_id: str, replier: str) -> str | None:
        """The id of the copy that was answered: the replier's own, else any."""
        copies = {row["agent_id"]: row["message_id"] for row in self._rows(connection, external_id)}
        return copies.get(replier) or next(iter(copies.values()), None)

    def _rows(self, connection: sqlite3.Connection, external_id: str | None = None) -> list[sqlite3.Row]:
        where, values = ("", ()) if external_id is None else ("AND external_id = ?", (external_id,))
        return connection.execute(
            f"SELECT external_id, agent_id, message_id FROM btmsg_mirrored WHERE source = ? {where} ORDER BY rowid",
            (self.source, *values),
        ).fetchall()

    def _mark_read(self, connection: sqlite3.Connection, key: Key) -> bool:
        """Set the flag, and note that the other program knows; whether it was unread here."""
        row = connection.execute(
            f"""SELECT r.message_id, {UNREAD} AS is_unread
                FROM btmsg_mirrored r JOIN messages m ON m.id = r.message_id
                WHERE r.source = ? AND r.external_id = ? AND r.agent_id = ?""",
            (self.source, *key),
        ).fetchone()
        if row is None:
            return False
        connection.execute("UPDATE messages SET read = 1 WHERE id = ? AND read = 0", (row["message_id"],))
        connection.execute(
            "UPDATE btmsg_mirrored SET carried = 1 WHERE source = ? AND external_id = ? AND agent_id = ?",
            (self.source, *key),
        )
        return bool(row["is_unread"])
