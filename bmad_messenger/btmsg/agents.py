"""The agents: who they are, whom they may message, whether they are alive."""

from __future__ import annotations

import sqlite3
import time

from bmad_messenger.btmsg import audit
from bmad_messenger.btmsg.records import Agent, GraphNode, Health, ListedAgent, from_row
from bmad_messenger.btmsg.roles import ADMIN, MANAGER, ROLES, TIERS, RefusedError, require, who_may
from bmad_messenger.btmsg.times import now
from bmad_messenger.btmsg.unread import unread_count
from bmad_messenger.errors import InvalidError, NotFoundError

STATUSES = ("active", "sleeping", "stopped")

_AGENTS = """
    SELECT a.id, a.name, a.role, a.group_id, a.tier, a.model, coalesce(a.status, 'stopped') AS status,
           a.cwd, a.last_active_at, a.created_at
    FROM agents a"""


def listed(connection: sqlite3.Connection, group_id: str | None = None) -> list[ListedAgent]:
    """The agents of a group, or all, management first."""
    rows = connection.execute(
        f"{_AGENTS} WHERE :group IS NULL OR a.group_id = :group ORDER BY a.tier, a.role, a.name, a.rowid",
        {"group": group_id},
    ).fetchall()
    return [with_unread(connection, from_row(Agent, row)) for row in rows]


def with_unread(connection: sqlite3.Connection, agent: Agent) -> ListedAgent:
    """The agent as lists show it."""
    return ListedAgent(*agent, unread_count=unread_count(connection, agent.id))


def find(connection: sqlite3.Connection, agent_id: str) -> Agent | None:
    """The agent with this id."""
    row = connection.execute(f"{_AGENTS} WHERE a.id = ?", (agent_id,)).fetchone()
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
    name: str | None = None,
    role: str = "project",
    group_id: str,
    tier: int | None = None,
    model: str | None = None,
    cwd: str | None = None,
) -> Agent:
    """Make or renew an agent, active from now on, and link it: tier 1 among itself, managers with their group.

    An agent that registers again unchanged keeps its contacts as they are, so what was denied stays denied.

    Raises:
        InvalidError: for a role, tier, id or group that can't be.
        RefusedError: where `actor`, another than a manager or admin, changes the role, tier or group of an agent.
    """
    tier = _checked_tier(agent_id, role, group_id, tier)
    existing = find(connection, agent_id)
    is_moved = existing is not None and (existing.role, existing.group_id, existing.tier) != (role, group_id, tier)
    if is_moved and actor is not None:
        require(actor.id, actor.role, "change the role, tier or group of an agent")
    connection.execute(
        """INSERT INTO agents (id, name, role, group_id, tier, model, cwd, status, last_active_at, created_at)
           VALUES (:id, coalesce(:name, :id), :role, :group, :tier, :model, :cwd, 'active', :now, :now)
           ON CONFLICT(id) DO UPDATE SET
             name = coalesce(:name, name), role = :role, group_id = :group, tier = :tier,
             model = coalesce(:model, model), cwd = coalesce(:cwd, cwd), status = 'active', last_active_at = :now""",
        {
            "id": agent_id,
            "name": name,
            "role": role,
            "group": group_id,
            "tier": tier,
            "model": model,
            "cwd": cwd,
            "now": now(),
        },
    )
    if existing is None or is_moved or existing.last_active_at is None:
        _link(connection, agent_id)
    by = actor.id if actor else agent_id
    audit.record(connection, by, "register", f"{agent_id} as {role} of {group_id}, tier {tier}")
    return get(connection, agent_id)


def contacts(connection: sqlite3.Connection, agent_id: str) -> list[ListedAgent]:
    """The agents that this one may message and sees."""
    seen = "a.id IN (SELECT contact_id FROM contacts WHERE agent_id = ?)"
    rows = connection.execute(f"{_AGENTS} WHERE {seen} ORDER BY a.tier, a.name, a.rowid", (agent_id,)).fetchall()
    return [with_unread(connection, from_row(Agent, row)) for row in rows]


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


def health(connection: sqlite3.Connection, group_id: str | None, stall_minutes: float) -> list[Health]:
    """How the agents of a group, or all, do."""
    return [_health(connection, agent, stall_minutes) for agent in listed(connection, group_id)]


def silence(connection: sqlite3.Connection, agent_id: str) -> tuple[int | None, int | None]:
    """The Unix time of the last heartbeat, and how many seconds ago that was; None where there never was one."""
    row = connection.execute("SELECT timestamp FROM heartbeats WHERE agent_id = ?", (agent_id,)).fetchone()
    if row is None:
        return None, None
    return int(row["timestamp"]), max(0, int(time.time()) - int(row["timestamp"]))


def is_stalled(seconds_since: int | None, stall_minutes: float) -> bool:
    """Whether the last heartbeat is too long ago; an agent that never sent one is not stalled."""
    return seconds_since is not None and seconds_since > stall_minutes * 60


def graph(connection: sqlite3.Connection, group_id: str | None) -> list[GraphNode]:
    """Who may message whom, management first; the operator needs no contacts but is shown with those it has."""
    edges: dict[str, list[str]] = {}
    for row in connection.execute("SELECT agent_id, contact_id FROM contacts ORDER BY agent_id, contact_id"):
        edges.setdefault(row["agent_id"], []).append(row["contact_id"])
    return [
        GraphNode(
            agent.id,
            agent.name,
            agent.role,
            agent.tier,
            agent.status,
            agent.unread_count,
            tuple(edges.get(agent.id, ())),
        )
        for agent in listed(connection, group_id)
    ]


def _health(connection: sqlite3.Connection, agent: ListedAgent, stall_minutes: float) -> Health:
    last, age = silence(connection, agent.id)
    if is_stopped(agent):
        state = "stopped"
    elif age is not None:
        state = "stalled" if is_stalled(age, stall_minutes) else "healthy"
    elif agent.last_active_at is None:
        state = "not-started"
    else:
        state = "sleeping" if agent.status == "sleeping" else "silent"
    return Health(agent.id, agent.name, agent.role, agent.status, state, last, age, agent.unread_count)


def _checked_tier(agent_id: str, role: str, group_id: str, tier: int | None) -> int:
    for what, value in (("id", agent_id), ("group", group_id)):
        if not value.strip() or not value.isprintable():
            raise InvalidError(f"{value!r} is no {what} of an agent", hint="letters and digits, and at least one")
    if role not in ROLES:
        raise InvalidError(f"{role!r} is no role", hint=f"one of {', '.join(ROLES)}")
    tier = TIERS[role] if tier is None else tier
    if tier not in ((0,) if role == ADMIN else (1, 2)):
        raise InvalidError(
            f"tier {tier} is not for the role {role}", hint="0 is the admin, 1 is management, 2 is projects"
        )
    return tier


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
