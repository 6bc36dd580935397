"""`review`: Markdown for a pull request, and the exit code that stops it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bmad_messenger import Messenger
from tests.cli.conftest import Run
from tests.git.real_git import git

Cli = Callable[..., Run]
QUEUE = "_bmad-output/messenger/message-queue.yaml"


@pytest.fixture
def edited(project: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a message that was read in the first commit, and edited in the second."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A Tester")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "tester@example.com")
    messenger = Messenger.open(project)
    sent = messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "PostgreSQL"})
    messenger.receive("dev")
    git(project, "init", "--quiet")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "-m", "One")
    queue = project / QUEUE
    queue.write_text(queue.read_text("utf-8").replace("PostgreSQL", "\x1b[31mMySQL"), "utf-8")
    queue.write_text(queue.read_text("utf-8").replace("\x1b", r"\x1b"), "utf-8")
    git(project, "commit", "--quiet", "--all", "-m", "Two")
    return sent.message_id


def test_it_prints_markdown(cli: Cli, edited: str) -> None:
    run = cli("review", "HEAD~1..HEAD")

    assert (run.code, run.err) == (0, "")
    assert run.out.startswith("## Messages: 1 changed, **1 finding**\n")
    assert f"| `{edited}` | `pm → dev` | `payload.message` | `PostgreSQL` | `\\x1b[31mMySQL` |\n" in run.out


def test_a_finding_stops_where_it_is_asked_to(cli: Cli, edited: str) -> None:
    run = cli("review", "HEAD~1..HEAD", "--check")

    assert (run.code, "### Findings" in run.out) == (3, True)


def test_without_a_finding_nothing_stops(cli: Cli, edited: str) -> None:
    run = cli("review", "HEAD..HEAD", "--check")

    assert (run.code, run.out.splitlines()[0]) == (0, "## Messages: nothing new")


def test_json_stops_too(cli: Cli, edited: str) -> None:
    run = cli("review", "HEAD~1..HEAD", "--check", "--json")

    assert (run.code, [one["code"] for one in run.document["findings"]]) == (3, ["edited-after-read"])


def test_an_unknown_commit_is_an_error(cli: Cli, edited: str) -> None:
    run = cli("review", "nope..HEAD")

    assert (run.code, run.err) == (4, "error: git knows no commit 'nope'; `git log` lists the commits\n")


def test_outside_of_git_is_an_error(cli: Cli, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))

    assert cli("review").code == 4
