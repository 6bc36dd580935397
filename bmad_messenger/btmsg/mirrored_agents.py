"""The agents of another program: under which ids they stand here, and their registration on first use."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from bmad_messenger.btmsg import agents, channels
from bmad_messenger.btmsg.roles import ADMIN


class Member(NamedTuple):
    """An agent that the other program's messages come from or go to, by its id there."""

    id: str
    role: str = "project"
    name: str | None = None


class _Place(NamedTuple):
    """The id of a member here, and whether it is registered under it."""

    id: str
    is_taken: bool


def registered(
    connection: sqlite3.Connection, group_id: str, people: Iterable[str], members: Iterable[Member]
) -> dict[str, str]:
    """The ids here of `people` by their ids there; where one of them is new, all `members` are registered too.

    Who is registered already stays as it is; who is no member becomes a project agent.
    """
    known = {one.id: one for one in members}
    wanted = {name: known.get(name) or Member(name) for name in people}
    places = {name: _place(connection, group_id, one) for name, one in wanted.items()}
    if not all(place.is_taken for place in places.values()):
        for name, one in {**known, **wanted}.items():
            places[name] = _place(connection, group_id, one)
            if not places[name].is_taken:
                _register(connection, group_id, one, places[name].id)
    return {name: place.id for name, place in places.items()}


def _place(connection: sqlite3.Connection, group_id: str, member: Member) -> _Place:
    """Its own id, unless an agent of another group has that: then `group/id`; the operator is the same everywhere."""
    candidate, own = member.id, f"{group_id}/{member.id}"
    while True:
        rows = connection.execute("SELECT id, group_id, role FROM agents WHERE id IN (?, ?)", (candidate, own))
        ours = {row["id"]: row["group_id"] == group_id or row["role"] == member.role == ADMIN for row in rows}
        if ours.get(own):  # whom an agent of another group stood in the way of, and stands no more
            return _Place(own, True)
        if ours.get(candidate, True):
            return _Place(candidate, candidate in ours)
        candidate, own = own, f"{group_id}/{own}"


def _register(connection: sqlite3.Connection, group_id: str, member: Member, agent_id: str) -> None:
    agent = agents.register(
        connection, None, agent_id, name=member.name or member.id, role=member.role, group_id=group_id
    )
    channels.enter_review_channels(connection, agent)
