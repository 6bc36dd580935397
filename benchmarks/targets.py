"""What the figures have to reach, and whether they do."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import command_line
import in_process
from timing import Ratio, Timings

Question = tuple[str, int | None]
"""What was timed, and with how many live messages where that is the question."""

Figures = Mapping[Question, Timings]

SEND: Final = "send"
RECEIVE: Final = "receive"
COMMANDS: Final = "command line"


@dataclass(frozen=True, slots=True)
class Target:
    """How many times as long `name` may take as `other` (`at most`), or has to take (`at least`)."""

    says: str
    question: Question
    name: str
    other: str
    bound: Literal["at most", "at least"]
    times: float

    def is_met_by(self, ratio: Ratio) -> bool:
        """Whether the median reaches the target."""
        reaches = operator.le if self.bound == "at most" else operator.ge
        return reaches(ratio.median, self.times)


TARGETS: Final = (
    Target(
        "send, 1,000 live messages: its time by the floor's",
        (SEND, 1000),
        in_process.MESSENGER,
        in_process.FLOOR,
        "at most",
        3,
    ),
    Target(
        "send, 1,000 live messages: the round trip's time by its own",
        (SEND, 1000),
        in_process.ROUND_TRIP,
        in_process.MESSENGER,
        "at least",
        200,
    ),
    Target(
        "receive of 10, 10,000 live messages: its time by libyaml's load",
        (RECEIVE, 10_000),
        in_process.MESSENGER,
        in_process.LIBYAML,
        "at most",
        0.1,
    ),
    Target(
        "`send-message`: its time by that of the imports",
        (COMMANDS, None),
        command_line.SEND,
        command_line.IMPORTS,
        "at most",
        1.25,
    ),
    Target(
        "`receive-message`, nothing there: its time by that of the imports",
        (COMMANDS, None),
        command_line.RECEIVE,
        command_line.IMPORTS,
        "at most",
        0.9,
    ),
)


def verdicts(figures: Figures) -> Iterator[tuple[Target, Ratio]]:
    """Every target whose question was asked, with the ratio that decides it."""
    for target in TARGETS:
        if target.question in figures:
            yield target, figures[target.question].ratio(target.name, target.other)
