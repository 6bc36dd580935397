"""`git sync`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.git.clones import Clone, empty_remote, first_clone_of

Cli = Callable[..., Any]


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A Tester")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "tester@example.com")
    clone = first_clone_of(empty_remote(tmp_path / "remote.git"), tmp_path / "clone")
    monkeypatch.chdir(clone.folder)
    return clone


def test_it_tells_each_thing_it_did(cli: Cli, clone: Clone) -> None:
    clone.send()
    run = cli("git", "sync")

    assert run.code == 0
    assert run.out == f"committed {clone.head()[:9]}: 1 sent\npushed 1 commit to origin/main\n"
    assert cli("git", "sync").out == "main and origin/main are in step\n"


def test_it_tells_it_as_one_document(cli: Cli, clone: Clone) -> None:
    sent = clone.send()
    document = cli("git", "sync", "--json", "--no-push", "--message", "Hand over").document

    assert (document["committed"], document["handoffs"]) == (clone.head(), {"sent": [sent.message_id]})
    assert document["pushed"] == 0
    assert document["actions"][-1] == "left 1 commit to push to origin/main"
    assert clone.git("log", "-1", "--format=%s").strip() == "Hand over"


def test_what_was_done_is_told_before_what_failed(cli: Cli, clone: Clone) -> None:
    clone.send()
    clone.git("remote", "set-url", "origin", "../away.git")
    run = cli("git", "sync")

    assert run.code == 7
    assert run.out == f"committed {clone.head()[:9]}: 1 sent\n"
    assert run.err.startswith("error: `git fetch` failed: '../away.git' does not appear to be a git repository")


def test_a_conflict_has_an_exit_code_and_its_places(cli: Cli, clone: Clone, tmp_path: Path) -> None:
    other = Clone(tmp_path / "other")
    clone.git("clone", "--quiet", "../remote.git", "../other")
    for one, text in ((clone, "print(2)\n"), (other, "print(3)\n")):
        one.write("code.py", text)
        one.git("commit", "--quiet", "--all", "-m", "mine")
    other.git("push", "--quiet")
    run = cli("git", "sync", "--json")

    assert run.code == 3
    assert run.error["error"]["path"] == "code.py"
    assert "git pull --no-rebase" in run.error["error"]["hint"]


def test_a_message_says_something(cli: Cli, clone: Clone) -> None:
    assert cli("git", "sync", "--message", " ").code == 2


def test_a_message_may_be_any_text(cli: Cli, clone: Clone) -> None:
    sent = clone.send()
    cli("git", "sync", "--message", "Hand over\n\nAll of it \udcff\n")

    body = clone.git("log", "-1", "--format=%B").strip()
    assert body.startswith("Hand over\n\nAll of it ?\n\nsent ")
    assert sent.message_id in body


def test_a_project_without_a_messenger_has_nothing_to_sync(cli: Cli, project: Path) -> None:
    run = cli("git", "sync")

    assert run.code == 4
    assert "bmad-messenger init" in run.err
