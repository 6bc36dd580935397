"""The task board's rules: who may change what, the versions that catch a lost update, and the posts about reviews."""

from __future__ import annotations

import sqlite3
from typing import Final

from bmad_messenger.btmsg import agents, audit, channels
from bmad_messenger.btmsg.lookup import full_id, new_id
from bmad_messenger.btmsg.records import Agent, PriorityCount, Task, TaskComment, from_row
from bmad_messenger.btmsg.roles import RefusedError, may, require, who_may
from bmad_messenger.btmsg.times import moment_of, now
from bmad_messenger.errors import InvalidError, NotFoundError

STATUSES: Final = ("todo", "progress", "review", "done", "blocked")
PRIORITIES: Final = ("critical", "high", "medium", "low")
"""From the most urgent."""

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


def comments(connection: sqlite3.Connection, task_id: str) -> list[TaskComment]:
    """What was said about a task, oldest first."""
    rows = connection.execute(
        f"""SELECT c.id, c.task_id, c.agent_id, c.content, c.created_at FROM task_comments c WHERE c.task_id = ?
            ORDER BY {moment_of("c.created_at")}, c.rowid""",
        (task_id,),
    )
    return [from_row(TaskComment, row) for row in rows]


def add(
    connection: sqlite3.Connection,
    actor: Agent,
    title: str,
    *,
    description: str = "",
    priority: str = "medium",
    assigned_to: str | None = None,
    parent: str | None = None,
    sort_order: int = 0,
) -> Task:
    """Put a task on the board of the actor's group.

    Raises:
        RefusedError; InvalidError for an empty title or no such priority; NotFoundError for no such agent or parent.
    """
    require(actor.id, actor.role, "create tasks")
    if not title.strip():
        raise InvalidError("the task has no title", hint="say in a few words what is to be done")
    if priority not in PRIORITIES:
        raise InvalidError(f"{priority!r} is no priority", hint=f"one of {', '.join(PRIORITIES)}")
    task_id, moment = new_id(), now()
    connection.execute(
        """INSERT INTO tasks (id, title, description, status, priority, assigned_to, created_by, group_id,
                              parent_task_id, sort_order, created_at, updated_at, version)
           VALUES (?, ?, ?, 'todo', ?, ?, ?, ?, ?, ?, ?, ?, 1)""",
        (
            task_id,
            title,
            description,
            priority,
            agents.get(connection, assigned_to).id if assigned_to else None,
            actor.id,
            actor.group_id,
            get(connection, parent).id if parent else None,
            sort_order,
            moment,
            moment,
        ),
    )
    _note(connection, actor, get(connection, task_id), "task_add", f"created: {title}")
    return get(connection, task_id)


def assign(
    connection: sqlite3.Connection, actor: Agent, prefix: str, agent_id: str | None, version: int | None = None
) -> Task:
    """Give a task to an agent, or to nobody.

    Raises:
        RefusedError, NotFoundError; InvalidError where the task is no longer at `version`.
    """
    require(actor.id, actor.role, "assign tasks")
    task = _at_version(connection, prefix, version)
    if agent_id is not None:
        agents.get(connection, agent_id)
    if agent_id == task.assigned_to:
        return task
    change = f"assigned: {task.assigned_to or 'nobody'} to {agent_id or 'nobody'}"
    return _change(connection, actor, task, "assigned_to", agent_id, "task_assign", change)


def set_status(
    connection: sqlite3.Connection, actor: Agent, prefix: str, status: str, version: int | None = None
) -> Task:
    """Move a task to another column; a move to or from review is posted to the group's review channels.

    Args:
        connection: within a transaction, to which the post belongs.
        actor: who moves it.
        prefix: the task's id or beginning of one.
        status: one of `STATUSES`; the one it has changes and posts nothing.
        version: what the task's version was when the actor last saw it; None is whatever it is.

    Raises:
        RefusedError, NotFoundError; InvalidError for no such status, or where the task is no longer at `version`.
    """
    if status not in STATUSES:
        raise InvalidError(f"{status!r} is no status of a task", hint=f"one of {', '.join(STATUSES)}")
    require_own(actor, get(connection, prefix), "change the status of any task")
    task = _at_version(connection, prefix, version)
    if status == task.status:
        return task
    changed = _change(connection, actor, task, "status", status, "task_status", f"status: {task.status} to {status}")
    _post_about_review(connection, actor, task, status)
    return changed


def comment(connection: sqlite3.Connection, actor: Agent, prefix: str, content: str) -> TaskComment:
    """Say something about a task.

    Raises:
        RefusedError, NotFoundError; InvalidError where nothing is said.
    """
    task = get(connection, prefix)
    require_own(actor, task, "comment on any task")
    if not content.strip():
        raise InvalidError("the comment is empty", hint="say something")
    comment_id = new_id()
    connection.execute(
        "INSERT INTO task_comments (id, task_id, agent_id, content, created_at) VALUES (?, ?, ?, ?, ?)",
        (comment_id, task.id, actor.id, content, now()),
    )
    audit.record(connection, actor.id, "task_comment", f"{task.id}: {comment_id}")
    return next(one for one in comments(connection, task.id) if one.id == comment_id)


def delete(connection: sqlite3.Connection, actor: Agent, prefix: str, version: int | None = None) -> Task:
    """Take a task and its comments off the board; its subtasks stay. Returns what it was; raises as `assign` does."""
    require(actor.id, actor.role, "delete tasks")
    task = _at_version(connection, prefix, version)
    connection.execute("UPDATE tasks SET parent_task_id = NULL WHERE parent_task_id = ?", (task.id,))
    connection.execute("DELETE FROM tasks WHERE id = ?", (task.id,))
    audit.record(connection, actor.id, "task_delete", f"{task.id}: {task.title}")
    return task


def priorities(connection: sqlite3.Connection, group_id: str | None = None) -> list[PriorityCount]:
    """How many tasks each priority has, the most urgent first; a priority of another program comes last."""
    rows = connection.execute(
        """SELECT coalesce(priority, 'medium') AS priority, count(*) AS total,
                  sum(coalesce(status, 'todo') <> 'done') AS open
           FROM tasks WHERE :group IS NULL OR group_id = :group GROUP BY 1""",
        {"group": group_id},
    )
    found = {row["priority"]: from_row(PriorityCount, row) for row in rows}
    return [found.pop(name, PriorityCount(name, 0, 0)) for name in PRIORITIES] + [found[name] for name in sorted(found)]


def require_own(actor: Agent, task: Task, capability: str) -> None:
    """Nothing, where the actor's role has the capability for any task, or the task is its own.

    Raises:
        RefusedError: otherwise.
    """
    if not may(actor.role, capability) and task.assigned_to != actor.id:
        raise RefusedError(
            f"{actor.id} ({actor.role}) may not {capability.replace('any task', task.id)}",
            hint=f"{who_may(capability)}, or {task.assigned_to or 'the agent'} to whom it is assigned",
        )


def _at_version(connection: sqlite3.Connection, prefix: str, version: int | None) -> Task:
    task = get(connection, prefix)
    if version is not None and version != task.version:
        rows = connection.execute(
            "SELECT version, agent_id, change FROM btmsg_task_changes WHERE task_id = ? AND version > ? "
            "ORDER BY version",
            (task.id, version),
        ).fetchall()
        told = [f"{row['agent_id']} {row['change']} (version {row['version']})" for row in rows]
        if task.version > version and len(rows) < task.version - version:
            told.append(f"another program changed it at {task.updated_at}, it is {task.status} now")
        raise InvalidError(
            f"the task {task.id} is at version {task.version}, not {version}: {'; '.join(told) or 'it never was'}",
            hint=f"look at it with bttask show {task.id} and decide again",
        )
    return task


def _change(
    connection: sqlite3.Connection, actor: Agent, task: Task, column: str, value: str | None, event: str, change: str
) -> Task:
    connection.execute(
        f"UPDATE tasks SET {column} = ?, version = coalesce(version, 1) + 1, updated_at = ? WHERE id = ?",
        (value, now(), task.id),
    )
    changed = get(connection, task.id)
    _note(connection, actor, changed, event, change)
    return changed


def _note(connection: sqlite3.Connection, actor: Agent, task: Task, event: str, change: str) -> None:
    connection.execute(
        "INSERT INTO btmsg_task_changes (task_id, version, agent_id, change, created_at) VALUES (?, ?, ?, ?, ?)",
        (task.id, task.version, actor.id, change, now()),
    )
    audit.record(connection, actor.id, event, f"{task.id}: {change}")


def _post_about_review(connection: sqlite3.Connection, actor: Agent, task: Task, status: str) -> None:
    queue, log = channels.ensure_review_channels(connection, task.group_id)
    if status == "review":
        channels.announce(connection, queue, f"Ready for review: {task.title} ({task.id}), moved by {actor.id}")
    elif task.status == "review" and status in ("done", "blocked"):
        channels.announce(connection, log, f"Reviewed, {status}: {task.title} ({task.id}), moved by {actor.id}")
