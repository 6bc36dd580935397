"""The board: who may move what, lost updates, and the posts about reviews."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from bmad_messenger.btmsg import RefusedError
from bmad_messenger.errors import InvalidError, NotFoundError
from tests.btmsg.plain_sql import as_they_do
from tests.btmsg.team import As


def posts(team: As, channel: str) -> list[str]:
    return [one.content for one in team("mgr").get_channel_messages(channel)]


def test_a_task_is_added_with_what_is_given(team: As) -> None:
    parent = team("mgr").board.add("parent")
    task = team("arch").board.add("child", description="d", priority="high", assigned_to="dev", parent=parent.id[:9])

    assert team("dev").board.get(task.id[:9]) == task
    assert (task.status, task.version, task.parent_task_id, task.created_by) == ("todo", 1, parent.id, "arch")
    assert team("mgr").board.tasks(assigned_to="dev") == [task]


@pytest.mark.parametrize("wrong", [{"title": " "}, {"priority": "urgent"}])
def test_a_task_that_can_t_be_is_refused(team: As, wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidError):
        team("mgr").board.add(**{"title": "t"} | wrong)  # type: ignore[arg-type]
    for unknown in ({"assigned_to": "nobody"}, {"parent": "nothing"}):
        with pytest.raises(NotFoundError):
            team("mgr").board.add("t", **unknown)  # type: ignore[arg-type]
    assert team("mgr").board.tasks() == []


def test_project_agents_move_their_own_tasks(team: As) -> None:
    task = team("mgr").board.add("task", assigned_to="dev")
    team("dev").board.set_status(task.id, "progress")
    team("dev").board.comment(task.id, "begun")

    for act in (lambda: team("ops").board.set_status(task.id, "done"), lambda: team("ops").board.comment(task.id, "x")):
        with pytest.raises(RefusedError, match="or dev to whom it is assigned"):
            act()
    assert [one.content for one in team("ops").board.comments(task.id)] == ["begun"]


def test_a_conflict_says_who_changed_what(team: As, path: Path) -> None:
    task = team("mgr").board.add("task", assigned_to="dev")
    team("dev").board.set_status(task.id, "progress", version=1)
    team("mgr").board.assign(task.id, "ops", version=2)
    with closing(as_they_do(path)) as theirs:
        theirs.execute("UPDATE tasks SET status = 'blocked', version = version + 1 WHERE id = ?", (task.id,))

    with pytest.raises(InvalidError) as caught:
        team("mgr").board.set_status(task.id, "done", version=1)
    message = caught.value.problem.message
    assert caught.value.exit_code == 3
    assert "is at version 4, not 1: dev status: todo to progress (version 2); mgr assigned: dev to ops" in message
    assert "another program changed it" in message
    assert team("mgr").board.get(task.id).status == "blocked"


def test_a_priority_is_changed_by_managers_and_architects(team: As) -> None:
    task = team("mgr").board.add("task", assigned_to="dev")
    changed = team("arch").board.set_priority(task.id[:9], "critical", version=1)

    assert (changed.priority, changed.version) == ("critical", 2)
    assert team("mgr").board.set_priority(task.id, "critical") == changed
    for other in ("rev", "test", "dev"):
        with pytest.raises(RefusedError, match="only manager, architect or admin may"):
            team(other).board.set_priority(task.id, "low")
    with pytest.raises(InvalidError, match="critical, high, medium, low"):
        team("mgr").board.set_priority(task.id, "urgent")
    with pytest.raises(InvalidError, match=r"is at version 2, not 1: arch priority: medium to critical \(version 2\)"):
        team("mgr").board.set_priority(task.id, "low", version=1)


def test_a_move_to_review_is_posted_once(team: As) -> None:
    task = team("mgr").board.add("the task", assigned_to="dev")
    for _ in range(2):
        team("dev").board.set_status(task.id, "review")
    assert len(posts(team, "review-queue")) == 1
    assert "the task" in posts(team, "review-queue")[0]

    team("rev").board.set_status(task.id, "progress")
    team("dev").board.set_status(task.id, "review")
    team("rev").board.set_status(task.id, "done")
    team("rev").board.set_status(task.id, "blocked")
    assert (len(posts(team, "review-queue")), len(posts(team, "review-log"))) == (2, 1)


def test_a_move_that_can_t_be_posted_is_not_made(team: As, path: Path) -> None:
    task = team("mgr").board.add("task")
    with closing(as_they_do(path)) as theirs:
        theirs.execute(
            "CREATE TRIGGER no BEFORE INSERT ON channel_messages BEGIN SELECT raise(ABORT, 'no posts today'); END"
        )
    with pytest.raises(Exception, match="no posts today"):
        team("mgr").board.set_status(task.id, "review")

    assert team("mgr").board.get(task.id) == task


def test_the_board_has_every_column_in_order(team: As, path: Path) -> None:
    for title in ("first", "second"):
        team("mgr").board.add(title)
    team("mgr").board.add("sooner", sort_order=-1)
    with closing(as_they_do(path)) as theirs:
        theirs.execute("INSERT INTO tasks (id, title, status, created_by, group_id) VALUES ('x', 'x', 'odd', 'y', 'g')")

    columns = team("dev").board.columns()
    assert list(columns) == ["todo", "progress", "review", "done", "blocked", "odd"]
    assert [one.title for one in columns["todo"]] == ["sooner", "first", "second"]


def test_priorities_count_what_is_open(team: As) -> None:
    done = team("mgr").board.add("done", priority="high")
    team("mgr").board.add("open", priority="high")
    team("mgr").board.set_status(done.id, "done")

    assert team("dev").board.priorities()[:2] == [("critical", 0, 0), ("high", 1, 2)]


def test_deleting_a_task_keeps_its_subtasks(team: As) -> None:
    parent = team("mgr").board.add("parent")
    child = team("mgr").board.add("child", parent=parent.id)
    team("mgr").board.comment(parent.id, "text")
    with pytest.raises(InvalidError):
        team("mgr").board.delete(parent.id, version=7)
    team("mgr").board.delete(parent.id, version=1)

    assert [(one.id, one.parent_task_id) for one in team("mgr").board.tasks()] == [(child.id, None)]


def test_an_unknown_status_is_refused(team: As) -> None:
    task = team("mgr").board.add("task")
    with pytest.raises(InvalidError, match="todo, progress, review, done, blocked"):
        team("mgr").board.set_status(task.id, "finished")
