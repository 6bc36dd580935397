"""What of a run is done again when it is told to go on after it has ended."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from bmad_messenger.errors import UsageError
from bmad_messenger.workflow.model import Step, Workflow
from bmad_messenger.workflow.run import Run, State, StepRun

_UNSOUND = (State.FAILED, State.CANCELLED)


def steps_again(workflow: Workflow, run: Run, from_step: str | None) -> dict[str, StepRun]:
    """How the steps stand from which the run goes on.

    Without `from_step`, what failed or was cancelled is tried again: what it has sent already counts, and of its rounds
    those that are done stay so. With it, that step and all that need it are begun anew, as if they had never been done,
    and send their messages anew. The steps at the end are begun anew in both cases.

    Raises:
        UsageError: where there is no step `from_step`.
    """
    if from_step is not None and from_step not in workflow.ids:
        raise UsageError(f"there is no step {from_step!r}", hint=f"the steps are {', '.join(workflow.ids)}")
    anew = {step.id for step in workflow.final} | ({from_step} if from_step is not None else set())
    anew |= _needing(workflow, anew)
    steps: dict[str, StepRun] = {}
    for step in workflow.all_steps:
        found = run.steps.get(step.id)
        if found is not None and step.id in anew:
            steps[step.id] = StepRun(repeat=found.repeat + 1)
        elif found is not None:
            is_meant = from_step is None and found.state in _UNSOUND and not _is_tolerated(step, found)
            steps[step.id] = _tried_again(step, found) if is_meant else found
    return steps


def _needing(workflow: Workflow, names: Collection[str]) -> set[str]:
    """The steps that need one of these, themselves or by others."""
    found = set(names)
    while more := {step.id for step in workflow.all_steps if found & {*step.needs}} - found:
        found |= more
    return found


def _is_tolerated(step: Step, found: StepRun) -> bool:
    return found.state is State.FAILED and step.continue_on_error


def _tried_again(step: Step, found: StepRun) -> StepRun:
    """A step or round that goes on where it was; a question was taken back when it ended, so it is asked anew."""
    rounds = tuple(_tried_again(step, one) if one.state in _UNSOUND else one for one in found.rounds)
    repeat = found.repeat + (1 if step.kind == "ask" and found.started is not None else 0)
    return replace(StepRun(items=found.items, attempts=found.attempts), rounds=rounds, repeat=repeat)
