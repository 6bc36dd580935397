"""The Python API of the task board, each act under the caller's role."""

from __future__ import annotations

from bmad_messenger.btmsg import channels, task_changes, tasks
from bmad_messenger.btmsg.records import Channel, PriorityCount, Task, TaskComment
from bmad_messenger.btmsg.session import Session


class Board:
    """The tasks of the caller's group; of every group, unless one is named, for admin and where nobody calls.

    A task that is assigned to the caller is open to it on any board; what else is on those of other groups, to admin
    alone. The methods raise what `Btmsg` says of its own; `version` is what a task's version was when the caller last
    saw it, and InvalidError says who changed what since, where it is another now.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    def tasks(
        self, group_id: str | None = None, *, status: str | None = None, assigned_to: str | None = None
    ) -> list[Task]:
        """The tasks of a group, of a status, of an agent; in the board's order."""
        with self.session.reading() as (connection, caller):
            group_id = tasks.group_in_view(caller, group_id)
            return tasks.listed(connection, group_id, status=status, assigned_to=assigned_to)

    def columns(self, group_id: str | None = None) -> dict[str, list[Task]]:
        """The tasks of a group by status, every column in order; behind them those of other programs."""
        found: dict[str, list[Task]] = {status: [] for status in tasks.STATUSES}
        for task in self.tasks(group_id):
            found.setdefault(task.status, []).append(task)
        return found

    def get(self, task_id: str) -> Task:
        """The task with this id or unique beginning of one."""
        with self.session.reading() as (connection, caller):
            return tasks.visible(connection, caller, task_id)

    def comments(self, task_id: str) -> list[TaskComment]:
        """What was said about a task, oldest first."""
        with self.session.reading() as (connection, caller):
            return tasks.comments(connection, tasks.visible(connection, caller, task_id).id)

    def priorities(self, group_id: str | None = None) -> list[PriorityCount]:
        """How many tasks of a group each priority has, the most urgent first."""
        with self.session.reading() as (connection, caller):
            return tasks.priorities(connection, tasks.group_in_view(caller, group_id))

    def add(
        self,
        title: str,
        *,
        description: str = "",
        priority: str = "medium",
        assigned_to: str | None = None,
        parent: str | None = None,
        sort_order: int = 0,
        group_id: str | None = None,
    ) -> Task:
        """Put a task on the board of its parent's group, else the caller's, unless another is named.

        InvalidError for an empty title, no such priority or a parent on another board.
        """
        with self.session.acting() as (connection, caller):
            return task_changes.add(
                connection,
                caller,
                title,
                description=description,
                priority=priority,
                assigned_to=assigned_to,
                parent=parent,
                sort_order=sort_order,
                group_id=group_id,
            )

    def assign(self, task_id: str, agent_id: str | None, *, version: int | None = None) -> Task:
        """Give a task to an agent, or to nobody."""
        with self.session.acting() as (connection, caller):
            return task_changes.assign(connection, caller, task_id, agent_id, version)

    def set_status(self, task_id: str, status: str, *, version: int | None = None) -> Task:
        """Move a task to another column; a move to review, and from there to done or blocked, is posted once."""
        with self.session.acting() as (connection, caller):
            return task_changes.set_status(connection, caller, task_id, status, version)

    def set_priority(self, task_id: str, priority: str, *, version: int | None = None) -> Task:
        """Make a task more or less urgent; InvalidError for no such priority."""
        with self.session.acting() as (connection, caller):
            return task_changes.set_priority(connection, caller, task_id, priority, version)

    def comment(self, task_id: str, content: str) -> TaskComment:
        """Say something about a task; InvalidError where nothing is said."""
        with self.session.acting() as (connection, caller):
            return task_changes.comment(connection, caller, task_id, content)

    def delete(self, task_id: str, *, version: int | None = None) -> Task:
        """Take a task and its comments off the board; returns what it was."""
        with self.session.acting() as (connection, caller):
            return task_changes.delete(connection, caller, task_id, version)

    def ensure_review_channels(self, group_id: str) -> tuple[Channel, Channel]:
        """The group's review queue and review log, made where they are not there; also with two processes at once."""
        with self.session.writing() as connection:
            return channels.ensure_review_channels(connection, group_id)
