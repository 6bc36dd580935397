"""Starts runs and takes them on: the only place where a run's file, its workflow and the messenger meet."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from bmad_messenger import message as messages
from bmad_messenger.errors import InvalidError, LockTimeoutError, MessengerError, UsageError
from bmad_messenger.findings import Finding, Source, report, unknown_key
from bmad_messenger.messenger import Messenger
from bmad_messenger.schemas import validator_of, violations
from bmad_messenger.workflow.actions import give_up
from bmad_messenger.workflow.bmad.recognising import is_bmad_file
from bmad_messenger.workflow.context import known_at_start
from bmad_messenger.workflow.library import Library
from bmad_messenger.workflow.mailbox import Mailbox
from bmad_messenger.workflow.masking import masked
from bmad_messenger.workflow.model import Step, Workflow
from bmad_messenger.workflow.progress import Progress
from bmad_messenger.workflow.retrying import steps_again
from bmad_messenger.workflow.run import Run, State, WorkflowChangedError
from bmad_messenger.workflow.runs import Runs, Word, run_id_of
from bmad_messenger.workflow.secrets import require_secrets, secrets_of
from bmad_messenger.yaml.parse import Document

_DEEPEST: Final = 32
"""How deep workflows may run each other."""


class Engine:
    """The workflows and runs of one project.

    Args:
        messenger: the project's.
        patience: how many seconds to hold on for a step that is to be tried again.
        stop: once it is set, no step begins any more; those in hand are finished.
    """

    def __init__(self, messenger: Messenger, *, patience: float = 0.0, stop: threading.Event | None = None) -> None:
        self.messenger, self.patience = messenger, patience
        self.stop = stop or threading.Event()
        self.library = Library(messenger.project)
        self.runs = Runs(messenger.project)
        self.mailbox = Mailbox(messenger)

    def twin(self) -> Engine:
        """Another one for the same project, for a thread of its own."""
        messenger = Messenger(self.messenger.project, self.messenger._pass_on)
        return Engine(messenger, patience=self.patience, stop=self.stop)

    def prepared(
        self, name: str, params: Mapping[str, Any], *, trigger: Mapping[str, Any] | None = None
    ) -> tuple[Workflow, dict[str, Any]]:
        """A workflow that can be run with these parameters, and they with its defaults; nothing is done yet.

        Args:
            name: the workflow, or its file.
            params: what a run of it is given.
            trigger: the message that starts the run.

        Raises:
            NotFoundError: where there is no such workflow.
            InvalidError: with all that can be known to be wrong before the first step, each with its place.
        """
        from bmad_messenger.workflow.checking import problems_in

        workflow, source = self.library.read(name)
        given = checked_params(workflow, params)
        known = known_at_start(workflow, given, trigger)
        if problems := problems_in(workflow, source, self.messenger, self.library, known):
            raise InvalidError.of(problems, f"the workflow {workflow.name}")
        require_secrets(secrets_of(workflow, self.library), f"the workflow {workflow.name}")
        return workflow, given

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
            InvalidError: with all that can be known to be wrong before the first step.
        """
        now, cause = messages.now(), cause or os.urandom(16).hex()
        run_id = self._run_id(self.library.read(name)[0].name, now, cause, trigger, parent)
        if self.runs.exists(run_id):
            return self.runs.read(run_id)
        if parent is not None:
            self._require_depth(parent["run"])
        workflow, given = self.prepared(name, params, trigger=trigger)
        return self.begin(workflow, given, cause=cause, trigger=trigger, parent=parent, now=now)

    def begin(
        self,
        workflow: Workflow,
        params: Mapping[str, Any],
        *,
        cause: str | None = None,
        trigger: Mapping[str, Any] | None = None,
        parent: Mapping[str, str] | None = None,
        now: datetime | None = None,
    ) -> Run:
        """Begin a run of a workflow that has been read and checked, as it was at `now`; otherwise as `start`."""
        now = now or messages.now()
        above = self.runs.read(parent["run"]).secrets if parent is not None else ()
        secrets = tuple(dict.fromkeys((*secrets_of(workflow, self.library), *above)))
        run = Run(
            run_id=self._run_id(workflow.name, now, cause or os.urandom(16).hex(), trigger, parent),
            workflow=workflow.name,
            path=workflow.path,
            digest=workflow.digest,
            state=State.RUNNING,
            started=now,
            params=masked(params, secrets),
            trigger=masked(trigger, secrets),
            parent=parent,
            before=self._there(workflow, now),
            secrets=secrets,
            deadline=_deadline(workflow, now),
        )
        return run if self.runs.write(run, new=True) else self.runs.read(run.run_id)

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
            WorkflowChangedError: where its workflow has changed since it began.
            SecretMissingError: where the value of a secret is not set here.
            LockTimeoutError: where somebody else is at it all the time.
        """
        with self.runs.locked(run_id, timeout):
            run = self.runs.read(run_id)
            if run.state.is_over:
                return run
            workflow, source = self._workflow_of(run, changed=changed)
            run = self._with_secrets(run, workflow)
            if run.digest != workflow.digest:
                run = self._adapted(run, workflow)
            return Progress(self, workflow, source, run, changed=changed).advance()

    def cancel(self, run_id: str, note: str | None = None) -> Run:
        """End a run: what it waits for is taken back, its steps at the end are done; the second time not even these.

        A process that is at it is left word, and ends it.

        Raises:
            UsageError: where it is over.
            SecretMissingError: where it has steps at the end and the value of a secret is not set here.
            LockTimeoutError: where the process that is at it has not ended it yet; it will.
        """
        run = self._open_run(run_id)
        note = masked(note, run.secrets)
        self.runs.leave_word(run_id, Word(note, is_last=run.ending is not None))
        with ExitStack() as stack:
            try:
                stack.enter_context(self.runs.locked(run_id, self.messenger.config.limits.lock_timeout))
            except LockTimeoutError:
                raise LockTimeoutError(
                    f"the run {run_id} is at a step in another process, which cancels it when that is done",
                    hint=f"`bmad-messenger workflow status {run_id}` tells when it is",
                ) from None
            if self.runs.read(run_id).state is State.CANCELLED:  # by the process that was at it
                return self.runs.read(run_id)
            return self._cancelled(run_id, note)

    def _cancelled(self, run_id: str, note: str | None) -> Run:
        """End a run that nobody is at."""
        try:
            run = self._open_run(run_id)
            workflow, source = self._workflow_to_end(run)
            if workflow.final:
                run = self._with_secrets(run, workflow)
        except MessengerError:
            self.runs.drop_word(run_id)
            raise
        return Progress(self, workflow, source, run).cancel(note)

    def _open_run(self, run_id: str) -> Run:
        run = self.runs.read(run_id)
        if run.state.is_over:
            raise UsageError(f"the run {run_id} is {run.state.value} already", hint="nothing is left to cancel")
        return run

    def retry(self, run_id: str, from_step: str | None = None) -> Run:
        """Let a run go on that has failed or was cancelled, or do it again from one step on; `steps_again` says how.

        Raises:
            UsageError: where it has neither failed nor was cancelled and no step is named, or there is no such step.
            SecretMissingError: where the value of a secret is not set here.
        """
        with self.runs.locked(run_id, self.messenger.config.limits.lock_timeout):
            run = self.runs.read(run_id)
            workflow, _ = self._workflow_of(run, changed=True)
            if from_step is None and run.state not in (State.FAILED, State.CANCELLED):
                raise UsageError(f"the run {run_id} is {run.state.value}", hint="name a step: --from STEP")
            steps, now = steps_again(workflow, run, from_step), messages.now()
            run = self._with_secrets(run, workflow)
            kept = {name for name, step in steps.items() if step == run.step(name)}
            self._take_back(run, kept, f"the run {run_id} does it again")
            run = replace(
                run,
                state=State.RUNNING,
                digest=workflow.digest,
                deadline=_deadline(workflow, now),
                ending=None,
                ended=None,
                retries=(*run.retries, now),
                steps=steps,
                outputs=None,
                error=None,
            )
            self.runs.drop_word(run_id)
            self.runs.write(run)
            return run

    def with_pending(self, run: Run) -> Run:
        """The run with those steps, too, that have not begun, as far as its workflow is what it was."""
        if run.state.is_over:
            return run
        try:
            ids = self._workflow_of(run, changed=False)[0].ids
        except MessengerError:  # who takes the run on is told
            return run
        return replace(run, steps={**{name: run.step(name) for name in ids}, **run.steps})

    def child_of(self, run: Run, step: Step, key: str) -> str:
        """The id of the run that a step starts; `key` is what names the step among those of all runs."""
        return run_id_of(self.library.read(step.what)[0].name, run.started, key)

    def _run_id(
        self,
        workflow: str,
        now: datetime,
        cause: str,
        trigger: Mapping[str, Any] | None,
        parent: Mapping[str, str] | None,
    ) -> str:
        if trigger is not None:
            return run_id_of(workflow, messages.parse_time(trigger["created"]), trigger["message_id"])
        if parent is not None:
            return run_id_of(workflow, self.runs.read(parent["run"]).started, parent["step"])
        return run_id_of(workflow, now, cause)

    def _require_depth(self, run_id: str) -> None:
        """Refuse a run whose chain of parents is too long: workflows that run each other would never end."""
        for _ in range(_DEEPEST):
            parent = self.runs.read(run_id).parent
            if parent is None:
                return
            run_id = parent["run"]
        raise InvalidError(f"{_DEEPEST} workflows run each other", hint="let one of them end without running the next")

    def _workflow_of(self, run: Run, *, changed: bool) -> tuple[Workflow, Source]:
        path = self.library.path_of(run.path)
        if is_bmad_file(self.messenger.project, path):
            from bmad_messenger.workflow.bmad.compiling import workflow_of_run

            workflow, source = workflow_of_run(self.messenger, path, run)
        else:
            workflow, source = self.library.read_file(path)
        if workflow.digest != run.digest and not changed:
            raise WorkflowChangedError(
                f"the workflow has changed since the run {run.run_id} began",
                hint=f"`bmad-messenger workflow resume {run.run_id} --changed` goes on with it as it is now",
                path=run.path,
            )
        return workflow, source

    def _workflow_to_end(self, run: Run) -> tuple[Workflow, Source]:
        """The workflow of a run that is to end; one without steps where only that is left, or it can't be had."""
        if run.ending is None:
            try:
                return self._workflow_of(run, changed=False)
            except MessengerError as error:  # the run ends all the same
                self.messenger._report(error.problem._replace(severity="warning"))
        return Workflow(run.workflow, (), run.path, run.digest), Source(run.path, Document(None))

    def _adapted(self, run: Run, workflow: Workflow) -> Run:
        """The run with a workflow that was changed since it began; steps that there are no more are given up."""
        self._take_back(run, {*workflow.ids}, f"the run {run.run_id} has no such step any more")
        steps = {name: step for name, step in run.steps.items() if name in workflow.ids}
        there = self._there(workflow, run.started)
        old = (one for one in there if self.messenger.get(one).created < run.started)
        before = tuple(dict.fromkeys((*run.before, *old)))
        return replace(run, digest=workflow.digest, steps=steps, before=before)

    def _with_secrets(self, run: Run, workflow: Workflow) -> Run:
        """The run with the secrets that its workflow has now; each of them is there, so that it can be masked."""
        secrets = tuple(dict.fromkeys((*run.secrets, *secrets_of(workflow, self.library))))
        require_secrets(secrets, f"the run {run.run_id}")
        return replace(run, secrets=secrets)

    def _there(self, workflow: Workflow, now: datetime) -> tuple[str, ...]:
        """The messages that the workflow's steps would take, were they not there already."""
        self.mailbox.refresh()
        return self.mailbox.there(workflow.awaited, now)

    def _take_back(self, run: Run, kept: set[str], why: str) -> None:
        """Take back what those steps wait for that are not kept."""
        for place, one in run.waiting():
            if place.step not in kept:
                give_up(self, one.waits_for or {}, why)


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
    for name, schema in workflow.params.items():
        if name not in given:
            hint = schema.get("description", "")
            findings.append(Finding(("params", name), f"params.{name}: required, but missing", hint, missing=True))
    if findings:
        raise InvalidError.of(report(findings), f"the workflow {workflow.name}")
    return given


def _deadline(workflow: Workflow, now: datetime) -> datetime | None:
    return None if workflow.timeout is None else now + timedelta(seconds=workflow.timeout)
