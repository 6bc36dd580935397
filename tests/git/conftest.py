"""Real git repositories that hold a project, for the tests of what lives in git."""

from __future__ import annotations

from collections.abc import Callable
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


@pytest.fixture(autouse=True)
def _program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where git's drivers and hooks, in processes of their own, find the program that is tested."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))


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


@pytest.fixture
def messenger(repository: Path) -> Messenger:
    return Messenger.open(repository)


@pytest.fixture
def commit(repository: Path) -> Callable[[], None]:
    """Commits all that there is."""

    def commit() -> None:
        git(repository, "add", "--all")
        git(repository, "commit", "--quiet", "--allow-empty", "-m", "More")

    return commit


@pytest.fixture
def asked(messenger: Messenger, commit: Callable[[], None]) -> str:
    """The id of a committed question, which its recipient has read."""
    question = {"question": "JWT or cookies?", "context": "c"}
    sent = messenger.send(type="clarify", from_agent="dev", to_agent="architect", payload=question)
    messenger.receive("architect")
    commit()
    return sent.message_id
