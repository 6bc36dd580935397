"""What is wrong with a workflow in its project, and with what a run of it is given: all that can be known before."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, Final

from bmad_messenger.errors import MessengerError, Problem
from bmad_messenger.findings import Finding, Source, show, unknown_key
from bmad_messenger.message import parse_time
from bmad_messenger.messenger import Messenger
from bmad_messenger.schemas import schema_violations, shipped_validator, validator_of, violations
from bmad_messenger.workflow.circles import endless
from bmad_messenger.workflow.ending import sender_of
from bmad_messenger.workflow.expressions import holds_expression
from bmad_messenger.workflow.foreseeing import Known, foreseen, foreseen_value
from bmad_messenger.workflow.library import Library
from bmad_messenger.workflow.model import Step, Workflow, seconds_of
from bmad_messenger.workflow.reading import Reading
from bmad_messenger.workflow.task_checking import TaskChecker
from bmad_messenger.yaml.parse import Path

_PLACE: Final = re.compile(r" \([^ ]+:\d+:\d+\)\Z")
_SPAN_HINT: Final = "write it as 45m, 3h or 2d"


def problems_of(path: FilePath, messenger: Messenger, library: Library) -> tuple[Problem, ...]:
    """Everything that is wrong with a workflow's file, each with its place; what only follows from that is left out.

    Raises:
        NotFoundError: where there is no such file.
        InvalidError: where it is no YAML, or one of BMAD's own.
    """
    reading = library.examine(path)
    workflow = reading.workflow
    return reading.problems(_Checker(messenger, library, (workflow.path,)).workflow(workflow, _known_of(workflow)))


def problems_in(
    workflow: Workflow,
    source: Source,
    messenger: Messenger,
    library: Library,
    known: Mapping[str, Any] | None = None,
) -> tuple[Problem, ...]:
    """Everything that can be known to be wrong before a run's first step, each with its place in the file.

    Args:
        workflow: the workflow, which is sound by itself; `source` is where its parts stand in its file.
        messenger: the project's.
        library: where the workflows are that its steps run.
        known: what a run's expressions can read when it starts; without it, no run is about to start.
    """
    before = _known_of(workflow) if known is None else _at_start(known)
    found = _Checker(messenger, library, (workflow.path,)).workflow(workflow, before)
    return Reading(workflow, source).problems(found)


def _known_of(workflow: Workflow) -> Known:
    """What is known of each run of a workflow: where messages start them, its parameters have their defaults."""
    return Known() if workflow.trigger is None else Known({"params": _defaults(workflow)})


def _at_start(known: Mapping[str, Any]) -> Known:
    """What is known of a run that is about to begin, but for its secrets, which an error would tell."""
    return Known({name: value for name, value in known.items() if name != "secrets"}, is_start=True)


def _defaults(workflow: Workflow) -> dict[str, Any]:
    return {name: schema["default"] for name, schema in workflow.params.items() if "default" in schema}


class _Checker:
    """Checks in one project; a value whose expressions are not known yet is let pass.

    `chain` are the files of the workflows that run each other down to the one that is checked; `checked` is what was
    found wrong with others before.
    """

    def __init__(
        self,
        messenger: Messenger,
        library: Library,
        chain: tuple[str, ...],
        checked: dict[str, tuple[Problem, ...]] | None = None,
    ) -> None:
        self.messenger, self.library, self.chain = messenger, library, chain
        self.checked = {} if checked is None else checked
        self.tasks = TaskChecker(messenger)

    def workflow(self, workflow: Workflow, known: Known) -> Iterator[Finding]:
        """What is wrong with the workflow, with what is known of a run."""
        yield from self.tasks.agents({"agent": workflow.agent}, ())
        if workflow.trigger is not None:
            yield from self.tasks.message(workflow.trigger, ("on", "message"))
        if known.is_start:
            for number, name in enumerate(workflow.secrets):
                if not os.environ.get(name):
                    hint = "set that environment variable"
                    yield Finding(("secrets", number), f"the workflow needs the secret {name}", hint)
        yield from endless(workflow, self.library, self.chain)
        for step in workflow.all_steps:
            ahead = foreseen(workflow, step, known)
            yield from ahead.findings
            for one in ahead.steps:
                yield from self._step(one, workflow, None if ahead.is_skipped else known)
        for name, output in workflow.outputs.items():
            yield from self._output(workflow, name, output, known)

    def _output(self, workflow: Workflow, name: str, output: Mapping[str, Any], known: Known) -> Iterator[Finding]:
        """What is wrong with a value that a run comes to, where that is known."""
        at, schema = ("outputs", name), {key: part for key, part in output.items() if key != "value"}
        value, found = foreseen_value(workflow, output["value"], (*at, "value"), known)
        yield from found
        if not found and not holds_expression(value) and not schema_violations(schema):
            yield from violations(validator_of(schema), value, at)

    def _step(self, step: Step, workflow: Workflow, known: Known | None) -> Iterator[Finding]:
        """What is wrong with a step; `known` is None where it will not be done."""
        is_start = known is not None and known.is_start
        if isinstance(step.timeout, int | float | str) and not holds_expression(step.timeout):
            yield from _span(step.timeout, (*step.at, "timeout"))
        if step.kind == "exec":
            yield from self.tasks.task(step, is_start=is_start)
        elif step.kind == "workflow":
            yield from self._nested(step, known)
        elif step.kind:
            reference, at = f"workflow.schema.json#/$defs/step/properties/{step.kind}", (*step.at, step.kind)
            found = violations(shipped_validator(reference), step.what, at)
            yield from found or (
                self._ask(step, at, workflow) if step.kind == "ask" else self._wait(step, at, is_start=is_start)
            )

    def _ask(self, step: Step, at: Path, workflow: Workflow) -> Iterator[Finding]:
        found = [*self.tasks.agents(step.what, at, ("of", "from"))]
        if "form" in step.what and not holds_expression(step.what["form"]):
            found += schema_violations(step.what["form"], (*at, "form"))
        yield from found or self.tasks.question(step.what, sender_of(workflow, self.messenger.config), at)

    def _wait(self, step: Step, at: Path, *, is_start: bool) -> Iterator[Finding]:
        if "message" in step.what:
            yield from self.tasks.message(step.what["message"], (*at, "message"))
            if is_start:
                yield from self.tasks.there(step.what["message"], (*at, "message"), "reply_to")
        elif "for" in step.what and not holds_expression(step.what["for"]):
            yield from _span(step.what["for"], (*at, "for"))
        elif "until" in step.what and not holds_expression(step.what["until"]):
            try:
                parse_time(step.what["until"])
            except (TypeError, ValueError, OverflowError):
                hint = "write it as 2025-01-15T10:30:00Z"
                yield Finding((*at, "until"), f"until: {show(step.what['until'])} is no time", hint)

    def _nested(self, step: Step, known: Known | None) -> Iterator[Finding]:
        """What is wrong with the workflow that a step runs, and with what it gives it."""
        at = (*step.at, "workflow")
        try:
            reading = self.library.examine(self.library.path(step.what))
        except MessengerError as error:
            yield from (_of_nested(problem, at) for problem in error.problems or (error.problem,))
            return
        nested = reading.workflow
        yield from self._given(nested, step)
        if nested.path not in self.chain:
            inside = Known() if known is None else _known_in(nested, step, known)
            yield from (_of_nested(problem, at) for problem in self._inside(reading, inside))

    def _inside(self, reading: Reading, known: Known) -> tuple[Problem, ...]:
        """What is wrong with a workflow that a step runs; it is looked at once for the same parameters."""
        workflow = reading.workflow
        key = json.dumps([workflow.path, known.values, sorted(known.unknown), known.is_start], default=str)
        if key not in self.checked:
            checker = _Checker(self.messenger, self.library, (*self.chain, workflow.path), self.checked)
            self.checked[key] = reading.problems(checker.workflow(workflow, known))
        return self.checked[key]

    def _given(self, nested: Workflow, step: Step) -> Iterator[Finding]:
        at = (*step.at, "with")
        for name, value in step.params.items():
            if name not in nested.params:
                yield unknown_key(at, name, None, nested.params)
            elif not holds_expression(value):
                yield from violations(validator_of(nested.params[name]), value, (*at, name))
        for name, schema in nested.params.items():
            if "default" not in schema and name not in step.params:
                yield Finding(at, f"the workflow {nested.name} needs the parameter {name!r}", f"add `{name}`")


def _known_in(nested: Workflow, step: Step, known: Known) -> Known:
    """What is known of a run of a workflow that a step starts."""
    unknown = frozenset(name for name, value in step.params.items() if holds_expression(value))
    params = {name: value for name, value in {**_defaults(nested), **step.params}.items() if name not in unknown}
    return Known({"params": params, "trigger": None}, unknown, known.is_start)


def _span(value: Any, at: Path) -> Iterator[Finding]:
    try:
        seconds_of(value)
    except ValueError:
        yield Finding(at, f"{at[-1]}: {show(value)} is no time span", _SPAN_HINT)


def _of_nested(problem: Problem, at: Path) -> Finding:
    """A problem of the workflow that a step runs, at that step; where that has it from another, that one is named."""
    where = f" ({problem.where})" if problem.path and not _PLACE.search(problem.message) else ""
    return Finding(at, f"{problem.message}{where}", problem.hint)
