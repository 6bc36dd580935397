"""`list`, `show`, `board` and `priorities`: the task board as it is looked at."""

import sys
from typing import Annotated

import typer

from bmad_messenger.btmsg.api import Btmsg
from bmad_messenger.btmsg.records import Task, TaskComment, as_dict
from bmad_messenger.btmsg.tasks import STATUSES
from bmad_messenger.cli.btmsg.options import Agent, AnyGroup, Db
from bmad_messenger.cli.btmsg.printing import indented, moment, print_table, summary
from bmad_messenger.cli.bttask.options import TaskId
from bmad_messenger.cli.options import Json
from bmad_messenger.cli.output import is_terminal, printable, write, write_json


def list_tasks(
    status: Annotated[str | None, typer.Option(metavar="|".join(STATUSES), help="Only those in this column.")] = None,
    assigned: Annotated[str | None, typer.Option(metavar="AGENT", help="Only those of this agent.")] = None,
    group: AnyGroup = None,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """List the tasks of your group.

    Admin and whoever is no agent see those of every group; so do board and priorities.

    \b
    Example:
      bttask list --status review
    """
    with Btmsg(db, agent=agent) as btmsg:
        tasks = btmsg.board.tasks(group, status=status, assigned_to=assigned)
    print_table(
        "tasks",
        tasks,
        as_json,
        ("id", "group", "status", "priority", "assigned", "version", "title"),
        lambda one: (
            one.id,
            one.group_id,
            one.status,
            one.priority,
            one.assigned_to or "",
            str(one.version),
            summary(one.title),
        ),
        empty="No tasks.",
    )


def show(task_id: TaskId, agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """Show a task with its comments.

    \b
    Example:
      bttask show 3f2a
    """
    with Btmsg(db, agent=agent) as btmsg:
        task = btmsg.board.get(task_id)
        comments = btmsg.board.comments(task.id)
    if as_json:
        write_json({**as_dict(task), "comments": [as_dict(comment) for comment in comments]})
    else:
        write(_task_text(task, comments))


def board(group: AnyGroup = None, agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """Show the board of your group, column by column.

    \b
    Example:
      bttask board
    """
    with Btmsg(db, agent=agent) as btmsg:
        columns = btmsg.board.columns(group)
    if as_json:
        documents = [
            {"status": status, "tasks": [as_dict(task) for task in tasks]} for status, tasks in columns.items()
        ]
        write_json({"columns": documents})
        return
    from bmad_messenger.cli.bttask.board import drawn_board, plain_board

    write((drawn_board if is_terminal(sys.stdout) else plain_board)(columns))


def priorities(group: AnyGroup = None, agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """Count the tasks of your group by priority, the most urgent first.

    \b
    Example:
      bttask priorities
    """
    with Btmsg(db, agent=agent) as btmsg:
        counts = btmsg.board.priorities(group)
    print_table(
        "priorities",
        counts,
        as_json,
        ("priority", "open", "total"),
        lambda count: (count.priority, str(count.open), str(count.total)),
        empty="No tasks.",
    )


def _task_text(task: Task, comments: list[TaskComment]) -> str:
    """A task on lines of its own; what agents wrote is set in, so that none of it can pass for something else."""
    fields = {
        "title": task.title,
        "status": task.status,
        "priority": task.priority,
        "assigned to": task.assigned_to,
        "created by": task.created_by,
        "group": task.group_id,
        "part of": task.parent_task_id,
        "created": moment(task.created_at),
        "changed": moment(task.updated_at),
        "version": str(task.version),
    }
    lines = [f"task {task.id}", *(f"  {name}: {value}" for name, value in fields.items() if value is not None)]
    text = [printable(line, lines=False) for line in lines]
    if task.description:
        text += [f"  description, in the words of {task.created_by}:", *indented(task.description, "    ")]
    for comment in comments:
        text += [f"  {comment.agent_id}, {moment(comment.created_at)}:", *indented(comment.content, "    ")]
    return "\n".join([*text, ""])
