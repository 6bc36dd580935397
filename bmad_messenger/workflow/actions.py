"""What a step does: runs a task, waits, asks, or runs another workflow.

An action may be done again: after a crash, or to look whether what it waits for has come. So whatever it sends carries
a key of its own, made of run, step and round, and is sent once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from bmad_messenger import message as messages
from bmad_messenger.command_task import CommandError, stopped_when
from bmad_messenger.config import USER
from bmad_messenger.errors import InvalidError, LockTimeoutError, NotFoundError
from bmad_messenger.exec_reader import ExecElement
from bmad_messenger.findings import report
from bmad_messenger.message import Message, Status, format_time, parse_time
from bmad_messenger.messenger import Messenger
from bmad_messenger.schemas import shipped_validator, violations
from bmad_messenger.tasks import Delivery, perform
from bmad_messenger.workflow.answers import (
    NOTE,
    answer_in,
    fields_in,
    form_in,
    how_to_answer,
    problem_with,
    with_ways_to_answer,
)
from bmad_messenger.workflow.expressions import condition, filled, plain
from bmad_messenger.workflow.looking import ASKED_AGAIN, holds, look, look_for_answer
from bmad_messenger.workflow.masking import masked
from bmad_messenger.workflow.model import COMMAND, MESSAGE_TEST, QUICK_TASKS, RECEIVE, SEND, Step, seconds_of
from bmad_messenger.workflow.run import ID_PATTERN, State

if TYPE_CHECKING:
    from bmad_messenger.workflow.engine import Engine
    from bmad_messenger.workflow.run import Run, StepRun

_TRUE: Final = (True, "true", "True", "TRUE")


@dataclass(frozen=True, slots=True)
class Done:
    """The step is done; `is_delivery` where messages among the outputs are to be marked read once these are kept."""

    outputs: Any
    is_delivery: bool = False


@dataclass(frozen=True, slots=True)
class Waits:
    """The step waits, for what `StepRun.waits_for` says."""

    waits_for: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Doing:
    """One step, or one round of it, about to act.

    Attributes:
        found: how it stands.
        key: what names it among the steps of all runs.
        context: what its expressions read; `ids` are the workflow's steps.
        place: where it stands: file, line and column.
        agent: who sends what nobody else is said to send.
        until: when it has to be done.
        is_new: whether this is a new attempt, and not another look for what it waits for.
        changed: whether the run that it waits for may go on with a workflow that was changed.
    """

    engine: Engine
    run: Run
    step: Step
    found: StepRun
    key: str
    context: Mapping[str, Any]
    ids: tuple[str, ...]
    place: tuple[str | None, int, int]
    agent: str
    until: datetime | None
    is_new: bool
    changed: bool

    @property
    def messenger(self) -> Messenger:
        """The project's."""
        return self.engine.messenger

    def filled(self, value: Any) -> Any:
        """A value of the step, its expressions evaluated."""
        return filled(value, self.context, self.ids)

    def masked(self, value: Any) -> Any:
        """The value without the run's secrets."""
        return masked(value, self.run.secrets)

    def is_unwanted(self) -> bool:
        """Whether word was left that the run is to be cancelled, and this step with it."""
        word = self.engine.runs.word(self.run.run_id)
        return word is not None and (word.is_last or self.step.at[:1] != ("finally",))

    @property
    def what(self) -> Any:
        """What the step's kind is given, its expressions evaluated.

        Raises:
            InvalidError: where one comes to something that can't stand there.
        """
        value = {key: self.filled(part) for key, part in self.step.what.items()}
        reference = f"workflow.schema.json#/$defs/step/properties/{self.step.kind}"
        if problems := report(violations(shipped_validator(reference), value, (self.step.kind,))):
            raise InvalidError.of(problems, "")
        return value


def act(doing: Doing) -> Done | Waits:
    """Do what the step says.

    Raises:
        MessengerError: where that fails.
    """
    return _ACTIONS[doing.step.kind](doing)


def deliver(messenger: Messenger, outputs: Mapping[str, Any]) -> None:
    """Mark read what a step has received, now that its outputs are kept, and close an answer; harmless to do twice."""
    found = [*outputs.get("messages", ()), *([outputs["message"]] if "message" in outputs else [])]
    for mapping in found:
        with suppress(NotFoundError):  # somebody has removed it
            message = messenger.get(mapping["message_id"])
            if message.status.is_closed:
                continue
            if "question" in outputs:
                messenger.close(message.message_id, note="taken by the run that asked")
            elif outputs["agent"] not in message.read_by:
                messenger.mark_read(outputs["agent"], [message.message_id])
    _close_all(messenger, outputs.get(ASKED_AGAIN), Status.DONE, "answered")


def give_up(engine: Engine, waits_for: Mapping[str, Any], why: str) -> None:
    """Take back what a step that waits has begun: the questions that it has asked, or the run that it waits for."""
    asked = {"": waits_for.get("answer_to"), **waits_for.get(ASKED_AGAIN, {})}
    _close_all(engine.messenger, asked, Status.CANCELLED, why)
    child = waits_for.get("run")
    if child is not None and engine.runs.exists(child) and not engine.runs.read(child).state.is_over:
        engine.cancel(child, why)


def _close_all(messenger: Messenger, asked: Mapping[str, str | None] | None, status: Status, note: str) -> None:
    """Close the questions that are still open."""
    for message_id in filter(None, (asked or {}).values()):
        with suppress(NotFoundError):  # somebody has removed it
            if not messenger.get(message_id).status.is_closed:
                messenger.close(message_id, status=status, note=note)


def _exec(doing: Doing) -> Done:
    path, line, column = doing.place
    params = doing.filled(doing.step.params)
    if doing.step.what in QUICK_TASKS:  # what these are given ends in a file
        params = doing.masked(params)
    if doing.step.what == SEND:
        if isinstance(params.get("payload"), Mapping):
            params["payload"] = with_ways_to_answer(params["payload"])
        params.setdefault("idempotency_key", doing.key)
    if doing.step.what == COMMAND and doing.until is not None:
        left = ceil((doing.until - messages.now()).total_seconds())  # it is not to end before the clock says so
        params["timeout"] = _shorter(params.get("timeout"), left)
    try:
        with stopped_when(doing.is_unwanted):
            value = perform(doing.messenger, ExecElement(doing.step.what, params, path, line, column))
    except CommandError as error:  # it says what was printed last, cut short: so that is hidden first
        raise CommandError(error.reason, doing.masked(error.outputs), error.problem.hint) from None
    if isinstance(value, Delivery):
        if doing.step.what == RECEIVE:
            return Done(value.value, is_delivery=params.get("peek") not in _TRUE)
        value.confirm()
        value = value.value
    try:
        return Done(plain(value))
    except ValueError as error:
        raise InvalidError(
            f"the task {doing.step.what!r} leaves what can't be kept: {error}", hint="mend the plugin that adds it"
        ) from None


def _shorter(timeout: Any, left: float) -> Any:
    """The time that a command may take: what it is given, but not longer than its step has."""
    try:
        return min(left, seconds_of(timeout)) if timeout is not None else left
    except ValueError:
        return timeout  # the task says what is wrong with it


def _wait(doing: Doing) -> Done | Waits:
    if "message" in doing.step.what:
        return _wait_for_message(doing)
    what = doing.what
    started = doing.found.started or messages.now()
    try:
        until = parse_time(what["until"]) if "until" in what else started + timedelta(seconds=seconds_of(what["for"]))
    except (ValueError, OverflowError):
        raise InvalidError(f"{what} is no time", hint="write 2025-01-15T10:30:00Z, or a time span such as 2d") from None
    return Done({"time": format_time(until)}) if messages.now() >= until else Waits({"time": format_time(until)})


def _wait_for_message(doing: Doing) -> Done | Waits:
    raw = doing.step.what["message"]
    wanted = doing.filled({key: value for key, value in raw.items() if key != MESSAGE_TEST[-1]})
    reference = "workflow.schema.json#/$defs/message"
    if problems := report(violations(shipped_validator(reference), wanted, ("wait", "message"))):
        raise InvalidError.of(problems, "")
    test = condition(raw["if"], doing.ids) if "if" in raw else None

    since = doing.run.started  # not the step: what it waits for may be quicker than it
    form = None
    if "reply_to" in wanted:
        asked = doing.messenger.get(wanted["reply_to"])
        wanted["reply_to"], since, form = asked.message_id, asked.created, form_in(asked.payload)

    def is_it(message: Message) -> bool:
        return test is None or holds(test, {**doing.context, "message": message.to_mapping()})

    if form is None:
        found, more = look(doing, wanted, since, is_it)
    else:
        found, more = look_for_answer(doing, wanted, since, is_it, form)
    if found is None:
        return Waits({"message": wanted, **more})
    reader = wanted.get("to") or found.to_agent
    answer = {} if form is None else {"answer": fields_in(found)}
    return Done({**answer, "message": found.to_mapping(), "agent": reader, **more}, is_delivery=reader is not None)


def _ask(doing: Doing) -> Done | Waits:
    what = doing.masked(doing.what)
    asker, asked = what.get("from") or doing.agent, what.get("of", USER)
    question = doing.messenger.get(_question(doing, what, asker, asked))
    wanted = {"reply_to": question.message_id, "from": asked}
    reply, waits = look(doing, wanted, question.created, lambda one: problem_with(answer_in(one), what) is None)
    if reply is None:
        return Waits({"answer_to": question.message_id, "from": asked, **waits})
    if not question.status.is_closed:
        doing.messenger.close(question.message_id, note=f"answered by {reply.message_id}")
    answer = {"answer": answer_in(reply), "note": reply.payload.get(NOTE), "question": question.message_id}
    return Done({**answer, "message": reply.to_mapping(), "agent": asker}, is_delivery=True)


def _question(doing: Doing, what: Mapping[str, Any], asker: str, asked: str) -> str:
    """The id of the message that asks; it is sent where it has not been."""
    sent = (doing.found.waits_for or {}).get("answer_to")
    if sent is not None:
        return str(sent)
    payload = {
        "issue": what["question"],
        "severity": "blocker",
        "recommendation": how_to_answer(what),
        "impact": f"The run {doing.run.run_id} waits for the answer at its step {doing.step.id}",
        **{key: what[key] for key in ("options", "form") if key in what},
    }
    params = {"type": "escalate", "from_agent": asker, "to_agent": asked, "payload": payload}
    element = ExecElement(SEND, {**params, "idempotency_key": doing.key}, *doing.place)
    return str(perform(doing.messenger, element)["message_id"])


def _workflow(doing: Doing) -> Done | Waits:
    engine = doing.engine
    parent = {"run": doing.run.run_id, "step": doing.key}
    child = engine.start(doing.step.what, doing.masked(doing.filled(doing.step.params)), parent=parent)
    try:
        if doing.is_new and child.state in (State.FAILED, State.CANCELLED):
            engine.retry(child.run_id)  # this is another try, so it goes on where it failed
        child = engine.advance(child.run_id, timeout=0, changed=doing.changed)
    except LockTimeoutError:  # somebody else is at it
        return Waits({"run": child.run_id})
    if child.state is State.DONE:
        return Done({**(child.outputs or {}), "run": child.run_id})
    if child.state.is_over:
        reason = f": {_first_cause(child.error)}" if child.error else ""
        hint = f"`bmad-messenger workflow status {child.run_id}` tells more"
        raise InvalidError(f"the run {child.run_id} {child.state.value}{reason}", hint=hint)
    return Waits({"run": child.run_id})


def _first_cause(error: str) -> str:
    """What went wrong in the innermost of the runs that run each other, without those between."""
    innermost = [match.start() for match in _FAILED.finditer(error)][-1:] or [0]
    return _TELLS_MORE.sub("", error[innermost[0] :])


_FAILED: Final = re.compile(rf"the run {ID_PATTERN.pattern} failed: ")
_TELLS_MORE: Final = re.compile(r"; `bmad-messenger workflow status [^`]*` tells more")
_ACTIONS: Final[Mapping[str, Callable[[Doing], Done | Waits]]] = {
    "exec": _exec,
    "wait": _wait,
    "ask": _ask,
    "workflow": _workflow,
}
