"""The task board's rules: who may change what, the versions that catch a lost update, and the posts about reviews."""

from __future__ import annotations

import sqlite3

from bmad_messenger.btmsg import agents, audit, channels, tasks
from bmad_messenger.btmsg.lookup import new_id
from bmad_messenger.btmsg.records import Agent, Task, TaskComment
from bmad_messenger.btmsg.roles import RefusedError, may, require, who_may
from bmad_messenger.btmsg.tasks import PRIORITIES, STATUSES
from bmad_messenger.btmsg.times import now
from bmad_messenger.errors import InvalidError


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
    group_id: str | None = None,
) -> Task:
    """Put a task on the board of a group: the one that is named, else its parent's, else the actor's.

    Raises:
        RefusedError; InvalidError for an empty title, no such priority or a parent on another board; NotFoundError for
        no such agent or parent.
    """
    require(actor.id, actor.role, "create tasks")
    if not title.strip():
        raise InvalidError("the task has no title", hint="say in a few words what is to be done")
    _require_priority(priority)
    whole = _on_board(connection, actor, parent) if parent else None
    group_id = group_id or (whole.group_id if whole else actor.group_id)
    tasks.require_group(actor, group_id)
    if whole and whole.group_id != group_id:
        raise InvalidError(f"the task {whole.id} is on the board of {whole.group_id}", hint="so are its parts")
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
            group_id,
            whole.id if whole else None,
            sort_order,
            moment,
            moment,
        ),
    )
    _note(connection, actor, tasks.get(connection, task_id), "task_add", f"created: {title}")
    return tasks.get(connection, task_id)


def assign(
    connection: sqlite3.Connection, actor: Agent, prefix: str, agent_id: str | None, version: int | None = None
) -> Task:
    """Give a task to an agent, or to nobody.

    Raises:
        RefusedError, NotFoundError; InvalidError where the task is no longer at `version`.
    """
    require(actor.id, actor.role, "assign tasks")
    task = _at_version(connection, _on_board(connection, actor, prefix), version)
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
    task = tasks.visible(connection, actor, prefix)
    require_own(actor, task, "change the status of any task")
    _at_version(connection, task, version)
    if status == task.status:
        return task
    changed = _change(connection, actor, task, "status", status, "task_status", f"status: {task.status} to {status}")
    _post_about_review(connection, actor, task, status)
    return changed


def set_priority(
    connection: sqlite3.Connection, actor: Agent, prefix: str, priority: str, version: int | None = None
) -> Task:
    """Make a task more or less urgent; raises as `assign` does, InvalidError also for no such priority."""
    require(actor.id, actor.role, "change the priority of tasks")
    _require_priority(priority)
    task = _at_version(connection, _on_board(connection, actor, prefix), version)
    if priority == task.priority:
        return task
    change = f"priority: {task.priority} to {priority}"
    return _change(connection, actor, task, "priority", priority, "task_priority", change)


def comment(connection: sqlite3.Connection, actor: Agent, prefix: str, content: str) -> TaskComment:
    """Say something about a task.

    Raises:
        RefusedError, NotFoundError; InvalidError where nothing is said.
    """
    task = tasks.visible(connection, actor, prefix)
    require_own(actor, task, "comment on any task")
    if not content.strip():
        raise InvalidError("the comment is empty", hint="say something")
    comment_id = new_id()
    connection.execute(
        "INSERT INTO task_comments (id, task_id, agent_id, content, created_at) VALUES (?, ?, ?, ?, ?)",
        (comment_id, task.id, actor.id, content, now()),
    )
    audit.record(connection, actor.id, "task_comment", f"{task.id}: {comment_id}")
    return next(one for one in tasks.comments(connection, task.id) if one.id == comment_id)


def delete(connection: sqlite3.Connection, actor: Agent, prefix: str, version: int | None = None) -> Task:
    """Take a task and its comments off the board; its subtasks stay. Returns what it was; raises as `assign` does."""
    require(actor.id, actor.role, "delete tasks")
    task = _at_version(connection, _on_board(connection, actor, prefix), version)
    connection.execute("UPDATE tasks SET parent_task_id = NULL WHERE parent_task_id = ?", (task.id,))
    connection.execute("DELETE FROM tasks WHERE id = ?", (task.id,))
    audit.record(connection, actor.id, "task_delete", f"{task.id}: {task.title}")
    return task


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


def _require_priority(priority: str) -> None:
    if priority not in PRIORITIES:
        raise InvalidError(f"{priority!r} is no priority", hint=f"one of {', '.join(PRIORITIES)}")


def _on_board(connection: sqlite3.Connection, actor: Agent, prefix: str) -> Task:
    """The task with this id or beginning of one, which is on a board that is the actor's to arrange."""
    task = tasks.get(connection, prefix)
    tasks.require_group(actor, task.group_id)
    return task


def _at_version(connection: sqlite3.Connection, task: Task, version: int | None) -> Task:
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
    changed = tasks.get(connection, task.id)
    _note(connection, actor, changed, event, change)
    return changed


def _note(connection: sqlite3.Connection, actor: Agent, task: Task, event: str, change: str) -> None:
    connection.execute(
        "INSERT INTO btmsg_task_changes (task_id, version, agent_id, change, created_at) VALUES (?, ?, ?, ?, ?)",
        (task.id, task.version, actor.id, change, now()),
    )
    audit.record(connection, actor.id, event, f"{task.id}: {change}")


def _post_about_review(connection: sqlite3.Connection, actor: Agent, task: Task, status: str) -> None:
    is_reviewed = task.status == "review" and status in ("done", "blocked")
    if status == "review" or is_reviewed:
        queue, log = channels.ensure_review_channels(connection, task.group_id)
        channel, what = (log, f"Reviewed, {status}") if is_reviewed else (queue, "Ready for review")
        channels.announce(connection, channel, f"{what}: {task.title} ({task.id}), moved by {actor.id}")
