"""A project for the doctor to visit, in a folder with a blank in its name, and a shell that runs what it prescribes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bmad_messenger import Message, Messenger
from tests.git.real_git import git

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who commits, that no repository is above, where a shell finds the program, and that nobody else is at work."""
    monkeypatch.setattr("bmad_messenger.doctor.subject.MOMENT", 0.0)
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "bmad-messenger"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bmad_messenger "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A Tester")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "tester@example.com")


@pytest.fixture
def messenger(tmp_path: Path) -> Messenger:
    """The messenger of a project that `init` has made, in no repository."""
    folder = tmp_path / "my project"
    folder.mkdir()
    messenger = Messenger.open(folder)
    messenger.init()
    return messenger


@pytest.fixture
def send(messenger: Messenger) -> Callable[[], Message]:
    """Sends a notify."""
    return lambda: messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "news"})


@pytest.fixture
def sent(send: Callable[[], Message]) -> Message:
    """An open message."""
    return send()


@pytest.fixture
def root(messenger: Messenger, sent: Message) -> Path:
    """The project's folder, as a repository whose one commit holds everything, the message too."""
    folder = messenger.project.root
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "Start")
    return folder


@pytest.fixture
def run(messenger: Messenger) -> Callable[[str], None]:
    """Runs a command line as a user does, in the project's folder."""

    def run(line: str) -> None:
        done = subprocess.run(
            ("sh", "-c", line), cwd=messenger.project.root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"

    return run
