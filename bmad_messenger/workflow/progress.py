"""One run being taken on: which steps are due, what comes of each, and what the file says before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from bmad_messenger import message as messages
from bmad_messenger.command_task import CommandError
from bmad_messenger.errors import DamagedError, InvalidError, LockTimeoutError, MessengerError
from bmad_messenger.findings import Source
from bmad_messenger.message import format_time, parse_time
from bmad_messenger.workflow.actions import Doing, Done, Waits, act, deliver, give_up
from bmad_messenger.workflow.context import context_of
from bmad_messenger.workflow.crew import Crew
from bmad_messenger.workflow.ending import outputs_of, sender_of, tell_of_failure, tell_of_timeout
from bmad_messenger.workflow.masking import masked
from bmad_messenger.workflow.model import COMMAND, Step, Workflow
from bmad_messenger.workflow.opening import deadline_of, opened
from bmad_messenger.workflow.run import Attempt, Place, Run, State, StepRun, WorkflowChangedError
from bmad_messenger.workflow.runs import Word
from bmad_messenger.workflow.secrets import SecretMissingError

if TYPE_CHECKING:
    from bmad_messenger.workflow.engine import Engine

Outcome = Done | Waits | BaseException
"""What an attempt comes to; an exception where it fails."""

_TROUBLE: Final = (DamagedError, LockTimeoutError, SecretMissingError, WorkflowChangedError)
"""What is nobody's failure: the run stays as it is, and whoever takes it on next tries again."""

_LOOK_EVERY: Final = 1.0  # seconds between looks at what some steps wait for while others are in hand


class Progress:
    """A run in hand; its lock is held.

    Before a step begins, the run's file says so, and holds all that the steps before it have come to.

    Args:
        engine: the engine that takes it on.
        workflow: what it is a run of; `source` is where the parts of that stand in its file.
        run: how it stands.
        changed: whether the runs that it waits for may go on with workflows that were changed.
    """

    def __init__(self, engine: Engine, workflow: Workflow, source: Source, run: Run, *, changed: bool = False) -> None:
        self.engine, self.workflow, self.source, self.run, self.changed = engine, workflow, source, run, changed
        self._steps = {step.id: step for step in workflow.all_steps}
        self._kept = run  # as its file has it
        self._crew: Crew[Outcome] = Crew()
        self._before: dict[Place, StepRun] = {}  # how each place stood before its last attempt
        self._looked: set[Place] = set()  # the places that have looked in vain for what they wait for

    def advance(self) -> Run:
        """Take the run on until it is over, or nothing more can be done now.

        Raises:
            MessengerError: where the files are in the way.
        """
        try:
            self._heed()
            self._deliver()
            self.engine.mailbox.refresh()
            while self._pass() or self._hold_on():
                self.engine.mailbox.refresh()
            self._conclude()
        except MessengerError:
            self._drain()
            self._write()
            raise
        return self.run

    def cancel(self, note: str | None) -> Run:
        """End the run: only its steps at the end are still done. Raises what `advance` does."""
        self._cancel(note)
        return self.advance()

    def _heed(self) -> None:
        """Cancel the run where somebody has left word to do so."""
        word = self.engine.runs.word(self.run.run_id)
        if word is None:
            return
        if word.is_last:
            self.workflow = replace(self.workflow, steps=(), final=())
        if self.run.ending is None or word.is_last:
            self._cancel(self._masked(word.note))
            self._write()
        self._pass_word_on(word)

    def _cancel(self, note: str | None) -> None:
        self.run = replace(self.run, ending=State.CANCELLED, error=note or self.run.error)

    def _pass_word_on(self, word: Word) -> None:
        """Leave word for the runs that are in hand for steps of this one."""
        runs, wanted = self.engine.runs, Word(f"the run {self.run.run_id} cancelled", word.is_last)
        for place in self._crew:
            step = self._steps[place.step]
            if step.kind == "workflow" and (word.is_last or step not in self.workflow.final):
                child = self.engine.child_of(self.run, step, self._key(place))
                if runs.exists(child) and not runs.head(child).state.is_over and runs.word(child) != wanted:
                    runs.leave_word(child, wanted)

    def _pass(self) -> bool:
        """Do what is due now, and take in what has come of a step in hand; whether there may be more to do."""
        before = self.run
        self._heed()
        self._abandon()
        self._check_time()
        if not self._is_stopped:
            due = [place for step in self._due_steps() for place in self._due_places(step)]
            slow = [place for place in due if self.engine.library.is_slow(self._steps[place.step])]
            self._take_in_hand(slow[: self._crew.free])
            for place in due:
                self._heed()
                if place not in slow and self.run.ending is before.ending and not self._is_stopped:
                    self._do(place)
        found = self._crew.next(0.0 if self.run != before else _LOOK_EVERY)
        if found is not None:
            self._record(*found)
        if found is None or self.run != before:
            self._looked.clear()
        return self.run != before or bool(self._crew)

    @property
    def _is_stopped(self) -> bool:
        """Whether no other step is to begin."""
        return self.engine.stop.is_set()

    def _due_steps(self) -> Iterator[Step]:
        """The steps that are not over while all that they need is; those at the end when nothing else is left."""
        main = [step for step in self.workflow.steps if not self.run.step(step.id).state.is_over]
        if self.run.ending is not None and main:
            return  # what is in hand comes first
        for step in main or self.workflow.final:
            needed = (self.run.step(name) for name in step.needs)
            if not self.run.step(step.id).state.is_over and all(one.state.is_over for one in needed):
                yield step

    def _due_places(self, step: Step) -> list[Place]:
        """What of a step is to be done now: itself, or some rounds of it."""
        found = self.run.step(step.id)
        if found.started is None or (found.items is None) != (step.foreach is None):
            try:
                self.run = self.run.with_step(step.id, opened(self.workflow, step, self.run, messages.now()))
            except InvalidError as error:
                self._fail(Place(step.id), error)
        places = [place for place in self.run.places(step.id) if not self.run.at(place).state.is_over]
        return [place for place in places[: step.max_parallel] if not self._rests(place)]

    def _rests(self, place: Place) -> bool:
        """Whether a place is in hand, has looked in vain, or waits for its next attempt."""
        waits_for = self.run.at(place).waits_for or {}
        is_early = "retry" in waits_for and parse_time(waits_for["retry"]) > messages.now()
        return is_early or place in self._crew or place in self._looked

    def _take_in_hand(self, places: list[Place]) -> None:
        """Let each of these be done in a thread of its own."""
        begun = [place for place in places if self._begin(place)]
        if begun:
            self._write()
        for place in begun:
            self._crew.begin(place, partial(act, self._doing(place, self.engine.twin())))

    def _do(self, place: Place) -> None:
        """Do what is quick here and now."""
        if self._begin(place):
            self._write()
            try:
                outcome: Outcome = act(self._doing(place, self.engine))
            except MessengerError as error:
                outcome = error
            self._record(place, outcome)

    def _begin(self, place: Place) -> bool:
        """Note that an attempt begins; a step that only looks again for what it waits for has begun before."""
        now, found = messages.now(), self.run.at(place)
        self._before[place] = found
        if found.state is State.WAITING and "retry" not in (found.waits_for or {}):
            self._looked.add(place)
            return True
        try:
            step = self._steps[place.step]
            first = deadline_of(self.workflow, step, self.run, place, now) if found.started is None else found.deadline
        except InvalidError as error:
            self._fail(place, error)
            return False
        begun = replace(found, state=State.RUNNING, started=found.started or now, deadline=first)
        attempts = (*found.attempts, Attempt(now))
        self._set(place, replace(begun, waits_for=None, error=None, outputs=None, attempts=attempts))
        return True

    def _doing(self, place: Place, engine: Engine) -> Doing:
        step, found = self._steps[place.step], self.run.at(place)
        limits = [found.deadline if step.on_timeout != "escalate" else None, self.run.deadline]
        return Doing(
            engine=engine,
            run=self.run,
            step=step,
            found=found,
            key=self._key(place),
            context=context_of(self.workflow, self.run, place),
            ids=self.workflow.ids,
            place=(self.source.name, *self.source.document.place(step.at)),
            agent=sender_of(self.workflow, engine.messenger.config),
            until=min((one for one in limits if one is not None), default=None),
            is_new=self._before[place].state is not State.WAITING or "retry" in (self._before[place].waits_for or {}),
            changed=self.changed,
        )

    def _record(self, place: Place, outcome: Outcome) -> None:
        """Keep what came of an attempt.

        Raises:
            MessengerError: where that is nobody's failure.
            BaseException: where it is a bug.
        """
        now, found = messages.now(), self.run.at(place)
        if isinstance(outcome, Waits):
            self._set(place, replace(found, state=State.WAITING, waits_for=self._masked(outcome.waits_for)))
        elif isinstance(outcome, Done):
            state = State.DELIVERING if outcome.is_delivery else State.DONE
            self._set(place, found.ends(state, now, outputs=self._masked(outcome.outputs)))
            if outcome.is_delivery:
                self._write()
                self._deliver()
        elif isinstance(outcome, _TROUBLE) or not isinstance(outcome, MessengerError):
            self._set(place, self._before[place])
            raise outcome
        else:
            self._fail_or_rest(place, outcome)

    def _fail_or_rest(self, place: Place, error: MessengerError) -> None:
        """Let a place be tried again later, as far as its step and the time allow, or else fail."""
        self._heed()  # that it is to be cancelled may be why it failed
        now, found, retry = messages.now(), self.run.at(place), self._steps[place.step].retry
        outputs = self._masked(error.outputs) if isinstance(error, CommandError) else None
        if self.run.ending is State.CANCELLED and self._steps[place.step] not in self.workflow.final:
            self._set(place, found.ends(State.CANCELLED, now, outputs=outputs, error=self._words(error)))
            return
        if found.deadline is not None and now >= found.deadline and self._steps[place.step].on_timeout != "escalate":
            self._let_pass(place, outputs)
            return
        tried = replace(found.tried(now, self._words(error)), outputs=outputs)
        if tried.failures > retry.times:
            self._fail(place, error, outputs)
            return
        again = now + timedelta(seconds=retry.pause(tried.failures))
        self._set(place, replace(tried, state=State.WAITING, waits_for={"retry": format_time(again)}))

    def _fail(self, place: Place, error: MessengerError, outputs: Any = None) -> None:
        now, text = messages.now(), self._words(error)
        found = replace(self.run.at(place), started=self.run.at(place).started or now)
        self._set(place, found.ends(State.FAILED, now, outputs=outputs, error=text))
        if not self._steps[place.step].continue_on_error and self.run.ending is None:
            self.run = replace(self.run, ending=State.FAILED, error=f"{place}: {text}")

    def _deliver(self) -> None:
        """Mark read what steps have received, now that the file holds it."""
        for step_id in self.run.steps:
            for place in self.run.places(step_id):
                found = self.run.at(place)
                if found.state is State.DELIVERING:
                    deliver(self.engine.messenger, found.outputs)
                    self._set(place, replace(found, state=State.DONE))

    def _check_time(self) -> None:
        """Let end what has taken too long."""
        now, run = messages.now(), self.run
        if run.ending is None and run.deadline is not None and now >= run.deadline and self._is_main_open:
            self.run = replace(run, ending=State.FAILED, error=f"it took longer than {self.workflow.timeout:g} s")
        for step_id in self.run.steps:
            for place in self.run.places(step_id):
                deadline = self.run.at(place).deadline
                if deadline is not None and now >= deadline and not self.run.at(place).state.is_over:
                    self._let_pass(place)

    def _let_pass(self, place: Place, outputs: Mapping[str, Any] | None = None) -> None:
        """Do what is to be done where the time-out of a step has passed, which has left these outputs."""
        step, found = self._steps[place.step], self.run.at(place)
        if step.on_timeout == "escalate":
            tell_of_timeout(self.engine.messenger, self.workflow, self.run, place, self._key(place))
            self._set(place, replace(found, deadline=None))
            return
        if place in self._crew and step.what == COMMAND:
            return  # its program is stopped at the same time; what it has printed comes
        self._crew.give_up(place)
        give_up(self.engine, found.waits_for or {}, f"the step {place} of the run {self.run.run_id} took too long")
        if step.on_timeout == "continue":
            self._set(place, found.ends(State.DONE, messages.now(), outputs={**(outputs or {}), "timed_out": True}))
        else:
            self._fail(place, InvalidError(f"it took longer than {step.timeout}"), outputs)

    def _abandon(self) -> None:
        """Where the run ends before its time, cancel all that is left of its steps, but for what is in hand."""
        if self.run.ending is None:
            return
        why = f"the run {self.run.run_id} {self.run.ending.value}"
        final = {step.id for step in self.workflow.final}
        names = dict.fromkeys((*(step.id for step in self.workflow.steps), *self.run.steps))
        for place in [place for name in names if name not in final for place in self.run.places(name)]:
            found = self.run.at(place)
            if not found.state.is_over and place not in self._crew:
                give_up(self.engine, found.waits_for or {}, why)
                self._set(place, found.ends(State.CANCELLED, messages.now(), error=State.CANCELLED.value))

    def _hold_on(self) -> bool:
        """Rest until the next attempt of a step, where that is soon; whether there is one."""
        waits_for = [one.waits_for or {} for _, one in self.run.waiting()]
        pauses = [parse_time(one["retry"]) - messages.now() for one in waits_for if "retry" in one]
        pause = min(pauses, default=timedelta.max).total_seconds()
        if self._is_stopped or pause > self.engine.patience:
            return False
        self._write()
        return not self.engine.stop.wait(min(max(pause, 0.01), _LOOK_EVERY))

    def _conclude(self) -> None:
        """Say how the run stands, and end it where nothing is left to do."""
        if self._is_main_open or any(not self.run.step(step.id).state.is_over for step in self.workflow.final):
            self.run = replace(self.run, deadline=self.run.deadline if self._is_main_open else None)
            self._write(State.RUNNING if self._is_stopped else State.WAITING)
            return
        if self.run.ending is None:
            try:
                self.run = replace(self.run, outputs=self._masked(outputs_of(self.workflow, self.run)) or None)
            except InvalidError as error:
                self.run = replace(self.run, ending=State.FAILED, error=self._words(error))
        if self.run.ending is State.FAILED:
            tell_of_failure(self.engine.messenger, self.workflow, self.run)
        state = self.run.ending or State.DONE
        self.run = replace(self.run, ending=None, ended=messages.now(), deadline=None)
        self._write(state)
        self.engine.runs.drop_word(self.run.run_id)

    @property
    def _is_main_open(self) -> bool:
        return any(not self.run.step(step.id).state.is_over for step in self.workflow.steps)

    def _drain(self) -> None:
        """Wait for what is in hand: nobody else may begin it meanwhile."""
        while (found := self._crew.next()) is not None:
            with suppress(MessengerError):  # the first error is the one to report
                self._record(*found)

    def _words(self, error: MessengerError) -> str:
        """What an error says, all of it, without the run's secrets."""
        return str(self._masked("; ".join(map(str, error.problems or (error.problem,)))))

    def _masked(self, value: Any) -> Any:
        """The value without the run's secrets."""
        return masked(value, self.run.secrets)

    def _key(self, place: Place) -> str:
        """What names a place among those of all runs; begun anew after it was done, it has a new name."""
        repeat = self.run.at(place).repeat
        return f"{self.run.run_id}/{place}{f'#{repeat + 1}' if repeat else ''}"

    def _set(self, place: Place, new: StepRun) -> None:
        self.run = self.run.with_at(place, new, messages.now())

    def _write(self, state: State = State.RUNNING) -> None:
        """Keep the run as it now stands, where its file does not hold that already."""
        if self.run != self._kept or state is not State.RUNNING:
            self.run = replace(self.run, state=state)
        if self.run != self._kept:
            self.engine.runs.write(self.run)
            self._kept = self.run
