"""Delivers messages by the rules: contacts first, then whether the recipient is there; what can't go is kept."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

from bmad_messenger.btmsg import agents, audit, dead_letters, mail
from bmad_messenger.btmsg.lookup import new_id
from bmad_messenger.btmsg.records import Agent, DeadLetter, Retried, Sent, from_row, payload_of, payload_text
from bmad_messenger.btmsg.roles import RefusedError, require
from bmad_messenger.btmsg.times import now
from bmad_messenger.errors import InvalidError


class Undelivered(NamedTuple):
    """The message became a dead letter: its number, and why."""

    dead_letter_id: int
    reason: str


class Outgoing(NamedTuple):
    """What is to be sent; `payload` is any JSON value, kept beside the text."""

    to_agent: str
    content: str
    reply_to: str | None = None
    payload: Any = None


def send(connection: sqlite3.Connection, sender: Agent, outgoing: Outgoing, stall_minutes: float) -> Sent | Undelivered:
    """Deliver a message, or keep it as a dead letter where the recipient is absent or stopped.

    Raises:
        RefusedError: where the recipient is no contact.
        InvalidError: where the message is empty, or the recipient's id is none.
    """
    require(sender.id, sender.role, "send messages")
    if not outgoing.content.strip():
        raise InvalidError("the message is empty", hint="say something")
    agents.check_name("id", outgoing.to_agent)
    recipient = agents.find(connection, outgoing.to_agent)
    if recipient is not None:
        agents.require_contact(connection, sender, recipient)
    if reason := _obstacle(outgoing.to_agent, recipient):
        return Undelivered(dead_letters.add(connection, sender, outgoing.to_agent, *outgoing[1:], reason), reason)
    assert recipient is not None
    message_id = _deliver(connection, sender, *outgoing)
    _, age = agents.silence(connection, recipient.id)
    warning = None
    if agents.is_stalled(age, stall_minutes):
        warning = f"{recipient.id} looks stalled: its last heartbeat was {_minutes(age or 0)} ago"
    return Sent(mail.by_id(connection, message_id), warning)


def reply(
    connection: sqlite3.Connection, sender: Agent, prefix: str, content: str, payload: Any, stall_minutes: float
) -> Sent | Undelivered:
    """Answer a message that came to the sender, or follow up one that the sender wrote; raises as `send` does."""
    message = mail.get(connection, sender, prefix)
    if sender.id not in (message.from_agent, message.to_agent):
        raise RefusedError(
            f"{sender.id} may not reply to {message.id}", hint=f"only {message.to_agent} or {message.from_agent} may"
        )
    other = message.to_agent if message.from_agent == sender.id else message.from_agent
    return send(connection, sender, Outgoing(other, content, message.id, payload), stall_minutes)


def retry(
    connection: sqlite3.Connection, actor: Agent, numbers: tuple[int, ...] = (), group_id: str | None = None
) -> list[Retried]:
    """Deliver dead letters whose recipients are there now; the others stay, with the reason of today.

    All happens in the caller's one transaction, so that of two who retry at once only one finds the letter.

    Args:
        connection: within a transaction.
        actor: who retries; its own letters, or as a manager those of the group.
        numbers: which letters; none are all that the actor may see.
        group_id: whose letters; None is every group's.

    Raises:
        NotFoundError: where there is no letter of such a number.
    """
    found = dead_letters.numbered(connection, actor, numbers, group_id)
    return [_retry(connection, actor, row) for row in found]


def _obstacle(to_agent: str, recipient: Agent | None) -> str | None:
    """Why a message can't be delivered; None where it can."""
    if recipient is None:
        return f"there is no agent {to_agent}"
    return f"{to_agent} is stopped" if agents.is_stopped(recipient) else None


def _deliver(
    connection: sqlite3.Connection, sender: Agent, to_agent: str, content: str, reply_to: str | None, payload: Any
) -> str:
    """Insert the message, whatever the rules say; returns its id."""
    message_id = new_id()
    connection.execute(
        """INSERT INTO messages
             (id, from_agent, to_agent, content, read, reply_to, group_id, sender_group_id, created_at)
           VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?)""",
        (message_id, sender.id, to_agent, content, reply_to, sender.group_id, sender.group_id, now()),
    )
    if payload is not None:
        connection.execute(
            "INSERT INTO btmsg_payloads (message_id, payload) VALUES (?, ?)", (message_id, payload_text(payload))
        )
    audit.record(connection, sender.id, "send", f"to {to_agent}: {message_id}")
    return message_id


def _retry(connection: sqlite3.Connection, actor: Agent, row: sqlite3.Row) -> Retried:
    letter = from_row(DeadLetter, row)
    sender, recipient = agents.find(connection, letter.from_agent), agents.find(connection, letter.to_agent)
    reason = _obstacle(letter.to_agent, recipient)
    if sender is None:
        reason = f"there is no agent {letter.from_agent}, who sent it"
    elif recipient is not None and not reason:
        try:
            agents.require_contact(connection, sender, recipient)
        except RefusedError as error:
            reason = error.problem.message
    if reason or sender is None:
        connection.execute("UPDATE dead_letter_queue SET error = ? WHERE id = ?", (reason, letter.id))
        return Retried(letter.id, letter.to_agent, None, reason)
    payload = payload_of(row["payload"])
    message_id = _deliver(connection, sender, letter.to_agent, letter.content, letter.reply_to, payload)
    connection.execute("DELETE FROM dead_letter_queue WHERE id = ?", (letter.id,))
    audit.record(connection, actor.id, "dead_letter_retry", f"{letter.id} to {letter.to_agent}: {message_id}")
    return Retried(letter.id, letter.to_agent, message_id, None)


def _minutes(seconds: int) -> str:
    minutes = seconds // 60
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
