"""One run of a workflow as a value: what it was given, how each step stands, what each has left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple

from bmad_messenger.errors import InvalidError
from bmad_messenger.message import parse_time

ID_PATTERN: Final = re.compile(r"[a-z][a-z0-9-]*-\d{8}-[0-9a-f]{4,}")
"""A run's id: its workflow's name, the day it began, and hex digits."""


class WorkflowChangedError(InvalidError):
    """The workflow of a run is not what it was when the run began."""


class State(Enum):
    """How a run or a step stands.

    `delivering` is a step whose outputs are kept and whose messages are about to be marked read.
    """

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    DELIVERING = "delivering"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self in (State.DONE, State.SKIPPED, State.FAILED, State.CANCELLED)


RUN_STATES: Final = (State.RUNNING, State.WAITING, State.DONE, State.FAILED, State.CANCELLED)
"""How a run can stand; the other states are a step's."""


class Place(NamedTuple):
    """A step, or one round of a step that is done for each of several items."""

    step: str
    round: int | None = None

    def __str__(self) -> str:
        return self.step if self.round is None else f"{self.step}[{self.round}]"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a step: when it began and ended, and what went wrong, if anything did.

    One without an end was cut short: its process died.
    """

    started: datetime
    ended: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class StepRun:
    """How one step stands, or one round of it.

    Attributes:
        attempts: each try of it; `failures` is how many have failed since it, or its run, was told to go on.
        waits_for: what it waits for, under one of the keys `message`, `answer_to`, `time`, `run` and `retry`.
        deadline: when its time-out passes; None where it has none, or where that has passed already.
        outputs: what it leaves; a list of its rounds' where it has rounds.
        items: what it is done for, a round each; None where it is done once.
        repeat: how often it was begun anew after it had been done: then its messages are sent anew, too.
    """

    state: State = State.PENDING
    started: datetime | None = None
    ended: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    failures: int = 0
    waits_for: Mapping[str, Any] | None = None
    deadline: datetime | None = None
    outputs: Any = None
    error: str | None = None
    items: tuple[Any, ...] | None = None
    rounds: tuple[StepRun, ...] = ()
    repeat: int = 0

    def ends(self, state: State, now: datetime, *, outputs: Any = None, error: str | None = None) -> StepRun:
        """The step, over and done with, and so its last attempt."""
        attempts = self.attempts
        if attempts and attempts[-1].ended is None:
            attempts = (*attempts[:-1], replace(attempts[-1], ended=now, error=error))
        return replace(
            self,
            state=state,
            ended=now,
            attempts=attempts,
            outputs=outputs,
            error=error,
            waits_for=None,
            deadline=None,
        )

    def tried(self, now: datetime, error: str) -> StepRun:
        """The step, its last attempt ended by an error."""
        attempts = (*self.attempts[:-1], replace(self.attempts[-1], ended=now, error=error))
        return replace(self, attempts=attempts, failures=self.failures + 1, error=error)

    @property
    def due(self) -> datetime | None:
        """When it is to be looked at again at the latest; None where only something from outside moves it."""
        if self.state is not State.WAITING:
            return None
        times = [parse_time((self.waits_for or {})[key]) for key in ("time", "retry") if key in (self.waits_for or {})]
        return min((*times, *([self.deadline] if self.deadline else [])), default=None)


@dataclass(frozen=True, slots=True)
class Run:
    """A run.

    Attributes:
        path: the name of its workflow's file; `digest` is the hash of the text that the file had.
        parent: the run and the step that started it.
        trigger: the message that started it.
        before: the messages that were there when it began and that its steps don't wait for.
        secrets: the environment variables whose values are masked in it: its workflow's, and those of its parents.
        deadline: when its time-out passes.
        ending: how it will end, once that is settled and only the steps under `finally` are left.
        error: why it failed, or a word on why it was cancelled.
        retries: when it was told to go on after it had ended.
    """

    run_id: str
    workflow: str
    path: str
    digest: str
    state: State
    started: datetime
    params: Mapping[str, Any] = field(default_factory=dict)
    trigger: Mapping[str, Any] | None = None
    parent: Mapping[str, str] | None = None
    before: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    deadline: datetime | None = None
    ending: State | None = None
    ended: datetime | None = None
    retries: tuple[datetime, ...] = ()
    steps: Mapping[str, StepRun] = field(default_factory=dict)
    outputs: Mapping[str, Any] | None = None
    error: str | None = None

    def step(self, step_id: str) -> StepRun:
        """How a step stands."""
        return self.steps.get(step_id, _PENDING)

    def at(self, place: Place) -> StepRun:
        """How a step, or a round of it, stands."""
        found = self.step(place.step)
        return found if place.round is None else found.rounds[place.round]

    def with_step(self, step_id: str, step: StepRun) -> Run:
        """The run with this step standing so."""
        return replace(self, steps={**self.steps, step_id: step})

    def with_at(self, place: Place, new: StepRun, now: datetime) -> Run:
        """The run with this step or round standing so; a step whose rounds are all over is over."""
        if place.round is None:
            return self.with_step(place.step, new)
        whole = self.step(place.step)
        rounds = (*whole.rounds[: place.round], new, *whole.rounds[place.round + 1 :])
        whole = replace(whole, rounds=rounds)
        if all(one.state.is_over for one in rounds):
            bad = next((one for one in rounds if one.state is State.FAILED), None)
            bad = bad or next((one for one in rounds if one.state is State.CANCELLED), None)
            outputs = [one.outputs for one in rounds]
            whole = whole.ends(bad.state if bad else State.DONE, now, outputs=outputs, error=bad.error if bad else None)
        return self.with_step(place.step, whole)

    def places(self, step_id: str) -> list[Place]:
        """A step's rounds, or else the step itself."""
        rounds = self.step(step_id).rounds
        return [Place(step_id, number) for number in range(len(rounds))] or [Place(step_id)]

    def waiting(self) -> Iterator[tuple[Place, StepRun]]:
        """The steps and rounds that wait."""
        for step_id in self.steps:
            for place in self.places(step_id):
                if self.at(place).state is State.WAITING:
                    yield place, self.at(place)

    @property
    def waits(self) -> list[dict[str, Any]]:
        """What the run waits for: for each step its name, and what."""
        return [{"step": str(place), **(one.waits_for or {})} for place, one in self.waiting()]

    @property
    def due(self) -> datetime | None:
        """When the run is to be looked at again at the latest; None where only something from outside moves it."""
        times = [self.deadline, *(one.due for _, one in self.waiting())]
        return None if self.state.is_over else min((one for one in times if one is not None), default=None)


_PENDING: Final = StepRun()
