"""Takes on every run that can go on, and starts those that a message triggers: `tick` once, `serve` until stopped."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bmad_messenger import message as messages
from bmad_messenger.config import Project
from bmad_messenger.errors import LockTimeoutError, MessengerError
from bmad_messenger.files import make_folder, refusals
from bmad_messenger.watching import changes
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.looking import ASKED_AGAIN, hash_of
from bmad_messenger.workflow.run import Run, State
from bmad_messenger.workflow.runs import Head, Runs
from bmad_messenger.workflow.starting import starting

_LONGEST_REST: Final = 30.0  # seconds; bounds what is lost where a notice is missed


@dataclass(frozen=True, slots=True)
class Tick:
    """What one look at all runs came to: those that went on or began, and what kept others from it."""

    runs: tuple[Run, ...]
    errors: tuple[MessengerError, ...] = ()


def tick(engine: Engine) -> Tick:
    """Take on every run that is not over and that something has come for; start what messages trigger.

    A run that another process is at is left to that one.
    """
    engine.mailbox.refresh()
    advanced: dict[str, Run] = {}
    errors: list[MessengerError] = []
    due = deque((*_triggered(engine, errors), *_due(engine, errors)))
    while due and not engine.stop.is_set():
        run_id = due.popleft()
        with _collected(errors), suppress(LockTimeoutError):
            before = engine.runs.read(run_id)
            run = engine.advance(run_id, timeout=0)
            if run != before:
                advanced[run_id] = run
            if run.state.is_over and run.parent is not None and not before.state.is_over:
                due.append(run.parent["run"])  # it waits for this one
    return Tick(tuple(advanced.values()), tuple(errors))


def until_over(engine: Engine, run_id: str) -> Run:
    """Take one run on as messages come and times pass, until it is over."""
    while True:
        before = _stamp(engine.messenger.project)
        run = engine.advance(run_id)
        if run.state.is_over or engine.stop.is_set():
            return run
        _rest_until_change(engine.messenger.project, _seconds_until(run.due), engine.stop, before)


def serve(open_engine: Callable[[], Engine], report: Callable[[Tick], None], stop: threading.Event) -> None:
    """Tick whenever files change or a time has come, until `stop` is set; a step in hand is finished first.

    Args:
        open_engine: opens the project anew for each tick: its settings may have changed.
        report: is given what each tick came to; an error that was there the last time is left out.
        stop: ends it.
    """
    project = open_engine().messenger.project
    with refusals("write", project.name(project.folder)):
        make_folder(project.folder)
    known: set[str] = set()
    while not stop.is_set():
        before = _stamp(project)
        try:
            found = tick(open_engine())
        except MessengerError as error:  # a file that everything depends on; it may be mended any time
            found = Tick((), (error,))
        report(Tick(found.runs, tuple(error for error in found.errors if str(error) not in known)))
        known = {str(error) for error in found.errors}
        if known:
            before = _stamp(project)  # what went wrong will go wrong again, until somebody else changes something
        _rest_until_change(project, _seconds_until(_next_due(project)), stop, before)


def _triggered(engine: Engine, errors: list[MessengerError]) -> Iterator[str]:
    """Starts a run for each message that a workflow is to be started by, and marks it read; gives the runs' ids."""
    there = engine.mailbox.open
    for name in engine.library.starters():
        with _collected(errors):
            workflow, _ = engine.library.read(name)
            for message, reader in starting(engine, name, workflow, there) if workflow.trigger is not None else ():
                with _collected(errors):
                    run = engine.start(name, {}, trigger=message.to_mapping())
                    if reader is not None:
                        engine.messenger.mark_read(reader, [message.message_id])
                    yield run.run_id


def _due(engine: Engine, errors: list[MessengerError]) -> Iterator[str]:
    """The ids of the runs that are not over, and for which there may be something to do."""
    now, to_cancel = messages.now(), engine.runs.with_word()
    for head in engine.runs.heads():
        if isinstance(head, MessengerError):
            errors.append(head)
        elif head.state is State.RUNNING or (
            head.state is State.WAITING and (head.run_id in to_cancel or _may_go_on(engine, head, now))
        ):
            yield head.run_id


def _may_go_on(engine: Engine, head: Head, now: datetime) -> bool:
    if head.due is not None and head.due <= now:
        return True
    return not head.waits_for or any(_may_have_come(engine, one) for one in head.waits_for)


def _may_have_come(engine: Engine, waits_for: Mapping[str, Any]) -> bool:
    """Whether what a step waits for may be there; only the step itself tells for sure."""
    if "run" in waits_for:
        try:
            return engine.runs.head(waits_for["run"]).state.is_over
        except MessengerError:  # the step that waits for it will tell
            return True
    if "since" not in waits_for:
        return False
    wanted = waits_for.get("message") or {"reply_to": waits_for["answer_to"], "from": waits_for["from"]}
    asked_again = waits_for.get(ASKED_AGAIN, {})
    wants = [wanted, *({**wanted, "reply_to": one} for one in asked_again.values() if one is not None)]
    found = [one.message_id for each in wants for one in engine.mailbox.candidates(each, waits_for["since"])]
    return bool(found) and hash_of(found) != waits_for.get("passed")


def _rest_until_change(project: Project, seconds: float, stop: threading.Event, before: tuple[int, ...]) -> None:
    """Do nothing until a message is sent or closed, a run changes, the time is over, or one is stopped."""
    for _ in changes(project.folder, time.monotonic() + seconds):
        if stop.is_set() or _stamp(project) != before:
            return


def _next_due(project: Project) -> datetime | None:
    """When the next run is to be looked at."""
    heads = [head for head in Runs(project).heads() if isinstance(head, Head)]
    return min((head.due for head in heads if head.due is not None), default=None)


def _seconds_until(due: datetime | None) -> float:
    left = _LONGEST_REST if due is None else (due - messages.now()).total_seconds()
    return max(0.1, min(left, _LONGEST_REST))


def _stamp(project: Project) -> tuple[int, ...]:
    """What changes when somebody sends, reads, closes or edits a message, begins a run, or edits the settings."""
    found = []
    for path in (project.queue, Runs(project).folder, project.config, project.folder / "workflows"):
        with suppress(OSError):
            found.append(path.stat().st_mtime_ns)
    return tuple(found)


@contextmanager
def _collected(errors: list[MessengerError]) -> Iterator[None]:
    """Keep an error for the report and let the others go on."""
    try:
        yield
    except MessengerError as error:
        errors.append(error)
