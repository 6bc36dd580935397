"""Start-up stays short: what a call or a command imports, seen from a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]

HEAVY: Final = (
    "asyncio",
    "filelock",
    "importlib.metadata",
    "jsonschema",
    "referencing",
    "rich",
    "ruamel.yaml",
    "sqlite3",
    "watchfiles",
)
"""What takes ten milliseconds and more to import, or brings something that does."""

_OPEN: Final = "import sys; from bmad_messenger import Messenger; messenger = Messenger.open(sys.argv[1])"
_PAYLOAD: Final = {"question": "JWT or session cookies?", "context": "The architecture does not say"}
_SEND: Final = f"messenger.send(type='clarify', from_agent='dev', to_agent='architect', payload={_PAYLOAD})"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one message, which is for the architect."""
    _imports(f"{_OPEN}; messenger.init(); {_SEND}", tmp_path)
    return tmp_path


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert _heavy_imports("import bmad_messenger") == set()


def test_opening_a_project_imports_nothing_heavy(project: Path) -> None:
    assert _heavy_imports(_OPEN, project) == set()


def test_receiving_nothing_needs_neither_lock_nor_schemas_nor_a_parser(project: Path) -> None:
    assert _heavy_imports(f"{_OPEN}; assert messenger.receive('tea') == []", project) == set()


def test_receiving_a_message_needs_no_schemas(project: Path) -> None:
    heavy = _heavy_imports(f"{_OPEN}; assert len(messenger.receive('architect')) == 1", project)

    assert heavy <= {"filelock", "ruamel.yaml"}


def test_peeking_takes_no_lock(project: Path) -> None:
    assert _heavy_imports(f"{_OPEN}; messenger.receive('architect', peek=True)", project) <= {"ruamel.yaml"}


def test_sending_imports_only_what_it_checks_and_writes_with(project: Path) -> None:
    heavy = _heavy_imports(f"{_OPEN}; {_SEND}", project)

    assert heavy <= {"filelock", "jsonschema", "referencing", "ruamel.yaml"}


def test_command_that_receives_nothing_imports_nothing_heavy(project: Path) -> None:
    assert _heavy_imports(_command("receive-message", "--agent", "tea"), project) == set()


def test_command_that_sends_imports_only_what_it_checks_and_writes_with(project: Path) -> None:
    heavy = _heavy_imports(_SEND_COMMAND, project)

    assert heavy <= {"filelock", "jsonschema", "referencing", "ruamel.yaml"}


def test_command_that_sends_leaves_out_what_other_commands_need(project: Path) -> None:
    modules = ("exec_reader", "validation", "settling", "watching", "cli.look", "cli.exec")

    assert _imports(_SEND_COMMAND, project).isdisjoint(f"bmad_messenger.{module}" for module in modules)


def _command(*arguments: str) -> str:
    """Code that runs a command in the project whose folder is the first argument."""
    return (
        "import sys; from bmad_messenger.cli.main import main; "
        f"code = main([*{arguments!r}, '--project', sys.argv[1]]); assert code == 0, code"
    )


_SEND_COMMAND: Final = _command(
    *("send-message", "--type", "clarify", "--from", "dev", "--to", "tea"),
    *(argument for key, value in _PAYLOAD.items() for argument in ("--set", f"{key}={value}")),
)


def _heavy_imports(code: str, *arguments: Path) -> set[str]:
    return _imports(code, *arguments).intersection(HEAVY)


def _imports(code: str, *arguments: Path) -> set[str]:
    """The names of all modules in a fresh process once it has run `code`."""
    report = "\nimport json, sys\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BMAD_MESSENGER_PLUGINS": ""}
    command = [sys.executable, "-c", code + report, *map(str, arguments)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stderr.splitlines()[-1]))
