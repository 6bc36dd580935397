"""A BMAD workflow, played through, as values: its parts in order, and how each stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from bmad_messenger.errors import Problem
from bmad_messenger.exec_reader import ExecElement
from bmad_messenger.workflow.bmad.definition import Definition


class Standing(Enum):
    """How a part stands.

    `begun` is a step, `run` an `<exec>`, `jumped` a goto; `agent` is what the agent has to do or to judge, `answered` a
    question that the command line answers; `skipped` is left out, and `ended` ends the play.
    """

    BEGUN = "begun"
    RUN = "run"
    JUMPED = "jumped"
    AGENT = "agent"
    ANSWERED = "answered"
    SKIPPED = "skipped"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a play.

    `kind` is the name of its tag, or `text`; `step` the number of the step that it stands in, `visit` how many times
    that has begun. `depends_on` are the conditions that the agent has to judge first; `why` says why it is left out or
    can't be run, or what the answer is. An `<exec>` that is run has an `id`.
    """

    kind: str
    standing: Standing
    line: int
    column: int
    step: str | None = None
    visit: int = 1
    text: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    why: str = ""
    id: str | None = None
    element: ExecElement | None = None


@dataclass(frozen=True, slots=True)
class Play:
    """A workflow, played through; `problems` are what is wrong with the `<exec>` elements that are to be run."""

    definition: Definition
    parts: tuple[Part, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def elements(self) -> dict[str, ExecElement]:
        """What is to be run, by its id, in order."""
        return {part.id: part.element for part in self.parts if part.id is not None and part.element is not None}
