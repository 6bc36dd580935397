"""Start-up is the product's speed: what a command must not import."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]

_PROGRAM = """
import sys
from bmad_messenger.cli.main import main
code = main(sys.argv[1:])
print(*sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""


def _imported(project: Path, *arguments: str) -> set[str]:
    """The modules that a command line imports, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, "-c", _PROGRAM, *arguments]
    run = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=True)
    return {*run.stderr.split()}


def _commands(modules: set[str]) -> set[str]:
    shared = {
        *("complete", "errors", "group", "lazy_group", "main", "message_text", "options", "output", "payload"),
        *("program", "sources", "table"),
    }
    names = {name.removeprefix("bmad_messenger.cli.") for name in modules if name.startswith("bmad_messenger.cli.")}
    return names - shared


def test_empty_inbox_needs_nothing_heavy(project: Path, cli: Cli) -> None:
    cli("receive-message", "--agent", "architect")  # the first look at a queue checks its text, and remembers it
    modules = _imported(project, "receive-message", "--agent", "architect")

    heavy = {"filelock", "importlib.metadata", "jinja2", "jsonschema", "pluggy", "rich", "ruamel.yaml", "watchfiles"}
    assert modules & heavy == set()
    assert _commands(modules) == {"receive_message"}


def test_send_needs_no_tables(project: Path, cli: Cli) -> None:
    cli("init")
    arguments = ("send-message", "--type", "notify", "--from", "pm", "--to", "dev", "--set", "message=go")
    modules = _imported(project, *arguments)

    assert modules & {"rich", "importlib.metadata", "watchfiles"} == set()
    assert _commands(modules) == {"send_message"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("send-message", "--type", "notify", "--from", "pm", "--to", "dev", "--set", "message=go"),
        ("receive-message", "--agent", "dev"),
        ("list",),
    ],
)
def test_what_runs_no_workflow_knows_nothing_of_them(project: Path, arguments: tuple[str, ...]) -> None:
    modules = _imported(project, *arguments)

    assert modules & {"jinja2", "bmad_messenger.command_task", "bmad_messenger.task_parameters"} == set()
    assert [name for name in modules if ".workflow" in name] == []


def test_a_tick_with_nothing_to_do_needs_neither_expressions_nor_schemas(project: Path) -> None:
    modules = _imported(project, "workflow", "tick")

    assert modules & {"jinja2", "jsonschema", "rich"} == set()
