"""`unread` and `notify`: what a hook sees, and what it does not have to wait for."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger.cli.btmsg import counts

Program = Callable[..., Any]

_PROGRAM = """
import sys
from bmad_messenger.cli.btmsg.main import main
code = main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture
def waiting(team: Program) -> Program:
    """`btmsg`, with two messages that wait for dev-1."""
    for text in ("Start", "Stop"):
        team("send", "--to", "dev-1", "--content", text, agent="mgr-1")
    return team


def test_notify_is_one_line_where_mail_waits(waiting: Program) -> None:
    run = waiting("notify", agent="dev-1")

    assert (run.code, run.out) == (0, "2 unread messages for dev-1: btmsg read\n")


@pytest.mark.parametrize("agent", ["", "mgr-1", "stranger"], ids=["nobody", "empty", "not registered"])
def test_notify_is_silent_otherwise(waiting: Program, agent: str) -> None:
    run = waiting("notify", agent=agent)

    assert (run.code, run.out, run.err) == (0, "", "")


def test_notify_makes_no_database(btmsg: Program, database: Path) -> None:
    assert btmsg("notify", agent="dev-1").out == ""
    assert not database.exists()


def test_notify_is_always_a_document_with_json(waiting: Program) -> None:
    assert waiting("notify", "--json", agent="mgr-1").document == {"agentId": "mgr-1", "unreadCount": 0}


def test_unread_is_a_number(waiting: Program) -> None:
    assert waiting("unread", agent="dev-1").out == "2\n"
    assert waiting("unread", "--json", agent="dev-1").document == {"agentId": "dev-1", "unreadCount": 2}


def test_unread_of_nobody_is_wrong_usage(waiting: Program) -> None:
    assert waiting("unread").code == 2


@pytest.mark.parametrize("options", [("--agent", "dev-1"), ("--agent=dev-1",)])
def test_options_are_read_by_hand(waiting: Program, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(counts, "quick")  # typer's way is barred

    assert waiting("unread", *options, agent="mgr-1").out == "2\n"


@pytest.mark.parametrize("arguments", [("--agnt", "dev-1"), ("--agent",), ("more",)])
def test_line_that_is_not_plain_is_left_to_typer(waiting: Program, arguments: tuple[str, ...]) -> None:
    assert waiting("unread", *arguments, agent="dev-1").code == 2


@pytest.mark.parametrize("command", ["notify", "unread"])
def test_command_of_a_hook_imports_no_typer(waiting: Program, command: str) -> None:
    modules = _imported(command, "--agent", "dev-1")

    assert modules & {"typer", "rich", "inspect", "importlib.metadata"} == set()


def test_notify_imports_no_more_than_the_database(waiting: Program) -> None:
    assert "bmad_messenger.btmsg.api" not in _imported("notify", "--agent", "dev-1")


def test_send_imports_neither_tables_nor_the_messenger(waiting: Program) -> None:
    modules = _imported("send", "--agent", "mgr-1", "--to", "dev-1", "--content", "Go")

    assert modules & {"rich", "jsonschema", "filelock", "bmad_messenger.messenger"} == set()


def _imported(*arguments: str) -> set[str]:
    """The modules that a command line imports, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, "-c", _PROGRAM, *arguments]
    return {*subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stderr.split()}
