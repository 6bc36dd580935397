"""Who plays in a simulation: a clone, the agents that are read in it, and what they have sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from tests.git.clones import Clone

_UNDER_WAY: Final = {"rebase-merge": "rebase", "CHERRY_PICK_HEAD": "cherry-pick", "MERGE_HEAD": "merge"}


class Answer(NamedTuple):
    """How one git command ended, and what it printed."""

    code: int
    text: str


@dataclass(frozen=True)
class Sent:
    """What was sent: a word that no other message says, and that of the message it answers."""

    word: str
    answers: str | None = None
    depth: int = 0


@dataclass
class Player:
    """One clone, its agents, and what of its work is put aside."""

    name: str
    clone: Clone
    agents: Sequence[str]
    branches: list[str] = field(default_factory=lambda: ["main"])

    @property
    def queue(self) -> Path:
        return self.clone.project.queue

    @property
    def stashes(self) -> int:
        """How many times something was put aside."""
        log = self.clone.folder / ".git/logs/refs/stash"
        return len(log.read_bytes().splitlines()) if log.exists() else 0

    @property
    def branch(self) -> str:
        """The branch that is checked out."""
        return (self.clone.folder / ".git/HEAD").read_text().strip().removeprefix("ref: refs/heads/")

    @property
    def under_way(self) -> str | None:
        """What git waits with for a person."""
        folder = self.clone.folder / ".git"
        return next((doing for name, doing in _UNDER_WAY.items() if (folder / name).exists()), None)
