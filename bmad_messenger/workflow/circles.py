"""Workflows that run each other in a circle without a condition: a run of one of them would never end."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator

from bmad_messenger.errors import InvalidError, MessengerError
from bmad_messenger.findings import Finding
from bmad_messenger.workflow.expressions import condition
from bmad_messenger.workflow.library import Library
from bmad_messenger.workflow.model import Step, Workflow


def endless(workflow: Workflow, library: Library, above: Collection[str]) -> Iterator[Finding]:
    """The steps of a workflow that run it again, by whatever other workflows, with no condition on the way.

    Args:
        workflow: the workflow.
        library: where the others are.
        above: the files of workflows that it is looked at for; a circle with one of them was found there.
    """
    for step in _always_run(workflow):
        circle = _way_back(workflow, step, library)
        if circle is not None and not any(one.path in above for one in circle):
            names = ", which runs ".join((*(one.name for one in circle), workflow.name if circle else "itself"))
            hint = "put a `when` on a step between, so that it ends"
            yield Finding((*step.at, "workflow"), f"{workflow.name} runs {names}", hint)


def _way_back(workflow: Workflow, step: Step, library: Library) -> list[Workflow] | None:
    """The workflows by which a step comes back to its own, as few as there can be; None where it does not."""
    first = _run_by(step, library)
    ways: dict[str, list[Workflow]] = {} if first is None else {first.path: [first]}
    ahead = deque(ways.values())
    while ahead:
        way = ahead.popleft()
        if way[-1].path == workflow.path:
            return way[:-1]
        for next_step in _always_run(way[-1]):
            found = _run_by(next_step, library)
            if found is not None and found.path not in ways:
                ways[found.path] = [*way, found]
                ahead.append(ways[found.path])
    return None


def _always_run(workflow: Workflow) -> Iterator[Step]:
    """The steps that run a workflow whatever happens before."""
    for step in workflow.all_steps:
        is_repeated = step.foreach is None or (isinstance(step.foreach, list) and step.foreach)
        if step.kind == "workflow" and is_repeated and _always_holds(step.when):
            yield step


def _always_holds(when: str | bool) -> bool:
    if isinstance(when, bool):
        return when
    try:
        found = condition(when)
        return not found.names and bool(found.value({}))
    except InvalidError:
        return False


def _run_by(step: Step, library: Library) -> Workflow | None:
    """The workflow that a step runs; None where it can't be read, which is told elsewhere."""
    try:
        return library.examine(library.path(step.what)).workflow
    except MessengerError:
        return None
