"""From a workflow's text to its model, with everything in it that is wrong by itself: form, ids, needs, expressions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches

from bmad_messenger.errors import InvalidError, Problem
from bmad_messenger.findings import Finding, Source, report, show
from bmad_messenger.schemas import schema_violations, shipped_validator, validator_of, violations
from bmad_messenger.workflow.expressions import Expression, condition, template, texts_in
from bmad_messenger.workflow.model import MESSAGE_TEST, Step, Workflow, workflow_of
from bmad_messenger.yaml.parse import Path, parse_located

ROOTS = ("params", "steps", "run", "secrets", "trigger")
"""What an expression may read in every step."""


def read_workflow(text: str, path: str) -> tuple[Workflow, Source]:
    """The workflow that `text` holds, and where each part of it stands; `path` is the file's name.

    Raises:
        InvalidError: with all that is wrong with it, each with file, line and column.
    """
    source = Source(path, parse_located(text, path=path))
    problems = report(violations(shipped_validator("workflow.schema.json"), source.document.value), source)
    if not problems:
        digest = hashlib.sha256(text.encode()).hexdigest()
        workflow = workflow_of(source.document.value, path, digest)
        problems = report(_findings(workflow), source)
    if problems:
        raise InvalidError.of(problems, "")
    return _linked(workflow), source


def expressions_of(step: Step, ids: tuple[str, ...]) -> Iterator[tuple[Path, Expression]]:
    """The expressions of a step that are sound, with their places in the step."""
    for path, text, is_condition in step.texts():
        expression = condition(text, ids) if is_condition else template(text, ids)
        if expression is not None:
            yield path, expression


def _linked(workflow: Workflow) -> Workflow:
    """The workflow, each step needing also those that its expressions read."""

    def linked(step: Step) -> Step:
        read = [name for _, expression in expressions_of(step, workflow.ids) for root, name in expression.reads]
        return replace(step, needs=tuple(dict.fromkeys((*step.needs, *(one for one in read if one in ids)))))

    ids = {step.id for step in workflow.steps}
    steps = tuple(map(linked, workflow.steps))
    ids = {step.id for step in workflow.final}
    return replace(workflow, steps=steps, final=tuple(map(linked, workflow.final)))


def _findings(workflow: Workflow) -> Iterator[Finding]:
    yield from _params(workflow)
    yield from _trigger(workflow)
    yield from _ids(workflow)
    for step in workflow.all_steps:
        yield from _keys(step)
        yield from _expressions(workflow, step)
    for name, output in workflow.outputs.items():
        at = ("outputs", name)
        yield from schema_violations({key: part for key, part in output.items() if key != "value"}, at)
        for path, text in texts_in(output["value"]):
            yield from _judged(workflow, (*at, "value", *path), text, False, ROOTS)
    yield from _circles(workflow.steps)
    yield from _circles(workflow.final)


def _params(workflow: Workflow) -> Iterator[Finding]:
    for name, schema in workflow.params.items():
        at = ("params", name)
        broken = schema_violations(schema, at)
        yield from broken
        if not broken and "default" in schema:
            yield from violations(validator_of(schema), schema["default"], (*at, "default"))
        elif workflow.trigger is not None and "default" not in schema:
            hint = "nobody gives it one where a message starts the run: `trigger` holds the message"
            yield Finding(at, f"the parameter {show(name)} has no default", hint)


def _trigger(workflow: Workflow) -> Iterator[Finding]:
    at = ("on", "message")
    for name, text in (workflow.trigger or {}).items():
        if name == "if":
            yield from _judged(workflow, (*at, name), text, True, ("message",))
        elif _is_open(text):
            yield Finding((*at, name), f"{show(text)}: nothing can be read here", "use `if`, which can read `message`")


def _keys(step: Step) -> Iterator[Finding]:
    """Keys that mean nothing for a step of its kind, and a form that is no schema."""
    if step.params and step.kind not in ("exec", "workflow"):
        yield Finding((*step.at, "with"), f"`with` means nothing beside `{step.kind}`", "remove it")
    if step.foreach is not None and step.item_name in (*ROOTS, "message"):
        yield Finding((*step.at, "as"), f"{show(step.item_name)} means something else", "choose another word")
    if step.kind == "ask" and "form" in step.what and not _is_open(step.what["form"]):
        yield from schema_violations(step.what["form"], (*step.at, "ask", "form"))


def _ids(workflow: Workflow) -> Iterator[Finding]:
    """Ids that are taken, and needs that name no step."""
    known: set[str] = set()
    for step in workflow.all_steps:
        if step.id in known:
            yield Finding((*step.at, "id"), f"the step id {show(step.id)} is taken", "give each step its own id")
        known.add(step.id)
    for section in (workflow.steps, workflow.final):
        ids = [step.id for step in section]
        for step in section:
            for name in step.needs:
                if name not in ids:
                    yield Finding((*step.at, "needs"), f"there is no step {show(name)} here", _near(name, ids))


def _expressions(workflow: Workflow, step: Step) -> Iterator[Finding]:
    for path, text, is_condition in step.texts():
        own = ("message",) if path == MESSAGE_TEST else ()
        item = (step.item_name,) if step.foreach is not None and path[0] not in ("when", "foreach") else ()
        yield from _judged(workflow, (*step.at, *path), text, is_condition, (*ROOTS, *own, *item), step)


def _judged(
    workflow: Workflow, at: Path, text: str, is_condition: bool, names: tuple[str, ...], step: Step | None = None
) -> Iterator[Finding]:
    """What is wrong with one expression: its syntax, and the names, steps and parameters that there are not."""
    try:
        expression = condition(text, workflow.ids) if is_condition else template(text, workflow.ids)
    except InvalidError as error:
        yield Finding(at, error.problem.message, error.problem.hint)
        return
    if expression is None:
        return
    for name in sorted(expression.names - {*names}):
        yield Finding(at, f"`{text}` reads {show(name)}, which there is not", f"it can read {', '.join(names)}")
    if "trigger" in expression.names and workflow.trigger is None:
        yield Finding(
            at, f"`{text}` reads the trigger, which there is not", "no message starts this workflow: add `on`"
        )
    late = {one.id for one in workflow.final} if step is not None and step.at[0] == "steps" else set()
    known = {
        "params": [*workflow.params],
        "secrets": [*workflow.secrets],
        "steps": [*workflow.ids],
        "run": ["id", "workflow", "started"],
    }
    for root, name in sorted(expression.reads):
        if root not in known:
            continue
        if name not in known[root]:
            word = {"params": "parameter", "secrets": "secret", "steps": "step", "run": "part of the run"}[root]
            yield Finding(at, f"`{text}` reads the {word} {show(name)}, which there is not", _near(name, known[root]))
        elif root == "steps" and (name in late or (step is not None and name == step.id)):
            yield Finding(at, f"`{text}` reads the step {show(name)}, which has not ended by then", "read another")


def _circles(steps: tuple[Step, ...]) -> Iterator[Finding]:
    """Steps that wait for each other, by what they name or by what they read."""
    ids = {step.id for step in steps}
    needs = {step.id: set(step.needs) & ids for step in steps}
    while free := [name for name, needed in needs.items() if not needed & needs.keys()]:
        for name in free:
            del needs[name]
    for step in steps:
        if step.id in needs:
            others = ", ".join(sorted(needs[step.id] & needs.keys()))
            yield Finding((*step.at, "needs"), f"{step.id} needs {others}, which needs {step.id}", "break the circle")


def _is_open(value: object) -> bool:
    """Whether a value holds expressions."""
    return next(texts_in(value), None) is not None


def _near(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none'}"


def problems_of(text: str, path: str) -> tuple[Problem, ...]:
    """Everything that is wrong with a workflow by itself."""
    try:
        read_workflow(text, path)
    except InvalidError as error:
        return error.problems or (error.problem,)
    return ()
