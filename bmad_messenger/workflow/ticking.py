"""Takes on every run that can go on, and starts those that a message triggers: `tick` once, `serve` until stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from bmad_messenger import message as messages
from bmad_messenger.errors import LockTimeoutError, MessengerError
from bmad_messenger.message import Message, Status, parse_time
from bmad_messenger.watching import changes
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.expressions import condition
from bmad_messenger.workflow.model import Workflow, fits
from bmad_messenger.workflow.run import Run, State
from bmad_messenger.workflow.runs import Head

if TYPE_CHECKING:
    import threading

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
    advanced: list[Run] = []
    errors: list[MessengerError] = []
    for run_id in (*_triggered(engine, errors), *_due(engine, errors)):
        with _collected(errors):
            before = engine.runs.read(run_id)
            with suppress(LockTimeoutError):
                run = engine.advance(run_id, timeout=0)
                if run != before:
                    advanced.append(run)
    return Tick(tuple({run.run_id: run for run in advanced}.values()), tuple(errors))


def until_over(engine: Engine, run_id: str) -> Run:
    """Take one run on as messages come and times pass, until it is over."""
    while True:
        run = engine.advance(run_id)
        if run.state.is_over:
            return run
        rest = _LONGEST_REST if run.due is None else (run.due - messages.now()).total_seconds()
        _rest_until_change(engine, max(0.1, min(rest, _LONGEST_REST)), lambda: False)


def serve(engine: Engine, report: Callable[[Tick], None], stop: threading.Event) -> None:
    """Tick whenever files change or a time has come, until `stop` is set; a step in hand is finished first."""
    while not stop.is_set():
        before = _stamp(engine)
        report(tick(engine))
        _rest_until_change(engine, _rest(engine), stop.is_set, before)


def _triggered(engine: Engine, errors: list[MessengerError]) -> Iterator[str]:
    """Starts a run for each message that a workflow is to be started by; gives the runs' ids."""
    pending = [one for one in engine.mailbox.open if one.status is Status.PENDING]
    if not pending:
        return
    for name in engine.library.files():
        with _collected(errors):
            workflow, _ = engine.library.read(name)
            if workflow.trigger is None:
                continue
            for message in pending:
                if _starts(workflow, workflow.trigger, message):
                    run = engine.start(name, {}, trigger=message.to_mapping())
                    reader = workflow.trigger.get("to") or message.to_agent
                    if reader is not None and reader not in message.read_by:
                        engine.messenger.mark_read(reader, [message.message_id])
                    yield run.run_id


def _starts(workflow: Workflow, trigger: Mapping[str, Any], message: Message) -> bool:
    if not fits(message, trigger):
        return False
    reader = trigger.get("to") or message.to_agent
    if reader in message.read_by:
        return False
    test = trigger.get("if")
    return test is None or bool(condition(test, workflow.ids).value({"message": message.to_mapping()}))


def _due(engine: Engine, errors: list[MessengerError]) -> Iterator[str]:
    """The ids of the runs that are not over, and for which there may be something to do."""
    now = messages.now()
    for head in engine.runs.heads():
        if isinstance(head, MessengerError):
            errors.append(head)
        elif head.state is State.RUNNING or (head.state is State.WAITING and _may_go_on(engine, head, now)):
            yield head.run_id


def _may_go_on(engine: Engine, head: Head, now: datetime) -> bool:
    if head.due is not None and head.due <= now:
        return True
    return any(_may_have_come(engine, one) for one in head.waits_for)


def _may_have_come(engine: Engine, waits_for: Mapping[str, Any]) -> bool:
    """Whether what a step waits for may be there; only the step itself tells for sure."""
    if "run" in waits_for:
        with suppress(MessengerError):
            return engine.runs.head(waits_for["run"]).state.is_over
        return True
    if "message" in waits_for or "answer_to" in waits_for:
        wanted = waits_for.get("message") or {"reply_to": waits_for["answer_to"]}
        return engine.mailbox.find(wanted, since=parse_time(waits_for["since"]), taken=()) is not None
    return False


def _rest_until_change(
    engine: Engine, seconds: float, is_stopped: Callable[[], bool], before: tuple[int, ...] | None = None
) -> None:
    """Do nothing until a message was sent or closed, the time is over, or one is stopped."""
    before = before or _stamp(engine)
    for _ in changes(engine.messenger.project.folder, time.monotonic() + seconds):
        if is_stopped() or _stamp(engine) != before:
            return


def _rest(engine: Engine) -> float:
    """The seconds until the next run is due."""
    dues = [head.due for head in engine.runs.heads() if isinstance(head, Head) and head.due is not None]
    now = messages.now()
    return max(0.1, min((max(0.0, (due - now).total_seconds()) for due in dues), default=_LONGEST_REST))


def _stamp(engine: Engine) -> tuple[int, ...]:
    """What changes when somebody sends, reads, closes or edits a message, or begins a run."""
    found = []
    for path in (engine.messenger.project.queue, engine.runs.folder):
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
