"""What the shell is offered for a line that is not finished."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]


@pytest.fixture
def complete(project: Path) -> Callable[[str], list[str]]:
    """Asks as bash does, with the cursor at the line's end."""

    def complete(line: str) -> list[str]:
        words = line.split(" ")
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            "_BMAD_MESSENGER_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        }
        command = [sys.executable, "-m", "bmad_messenger"]
        run = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
        assert run.stderr == ""
        return run.stdout.split()

    return complete


def test_commands(complete: Callable[[str], list[str]]) -> None:
    assert complete("bmad-messenger re") == ["receive-message", "reply", "review"]


def test_commands_of_a_group(complete: Callable[[str], list[str]]) -> None:
    assert complete("bmad-messenger gi") == ["git"]
    assert complete("bmad-messenger git in") == ["install"]


def test_agents_types_routes_and_ids(complete: Callable[[str], list[str]], cli: Cli, sent: str) -> None:
    assert complete("bmad-messenger send-message --to a") == ["analyst", "architect"]
    assert complete("bmad-messenger list --type c") == ["clarify", "collaborate"]
    assert complete("bmad-messenger send-message --route story") == ["story-ready"]
    assert complete("bmad-messenger done MSG") == [sent]


def test_no_project_offers_nothing(complete: Callable[[str], list[str]]) -> None:
    assert complete("bmad-messenger list --project /nowhere --agent a") == []
