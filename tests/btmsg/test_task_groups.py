"""The border between the boards of two groups: only the operator crosses it, and whom a task is assigned to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bmad_messenger.btmsg import Btmsg, RefusedError
from bmad_messenger.errors import InvalidError
from tests.btmsg.team import As

Act = Callable[[Btmsg, str], object]

ACTS: dict[str, Act] = {
    "look at": lambda me, task: me.board.get(task),
    "read what was said about": lambda me, task: me.board.comments(task),
    "move": lambda me, task: me.board.set_status(task, "review"),
    "comment on": lambda me, task: me.board.comment(task, "text"),
    "assign": lambda me, task: me.board.assign(task, "chief"),
    "rate": lambda me, task: me.board.set_priority(task, "high"),
    "split": lambda me, task: me.board.add("part", parent=task),
    "delete": lambda me, task: me.board.delete(task),
}


@pytest.fixture
def task(team: As) -> str:
    """The id of a task on the board of another group."""
    team(None).register("chief", group_id="h", role="manager")
    return team("chief").board.add("the task").id


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("caller", ["mgr", "arch", "rev", "dev"])
def test_task_of_another_group_is_out_of_reach(team: As, task: str, caller: str, act: str) -> None:
    before = team("chief").board.get(task)
    with pytest.raises(RefusedError, match="only ") as caught:
        ACTS[act](team(caller), task)

    assert team("chief").board.tasks() == [before]
    (entry,) = team(caller).audit(event_type="refusal")
    assert entry.detail == caught.value.problem.message


@pytest.mark.parametrize("act", ACTS)
def test_operator_reaches_every_task(team: As, task: str, act: str) -> None:
    ACTS[act](team("boss"), task)


@pytest.mark.parametrize("look", ["get", "comments"])
def test_nobody_in_particular_looks_at_every_task(team: As, task: str, look: str) -> None:
    assert getattr(team(None).board, look)(task) is not None


@pytest.mark.parametrize("caller", ["mgr", "arch", "rev", "dev"])
def test_board_of_another_group_is_out_of_reach(team: As, task: str, caller: str) -> None:
    board = team(caller).board

    for look in (board.tasks, board.columns, board.priorities):
        with pytest.raises(RefusedError, match=r"of other groups.*only admin may"):
            look("h")


@pytest.mark.parametrize("caller", ["mgr", "dev"])
def test_board_is_the_one_of_the_caller_s_group(team: As, task: str, caller: str) -> None:
    ours = team("mgr").board.add("ours", priority="low")
    board = team(caller).board

    assert board.tasks() == board.tasks("g") == board.columns()["todo"] == [ours]
    assert sum(count.total for count in board.priorities()) == 1


@pytest.mark.parametrize("caller", ["boss", None])
def test_operator_and_nobody_see_all_boards_or_the_one_they_name(team: As, task: str, caller: str | None) -> None:
    ours = team("mgr").board.add("ours")
    board = team(caller).board

    assert [one.id for one in board.tasks()] == [task, ours.id]
    assert [one.id for one in board.tasks("h")] == [task]
    assert sum(count.total for count in board.priorities()) == 2


def test_task_is_whoever_s_it_is_assigned_to_in_whatever_group(team: As, task: str) -> None:
    team("chief").board.assign(task, "dev")

    assert team("dev").board.get(task).group_id == "h"
    assert team("dev").board.set_status(task, "progress").status == "progress"
    assert [hit.id for hit in team("dev").search("the task")] == [task]


def test_operator_puts_a_task_on_any_board(team: As, task: str) -> None:
    assert team("boss").board.add("new", group_id="h").group_id == "h"
    assert team("boss").board.add("new").group_id == "g"
    with pytest.raises(RefusedError, match="of other groups"):
        team("mgr").board.add("new", group_id="h")
    assert team("mgr").board.add("new", group_id="g").group_id == "g"


def test_part_of_a_task_is_on_the_same_board(team: As, task: str) -> None:
    assert team("boss").board.add("part", parent=task).group_id == "h"
    with pytest.raises(InvalidError, match="of h"):
        team("boss").board.add("part", parent=task, group_id="g")


def test_search_finds_no_task_of_another_group(team: As, task: str) -> None:
    assert team("mgr").search("the task") == []
    assert [hit.id for hit in team("boss").search("the task")] == [task]
