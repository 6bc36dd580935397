"""How a run ends: what it comes to, and who is told where it goes wrong."""

from __future__ import annotations

from typing import Any

from bmad_messenger.config import USER, Config
from bmad_messenger.errors import DamagedError, InvalidError, LockTimeoutError, MessengerError
from bmad_messenger.findings import report
from bmad_messenger.message import Draft
from bmad_messenger.messenger import Messenger
from bmad_messenger.schemas import validator_of, violations
from bmad_messenger.workflow.context import context_of
from bmad_messenger.workflow.expressions import filled
from bmad_messenger.workflow.model import Workflow
from bmad_messenger.workflow.run import Place, Run


def outputs_of(workflow: Workflow, run: Run) -> dict[str, Any]:
    """What the run has come to.

    Raises:
        InvalidError: where an output can't be told, or is not what its schema wants.
    """
    context, outputs = context_of(workflow, run), dict[str, Any]()
    for name, output in workflow.outputs.items():
        outputs[name] = filled(output["value"], context, workflow.ids)
        schema = {key: part for key, part in output.items() if key != "value"}
        if problems := report(violations(validator_of(schema), outputs[name], ("outputs", name))):
            raise InvalidError.of(problems, "")
    return outputs


def tell_of_failure(messenger: Messenger, workflow: Workflow, run: Run) -> None:
    """Tell the user that a run has failed, where and why, once each time; where another run waits for it, that does."""
    if workflow.on_failure == "nothing" or run.parent is not None:
        return
    _tell(
        messenger,
        workflow,
        f"{run.run_id}/failure{f'#{len(run.retries) + 1}' if run.retries else ''}",
        f"The run {run.run_id} of the workflow {run.workflow} has failed: {run.error}",
        f"See `bmad-messenger workflow status {run.run_id}`, mend the cause, then run "
        f"`bmad-messenger workflow retry {run.run_id}`",
    )


def tell_of_timeout(messenger: Messenger, workflow: Workflow, run: Run, place: Place, key: str) -> None:
    """Tell the user that a step takes longer than it should, once."""
    _tell(
        messenger,
        workflow,
        f"{key}/timeout",
        f"The run {run.run_id} of the workflow {run.workflow} takes longer than it should at its step {place}",
        f"See `bmad-messenger workflow status {run.run_id}` for what it waits for; it goes on when that comes",
    )


def sender_of(workflow: Workflow, config: Config) -> str:
    """Who sends what a run has to say: its workflow's agent, or else the first on the roster who is no person."""
    return workflow.agent or next((name for name in config.agents if name != USER), USER)


def _tell(messenger: Messenger, workflow: Workflow, key: str, issue: str, recommendation: str) -> None:
    payload = {"issue": issue, "severity": "blocker", "recommendation": recommendation}
    sender = sender_of(workflow, messenger.config)
    try:
        messenger.send_many([Draft("escalate", sender, USER, payload=payload, idempotency_key=key)])
    except (DamagedError, LockTimeoutError):
        raise
    except MessengerError as error:  # the run ends all the same
        messenger._report(error.problem._replace(severity="warning"))
