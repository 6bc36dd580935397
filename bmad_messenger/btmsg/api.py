"""The Python API of btmsg: the reference's functions by name, and the writes, each under the caller's role."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from bmad_messenger.btmsg import agents, audit, channels, dead_letters, delivery, mail, search, sight
from bmad_messenger.btmsg.board import Board
from bmad_messenger.btmsg.database import Database
from bmad_messenger.btmsg.records import (
    Agent,
    AuditEntry,
    Channel,
    ChannelMessage,
    DeadLetter,
    FeedEntry,
    GraphNode,
    Health,
    ListedAgent,
    Message,
    Retried,
    SearchHit,
    Sent,
)
from bmad_messenger.btmsg.roles import ADMIN, MANAGER, require
from bmad_messenger.btmsg.session import Session
from bmad_messenger.btmsg.unread import unread_count
from bmad_messenger.errors import NotFoundError

STALL_MINUTES = 15.0
"""After how many minutes without a heartbeat an agent looks stalled (reference: `stallThresholdMin`)."""


class DeadLetterError(NotFoundError):
    """The recipient is absent or stopped; the message is kept as the dead letter with the number `dead_letter_id`."""

    code = "dead-letter"

    def __init__(self, undelivered: delivery.Undelivered) -> None:
        self.dead_letter_id, self.reason = undelivered.dead_letter_id, undelivered.reason
        super().__init__(
            f"not delivered: {self.reason}; kept as dead letter {self.dead_letter_id}",
            hint="btmsg dead-letters --retry delivers it when the recipient is there",
        )


class Btmsg:
    """The database as one agent uses it, or nobody in particular, who may read everything.

    Every method raises DamagedError, LockTimeoutError, NotPermittedError or StorageError for the file, RefusedError
    (exit 6, audited) for what the caller's role or contacts don't permit, and NotFoundError for a caller that is not
    registered; those that write raise UsageError where there is no caller.

    Args:
        path: the file; None is `BTMSG_DB`, else `agor/btmsg.db` in the user's data folder.
        agent: the id of the caller; None is `BTMSG_AGENT_ID`, else nobody in particular.
        stall_minutes: when an agent counts as stalled.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        agent: str | None = None,
        stall_minutes: float = STALL_MINUTES,
    ) -> None:
        self.database = Database(path)
        self.session = Session(self.database, agent)
        self.stall_minutes = stall_minutes
        self.board = Board(self.session)

    def __enter__(self) -> Btmsg:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        self.database.close()

    def get_agents(self, group_id: str | None = None) -> list[ListedAgent]:
        """The agents of a group, or all, with their unread counts, management first; whoever asks."""
        with self.session.reading() as (connection, caller):
            if caller:
                require(caller.id, caller.role, "list agents")
            return sight.listed(connection, group_id)

    def visible_agents(self, group_id: str | None = None) -> list[ListedAgent]:
        """Those whom the caller sees: itself and its contacts, a manager its group too; admin and nobody see all."""
        with self.session.reading() as (connection, caller):
            return sight.visible(connection, caller, group_id)

    def whoami(self) -> ListedAgent:
        """The caller."""
        agent_id = self.session.name()
        with self.session.reading() as (connection, _):
            return sight.with_unread(connection, agents.get(connection, agent_id))

    def unread_count(self, agent_id: str | None = None) -> int:
        """How many messages wait for an agent (default: the caller): neither read nor acknowledged by a session."""
        agent_id = agent_id or self.session.name()
        with self.session.reading() as (connection, _):
            return unread_count(connection, agent_id)

    def unread_messages(self, agent_id: str | None = None, limit: int | None = None) -> list[Message]:
        """The messages that wait for an agent (default: the caller), oldest first; `mark_read` marks them."""
        agent_id = agent_id or self.session.name()
        with self.session.reading() as (connection, caller):
            mail.require_reader(caller, agent_id)
            return mail.unread(connection, agent_id, limit)

    def inbox(self, limit: int | None = None) -> list[Message]:
        """The latest `limit` messages to the caller, read or not, oldest first."""
        agent_id = self.session.name()
        with self.session.reading() as (connection, _):
            return mail.received(connection, agent_id, limit)

    def unseen(self, session: str, agent_id: str | None = None) -> list[Message]:
        """The messages that an agent (default: the caller) has not read and the session has not acknowledged."""
        agent_id = agent_id or self.session.name()
        with self.session.reading() as (connection, caller):
            mail.require_reader(caller, agent_id)
            return mail.unseen(connection, agent_id, session)

    def history(self, other: str, limit: int | None = 20, *, agent_id: str | None = None) -> list[Message]:
        """The latest `limit` messages between an agent (default: the caller) and another, oldest first."""
        agent_id = agent_id or self.session.name()
        with self.session.reading() as (connection, caller):
            mail.require_reader(caller, agent_id)
            agents.get(connection, other)
            return mail.history(connection, agent_id, other, limit)

    def get_message(self, message_id: str) -> Message:
        """The message with this id or unique beginning of one; it stays unread."""
        with self.session.reading() as (connection, caller):
            return mail.get(connection, caller, message_id)

    def get_feed(self, group_id: str | None = None, limit: int | None = 50) -> list[FeedEntry]:
        """The latest messages across a group, newest first; for most roles their own alone.

        Unless a group is named, it is the caller's; for admin and nobody all.
        """
        with self.session.reading() as (connection, caller):
            return mail.feed(connection, group_id or _group_of(caller), limit, mail.own_only(caller))

    def get_channels(self, group_id: str | None = None) -> list[Channel]:
        """The channels of a group (default: as with `get_feed`) with their member counts, by name."""
        with self.session.reading() as (connection, caller):
            return channels.listed(connection, group_id or _group_of(caller))

    def get_channel_messages(
        self, channel: str, limit: int | None = None, *, group_id: str | None = None
    ) -> list[ChannelMessage]:
        """The latest `limit` posts of a channel, oldest first; the channel by id, or by name with or without `#`."""
        with self.session.reading() as (connection, caller):
            found = channels.get(connection, channel, group_id or (caller.group_id if caller else None))
            if caller:
                channels.require_group(caller, found)
            return channels.posts(connection, found, limit)

    def contacts(self, agent_id: str | None = None) -> list[ListedAgent]:
        """The agents that an agent (default: the caller) may message."""
        agent_id = agent_id or self.session.name()
        with self.session.reading() as (connection, _):
            return sight.contacts(connection, agents.get(connection, agent_id).id)

    def health(self, group_id: str | None = None) -> list[Health]:
        """How the agents of a group, or all, do, as far as the caller sees them."""
        with self.session.reading() as (connection, caller):
            return sight.health(connection, caller, group_id, self.stall_minutes)

    def graph(self, group_id: str | None = None) -> list[GraphNode]:
        """Who may message whom in a group, or everywhere, as far as the caller sees them; management first."""
        with self.session.reading() as (connection, caller):
            return sight.graph(connection, caller, group_id)

    def dead_letters(self) -> list[DeadLetter]:
        """The messages that could not be delivered: the caller's own; a manager's group's; all for admin and nobody."""
        with self.session.reading() as (connection, caller):
            return dead_letters.listed(connection, caller, _group_of_manager(caller))

    def audit(self, *, event_type: str | None = None, limit: int | None = 50) -> list[AuditEntry]:
        """The latest entries of the audit log, newest first; whose, is as with `dead_letters`."""
        with self.session.reading() as (connection, caller):
            return audit.entries(
                connection,
                agent_id=mail.own_only(caller),
                group_id=_group_of_manager(caller),
                event_type=event_type,
                limit=limit,
            )

    def search(self, words: str, limit: int | None = 50) -> list[SearchHit]:
        """The messages, posts and tasks that have all the words, newest first, as far as the caller may read them."""
        with self.session.reading() as (connection, caller):
            return search.search(connection, words, caller, limit)

    def register(
        self,
        agent_id: str,
        *,
        group_id: str,
        role: str | None = None,
        name: str | None = None,
        tier: int | None = None,
        model: str | None = None,
        cwd: str | None = None,
    ) -> Agent:
        """Make or renew an agent: active, linked to those its role talks to, a member of the group's review channels.

        Anyone may make one in any role (default: project). Its role, tier and group are changed by admin or a manager
        of its group; what is not given stays as it is.

        Raises:
            InvalidError: for a role, tier, id or group that can't be.
        """
        with self.session.registering() as (connection, actor):
            agent = agents.register(
                connection, actor, agent_id, name=name, role=role, group_id=group_id, tier=tier, model=model, cwd=cwd
            )
            channels.enter_review_channels(connection, agent)
            return agent

    def send(self, to_agent: str, content: str, *, reply_to: str | None = None, payload: Any = None) -> Sent:
        """Send a direct message; `payload` is any JSON value, kept beside the text.

        Returns:
            The message, and a warning where the recipient looks stalled.

        Raises:
            DeadLetterError: where the recipient is absent or stopped; the message is kept.
            InvalidError: where the message is empty.
        """
        with self.session.acting() as (connection, caller):
            parent = mail.get(connection, caller, reply_to).id if reply_to else None
            outgoing = delivery.Outgoing(to_agent, content, parent, payload)
            outcome = delivery.send(connection, caller, outgoing, self.stall_minutes)
        return _delivered(outcome)

    def reply(self, message_id: str, content: str, *, payload: Any = None) -> Sent:
        """Answer a message of the caller's; returns and raises as `send` does, NotFoundError for no such message."""
        with self.session.acting() as (connection, caller):
            outcome = delivery.reply(connection, caller, message_id, content, payload, self.stall_minutes)
        return _delivered(outcome)

    def mark_read(self, message_ids: Iterable[str]) -> None:
        """Set the flag of messages to the caller, by whole ids, after they were shown; what is gone is passed over."""
        with self.session.acting() as (connection, caller):
            mail.mark_read(connection, caller, message_ids)

    def ack(self, message_ids: Iterable[str] | None = None, *, session: str | None = None) -> list[Message]:
        """Record that a session (default: one named like the caller) has seen messages; None is all it has not seen."""
        session = session or self.session.name()
        with self.session.acting() as (connection, caller):
            messages = (
                mail.unseen(connection, caller.id, session)
                if message_ids is None
                else mail.received_by(connection, caller, message_ids)
            )
            mail.acknowledge(connection, messages, session)
            return messages

    def delete_message(self, message_id: str) -> str:
        """Delete a direct message or a channel's post; returns its full id."""
        with self.session.acting() as (connection, caller):
            return mail.delete(connection, caller, message_id)

    def heartbeat(self) -> int:
        """Record that the caller is alive; returns the Unix time in seconds."""
        with self.session.acting() as (connection, caller):
            return agents.heartbeat(connection, caller)

    def set_status(self, agent_id: str, status: str) -> Agent:
        """Make an agent active, sleeping or stopped; InvalidError for another status."""
        with self.session.acting() as (connection, caller):
            return agents.set_status(connection, caller, agent_id, status)

    def allow(self, agent_id: str, contact_id: str, *, both: bool = False) -> None:
        """Let an agent message another, or both each other."""
        with self.session.acting() as (connection, caller):
            agents.allow(connection, caller, agent_id, contact_id, both=both)

    def deny(self, agent_id: str, contact_id: str, *, both: bool = False) -> None:
        """Keep an agent from messaging another, or both from each other."""
        with self.session.acting() as (connection, caller):
            agents.deny(connection, caller, agent_id, contact_id, both=both)

    def channel_create(self, name: str, *, group_id: str | None = None) -> Channel:
        """Make a channel in a group (default: the caller's) and join it; InvalidError where the name is taken."""
        with self.session.acting() as (connection, caller):
            return channels.create(connection, caller, name, group_id)

    def channel_join(self, channel: str, *, group_id: str | None = None) -> Channel:
        """Make the caller a member of a channel."""
        with self.session.acting() as (connection, caller):
            return channels.join(connection, caller, channels.get(connection, channel, group_id or caller.group_id))

    def channel_post(self, channel: str, content: str, *, group_id: str | None = None) -> ChannelMessage:
        """Post to a channel that the caller is in; InvalidError where the post is empty."""
        with self.session.acting() as (connection, caller):
            found = channels.get(connection, channel, group_id or caller.group_id)
            return channels.post(connection, caller, found, content)

    def retry_dead_letters(self, *numbers: int) -> list[Retried]:
        """Deliver dead letters whose recipients are there now, each once; without numbers, all of `dead_letters`."""
        with self.session.acting() as (connection, caller):
            return delivery.retry(connection, caller, numbers, _group_of_manager(caller))

    def clear_dead_letters(self, *numbers: int) -> int:
        """Delete dead letters for good; without numbers, all that `dead_letters` gives. Returns how many."""
        with self.session.acting() as (connection, caller):
            return dead_letters.clear(connection, caller, numbers, _group_of_manager(caller))


def _group_of(caller: Agent | None) -> str | None:
    """The group that a list is of where none is named; None is every group, for the operator and nobody."""
    return None if caller is None or caller.role == ADMIN else caller.group_id


def _group_of_manager(caller: Agent | None) -> str | None:
    """The group to which a manager's view is limited."""
    return caller.group_id if caller is not None and caller.role == MANAGER else None


def _delivered(outcome: Sent | delivery.Undelivered) -> Sent:
    """The message, once the transaction that kept it or its dead letter is committed."""
    if isinstance(outcome, delivery.Undelivered):
        raise DeadLetterError(outcome)
    return outcome
