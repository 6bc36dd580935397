"""The command lines in process: `cli`, `btmsg` and `bttask` run them; `sent` and `team` are what there is to work with.

Each runs in a project or with a database of its own.
"""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger.cli.btmsg.main import main as btmsg_main
from bmad_messenger.cli.bttask.main import main as bttask_main
from bmad_messenger.cli.main import main


@dataclass(frozen=True, slots=True)
class Run:
    """How one command line ended: its exit code, and what it wrote to stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The JSON document that ends stderr."""
        return json.loads(self.err.splitlines()[-1])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder, and the working directory."""
    folder = tmp_path / "project"
    (folder / "_bmad-output").mkdir(parents=True)
    (folder / "prd.md").write_text("# PRD\n", encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BMAD_MESSENGER_PLUGINS", "")
    return folder


@pytest.fixture
def cli(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Runs the command line in the project."""

    def run(*arguments: str, stdin: str = "") -> Run:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        code = main(arguments)
        return Run(code, *capsys.readouterr())

    return run


@pytest.fixture
def sent(cli: Callable[..., Run]) -> str:
    """The id of a question from dev to architect."""
    question = ("--set", "question=JWT or cookies?", "--set", "context=Story 1-2 needs a login")
    return cli("send-message", "--type", "clarify", "--from", "dev", "--to", "architect", *question).out.strip()


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `btmsg` and `bttask` keep what they write; there is nothing yet, and nobody calls."""
    path = tmp_path / "agor" / "btmsg.db"
    monkeypatch.setenv("BTMSG_DB", str(path))
    monkeypatch.delenv("BTMSG_AGENT_ID", raising=False)
    return path


@pytest.fixture
def btmsg(database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Runs `btmsg` as an agent, or as nobody."""
    return _agents_program(btmsg_main, monkeypatch, capsys)


@pytest.fixture
def bttask(database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Runs `bttask` as an agent, or as nobody."""
    return _agents_program(bttask_main, monkeypatch, capsys)


@pytest.fixture
def team(btmsg: Callable[..., Run]) -> Callable[..., Run]:
    """`btmsg` with a group `my-team`: a manager, an architect, a tester and two project agents; and the operator."""
    roles = {
        "mgr-1": "manager",
        "architect-1": "architect",
        "tester-1": "tester",
        "dev-1": "project",
        "dev-2": "project",
        "boss": "admin",
    }
    for agent, role in roles.items():
        assert btmsg("register", "--id", agent, "--role", role, "--group", "my-team").code == 0
    return btmsg


def _agents_program(
    program: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Run]:
    def run(*arguments: str, agent: str = "", stdin: str = "") -> Run:
        monkeypatch.setenv("BTMSG_AGENT_ID", agent)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        code = program(arguments)
        return Run(code, *capsys.readouterr())

    return run
