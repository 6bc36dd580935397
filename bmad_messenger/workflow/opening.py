"""What a step is before its first attempt: skipped or not, done once or for each of several items, until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bmad_messenger.errors import InvalidError
from bmad_messenger.findings import show
from bmad_messenger.workflow.context import context_of
from bmad_messenger.workflow.expressions import filled, truth
from bmad_messenger.workflow.masking import masked
from bmad_messenger.workflow.model import Step, Workflow, seconds_of
from bmad_messenger.workflow.run import Place, Run, State, StepRun


def opened(workflow: Workflow, step: Step, run: Run, now: datetime) -> StepRun:
    """The step, skipped where its condition does not hold, with a round for each of its items where it has some.

    Rounds that are over stay so where the items are still the same: of a step that is tried again, the others are done.

    Raises:
        InvalidError: where its condition or its items can't be told.
    """
    found, context = run.step(step.id), context_of(workflow, run)
    if not truth(step.when, context, workflow.ids):
        return replace(found, started=now).ends(State.SKIPPED, now)
    if step.foreach is None:
        return found
    items = masked(filled(step.items_text, context, workflow.ids), run.secrets)
    if not isinstance(items, list):
        raise InvalidError(f"foreach: wanted a list, found {show(items)}", hint="name a list")
    if not items:
        return replace(found, started=now, items=()).ends(State.DONE, now, outputs=[])
    if tuple(items) == found.items:
        return replace(found, state=State.RUNNING, started=now)
    repeat = found.repeat + bool(found.rounds)
    rounds = (StepRun(repeat=repeat),) * len(items)
    return replace(found, state=State.RUNNING, started=now, items=tuple(items), rounds=rounds, repeat=repeat)


def deadline_of(workflow: Workflow, step: Step, run: Run, place: Place, now: datetime) -> datetime | None:
    """When the time-out of a step or round passes that begins now; None where it has none.

    Raises:
        InvalidError: where it is no time span.
    """
    if step.timeout is None:
        return None
    span = filled(step.timeout, context_of(workflow, run, place), workflow.ids)
    try:
        return now + timedelta(seconds=seconds_of(span))
    except ValueError:
        raise InvalidError(f"timeout: {show(span)} is no time span", hint="write it as 45m, 3h or 2d") from None
