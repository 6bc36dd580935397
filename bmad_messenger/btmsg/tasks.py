"""The tasks as they are looked at: which boards a caller sees, their tasks in order, comments and counts."""

from __future__ import annotations

import sqlite3
from typing import Final

from bmad_messenger.btmsg.lookup import full_id
from bmad_messenger.btmsg.records import Agent, PriorityCount, Task, TaskComment, from_row
from bmad_messenger.btmsg.roles import may, require
from bmad_messenger.btmsg.times import moment_of
from bmad_messenger.errors import NotFoundError

STATUSES: Final = ("todo", "progress", "review", "done", "blocked")
PRIORITIES: Final = ("critical", "high", "medium", "low")
"""From the most urgent."""
_OTHER_GROUPS: Final = "see or change the tasks of other groups"

_SELECT: Final = """
    SELECT t.id, t.title, coalesce(t.description, '') AS description, coalesce(t.status, 'todo') AS status,
           coalesce(t.priority, 'medium') AS priority, t.assigned_to, t.created_by, t.group_id, t.parent_task_id,
           coalesce(t.sort_order, 0) AS sort_order, t.created_at, t.updated_at, coalesce(t.version, 1) AS version
    FROM tasks t"""


def listed(
    connection: sqlite3.Connection,
    group_id: str | None = None,
    *,
    status: str | None = None,
    assigned_to: str | None = None,
) -> list[Task]:
    """The tasks of a group, of a status, of an agent; None is any. In the board's order, then as they were made."""
    rows = connection.execute(
        f"""{_SELECT} WHERE (:group IS NULL OR t.group_id = :group)
              AND (:status IS NULL OR coalesce(t.status, 'todo') = :status)
              AND (:assigned IS NULL OR t.assigned_to = :assigned)
            ORDER BY coalesce(t.sort_order, 0), {moment_of("t.created_at")}, t.rowid""",
        {"group": group_id, "status": status, "assigned": assigned_to},
    )
    return [from_row(Task, row) for row in rows]


def get(connection: sqlite3.Connection, prefix: str) -> Task:
    """The task with this id or beginning of one.

    Raises:
        NotFoundError: where there is none, or several.
    """
    task_id = full_id(connection, "tasks", prefix)
    if task_id is None:
        raise NotFoundError(f"there is no task {prefix}", hint="bttask list lists them")
    return from_row(Task, connection.execute(f"{_SELECT} WHERE t.id = ?", (task_id,)).fetchone())


def group_in_view(caller: Agent | None, group_id: str | None = None) -> str | None:
    """The group whose board `caller` looks at: the one it names, else its own.

    None is all of them, for those who may see the tasks of other groups, and for nobody in particular.

    Raises:
        RefusedError: where the one it names is not open to it.
    """
    if group_id:
        require_group(caller, group_id)
        return group_id
    return None if caller is None or may(caller.role, _OTHER_GROUPS) else caller.group_id


def require_group(caller: Agent | None, group_id: str) -> None:
    """Nothing, where the board of a group is open to `caller`.

    Raises:
        RefusedError: where it is another group's, and the caller's role may not.
    """
    if caller is not None and group_id != caller.group_id:
        require(caller.id, caller.role, _OTHER_GROUPS)


def visible(connection: sqlite3.Connection, caller: Agent | None, prefix: str) -> Task:
    """The task with this id or beginning of one, which is on a board that is open to `caller`, or assigned to it.

    Raises:
        NotFoundError: as `get` does; RefusedError: as `require_group` does.
    """
    task = get(connection, prefix)
    if caller is None or task.assigned_to != caller.id:
        require_group(caller, task.group_id)
    return task


def comments(connection: sqlite3.Connection, task_id: str) -> list[TaskComment]:
    """What was said about a task, oldest first."""
    rows = connection.execute(
        f"""SELECT c.id, c.task_id, c.agent_id, c.content, c.created_at FROM task_comments c WHERE c.task_id = ?
            ORDER BY {moment_of("c.created_at")}, c.rowid""",
        (task_id,),
    )
    return [from_row(TaskComment, row) for row in rows]


def priorities(connection: sqlite3.Connection, group_id: str | None = None) -> list[PriorityCount]:
    """How many tasks each priority has, the most urgent first; a priority of another program comes last."""
    rows = connection.execute(
        """SELECT coalesce(priority, 'medium') AS priority, count(*) AS total,
                  sum(coalesce(status, 'todo') <> 'done') AS open
           FROM tasks WHERE :group IS NULL OR group_id = :group GROUP BY 1""",
        {"group": group_id},
    )
    found = {count.priority: count for count in (from_row(PriorityCount, row) for row in rows)}
    return [found.pop(name, PriorityCount(name, 0, 0)) for name in PRIORITIES] + [found[name] for name in sorted(found)]
