"""`add`, `assign`, `status`, `priority`, `comment` and `delete`: what changes the task board."""

from typing import Annotated

import typer

from bmad_messenger.btmsg.api import Btmsg
from bmad_messenger.btmsg.records import Task
from bmad_messenger.btmsg.tasks import PRIORITIES, STATUSES
from bmad_messenger.cli.btmsg.options import Agent, Content, Db, Words, text_of
from bmad_messenger.cli.btmsg.printing import print_record
from bmad_messenger.cli.bttask.options import TaskId, Version
from bmad_messenger.cli.options import Json
from bmad_messenger.errors import UsageError


def add(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What is to be done, in a few words.")],
    description: Annotated[str, typer.Option(metavar="TEXT", help="What is to be done, in full.")] = "",
    priority: Annotated[str, typer.Option(metavar="|".join(PRIORITIES), help="How urgent it is.")] = "medium",
    assign: Annotated[str | None, typer.Option(metavar="AGENT", help="Who does it.")] = None,
    parent: Annotated[str | None, typer.Option(metavar="ID", help="The task it is a part of.")] = None,
    sort_order: Annotated[int, typer.Option(metavar="N", help="Its place among the others: lower ones first.")] = 0,
    group: Annotated[
        str | None, typer.Option(metavar="GROUP", help="The board of this group, in place of your own; admin may.")
    ] = None,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Put a task on the board and print its id; managers and architects may.

    \b
    Example:
      bttask add "Review the auth module" --priority high --assign dev-1
    """
    with Btmsg(db, agent=agent) as btmsg:
        task = btmsg.board.add(
            title,
            description=description,
            priority=priority,
            assigned_to=assign,
            parent=parent,
            sort_order=sort_order,
            group_id=group,
        )
    print_record(task, as_json, task.id)


def assign(
    task_id: TaskId,
    assignee: Annotated[str | None, typer.Argument(metavar="AGENT", help="Who does it.")] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="Take it from whoever has it.")] = False,
    version: Version = None,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Give a task to an agent; managers may.

    \b
    Example:
      bttask assign 3f2a dev-1
    """
    if (assignee is not None) == nobody:
        raise UsageError("a task goes to AGENT or to --nobody", hint="give one of them")
    with Btmsg(db, agent=agent) as btmsg:
        task = btmsg.board.assign(task_id, assignee, version=version)
    print_record(task, as_json, _line(task))


def status(
    task_id: TaskId,
    column: Annotated[str, typer.Argument(metavar="|".join(STATUSES), help="Where it goes.")],
    version: Version = None,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Move a task to another column.

    Project agents may move their own. A move to review is posted to #review-queue, one from there to done or blocked
    to #review-log.

    \b
    Example:
      bttask status 3f2a review --version 2
    """
    with Btmsg(db, agent=agent) as btmsg:
        task = btmsg.board.set_status(task_id, column, version=version)
    print_record(task, as_json, _line(task))


def priority(
    task_id: TaskId,
    level: Annotated[str, typer.Argument(metavar="|".join(PRIORITIES), help="How urgent it is from now on.")],
    version: Version = None,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Make a task more or less urgent; managers and architects may.

    \b
    Example:
      bttask priority 3f2a critical
    """
    with Btmsg(db, agent=agent) as btmsg:
        task = btmsg.board.set_priority(task_id, level, version=version)
    print_record(task, as_json, _line(task))


def comment(
    task_id: TaskId,
    text: Words = None,
    content: Content = None,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Say something about a task and print the comment's id.

    Project agents may about their own.

    \b
    Example:
      bttask comment 3f2a --content "The tests are missing"
    """
    with Btmsg(db, agent=agent) as btmsg:
        made = btmsg.board.comment(task_id, text_of(text, content))
    print_record(made, as_json, made.id)


def delete(task_id: TaskId, version: Version = None, agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """Take a task and its comments off the board; managers may.

    \b
    Example:
      bttask delete 3f2a
    """
    with Btmsg(db, agent=agent) as btmsg:
        task = btmsg.board.delete(task_id, version=version)
    print_record(task, as_json, f"deleted {task.id}: {task.title}")


def _line(task: Task) -> str:
    return f"{task.id}: {task.status}, {task.priority}, {task.assigned_to or 'nobody'}, version {task.version}"
