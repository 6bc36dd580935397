"""What each role may do, in one table, and the refusal that names who may."""

from __future__ import annotations

from typing import Final

from bmad_messenger.errors import NotPermittedError

ADMIN: Final = "admin"
MANAGER: Final = "manager"
ROLES: Final = (MANAGER, "architect", "tester", "reviewer", "project", ADMIN)
TIERS: Final = {MANAGER: 1, "architect": 1, "tester": 1, "reviewer": 1, "project": 2, ADMIN: 0}

_EVERYONE: Final = frozenset(ROLES)
_MANAGERS: Final = frozenset({MANAGER, ADMIN})

MAY: Final[dict[str, frozenset[str]]] = {
    # The reference's table.
    "send messages": _EVERYONE,
    "read their own messages": _EVERYONE,
    "post to channels": _EVERYONE,
    "create channels": _MANAGERS,
    "delete messages": _MANAGERS,
    "list agents": _EVERYONE,
    "update the status of an agent": _MANAGERS,
    # What follows from "full CRUD on all btmsg resources", which the manager alone has.
    "read the messages of others": _MANAGERS,
    "read the channels of other groups": _MANAGERS,
    "post to channels they are not in": _MANAGERS,
    "change contacts": _MANAGERS,
    "change the role, tier or group of an agent": _MANAGERS,
    "clear dead letters": _MANAGERS,
    # The task board of the agent's own group; `tasks.py` adds that project agents act on their own tasks.
    "create tasks": _MANAGERS | {"architect"},
    "change the priority of tasks": _MANAGERS | {"architect"},
    "assign tasks": _MANAGERS,
    "delete tasks": _MANAGERS,
    "change the status of any task": _EVERYONE - {"project"},
    "comment on any task": _EVERYONE - {"project"},
    "see or change the tasks of other groups": frozenset({ADMIN}),
}
"""The roles that may do each thing. A role that is not known has the rights of a project agent."""


class RefusedError(NotPermittedError):
    """A role, or the contacts, don't permit it; the refusal is audited."""


def may(role: str, capability: str) -> bool:
    """Whether the role has the capability."""
    return (role if role in ROLES else "project") in MAY[capability]


def require(agent_id: str, role: str, capability: str) -> None:
    """Nothing, where the role has the capability.

    Raises:
        RefusedError: naming the roles that have it.
    """
    if not may(role, capability):
        raise RefusedError(f"{agent_id} ({role}) may not {capability}", hint=who_may(capability))


def who_may(capability: str) -> str:
    """The sentence that names the roles with the capability: `only a manager or admin may …`."""
    *others, last = [role for role in ROLES if role in MAY[capability]]
    names = f"{', '.join(others)} or {last}" if others else last
    return f"only {names} may"
