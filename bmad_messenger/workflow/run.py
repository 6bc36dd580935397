"""One run of a workflow as a value, and as the text of its file: what was given, how each step stands, what it left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import Enum
from typing import Any, Final

from bmad_messenger.errors import DamagedError, InvalidError
from bmad_messenger.message import format_time, parse_time
from bmad_messenger.yaml.parse import parse
from bmad_messenger.yaml.render import render_mapping

ID_PATTERN: Final = re.compile(r"[a-z][a-z0-9-]*-\d{8}-[0-9a-f]{4,}")
"""A run's id: its workflow's name, the day it began, and hex digits."""


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


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a step: when it began and ended, and what went wrong, if anything did."""

    started: datetime
    ended: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class StepRun:
    """How one step stands, or one round of a step that is done for each of several items.

    `waits_for` is what it waits for: `{"message": {...}}`, `{"time": ...}`, `{"answer_to": id}`, `{"run": id}`; `due`
    is when it is to be looked at again at the latest, `is_overdue` whether its time-out has passed. `outputs` are what
    it leaves. `items` and `rounds` are those of a `foreach`.
    """

    state: State = State.PENDING
    started: datetime | None = None
    ended: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    waits_for: Mapping[str, Any] | None = None
    due: datetime | None = None
    is_overdue: bool = False
    outputs: Any = None
    error: str | None = None
    items: tuple[Any, ...] | None = None
    rounds: tuple[StepRun, ...] = ()

    def ends(self, state: State, now: datetime, *, outputs: Any = None, error: str | None = None) -> StepRun:
        """The step, over and done with."""
        return replace(self, state=state, ended=now, outputs=outputs, error=error, waits_for=None, due=None)


@dataclass(frozen=True, slots=True)
class Run:
    """A run. `path` and `digest` are the workflow's file and the hash of its text; `parent` is the run and the step
    that started it, `trigger` the message that did.
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
    ended: datetime | None = None
    steps: Mapping[str, StepRun] = field(default_factory=dict)
    outputs: Mapping[str, Any] | None = None
    error: str | None = None

    def with_step(self, step_id: str, step: StepRun) -> Run:
        """The run with this step standing so."""
        return replace(self, steps={**self.steps, step_id: step})

    def step(self, step_id: str) -> StepRun:
        """How a step stands."""
        return self.steps.get(step_id, StepRun())

    def waiting(self) -> Iterator[tuple[str, StepRun]]:
        """The steps and rounds that wait, by name: `approve`, `review[2]`."""
        for name, step in self.steps.items():
            rounds = [(f"{name}[{number}]", one) for number, one in enumerate(step.rounds)]
            for place, one in rounds or [(name, step)]:
                if one.state is State.WAITING:
                    yield place, one

    @property
    def waits(self) -> list[dict[str, Any]]:
        """What the run waits for: for each step its name, since when, and what."""
        return [
            {"step": name, "since": format_time(one.started or self.started), **(one.waits_for or {})}
            for name, one in self.waiting()
        ]

    @property
    def due(self) -> datetime | None:
        """When the run is to be looked at again at the latest; None where only something from outside moves it."""
        return min((one.due for _, one in self.waiting() if one.due is not None), default=None)


def render_run(run: Run) -> str:
    """The text of a run's file."""
    return "\n".join((_HEADER.format(run=run.run_id), *render_mapping(run_mapping(run), 0))) + "\n"


def run_mapping(run: Run) -> dict[str, Any]:
    """The run under the keys of its file; those come first that tell whether there is anything to do."""
    values: dict[str, Any] = {
        "run": run.run_id,
        "workflow": run.workflow,
        "state": run.state.value,
        "due": run.due,
        "waits_for": run.waits or None,
        "started": run.started,
        "ended": run.ended,
        "file": run.path,
        "hash": run.digest,
        "parent": run.parent,
        "trigger": run.trigger,
        "error": run.error,
        "params": run.params,
        "outputs": run.outputs,
        "steps": {name: _step_mapping(step) for name, step in run.steps.items()},
    }
    return {key: _plain(value) for key, value in values.items() if value is not None}


def parse_run(text: str, path: str) -> Run:
    """The run that a file holds.

    Raises:
        DamagedError: where it is none.
    """
    try:
        mapping = parse(text, path=path)
        return Run(
            run_id=mapping["run"],
            workflow=mapping["workflow"],
            path=mapping["file"],
            digest=mapping["hash"],
            state=State(mapping["state"]),
            started=parse_time(mapping["started"]),
            params=mapping["params"],
            trigger=mapping.get("trigger"),
            parent=mapping.get("parent"),
            ended=_time(mapping.get("ended")),
            steps={name: _step_run(step) for name, step in mapping["steps"].items()},
            outputs=mapping.get("outputs"),
            error=mapping.get("error"),
        )
    except InvalidError as error:
        problem = error.problem
        raise DamagedError(problem.message, hint=_HINT, path=path, line=problem.line, column=problem.column) from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"this is not the file of a run: {error!r}", hint=_HINT, path=path) from None


_HINT: Final = "bring the file back from git, or delete it: that forgets the run"
_HEADER: Final = """\
# A run of a workflow, kept by bmad-messenger: `bmad-messenger workflow status {run}` tells how it stands.
# It is written before and after each step; deleting it forgets the run."""
_TIMES: Final = ("started", "ended", "due")


def _step_mapping(step: StepRun) -> dict[str, Any]:
    values: dict[str, Any] = {one.name: getattr(step, one.name) for one in fields(step)}
    values["state"] = step.state.value
    values["is_overdue"] = True if step.is_overdue else None
    values["attempts"] = [_attempt_mapping(one) for one in step.attempts] or None
    values["rounds"] = [_step_mapping(one) for one in step.rounds] or None
    return {key: _plain(value) for key, value in values.items() if value is not None}


def _attempt_mapping(attempt: Attempt) -> dict[str, Any]:
    values = {"started": attempt.started, "ended": attempt.ended, "error": attempt.error}
    return {key: _plain(value) for key, value in values.items() if value is not None}


def _step_run(mapping: Mapping[str, Any]) -> StepRun:
    values: dict[str, Any] = {key: _time(value) if key in _TIMES else value for key, value in mapping.items()}
    values["state"] = State(mapping["state"])
    values["attempts"] = tuple(
        Attempt(parse_time(one["started"]), _time(one.get("ended")), one.get("error"))
        for one in mapping.get("attempts", ())
    )
    values["rounds"] = tuple(map(_step_run, mapping.get("rounds", ())))
    values["items"] = tuple(mapping["items"]) if "items" in mapping else None
    return StepRun(**values)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_time(value)
    return list(value) if isinstance(value, tuple) else value


def _time(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)
