"""Who sees whom: the agents as they are listed, how each does, and who may message whom."""

from __future__ import annotations

import sqlite3
from typing import Any

from bmad_messenger.btmsg import agents
from bmad_messenger.btmsg.records import Agent, GraphNode, Health, ListedAgent, as_text, from_row
from bmad_messenger.btmsg.roles import ADMIN, MANAGER
from bmad_messenger.btmsg.unread import unread_count

_CONTACT = "a.id IN (SELECT contact_id FROM contacts WHERE agent_id = :viewer)"
_IN_SIGHT = f"(:viewer IS NULL OR a.id = :viewer OR a.group_id = :managed OR {_CONTACT})"
_OF_GROUP = "(:group IS NULL OR a.group_id = :group)"


def listed(connection: sqlite3.Connection, group_id: str | None = None) -> list[ListedAgent]:
    """The agents of a group, or all, management first."""
    return _listed(connection, _OF_GROUP, group=group_id)


def visible(connection: sqlite3.Connection, viewer: Agent | None, group_id: str | None = None) -> list[ListedAgent]:
    """Those of a group, or all, whom the viewer sees, management first.

    Everyone sees itself and its contacts, a manager its whole group too, the operator and nobody in particular all.
    """
    return _listed(connection, f"{_OF_GROUP} AND {_IN_SIGHT}", group=group_id, **_view_of(viewer))


def contacts(connection: sqlite3.Connection, agent_id: str) -> list[ListedAgent]:
    """The agents that this one may message, management first."""
    return _listed(connection, _CONTACT, viewer=agent_id)


def with_unread(connection: sqlite3.Connection, agent: Agent) -> ListedAgent:
    """The agent as lists show it."""
    return ListedAgent(*agent, unread_count=unread_count(connection, agent.id))


def health(
    connection: sqlite3.Connection, viewer: Agent | None, group_id: str | None, stall_minutes: float
) -> list[Health]:
    """How those of a group, or all, do whom the viewer sees."""
    return [_health(connection, agent, stall_minutes) for agent in visible(connection, viewer, group_id)]


def graph(connection: sqlite3.Connection, viewer: Agent | None, group_id: str | None) -> list[GraphNode]:
    """Who may message whom among those whom the viewer sees, management first.

    The operator needs no contacts but is shown with those it has.
    """
    rows = connection.execute(
        f"""SELECT c.agent_id, c.contact_id FROM contacts c JOIN agents a ON a.id = c.contact_id WHERE {_IN_SIGHT}
            ORDER BY c.agent_id, c.contact_id""",
        _view_of(viewer),
    )
    edges: dict[str, list[str]] = {}
    for row in rows:
        edges.setdefault(as_text(row["agent_id"]), []).append(as_text(row["contact_id"]))
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
        for agent in visible(connection, viewer, group_id)
    ]


def _view_of(viewer: Agent | None) -> dict[str, str | None]:
    """The parameters of `_IN_SIGHT`."""
    if viewer is None or viewer.role == ADMIN:
        return {"viewer": None, "managed": None}
    return {"viewer": viewer.id, "managed": viewer.group_id if viewer.role == MANAGER else None}


def _listed(connection: sqlite3.Connection, condition: str, **values: Any) -> list[ListedAgent]:
    rows = connection.execute(
        f"{agents.SELECT} WHERE {condition} ORDER BY a.tier, a.role, a.name, a.rowid", values
    ).fetchall()
    return [with_unread(connection, from_row(Agent, row)) for row in rows]


def _health(connection: sqlite3.Connection, agent: ListedAgent, stall_minutes: float) -> Health:
    last, age = agents.silence(connection, agent.id)
    if agents.is_stopped(agent):
        state = "stopped"
    elif age is not None:
        state = "stalled" if agents.is_stalled(age, stall_minutes) else "healthy"
    elif agent.last_active_at is None:
        state = "not-started"
    else:
        state = "sleeping" if agent.status == "sleeping" else "silent"
    return Health(agent.id, agent.name, agent.role, agent.status, state, last, age, agent.unread_count)
