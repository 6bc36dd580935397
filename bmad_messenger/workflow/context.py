"""What the expressions of a run read: its parameters, what its steps have left, its secrets, and what started it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from bmad_messenger.message import format_time
from bmad_messenger.workflow.expressions import Rounds, Unfinished
from bmad_messenger.workflow.model import Workflow
from bmad_messenger.workflow.run import Place, Run, State, StepRun


def context_of(workflow: Workflow, run: Run, place: Place | None = None) -> dict[str, Any]:
    """What an expression of the run reads; at the `place` of a round, also what that round is for."""
    context: dict[str, Any] = {
        **known_at_start(workflow, run.params, run.trigger),
        "steps": {step.id: _left_by(run.step(step.id), step.foreach is not None) for step in workflow.all_steps},
        "run": {"id": run.run_id, "workflow": run.workflow, "started": format_time(run.started)},
    }
    if place is not None and place.round is not None:
        step = next(one for one in workflow.all_steps if one.id == place.step)
        context[step.item_name] = (run.step(place.step).items or ())[place.round]
    return context


def known_at_start(
    workflow: Workflow, params: Mapping[str, Any], trigger: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What can be read before a run's first step has begun."""
    secrets = {name: os.environ.get(name, "") for name in workflow.secrets}
    return {"params": params, "trigger": trigger, "secrets": secrets}


def messages_of(run: Run) -> Iterator[str]:
    """The ids of the messages that the run has had: it was started by them, or its steps have sent or received them."""
    if run.trigger is not None:
        yield run.trigger["message_id"]
    for step in run.steps.values():
        for one in step.rounds or (step,):
            if isinstance(one.outputs, Mapping):
                several = one.outputs.get("messages")
                for left in (one.outputs, one.outputs.get("message"), *(several if isinstance(several, list) else ())):
                    if isinstance(left, Mapping) and "message_id" in left:
                        yield str(left["message_id"])


def _left_by(step: StepRun, has_rounds: bool) -> Any:
    """What a step leaves, with its state; what is no mapping is its `value`."""
    if has_rounds:
        return Rounds((_left_by(one, False) for one in step.rounds), _state(step), step.error)
    if step.state not in (State.DONE, State.DELIVERING):
        left = step.outputs if isinstance(step.outputs, Mapping) else {}
        return Unfinished({**left, "state": _state(step), "error": step.error})
    outputs = step.outputs if isinstance(step.outputs, Mapping) else {"value": step.outputs}
    return {**outputs, "state": _state(step)}


def _state(step: StepRun) -> str:
    return State.DONE.value if step.state is State.DELIVERING else step.state.value
