"""The command line in process: `cli` runs it in a project of its own, `sent` is a message there to work with."""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

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
