"""Real git repositories that hold a project, for the tests of what lives in git."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmad_messenger import Messenger
from tests.git.real_git import git


@pytest.fixture(autouse=True)
def _identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who commits, and from what clock: git asks the user's settings otherwise."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A Tester")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "tester@example.com")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A project in a git repository of its own, with one commit."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "--quiet")
    Messenger.open(folder).init()
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "Start")
    return folder
