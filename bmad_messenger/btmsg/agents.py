"""The agents: who they are and may become, whom they may message, when they were last alive."""

from __future__ import annotations

import sqlite3
import time
from typing import Final

from bmad_messenger.btmsg import audit
from bmad_messenger.btmsg.records import Agent, ListedAgent, from_row, whole_number
from bmad_messenger.btmsg.roles import ADMIN, MANAGER, ROLES, TIERS, RefusedError, may, require, who_may
from bmad_messenger.btmsg.times import now
from bmad_messenger.errors import InvalidError, NotFoundError

STATUSES: Final = ("active", "sleeping", "stopped")

_NEWCOMER: Final = "project"
"""The role of an agent that is registered without one."""
_CHANGE_POSITION: Final = "change the role, tier or group of an agent"

_SECOND: Final = """CASE WHEN typeof(timestamp) IN ('integer', 'real') THEN timestamp
                        ELSE strftime('%s', CAST(timestamp AS TEXT)) END"""
"""The Unix time of a heartbeat, also where another program wrote it as a date; NULL where it is no time."""

SELECT: Final = """
    SELECT a.id, a.name, a.role, a.group_id, a.tier, a.model, coalesce(a.status, 'stopped') AS status,
           a.cwd, a.last_active_at, a.created_at
    FROM agents a"""


def find(connection: sqlite3.Connection, agent_id: str) -> Agent | None:
    """The agent with this id."""
    row = connection.execute(f"{SELECT} WHERE a.id = ?", (agent_id,)).fetchone()
    return row and from_row(Agent, row)


def get(connection: sqlite3.Connection, agent_id: str) -> Agent:
    """The agent with this id.

    Raises:
        NotFoundError: where there is none.
    """
    agent = find(connection, agent_id)
    if agent is None:
        raise NotFoundError(f"there is no agent {agent_id}", hint="btmsg agents lists them; btmsg register adds one")
    return agent


def register(
    connection: sqlite3.Connection,
    actor: Agent | None,
    agent_id: str,
    *,
    group_id: str,
    role: str | None = None,
    name: str | None = None,
    tier: int | None = None,
    model: str | None = None,
    cwd: str | None = None,
) -> Agent:
    """Make or renew an agent, active from now on, and link it: tier 1 among itself, managers with their group.

    Anyone may make an agent in any role. What is not given stays as it is; a new agent is a project agent. An agent
    that registers again unchanged keeps its contacts as they are, so what was denied stays denied.

    Raises:
        InvalidError: for a role, tier, id or group that can't be.
        RefusedError: where `actor` may not change the role, tier or group of the agent, or anything of another.
    """
    check_name("id", agent_id)
    check_name("group", group_id)
    before = find(connection, agent_id)
    known = before or Agent(
        agent_id, agent_id, _NEWCOMER, group_id, TIERS[_NEWCOMER], None, "stopped", None, None, None
    )
    agent = known._replace(
        role=role or known.role,
        group_id=group_id,
        tier=_tier(known, role or known.role, tier),
        status="active",
        name=known.name if name is None else name,
        model=known.model if model is None else model,
        cwd=known.cwd if cwd is None else cwd,
    )
    if before is not None:
        _require_may_change(actor, before, agent)
    connection.execute(
        """INSERT INTO agents (id, name, role, group_id, tier, model, cwd, status, last_active_at, created_at)
           VALUES (:id, :name, :role, :group_id, :tier, :model, :cwd, :status, :now, :now)
           ON CONFLICT(id) DO UPDATE SET
             name = :name, role = :role, group_id = :group_id, tier = :tier, model = :model, cwd = :cwd,
             status = :status, last_active_at = :now""",
        {**agent._asdict(), "now": now()},
    )
    if before is None or _position(before) != _position(agent) or before.last_active_at is None:
        _link(connection, agent_id)
    by = actor.id if actor else agent_id
    audit.record(connection, by, "register", f"{agent_id} as {agent.role} of {group_id}, tier {agent.tier}")
    return get(connection, agent_id)


def check_name(what: str, value: str) -> None:
    """Nothing, where the value may be what it is to be: an agent's id or its group.

    Raises:
        InvalidError: where it is blank, or has what can't be printed.
    """
    if not value.strip() or not value.isprintable():
        raise InvalidError(f"{value!r} is no {what} of an agent", hint="letters and digits, and at least one")


def allow(connection: sqlite3.Connection, actor: Agent, agent_id: str, contact_id: str, *, both: bool = False) -> None:
    """Let one agent message another, or both each other.

    Raises:
        RefusedError: where `actor` may not change contacts.
        NotFoundError: where there is no such agent.
    """
    for first, second in _pairs(connection, actor, agent_id, contact_id, both):
        connection.execute("INSERT OR IGNORE INTO contacts (agent_id, contact_id) VALUES (?, ?)", (first, second))
        audit.record(connection, actor.id, "allow", f"{first} may message {second}")


def deny(connection: sqlite3.Connection, actor: Agent, agent_id: str, contact_id: str, *, both: bool = False) -> None:
    """Take back what `allow` or registration gave; raises as `allow` does."""
    for first, second in _pairs(connection, actor, agent_id, contact_id, both):
        connection.execute("DELETE FROM contacts WHERE agent_id = ? AND contact_id = ?", (first, second))
        audit.record(connection, actor.id, "deny", f"{first} may no longer message {second}")


def require_contact(connection: sqlite3.Connection, sender: Agent, recipient: Agent) -> None:
    """Nothing, where the sender may message the recipient: the operator everyone, others their contacts.

    Raises:
        RefusedError: where it may not.
    """
    if sender.id == recipient.id and sender.role != ADMIN:
        raise RefusedError(f"{sender.id} may not message itself", hint="only admin may")
    if (
        sender.role != ADMIN
        and not connection.execute(
            "SELECT 1 FROM contacts WHERE agent_id = ? AND contact_id = ?", (sender.id, recipient.id)
        ).fetchone()
    ):
        raise RefusedError(
            f"{sender.id} ({sender.role}) may not message {recipient.id}, who is no contact",
            hint=f"{who_may('change contacts')} allow it: btmsg allow {sender.id} {recipient.id}",
        )


def set_status(connection: sqlite3.Connection, actor: Agent, agent_id: str, status: str) -> Agent:
    """Set the status of an agent.

    Raises:
        RefusedError, NotFoundError; InvalidError for a status that there is not.
    """
    require(actor.id, actor.role, "update the status of an agent")
    if status not in STATUSES:
        raise InvalidError(f"{status!r} is no status of an agent", hint=f"one of {', '.join(STATUSES)}")
    before = get(connection, agent_id).status
    connection.execute("UPDATE agents SET status = ?, last_active_at = ? WHERE id = ?", (status, now(), agent_id))
    audit.record(connection, actor.id, "status", f"{agent_id}: {before} to {status}")
    return get(connection, agent_id)


def is_stopped(agent: Agent | ListedAgent) -> bool:
    """Whether the agent was stopped; a row that was only given its defaults was never started, which is not that."""
    return agent.status == "stopped" and agent.last_active_at is not None


def heartbeat(connection: sqlite3.Connection, agent: Agent) -> int:
    """Record that the agent is alive; returns the Unix time in seconds."""
    second = int(time.time())
    connection.execute(
        "INSERT INTO heartbeats (agent_id, timestamp) VALUES (?, ?) "
        "ON CONFLICT(agent_id) DO UPDATE SET timestamp = excluded.timestamp",
        (agent.id, second),
    )
    return second


def silence(connection: sqlite3.Connection, agent_id: str) -> tuple[int | None, int | None]:
    """The Unix time of the last heartbeat, and how many seconds ago that was; None where there never was one."""
    row = connection.execute(f"SELECT {_SECOND} AS second FROM heartbeats WHERE agent_id = ?", (agent_id,)).fetchone()
    second = whole_number(row["second"]) if row else None
    return second, None if second is None else max(0, int(time.time()) - second)


def is_stalled(seconds_since: int | None, stall_minutes: float) -> bool:
    """Whether the last heartbeat is too long ago; an agent that never sent one is not stalled."""
    return seconds_since is not None and seconds_since > stall_minutes * 60


def _tier(known: Agent, role: str, tier: int | None) -> int:
    """The tier of an agent that gets a role; where none is given, the one it has with that role, else the role's own.

    Raises:
        InvalidError: for no such role, or a tier that is not for it.
    """
    if role != known.role and role not in ROLES:
        raise InvalidError(f"{role!r} is no role", hint=f"one of {', '.join(ROLES)}")
    if tier is None:
        return known.tier if role == known.role else TIERS[role]
    if tier not in ((0,) if role == ADMIN else (1, 2)):
        raise InvalidError(
            f"tier {tier} is not for the role {role}", hint="0 is the admin, 1 is management, 2 is projects"
        )
    return tier


def _require_may_change(actor: Agent | None, before: Agent, after: Agent) -> None:
    """Nothing, where `actor` may make an agent what it is `after`.

    Where its position stays, it may renew itself, and so may nobody in particular, who starts it.

    Raises:
        RefusedError: where that takes the operator or the manager of its group.
    """
    is_moved = _position(after) != _position(before)
    is_another = actor is not None and actor.id != before.id
    if not is_moved and (after == before or not is_another):
        return
    managers_too = ADMIN not in (before.role, after.role)
    is_theirs = managers_too and actor is not None and actor.group_id == before.group_id
    if actor is not None and may(actor.role, _CHANGE_POSITION) and (actor.role == ADMIN or is_theirs):
        return
    who = f"{actor.id} ({actor.role})" if actor else "a caller that is not registered"
    what = f"change the role, tier or group of {before.id}" if is_moved else f"renew {before.id}"
    others = f" or a manager of {before.group_id}" if managers_too else ""
    raise RefusedError(f"{who} may not {what}", hint=f"only admin{others} may")


def _position(agent: Agent) -> tuple[str, str, int]:
    return agent.role, agent.group_id, agent.tier


def _link(connection: sqlite3.Connection, agent_id: str) -> None:
    """Both ways: agents of tier 1 of a group with each other, its managers with all of it, and admin with everyone."""
    linked = f"""
        FROM agents a JOIN agents b ON a.id <> b.id AND (
          a.role = '{ADMIN}' OR b.role = '{ADMIN}'
          OR (a.group_id = b.group_id AND ((a.tier = 1 AND b.tier = 1) OR '{MANAGER}' IN (a.role, b.role))))
        WHERE a.id = ?"""
    connection.execute(f"INSERT OR IGNORE INTO contacts (agent_id, contact_id) SELECT a.id, b.id {linked}", (agent_id,))
    connection.execute(f"INSERT OR IGNORE INTO contacts (agent_id, contact_id) SELECT b.id, a.id {linked}", (agent_id,))


def _pairs(
    connection: sqlite3.Connection, actor: Agent, agent_id: str, contact_id: str, both: bool
) -> list[tuple[str, str]]:
    require(actor.id, actor.role, "change contacts")
    first, second = get(connection, agent_id).id, get(connection, contact_id).id
    if first == second:
        raise InvalidError("an agent is no contact of its own", hint="name two agents")
    return [(first, second), (second, first)] if both else [(first, second)]
