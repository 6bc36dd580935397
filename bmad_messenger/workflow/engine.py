"""Starts runs and takes them on: the only place where a run's file, its workflow and the messenger meet."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from bmad_messenger import message as messages
from bmad_messenger.errors import InvalidError, LockTimeoutError, UsageError
from bmad_messenger.findings import Finding, Source, report, unknown_key
from bmad_messenger.messenger import Messenger
from bmad_messenger.schemas import validator_of, violations
from bmad_messenger.workflow.library import Library
from bmad_messenger.workflow.mailbox import Mailbox
from bmad_messenger.workflow.model import Workflow
from bmad_messenger.workflow.progress import Progress
from bmad_messenger.workflow.run import Run, State, StepRun
from bmad_messenger.workflow.runs import Runs, run_id_of

_LONGEST_CHAIN: Final = 16
"""How deep workflows may run each other."""


class Engine:
    """The workflows and runs of one project.

    Args:
        messenger: the project's.
        patience: how many seconds to hold on for a step that is to be tried again.
    """

    def __init__(self, messenger: Messenger, *, patience: float = 0.0) -> None:
        self.messenger, self.patience = messenger, patience
        self.library = Library(messenger.project)
        self.runs = Runs(messenger.project)
        self.mailbox = Mailbox(messenger)
        self._chain: list[str] = []

    def checked(self, name: str) -> Workflow:
        """The workflow called `name`, once nothing is found wrong with it or with those that it runs.

        Raises:
            NotFoundError: where there is none.
            InvalidError: with all that is wrong with it, each with its place.
        """
        from bmad_messenger.workflow.checking import problems_in

        workflow, source = self.library.read(name)
        problems = problems_in(workflow, source, self.messenger, self.library)
        if problems:
            raise InvalidError.of(problems, f"the workflow {workflow.name}")
        return workflow

    def start(
        self,
        name: str,
        params: Mapping[str, Any],
        *,
        cause: str | None = None,
        trigger: Mapping[str, Any] | None = None,
        parent: Mapping[str, str] | None = None,
    ) -> Run:
        """Begin a run; nothing is done yet but its file.

        Args:
            name: the workflow, or its file.
            params: what it is given; its defaults fill in the rest.
            cause: what makes it this run: the same cause starts the same run once. By default each start is a new one.
            trigger: the message that starts it.
            parent: the run and the step that start it.

        Returns:
            The run; where it had been started before, as it stands.

        Raises:
            NotFoundError: where there is no such workflow.
            InvalidError: where it is invalid, or the parameters are not what it takes.
        """
        workflow, _ = self.library.read(name)
        given = checked_params(workflow, params)
        _require_secrets(workflow)
        now = messages.now()
        if trigger is not None:
            cause, day = trigger["message_id"], messages.parse_time(trigger["created"])
        elif parent is not None:
            cause, day = f"{parent['run']}/{parent['step']}", self.runs.read(parent["run"]).started
        else:
            cause, day = cause or os.urandom(16).hex(), now
        run_id = run_id_of(workflow.name, day, cause)
        run = Run(
            run_id=run_id,
            workflow=workflow.name,
            path=workflow.path,
            digest=workflow.digest,
            state=State.RUNNING,
            started=now,
            params=given,
            trigger=trigger,
            parent=parent,
        )
        return run if self.runs.write(run, new=True) else self.runs.read(run_id)

    def advance(self, run_id: str, *, timeout: float = 10.0, changed: bool = False) -> Run:
        """Take a run on as far as it goes without waiting.

        Args:
            run_id: the run's full id.
            timeout: how many seconds to wait where somebody else is at it.
            changed: whether it goes on with its workflow's file as that is now, where it was changed since.

        Returns:
            The run as it then stands.

        Raises:
            NotFoundError: where there is no such run.
            InvalidError: where its workflow has changed since it began.
            LockTimeoutError: where somebody else is at it all the time.
        """
        if len(self._chain) >= _LONGEST_CHAIN:
            raise InvalidError(
                f"{len(self._chain)} workflows run each other", hint="let one of them end without running the next"
            )
        with self.runs.locked(run_id, timeout) as held:
            if not held:
                raise LockTimeoutError(
                    f"the run {run_id} is being worked on by another process", hint="wait for it, or end it"
                )
            run = self.runs.read(run_id)
            if run.state.is_over:
                return run
            workflow, source = self._workflow_of(run, changed=changed)
            if changed and run.digest != workflow.digest:
                run = replace(run, digest=workflow.digest)
            self._chain.append(run_id)
            try:
                return Progress(self, workflow, source, run).advance()
            finally:
                self._chain.pop()

    def cancel(self, run_id: str, note: str | None = None) -> Run:
        """End a run; its steps that wait are cancelled, and so are the runs that it waits for."""
        with self.runs.locked(run_id, self.messenger.config.limits.lock_timeout) as held:
            if not held:
                raise LockTimeoutError(f"the run {run_id} is being worked on by another process", hint="try again")
            run = self.runs.read(run_id)
            if run.state.is_over:
                raise UsageError(f"the run {run_id} is {run.state.value} already", hint="nothing is left to cancel")
            now = messages.now()
            children = [one["run"] for one in run.waits if "run" in one]
            steps = {name: _cancelled(step, now) for name, step in run.steps.items()}
            run = replace(run, state=State.CANCELLED, ended=now, steps=steps, error=note)
            self.runs.write(run)
        for child in children:
            if not self.runs.read(child).state.is_over:
                self.cancel(child, f"{run_id} was cancelled")
        return run

    def retry(self, run_id: str, from_step: str | None = None) -> Run:
        """Let a run that failed or was cancelled go on: what failed is tried again, or all from one step on.

        Raises:
            UsageError: where it neither failed nor was cancelled, or has no such step.
        """
        with self.runs.locked(run_id, self.messenger.config.limits.lock_timeout) as held:
            if not held:
                raise LockTimeoutError(f"the run {run_id} is being worked on by another process", hint="try again")
            run = self.runs.read(run_id)
            workflow, _ = self._workflow_of(run, changed=True)
            if from_step is None and run.state not in (State.FAILED, State.CANCELLED):
                raise UsageError(f"the run {run_id} is {run.state.value}", hint="name a step: --from STEP")
            again = _steps_after(workflow, run, from_step)
            steps = {name: step for name, step in run.steps.items() if name not in again}
            run = replace(
                run, state=State.RUNNING, ended=None, error=None, outputs=None, steps=steps, digest=workflow.digest
            )
            self.runs.write(run)
            return run

    def _workflow_of(self, run: Run, *, changed: bool) -> tuple[Workflow, Source]:
        workflow, source = self.library.read_file(self.library.path_of(run.path))
        if workflow.digest != run.digest and not changed:
            raise InvalidError(
                f"the workflow has changed since the run {run.run_id} began",
                hint="`bmad-messenger workflow resume RUN --changed` goes on with it as it is now",
                path=run.path,
            )
        return workflow, source


def checked_params(workflow: Workflow, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a run, with the defaults of those that are not given.

    Raises:
        InvalidError: with all that is wrong with them.
    """
    findings: list[Finding] = []
    given = {name: schema["default"] for name, schema in workflow.params.items() if "default" in schema} | {**params}
    for name, value in given.items():
        if name not in workflow.params:
            findings.append(unknown_key(("params",), name, None, workflow.params))
        else:
            findings += violations(validator_of(workflow.params[name]), value, ("params", name))
    for name in workflow.params.keys() - given.keys():
        hint = workflow.params[name].get("description", "")
        findings.append(Finding(("params", name), f"params.{name}: required, but missing", hint, missing=True))
    if findings:
        raise InvalidError.of(report(findings), f"the workflow {workflow.name}")
    return given


def _require_secrets(workflow: Workflow) -> None:
    missing = [name for name in workflow.secrets if not os.environ.get(name)]
    if missing:
        raise InvalidError(
            f"the workflow {workflow.name} needs the secret {missing[0]}", hint="set that environment variable"
        )


def _cancelled(step: StepRun, now: datetime) -> StepRun:
    rounds = tuple(_cancelled(one, now) for one in step.rounds)
    return step if step.state.is_over else replace(step.ends(State.CANCELLED, now), rounds=rounds)


def _steps_after(workflow: Workflow, run: Run, from_step: str | None) -> set[str]:
    """The steps that are done again: those that failed or were cancelled, or one, and all that need them."""
    if from_step is not None and from_step not in workflow.ids:
        raise UsageError(f"there is no step {from_step!r}", hint=f"the steps are {', '.join(workflow.ids)}")
    unsound = (State.FAILED, State.CANCELLED)
    again = {name for name, step in run.steps.items() if step.state in unsound} if from_step is None else {from_step}
    again |= {step.id for step in workflow.final}
    grown = True
    while grown:
        more = {step.id for step in workflow.steps if step.id not in again and again & {*step.needs}}
        again |= more
        grown = bool(more)
    return again
