"""From a workflow's text to its model, with everything in it that is wrong by itself: form, ids, needs, expressions."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches

from bmad_messenger.errors import InvalidError, Problem
from bmad_messenger.findings import Finding, Source, report, show
from bmad_messenger.schemas import read_schema, schema_violations, shipped_validator, validator_of, violations
from bmad_messenger.workflow.answers import FORM
from bmad_messenger.workflow.expressions import Expression, condition, holds_expression, template, texts_in
from bmad_messenger.workflow.model import MESSAGE_TEST, SEND, Step, Workflow, workflow_of
from bmad_messenger.workflow.salvaging import salvaged
from bmad_messenger.yaml.parse import Path, parse_located

ROOTS = ("params", "steps", "run", "secrets", "trigger")
"""What an expression may read in every step."""

_SHOWN = 8  # steps of a circle


@dataclass(frozen=True, slots=True)
class Reading:
    """A workflow's file as far as it can be read.

    Attributes:
        workflow: what of it can be read; all of it where nothing is wrong.
        source: where each part of it stands.
        findings: what is wrong with it by itself.
        broken: the paths of what is wrong: whatever else is found wrong there follows from that.
    """

    workflow: Workflow
    source: Source
    findings: tuple[Finding, ...] = ()
    broken: frozenset[Path] = frozenset()

    def problems(self, more: Iterable[Finding] = ()) -> tuple[Problem, ...]:
        """What is wrong with it by itself, and what `more` does not follow from that, in the order of the file."""
        place = self.source.document.place
        found = (*self.findings, *(one for one in more if not _is_at(one.path, self.broken)))
        return report(sorted(found, key=lambda one: place(one.path)), self.source)


def read_workflow(text: str, path: str) -> tuple[Workflow, Source]:
    """The workflow that `text` holds, and where each part of it stands; `path` is the file's name.

    Raises:
        InvalidError: with all that is wrong with it, each with file, line and column.
    """
    found = read_as_far_as_possible(text, path)
    if problems := found.problems():
        raise InvalidError.of(problems, "")
    return found.workflow, found.source


def read_as_far_as_possible(text: str, path: str) -> Reading:
    """What `text` holds of a workflow, and what is wrong with it by itself; `path` is the file's name.

    Raises:
        InvalidError: where it is no YAML.
    """
    source = Source(path, parse_located(text, path=path))
    value = source.document.value
    found = violations(shipped_validator("workflow.schema.json"), value)
    salvage = salvaged(value, found, read_schema("workflow"))
    workflow = _linked(workflow_of(salvage.mapping, path, hashlib.sha256(text.encode()).hexdigest()))
    own = [one for one in _findings(workflow, salvage.unread) if not _is_at(one.path, salvage.broken)]
    broken = salvage.broken.union(one.path for one in own)
    params = {name: {} if _breaks(broken, name) else schema for name, schema in workflow.params.items()}
    return Reading(replace(workflow, params=params), source, (*salvage.findings, *own), broken)


def expressions_of(step: Step, ids: tuple[str, ...]) -> Iterator[tuple[Path, Expression]]:
    """The expressions of a step that are sound, with their places in the step."""
    for path, text, is_condition in step.texts():
        with suppress(InvalidError):
            expression = condition(text, ids) if is_condition else template(text, ids)
            if expression is not None:
                yield path, expression


def _linked(workflow: Workflow) -> Workflow:
    """The workflow, each step needing also those that its expressions read."""

    def linked(step: Step) -> Step:
        reads = (one for _, expression in expressions_of(step, workflow.ids) for one in expression.reads)
        others = sorted({name for root, name in reads if root == "steps" and name in ids} - {step.id})
        return replace(step, needs=tuple(dict.fromkeys((*step.needs, *others)))) if others else step

    ids = {step.id for step in workflow.steps}
    steps = tuple(map(linked, workflow.steps))
    ids = {step.id for step in workflow.final}
    return replace(workflow, steps=steps, final=tuple(map(linked, workflow.final)))


def _is_at(path: Path, broken: Collection[Path]) -> bool:
    """Whether a path leads to or into something that is broken."""
    return bool(broken) and any(path[:length] in broken for length in range(len(path) + 1))


def _breaks(broken: Iterable[Path], param: str) -> bool:
    return any(path[:2] == ("params", param) for path in broken)


def _findings(workflow: Workflow, unread: Collection[str]) -> Iterator[Finding]:
    """What is wrong; `unread` are the roots of which something may be there that can't be read."""
    yield from _params(workflow)
    yield from _trigger(workflow, unread)
    yield from _ids(workflow, unread)
    for step in workflow.all_steps:
        yield from _keys(step)
        yield from _expressions(workflow, step, unread)
    for name, output in workflow.outputs.items():
        at = ("outputs", name)
        yield from schema_violations({key: part for key, part in output.items() if key != "value"}, at)
        for path, text in texts_in(output["value"]):
            yield from _judged(workflow, (*at, "value", *path), text, False, ROOTS, unread)
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


def _trigger(workflow: Workflow, unread: Collection[str]) -> Iterator[Finding]:
    at = ("on", "message")
    for name, text in (workflow.trigger or {}).items():
        if name == "if":
            yield from _judged(workflow, (*at, name), text, True, ("message",), unread)
        elif holds_expression(text):
            yield Finding((*at, name), f"{show(text)}: nothing can be read here", "use `if`, which can read `message`")


def _keys(step: Step) -> Iterator[Finding]:
    """Keys that mean nothing for a step of its kind, and a form that is no schema."""
    if step.params and step.kind not in ("exec", "workflow", ""):
        yield Finding((*step.at, "with"), f"`with` means nothing beside `{step.kind}`", "remove it")
    if step.foreach is not None and step.item_name in (*ROOTS, "message"):
        yield Finding((*step.at, "as"), f"{show(step.item_name)} means something else", "choose another word")
    if step.kind in ("exec", "workflow") and holds_expression(step.what):
        hint = "which steps there are is settled before a run begins: use `when`"
        yield Finding((*step.at, step.kind), f"{step.kind}: {show(step.what)} is no name", hint)
    if step.kind == "ask" and "form" in step.what and not holds_expression(step.what["form"]):
        yield from schema_violations(step.what["form"], (*step.at, "ask", "form"))
    payload = step.params.get("payload") if (step.kind, step.what) == ("exec", SEND) else None
    form = payload.get(FORM) if isinstance(payload, Mapping) else None
    if isinstance(form, Mapping) and not holds_expression(form):
        yield from schema_violations(form, (*step.at, "with", "payload", FORM))


def _ids(workflow: Workflow, unread: Collection[str]) -> Iterator[Finding]:
    """Ids that are taken, and needs that name no step."""
    known: set[str] = set()
    for step in workflow.all_steps:
        if step.id in known:
            yield Finding((*step.at, "id"), f"the step id {show(step.id)} is taken", "give each step its own id")
        known.add(step.id)
    if "steps" in unread:
        return
    for section in (workflow.steps, workflow.final):
        ids = [step.id for step in section]
        for step in section:
            for name in step.needs:
                if name not in ids:
                    yield Finding((*step.at, "needs"), f"there is no step {show(name)} here", _near(name, ids))


def _expressions(workflow: Workflow, step: Step, unread: Collection[str]) -> Iterator[Finding]:
    for path, text, is_condition in step.texts():
        own = ("message",) if path == MESSAGE_TEST else ()
        item = (step.item_name,) if step.foreach is not None and path[0] not in ("when", "foreach") else ()
        yield from _judged(workflow, (*step.at, *path), text, is_condition, (*ROOTS, *own, *item), unread, step)


def _judged(
    workflow: Workflow,
    at: Path,
    text: str,
    is_condition: bool,
    names: tuple[str, ...],
    unread: Collection[str],
    step: Step | None = None,
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
    if "trigger" in expression.names and workflow.trigger is None and "trigger" not in unread:
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
            if root in unread:
                continue
            word = {"params": "parameter", "secrets": "secret", "steps": "step", "run": "part of the run"}[root]
            yield Finding(at, f"`{text}` reads the {word} {show(name)}, which there is not", _near(name, known[root]))
        elif root == "steps" and (name in late or (step is not None and name == step.id)):
            yield Finding(at, f"`{text}` reads the step {show(name)}, which has not ended by then", "read another")


def _circles(steps: tuple[Step, ...]) -> Iterator[Finding]:
    """Steps that wait for each other, by what they name or by what they read; each circle once."""
    count = Counter(step.id for step in steps)
    by_id = {step.id: step for step in steps if count[step.id] == 1}
    needs = {name: {*step.needs} & by_id.keys() for name, step in by_id.items()}
    while True:
        _peel(needs)
        if not needs:
            return
        circle = _circle_in(needs)
        others = [*circle[1:], circle[0]] if circle[1:] else ["itself"]
        if len(others) > _SHOWN:
            others[_SHOWN - 2 : -2] = ["…"]
        message = f"{circle[0]} needs {', which needs '.join(others)}"
        yield Finding((*by_id[circle[0]].at, "needs"), message, "break the circle")
        for name in circle:
            del needs[name]


def _peel(needs: dict[str, set[str]]) -> None:
    """Take out the steps that are in no circle and need none, one after the other."""
    needed_by: dict[str, list[str]] = {}
    for name, needed in needs.items():
        needed.intersection_update(needs)
        for one in needed:
            needed_by.setdefault(one, []).append(name)
    free = [name for name, needed in needs.items() if not needed]
    while free:
        name = free.pop()
        del needs[name]
        for other in needed_by.get(name, ()):
            needs[other].discard(name)
            if not needs[other]:
                free.append(other)


def _circle_in(needs: Mapping[str, set[str]]) -> list[str]:
    """A circle among steps each of which needs another of them, from the step that stands first."""
    path = dict.fromkeys([next(iter(needs))])
    while (name := min(needs[next(reversed(path))])) not in path:
        path[name] = None
    order = [*path]
    circle = order[order.index(name) :]
    first = min(circle, key=[*needs].index)
    return circle[circle.index(first) :] + circle[: circle.index(first)]


def _near(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none'}"


def problems_of(text: str, path: str) -> tuple[Problem, ...]:
    """Everything that is wrong with a workflow by itself."""
    try:
        return read_as_far_as_possible(text, path).problems()
    except InvalidError as error:
        return error.problems or (error.problem,)
