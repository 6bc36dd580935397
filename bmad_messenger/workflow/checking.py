"""What is wrong with a workflow in its project, and with what a run of it is given: all that can be known before."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from bmad_messenger.errors import InvalidError, MessengerError, Problem
from bmad_messenger.findings import Finding, Source, report, show, unknown_key
from bmad_messenger.message import parse_time
from bmad_messenger.messenger import Messenger
from bmad_messenger.schemas import shipped_validator, validator_of, violations
from bmad_messenger.workflow.context import known_at_start
from bmad_messenger.workflow.expressions import Expression, condition, template
from bmad_messenger.workflow.library import Library
from bmad_messenger.workflow.model import Step, Workflow, seconds_of
from bmad_messenger.workflow.task_checking import TaskChecker, is_open, refused
from bmad_messenger.yaml.parse import Path

_SPAN_HINT: Final = "write it as 45m, 3h or 2d"


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
    return report(_Checker(messenger, library, (workflow.name,)).workflow(workflow, known), source)


class _Checker:
    """Checks in one project; a value whose expressions are not known yet is let pass.

    `chain` are the names of the workflows that run each other down to the one that is checked.
    """

    def __init__(self, messenger: Messenger, library: Library, chain: tuple[str, ...]) -> None:
        self.messenger, self.library, self.chain = messenger, library, chain
        self.tasks = TaskChecker(messenger)

    def workflow(self, workflow: Workflow, known: Mapping[str, Any] | None) -> Iterator[Finding]:
        """What is wrong with the workflow, and with what is known of a run."""
        yield from self.tasks.agents({"agent": workflow.agent}, ())
        if workflow.trigger is not None:
            yield from self.tasks.message(workflow.trigger, ("on", "message"))
        if known is not None:
            for number, name in enumerate(workflow.secrets):
                if not os.environ.get(name):
                    hint = "set that environment variable"
                    yield Finding(("secrets", number), f"the workflow needs the secret {name}", hint)
        for step in workflow.all_steps:
            found: list[Finding] = []
            filled = _filled(workflow, step, known, found)
            yield from found
            yield from self._step(filled, is_start=known is not None)

    def _step(self, step: Step, *, is_start: bool) -> Iterator[Finding]:
        if isinstance(step.timeout, int | float | str) and not is_open(step.timeout):
            yield from _span(step.timeout, (*step.at, "timeout"))
        if step.kind == "exec":
            yield from self.tasks.task(step)
            return
        if step.kind == "workflow":
            yield from self._nested(step, is_start=is_start)
            return
        reference, at = f"workflow.schema.json#/$defs/step/properties/{step.kind}", (*step.at, step.kind)
        found = violations(shipped_validator(reference), step.what, at)
        yield from found
        if found:
            return
        if step.kind == "ask":
            yield from self.tasks.agents(step.what, at, ("of", "from"))
        elif "message" in step.what:
            yield from self.tasks.message(step.what["message"], (*at, "message"))
            answered = step.what["message"].get("reply_to")
            if is_start and isinstance(answered, str) and not is_open(answered):
                yield from refused((*at, "message", "reply_to"), self.messenger.get, answered)
        elif "for" in step.what and not is_open(step.what["for"]):
            yield from _span(step.what["for"], (*at, "for"))
        elif "until" in step.what and not is_open(step.what["until"]):
            try:
                parse_time(step.what["until"])
            except (TypeError, ValueError, OverflowError):
                hint = "write it as 2025-01-15T10:30:00Z"
                yield Finding((*at, "until"), f"until: {show(step.what['until'])} is no time", hint)

    def _nested(self, step: Step, *, is_start: bool) -> Iterator[Finding]:
        """What is wrong with the workflow that a step runs, and with what it gives it."""
        at = (*step.at, "workflow")
        try:
            nested, source = self.library.read(step.what)
        except MessengerError as error:
            yield from (_of_nested(problem, at) for problem in error.problems or (error.problem,))
            return
        yield from self._given(nested, step)
        if nested.name in self.chain:
            return
        known = None
        if is_start and not is_open(step.params) and step.foreach is None:
            defaults = {name: schema["default"] for name, schema in nested.params.items() if "default" in schema}
            known = known_at_start(nested, {**defaults, **step.params})
        checker = _Checker(self.messenger, self.library, (*self.chain, nested.name))
        yield from (_of_nested(problem, at) for problem in report(checker.workflow(nested, known), source))

    def _given(self, nested: Workflow, step: Step) -> Iterator[Finding]:
        at = (*step.at, "with")
        for name, value in step.params.items():
            if name not in nested.params:
                yield unknown_key(at, name, None, nested.params)
            elif not is_open(value):
                yield from violations(validator_of(nested.params[name]), value, (*at, name))
        for name, schema in nested.params.items():
            if "default" not in schema and name not in step.params:
                yield Finding(at, f"the workflow {nested.name} needs the parameter {name!r}", f"add `{name}`")


def _filled(workflow: Workflow, step: Step, known: Mapping[str, Any] | None, found: list[Finding]) -> Step:
    """The step with all that is known of it in the place of its expressions; as it is where it will be skipped.

    What is wrong with an expression is added to `found`.
    """
    if known is None:
        return step
    readable = {name: value for name, value in known.items() if name != "secrets"}  # an error would tell them

    def value_of(expression: Expression | None, value: Any, at: Path) -> Any:
        if expression is None or expression.names - readable.keys():
            return value
        try:
            return expression.value(readable)
        except InvalidError as error:
            found.append(Finding((*step.at, *at), error.problem.message, error.problem.hint))
            return value

    def filled(value: Any, at: Path) -> Any:
        if isinstance(value, Mapping):
            return {key: filled(item, (*at, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [filled(item, (*at, number)) for number, item in enumerate(value)]
        return value_of(template(value, workflow.ids), value, at) if isinstance(value, str) else value

    if isinstance(step.when, str) and not value_of(condition(step.when, workflow.ids), True, ("when",)):
        return step
    items = filled(step.items_text, ("foreach",))
    if step.foreach is not None and not is_open(items) and not isinstance(items, list):
        found.append(Finding((*step.at, "foreach"), f"foreach: wanted a list, found {show(items)}", "name a list"))
    return replace(
        step,
        params=filled(step.params, ("with",)),
        timeout=filled(step.timeout, ("timeout",)),
        what=filled(step.what, (step.kind,)),
    )


def _span(value: Any, at: Path) -> Iterator[Finding]:
    try:
        seconds_of(value)
    except ValueError:
        yield Finding(at, f"{at[-1]}: {show(value)} is no time span", _SPAN_HINT)


def _of_nested(problem: Problem, at: Path) -> Finding:
    """A problem of the workflow that a step runs, at that step."""
    where = f" ({problem.where})" if problem.path else ""
    return Finding(at, f"{problem.message}{where}", problem.hint)
