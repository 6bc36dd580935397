"""One run being taken on: which steps are due, what comes of each, and what the file says before and after."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bmad_messenger import message as messages
from bmad_messenger.config import USER
from bmad_messenger.errors import InvalidError, MessengerError
from bmad_messenger.findings import Source, report
from bmad_messenger.message import Draft, format_time
from bmad_messenger.messenger import Messenger
from bmad_messenger.schemas import validator_of, violations
from bmad_messenger.workflow.actions import Doing, Done, Waits, act, deliver
from bmad_messenger.workflow.expressions import Unfinished, condition, filled, truth
from bmad_messenger.workflow.model import QUICK_TASKS, Step, Workflow, seconds_of
from bmad_messenger.workflow.run import Attempt, Run, State, StepRun

if TYPE_CHECKING:
    from bmad_messenger.workflow.engine import Engine

_MOST_AT_ONCE: Final = 8


class Place(NamedTuple):
    """A step, or one round of a step that is done for each of several items."""

    step: Step
    number: int | None = None


class Progress:
    """A run in hand; its lock is held."""

    def __init__(self, engine: Engine, workflow: Workflow, source: Source, run: Run) -> None:
        self.engine, self.workflow, self.source, self.run = engine, workflow, source, run
        self.messenger: Messenger = engine.messenger

    def advance(self) -> Run:
        """Take the run on until it is over, or nothing more can be done now."""
        self.engine.mailbox.refresh()
        self._redeliver()
        while self._pass() or self._hold_on():
            self.engine.mailbox.refresh()
        self._conclude()
        return self.run

    def _pass(self) -> bool:
        """Look at each step that is due, once; whether anything came of it."""
        before = self.run
        self._check_time()
        due = [place for step in self._due_steps() for place in self._places(step)]
        self._attempt(due)
        return self.run != before

    def _due_steps(self) -> Iterator[Step]:
        """The steps that are not over while all that they need is; those at the end when nothing else is left."""
        is_failed = self.run.error is not None
        main = [step for step in self.workflow.steps if not self.run.step(step.id).state.is_over]
        if main and not is_failed:
            steps: Sequence[Step] = main
        else:
            steps = [step for step in self.workflow.final if not self.run.step(step.id).state.is_over]
        for step in steps:
            if all(self.run.step(name).state.is_over for name in step.needs):
                yield step

    def _places(self, step: Step) -> list[Place]:
        """What of a step is to be done now, after it has begun: itself, or some rounds of it."""
        found = self.run.step(step.id)
        if found.started is None:
            found = self._begun(step)
            self._set(Place(step), found)
        if found.state.is_over:
            return []
        if found.items is None:
            return [Place(step)]
        open_rounds = [number for number, one in enumerate(found.rounds) if not one.state.is_over]
        return [Place(step, number) for number in open_rounds[: step.max_parallel]]

    def _begun(self, step: Step) -> StepRun:
        """The step at its beginning: skipped where its condition does not hold, with a round for each of its items."""
        now = messages.now()
        begun = StepRun(State.RUNNING, started=now)
        try:
            if not truth(step.when, self._context(), self.workflow.ids):
                return begun.ends(State.SKIPPED, now)
            if step.foreach is None:
                return begun
            items = self._items(step)
        except MessengerError as error:
            return self._failed(step, begun, error)
        if not items:
            return begun.ends(State.DONE, now, outputs=[])
        return replace(begun, items=tuple(items), rounds=(StepRun(State.PENDING, started=now),) * len(items))

    def _items(self, step: Step) -> list[Any]:
        if isinstance(step.foreach, str) and "{{" not in step.foreach:
            found = condition(step.foreach, self.workflow.ids).value(self._context())
        else:
            found = filled(step.foreach, self._context(), self.workflow.ids)
        if not isinstance(found, list | tuple):
            raise InvalidError(f"foreach: wanted a list, found {found!r}", hint="name a list")
        return [*found]

    def _attempt(self, places: list[Place]) -> None:
        """Do what is due at these places, several at once where they call tasks that plugins add."""
        now = messages.now()
        places = [place for place in places if not self._rests(place, now)]
        for place in places:
            found = self._get(place)
            if found.state is not State.WAITING or place.step.kind == "exec":
                attempts = (*found.attempts, Attempt(now))
                self._set(place, replace(found, state=State.RUNNING, attempts=attempts, waits_for=None, due=None))
        if not places:
            return
        self._write()
        slow = [place for place in places if place.step.kind == "exec" and place.step.what not in QUICK_TASKS]
        for place in places:
            if place not in slow:
                self._record(place, self._outcome(place, self.messenger))
        if slow:
            from concurrent.futures import ThreadPoolExecutor, as_completed

            with ThreadPoolExecutor(_MOST_AT_ONCE) as pool:
                doing = {pool.submit(self._outcome, place, self._own_messenger()): place for place in slow}
                for future in as_completed(doing):
                    self._record(doing[future], future.result())

    def _rests(self, place: Place, now: datetime) -> bool:
        """Whether a place waits for its next attempt."""
        found = self._get(place)
        waits_for = found.waits_for or {}
        return found.state is State.WAITING and "retry" in waits_for and messages.parse_time(waits_for["retry"]) > now

    def _outcome(self, place: Place, messenger: Messenger) -> Done | Waits | MessengerError:
        try:
            return act(self._doing(place, messenger))
        except MessengerError as error:
            return error

    def _doing(self, place: Place, messenger: Messenger) -> Doing:
        step, started = place.step, self._get(place).started or messages.now()
        line, column = self.source.document.place(step.at)
        return Doing(
            engine=self.engine,
            messenger=messenger,
            mailbox=self.engine.mailbox,
            run=self.run,
            step=step,
            key=self._key(place),
            context=self._context(place),
            ids=self.workflow.ids,
            started=started,
            place=(self.source.name, line, column),
            taken=frozenset(_received(self.run)),
            agent=self.workflow.agent or next(name for name in self.messenger.config.agents if name != USER),
            masked=self._masked,
        )

    def _record(self, place: Place, outcome: Done | Waits | MessengerError) -> None:
        """Keep what came of an attempt."""
        now, found = messages.now(), self._get(place)
        if isinstance(outcome, Waits):
            due = min((one for one in (outcome.due, self._deadline(place)) if one is not None), default=None)
            self._set(place, replace(found, state=State.WAITING, waits_for=self._masked(outcome.waits_for), due=due))
            return
        if isinstance(outcome, Done):
            state = State.DELIVERING if outcome.is_delivery else State.DONE
            ended = replace(found, attempts=_closed(found.attempts, now, None))
            self._set(place, ended.ends(state, now, outputs=self._masked(outcome.outputs)))
            self._write()
            self._redeliver()
            return
        error = str(self._masked(str(outcome)))
        tried = replace(found, attempts=_closed(found.attempts, now, error))
        if len(tried.attempts) <= place.step.retry.times:
            again = now + timedelta(seconds=place.step.retry.pause(len(tried.attempts)))
            waits_for = {"retry": format_time(again)}
            self._set(place, replace(tried, state=State.WAITING, waits_for=waits_for, due=again, error=error))
        else:
            self._set(place, self._failed(place.step, tried, outcome))
        self._write()

    def _failed(self, step: Step, found: StepRun, error: MessengerError) -> StepRun:
        text = str(self._masked(str(error)))
        if not step.continue_on_error and self.run.error is None:
            self.run = replace(self.run, error=f"{step.id}: {text}")
        return found.ends(State.FAILED, messages.now(), error=text)

    def _redeliver(self) -> None:
        """Mark read what steps have received and kept."""
        for step in self.workflow.all_steps:
            for place in self._all_places(step):
                found = self._get(place)
                if found.state is State.DELIVERING:
                    deliver(self.messenger, found.outputs)
                    self._set(place, replace(found, state=State.DONE))

    def _check_time(self) -> None:
        """Let end what has taken too long."""
        now = messages.now()
        span = self.workflow.timeout
        if span is not None and self.run.error is None and now >= self.run.started + timedelta(seconds=span):
            self.run = replace(self.run, error=f"the run took longer than {span:g} s")
        for step in self.workflow.all_steps:
            for place in self._all_places(step):
                found, deadline = self._get(place), self._deadline(place)
                if found.state is State.WAITING and deadline is not None and now >= deadline:
                    self._set(place, self._overdue(place, found))

    def _overdue(self, place: Place, found: StepRun) -> StepRun:
        step = place.step
        if step.on_timeout == "continue":
            return found.ends(State.DONE, messages.now(), outputs={"timed_out": True})
        if step.on_timeout == "escalate":
            self._tell(f"{self._key(place)}/timeout", f"its step {step.id} has waited longer than {step.timeout}")
            return replace(found, is_overdue=True, due=None)
        return self._failed(step, found, InvalidError(f"it took longer than {step.timeout}"))

    def _deadline(self, place: Place) -> datetime | None:
        found = self._get(place)
        if place.step.timeout is None or found.started is None or found.is_overdue:
            return None
        span = filled(place.step.timeout, self._context(place), self.workflow.ids)
        return found.started + timedelta(seconds=seconds_of(span))

    def _hold_on(self) -> bool:
        """Sleep until the next attempt of a step, where that is soon; whether there is one."""
        waits = [one for _, one in self.run.waiting()]
        retries = [one.due for one in waits if one.due is not None and "retry" in (one.waits_for or {})]
        pause = min((one - messages.now() for one in retries), default=timedelta.max).total_seconds()
        if pause > self.engine.patience:
            return False
        self._write()
        time.sleep(max(pause, 0.01))
        return True

    def _conclude(self) -> None:
        """Say how the run stands, and end it where nothing is left to do."""
        open_main = [step for step in self.workflow.steps if not self.run.step(step.id).state.is_over]
        open_final = [step for step in self.workflow.final if not self.run.step(step.id).state.is_over]
        if open_final or (open_main and self.run.error is None):
            self.run = replace(self.run, state=State.WAITING)
            self._write()
            return
        now = messages.now()
        for step in open_main:
            self._set(Place(step), self.run.step(step.id).ends(State.CANCELLED, now))
        if self.run.error is None:
            self._come_to()
        state = State.DONE if self.run.error is None else State.FAILED
        if state is State.FAILED and self.workflow.on_failure == "escalate" and self.run.parent is None:
            self._tell(f"{self.run.run_id}/failure", self.run.error or "")
        self.run = replace(self.run, state=state, ended=now)
        self._write()

    def _come_to(self) -> None:
        """The run's outputs, each as its schema wants it."""
        outputs: dict[str, Any] = {}
        try:
            for name, output in self.workflow.outputs.items():
                outputs[name] = filled(output["value"], self._context(), self.workflow.ids)
                schema = {key: part for key, part in output.items() if key != "value"}
                if problems := report(violations(validator_of(schema), outputs[name], ("outputs", name))):
                    raise InvalidError.of(problems, "the run's outputs")
        except MessengerError as error:
            self.run = replace(self.run, error=str(self._masked(str(error))))
        else:
            self.run = replace(self.run, outputs=self._masked(outputs) or None)

    def _tell(self, key: str, why: str) -> None:
        """Tell the user of the run, once."""
        payload = {
            "issue": f"The run {self.run.run_id} of the workflow {self.workflow.name} needs you: {why}",
            "severity": "blocker",
            "recommendation": f"See `bmad-messenger workflow status {self.run.run_id}`, mend the cause, then run "
            f"`bmad-messenger workflow retry {self.run.run_id}`",
        }
        sender = self.workflow.agent or next(name for name in self.messenger.config.agents if name != USER)
        self.messenger.send_many([Draft("escalate", sender, USER, payload=payload, idempotency_key=key)])

    def _context(self, place: Place | None = None) -> dict[str, Any]:
        """What expressions read."""
        context = {
            "params": self.run.params,
            "steps": {name: _seen(step) for name, step in self.run.steps.items()},
            "run": {"id": self.run.run_id, "workflow": self.run.workflow, "started": format_time(self.run.started)},
            "secrets": {name: os.environ.get(name, "") for name in self.workflow.secrets},
            "trigger": self.run.trigger,
        }
        if place is not None and place.number is not None:
            items = self.run.step(place.step.id).items or ()
            context[place.step.item_name] = items[place.number]
        return context

    def _masked(self, value: Any) -> Any:
        """The value without the run's secrets."""
        for secret in (os.environ.get(name) for name in self.workflow.secrets):
            if secret:
                value = _without(secret, value)
        return value

    def _own_messenger(self) -> Messenger:
        """A messenger for another thread."""
        return Messenger.open(self.messenger.project.root, report=self.messenger._pass_on)

    def _key(self, place: Place) -> str:
        number = "" if place.number is None else f"[{place.number}]"
        return f"{self.run.run_id}/{place.step.id}{number}"

    def _all_places(self, step: Step) -> list[Place]:
        rounds = self.run.step(step.id).rounds
        return [Place(step, number) for number in range(len(rounds))] or [Place(step)]

    def _get(self, place: Place) -> StepRun:
        found = self.run.step(place.step.id)
        return found if place.number is None else found.rounds[place.number]

    def _set(self, place: Place, new: StepRun) -> None:
        """Let a place stand so; a step whose rounds are all over is over."""
        if place.number is not None:
            whole = self.run.step(place.step.id)
            rounds = (*whole.rounds[: place.number], new, *whole.rounds[place.number + 1 :])
            new = replace(whole, rounds=rounds)
            if all(one.state.is_over for one in rounds):
                failed = next((one for one in rounds if one.state is State.FAILED), None)
                outputs = [one.outputs for one in rounds]
                state = State.DONE if failed is None else State.FAILED
                new = new.ends(state, messages.now(), outputs=outputs, error=failed.error if failed else None)
        self.run = self.run.with_step(place.step.id, new)

    def _write(self) -> None:
        self.engine.runs.write(self.run)


def _seen(step: StepRun) -> Any:
    """What expressions see of a step: what it leaves, and its state."""
    if step.state in (State.DONE, State.DELIVERING):
        outputs = step.outputs
        return {"state": "done", **outputs} if isinstance(outputs, Mapping) else outputs
    return Unfinished({"state": step.state.value, "error": step.error})


def _received(run: Run) -> Iterator[str]:
    """The ids of the messages that the run's steps have waited for and got."""
    for step in run.steps.values():
        for one in step.rounds or (step,):
            message = one.outputs.get("message") if isinstance(one.outputs, Mapping) else None
            if isinstance(message, Mapping):
                yield message.get("message_id", "")


def _closed(attempts: tuple[Attempt, ...], now: datetime, error: str | None) -> tuple[Attempt, ...]:
    return (*attempts[:-1], replace(attempts[-1], ended=now, error=error)) if attempts else ()


def _without(secret: str, value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(secret, "***")
    if isinstance(value, Mapping):
        return {key: _without(secret, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without(secret, item) for item in value]
    return value
