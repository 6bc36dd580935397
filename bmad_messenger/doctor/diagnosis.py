"""What a check of the doctor finds: a problem, the command that mends it, and whether that is safe to do at once."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bmad_messenger.config import Project
from bmad_messenger.errors import Problem

if TYPE_CHECKING:
    from bmad_messenger.doctor.subject import Subject

Fix = Callable[[Project], Sequence[str]]
"""Mends something for good, under the lock where it takes one; returns what was done, a sentence each."""

_SHOWN: Final = 5  # ids or files in one sentence


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that is wrong.

    `problem` says what, why and where; its severity is `error` where something does not work, `warning` where
    something will not, or is left undone, and `note` where it is only good to know. `mend` is the command that mends
    it, empty where the problem's hint says what to do. `fix` does what `mend` says, where that can't surprise anybody.
    """

    problem: Problem
    mend: str = ""
    fix: Fix | None = None

    def to_mapping(self) -> dict[str, Any]:
        """The finding for JSON."""
        return {
            **self.problem.to_mapping(),
            "severity": self.problem.severity,
            "mend": self.mend or None,
            "fixable": self.fix is not None,
        }


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at: `sound` is what is said of it where nothing is wrong.

    `applies` tells whether there is such a thing in this project. One that `needs_all` takes what a sparse checkout
    leaves out for gone, and is not made where it does.
    """

    sound: str
    look: Callable[[Subject], Iterator[Diagnosis]]
    applies: Callable[[Subject], bool] = lambda _: True
    needs_all: bool = False


def warning(message: str, hint: str = "", path: str | None = None, *, code: str) -> Problem:
    """A problem that is a warning."""
    return Problem(message, hint, path, code=code, severity="warning")


def some(names: Sequence[str]) -> str:
    """A few of the names, in their order."""
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def count(names: Sequence[object], one: str, more: str) -> str:
    """How many there are, in words: `1 message`, `3 messages`."""
    return f"{len(names)} {one if len(names) == 1 else more}"


def command(*words: str | Path) -> str:
    """A command line, its words quoted where a shell would take them for something else."""
    return shlex.join(str(word) for word in words)


def span(seconds: float) -> str:
    """A length of time in one unit: `5 minutes`."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}{'' if seconds < 2 * size else 's'}"
    return f"{seconds:.0f} seconds"
