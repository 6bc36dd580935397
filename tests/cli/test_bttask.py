"""`bttask`: the board in a pipe and on a terminal, the versions, the roles, the posts about reviews."""

import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

from bmad_messenger import __version__
from bmad_messenger.cli.bttask.main import SECTIONS

Program = Callable[..., Any]

COMMANDS = [name for section in SECTIONS.values() for name in section]


@pytest.fixture
def task(team: Program, bttask: Program) -> str:
    """The id of a task that dev-1 has."""
    return str(bttask("add", "Review the auth module", "--assign", "dev-1", agent="architect-1").out.strip())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_and_the_shared_options(bttask: Program, name: str) -> None:
    text = bttask(name, "--help").out

    assert f"  Example:\n    bttask {name}" in text
    assert all(option in text for option in ("--agent AGENT", "--db FILE", "--json"))


def test_version_is_one_line(bttask: Program) -> None:
    assert bttask("--version").out == f"bttask {__version__}\n"


def test_add_prints_the_whole_task_as_json(team: Program, bttask: Program) -> None:
    task = bttask("add", "Ship it", "--priority", "high", "--description", "All", "--json", agent="mgr-1").document

    assert {key: task[key] for key in ("title", "priority", "status", "groupId", "assignedTo", "version")} == {
        "title": "Ship it",
        "priority": "high",
        "status": "todo",
        "groupId": "my-team",
        "assignedTo": None,
        "version": 1,
    }


def test_change_of_a_version_that_is_gone_says_who_changed_what(bttask: Program, task: str) -> None:
    bttask("status", task, "progress", agent="dev-1")
    run = bttask("assign", task, "dev-2", "--version", "1", agent="mgr-1")

    assert run.code == 3
    assert "dev-1 status: todo to progress (version 2)" in run.err


def test_change_of_the_version_that_was_seen_is_made(bttask: Program, task: str) -> None:
    run = bttask("status", task[:8], "progress", "--version", "1", agent="dev-1")

    assert run.out == f"{task}: progress, medium, dev-1, version 2\n"


def test_move_to_review_is_posted(team: Program, bttask: Program, task: str) -> None:
    for _ in range(2):
        bttask("status", task, "review", agent="dev-1")
    posts = team("channel-read", "review-queue", "--json", agent="mgr-1").document["messages"]

    assert [post["fromAgent"] for post in posts] == ["system"]
    assert task in posts[0]["content"]


def test_project_agent_changes_only_its_own_tasks(bttask: Program, task: str) -> None:
    assert bttask("status", task, "done", agent="dev-2").code == 6
    assert bttask("comment", task, "No", agent="dev-2").code == 6


def test_tester_comments_but_does_not_assign(bttask: Program, task: str) -> None:
    assert bttask("comment", task, "--content", "Tests are missing", agent="tester-1").code == 0
    assert bttask("assign", task, "dev-2", agent="tester-1").code == 6


@pytest.mark.parametrize("arguments", [(), ("dev-2", "--nobody")])
def test_task_goes_to_one_or_to_nobody(bttask: Program, task: str, arguments: tuple[str, ...]) -> None:
    assert bttask("assign", task, *arguments, agent="mgr-1").code == 2


def test_priority_is_changed_by_managers_and_architects(bttask: Program, task: str) -> None:
    changed = bttask("priority", task[:8], "critical", "--version", "1", agent="architect-1")

    assert changed.out == f"{task}: todo, critical, dev-1, version 2\n"
    assert bttask("priority", task, "low", "--version", "1", agent="mgr-1").code == 3
    assert bttask("priority", task, "urgent", agent="mgr-1").code == 3
    assert bttask("priority", task, "low", agent="dev-1").code == 6


def test_board_of_another_group_is_for_admin(team: Program, bttask: Program, task: str) -> None:
    team("register", "--id", "chief", "--role", "manager", "--group", "other")

    for command in ("list", "board", "priorities"):
        assert bttask(command, "--group", "my-team", agent="chief").code == 6
    assert bttask("list", agent="chief").out == "No tasks.\n"
    assert bttask("status", task, "done", agent="chief").err == (
        "error: chief (manager) may not see or change the tasks of other groups; only admin may\n"
    )
    other = bttask("add", "Theirs", "--group", "other", agent="boss").out.strip()
    assert [one["id"] for one in bttask("list", "--json", agent="boss").document["tasks"]] == [task, other]
    assert [one["id"] for one in bttask("list", "--group", "other", "--json").document["tasks"]] == [other]


def test_task_may_go_to_nobody(bttask: Program, task: str) -> None:
    assert bttask("assign", task, "--nobody", "--json", agent="mgr-1").document["assignedTo"] is None


def test_show_has_the_comments(bttask: Program, task: str) -> None:
    bttask("comment", task, "-", agent="tester-1", stdin="The tests\nare missing\n")
    text = bttask("show", task[:8], agent="dev-1").out

    assert text.startswith(f"task {task}\n  title: Review the auth module\n  status: todo\n")
    assert text.endswith(":\n    The tests\n    are missing\n")
    (comment,) = bttask("show", task, "--json", agent="dev-1").document["comments"]
    assert comment["agentId"] == "tester-1"


def test_list_is_narrowed_by_status_and_agent(bttask: Program, task: str) -> None:
    assert task in bttask("list", "--status", "todo", "--assigned", "dev-1", agent="dev-2").out
    assert bttask("list", "--status", "done", agent="dev-2").out == "No tasks.\n"
    assert bttask("list", "--assigned", "dev-2", "--json", agent="dev-2").document == {"tasks": []}


def test_priorities_count_the_open_tasks(bttask: Program, task: str) -> None:
    bttask("status", task, "done", agent="dev-1")
    counts = bttask("priorities", "--json", agent="mgr-1").document["priorities"]

    assert [(count["priority"], count["open"], count["total"]) for count in counts] == [
        ("critical", 0, 0),
        ("high", 0, 0),
        ("medium", 0, 1),
        ("low", 0, 0),
    ]


def test_delete_is_for_managers(bttask: Program, task: str) -> None:
    assert bttask("delete", task, agent="architect-1").code == 6
    assert bttask("delete", task, agent="mgr-1").out == f"deleted {task}: Review the auth module\n"
    assert bttask("show", task, agent="mgr-1").code == 4


def test_board_in_a_pipe_has_a_section_for_each_column(bttask: Program, task: str) -> None:
    assert bttask("board", agent="mgr-1").out.splitlines() == [
        "todo (1)",
        f"  {task}  medium, dev-1  Review the auth module",
        "progress (0)",
        "review (0)",
        "done (0)",
        "blocked (0)",
    ]


def test_board_of_several_groups_names_them(bttask: Program, task: str) -> None:
    other = bttask("add", "Theirs", "--group", "other", agent="boss").out.strip()

    assert bttask("board", agent="boss").out.splitlines()[:3] == [
        "todo (2)",
        f"  {task}  medium, dev-1, my-team  Review the auth module",
        f"  {other}  medium, nobody, other  Theirs",
    ]


def test_board_on_a_terminal_has_columns_side_by_side(
    bttask: Program, task: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bttask("add", "\x1b[31mred [bold]", agent="mgr-1")
    monkeypatch.setattr("bmad_messenger.cli.bttask.looking.is_terminal", lambda _: True)
    out = bttask("board", agent="mgr-1").out

    assert [line.split() for line in out.splitlines() if "todo" in line] == [
        ["todo", "(2)", "progress", "(0)", "review", "(0)", "done", "(0)", "blocked", "(0)"]
    ]
    assert task[:8] in out
    assert "\\x1b[31mred [bold]" in out
    assert max(map(len, out.splitlines())) <= int(os.environ["COLUMNS"])


def test_board_as_json_keeps_the_order_of_the_columns(bttask: Program, task: str) -> None:
    columns = bttask("board", "--json", agent="mgr-1").document["columns"]

    assert [column["status"] for column in columns] == ["todo", "progress", "review", "done", "blocked"]
    assert [one["id"] for one in columns[0]["tasks"]] == [task]


@pytest.mark.usefixtures("task")
def test_board_in_a_pipe_needs_no_tables(bttask: Program) -> None:
    for module in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        del sys.modules[module]
    bttask("board", agent="mgr-1")

    assert "rich" not in sys.modules
