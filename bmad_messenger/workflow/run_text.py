"""The text of a run's file: made from a run, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from bmad_messenger.errors import DamagedError, InvalidError
from bmad_messenger.findings import Finding, Source, report
from bmad_messenger.message import format_time, parse_time
from bmad_messenger.schemas import shipped_validator, violations
from bmad_messenger.workflow.run import Attempt, Run, State, StepRun
from bmad_messenger.yaml.parse import parse, parse_located
from bmad_messenger.yaml.render import render_mapping


def render_run(run: Run) -> str:
    """The text of a run's file."""
    return "\n".join((_HEADER.format(run=run.run_id), *render_mapping(run_mapping(run), 0))) + "\n"


def run_mapping(run: Run) -> dict[str, Any]:
    """The run under the keys of its file; those come first that tell whether there is anything to do."""
    values: dict[str, Any] = {
        "run": run.run_id,
        "workflow": run.workflow,
        "state": run.state,
        "due": run.due,
        "waits_for": run.waits or None,
        "started": run.started,
        "ended": run.ended,
        "deadline": run.deadline,
        "ending": run.ending,
        "retries": run.retries or None,
        "file": run.path,
        "hash": run.digest,
        "parent": run.parent,
        "trigger": run.trigger,
        "before": run.before or None,
        "secrets": run.secrets or None,
        "error": run.error,
        "outputs": run.outputs,
    }
    steps = {name: _step_mapping(step) for name, step in run.steps.items()}
    return {**_present(values), "params": dict(run.params), "steps": steps}


def parse_run(text: str, path: str) -> Run:
    """The run that a file holds.

    Raises:
        DamagedError: where it holds none, with the place of what is wrong.
    """
    try:
        mapping = parse(text, path=path)
        findings = violations(shipped_validator("run.schema.json"), mapping) or _uneven(mapping)
        if findings:
            raise InvalidError.of(report(findings, Source(path, parse_located(text, path=path))), "")
    except InvalidError as error:
        problem = error.problems[0] if error.problems else error.problem
        line, column = problem.line, problem.column
        raise DamagedError(
            f"this is not the file of a run: {problem.message}", hint=_HINT, path=path, line=line, column=column
        ) from None
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
        before=tuple(mapping.get("before", ())),
        secrets=tuple(mapping.get("secrets", ())),
        deadline=_time(mapping.get("deadline")),
        ending=State(mapping["ending"]) if "ending" in mapping else None,
        ended=_time(mapping.get("ended")),
        retries=tuple(map(parse_time, mapping.get("retries", ()))),
        steps={name: _step_run(step) for name, step in mapping["steps"].items()},
        outputs=mapping.get("outputs"),
        error=mapping.get("error"),
    )


def _uneven(mapping: Mapping[str, Any]) -> list[Finding]:
    """Steps that have more or fewer rounds than items."""
    return [
        Finding(("steps", name, "rounds"), f"the step {name!r} has not a round for each of its items")
        for name, step in mapping["steps"].items()
        if len(step.get("items", ())) != len(step.get("rounds", ()))
    ]


def _step_mapping(step: StepRun) -> dict[str, Any]:
    values: dict[str, Any] = {one.name: getattr(step, one.name) for one in fields(step)}
    values["attempts"] = [_attempt_mapping(one) for one in step.attempts] or None
    values["rounds"] = [_step_mapping(one) for one in step.rounds] or None
    values |= {"repeat": step.repeat or None, "failures": step.failures or None}
    return _present(values)


def _attempt_mapping(attempt: Attempt) -> dict[str, Any]:
    return _present({one.name: getattr(attempt, one.name) for one in fields(attempt)})


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is set, as the file has it."""
    return {key: _plain(value) for key, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, State):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


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


def _time(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)


_TIMES: Final = ("started", "ended", "deadline")
_HINT: Final = "bring it back from git, or delete it: that forgets the run"
_HEADER: Final = """\
# A run of a workflow, kept by bmad-messenger: `bmad-messenger workflow status {run}` tells how it stands.
# It is written before and after each step; deleting it forgets the run."""
