"""Short ways to make commits worth a review, and to review them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bmad_messenger import Messenger, Problem
from bmad_messenger.config import Project
from bmad_messenger.git.repository import Repository
from bmad_messenger.git.review import Review, review
from tests.git.real_git import git

FOLDER = "_bmad-output/messenger"
QUEUE = f"{FOLDER}/message-queue.yaml"
Commit = Callable[[], None]


def ask(messenger: Messenger, question: str = "JWT or cookies?", **fields: Any) -> str:
    return messenger.send(
        type="clarify", from_agent="dev", to_agent="architect", payload={"question": question, "context": "c"}, **fields
    ).message_id


def edit(folder: Path, old: str, new: str, *, name: str = QUEUE) -> None:
    """Change a file by hand."""
    text = (folder / name).read_text("utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new), "utf-8")


def record(messenger: Messenger, message_id: str) -> Path:
    return messenger.archive.path(message_id)


def reviewed(folder: Path, commits: str = "HEAD~1..HEAD") -> Review:
    return review(Repository.around(folder), Project(folder), commits)


def the_finding(folder: Path, commits: str = "HEAD~1..HEAD") -> Problem:
    (found,) = reviewed(folder, commits).findings
    return found


def codes_of(folder: Path, commits: str = "begun..HEAD") -> list[str]:
    """The codes of the findings, by default since the tag `begun`."""
    return [one.code for one in reviewed(folder, commits).findings]


def commit_name(folder: Path, commit: str = "HEAD") -> str:
    """A commit's name as a finding has it."""
    return git(folder, "rev-parse", "--short=10", commit).strip()
