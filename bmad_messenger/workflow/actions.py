"""What a step does: runs a task, waits, asks, or runs another workflow.

An action may be done again: after a crash, or to look whether what it waits for has come. So whatever it sends carries
a key of its own, made of run, step and round, and is sent once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bmad_messenger import message as messages
from bmad_messenger.config import USER
from bmad_messenger.errors import InvalidError, MessengerError
from bmad_messenger.exec_reader import ExecElement
from bmad_messenger.message import Message, format_time, parse_time
from bmad_messenger.messenger import Messenger
from bmad_messenger.tasks import Delivery, perform
from bmad_messenger.workflow.expressions import condition, filled
from bmad_messenger.workflow.model import QUICK_TASKS, RECEIVE, SEND, Step, seconds_of
from bmad_messenger.workflow.run import State

if TYPE_CHECKING:
    from bmad_messenger.workflow.engine import Engine
    from bmad_messenger.workflow.mailbox import Mailbox
    from bmad_messenger.workflow.run import Run

ANSWER: Final = "answer"


@dataclass(frozen=True, slots=True)
class Done:
    """The step is done; `is_delivery` where messages among the outputs are to be marked read once these are kept."""

    outputs: Any
    is_delivery: bool = False


@dataclass(frozen=True, slots=True)
class Waits:
    """The step waits: for what, and until when at the latest if that is a matter of time."""

    waits_for: Mapping[str, Any]
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Doing:
    """One step, or one round of it, about to act.

    `key` names it among all runs, `context` is what its expressions read, `ids` are the workflow's steps.
    """

    engine: Engine
    messenger: Messenger
    mailbox: Mailbox
    run: Run
    step: Step
    key: str
    context: Mapping[str, Any]
    ids: tuple[str, ...]
    started: datetime
    place: tuple[str | None, int, int]
    taken: frozenset[str]
    agent: str
    masked: Callable[[Any], Any]

    def filled(self, value: Any) -> Any:
        """A value of the step, its expressions evaluated."""
        return filled(value, self.context, self.ids)


def act(doing: Doing) -> Done | Waits:
    """Do what the step says.

    Raises:
        MessengerError: where that fails.
    """
    return _ACTIONS[doing.step.kind](doing)


def deliver(messenger: Messenger, outputs: Mapping[str, Any]) -> None:
    """Mark read what a step has received, now that its outputs are kept; harmless to do twice."""
    found = [*outputs.get("messages", ()), *([outputs["message"]] if "message" in outputs else [])]
    for mapping in found:
        message = messenger.get(mapping["message_id"])
        reader = outputs["agent"]
        if not message.status.is_closed and reader not in message.read_by:
            messenger.mark_read(reader, [message.message_id])


def _exec(doing: Doing) -> Done:
    path, line, column = doing.place
    params = doing.filled(doing.step.params)
    if doing.step.what in QUICK_TASKS:  # what these are given ends in a file
        params = doing.masked(params)
    if doing.step.what == SEND:
        params.setdefault("idempotency_key", doing.key)
    value = perform(doing.messenger, ExecElement(doing.step.what, params, path, line, column))
    if isinstance(value, Delivery):
        if doing.step.what == RECEIVE:
            return Done(value.value, is_delivery=not params.get("peek"))
        value.confirm()
        return Done(value.value)
    return Done(value)


def _wait(doing: Doing) -> Done | Waits:
    if "message" in doing.step.what:
        return _wait_for_message(doing)
    what = doing.filled(doing.step.what)
    try:
        until = parse_time(what["until"]) if "until" in what else doing.started + _span(what["for"])
    except (ValueError, OverflowError):
        raise InvalidError(f"{what} is no time", hint="write 2025-01-15T10:30:00Z, or a time span such as 2d") from None
    if messages.now() >= until:
        return Done({"time": format_time(until)})
    return Waits({"time": format_time(until)}, until)


def _wait_for_message(doing: Doing) -> Done | Waits:
    raw = doing.step.what["message"]
    wanted = doing.filled({key: value for key, value in raw.items() if key != "if"})
    test = condition(raw["if"], doing.ids) if "if" in raw else None

    def is_it(message: Message) -> bool:
        return test is None or bool(test.value({**doing.context, "message": message.to_mapping()}))

    since = doing.started
    if "reply_to" in wanted:  # the answer may have come before this step began
        since = doing.messenger.get(wanted["reply_to"]).created
    found = doing.mailbox.find(wanted, since=since, taken=doing.taken, test=is_it)
    if found is None:
        return Waits({"message": wanted})
    reader = wanted.get("to") or found.to_agent
    outputs = {"message": found.to_mapping(), "agent": reader}
    return Done(outputs, is_delivery=reader is not None)


def _ask(doing: Doing) -> Done | Waits:
    what = doing.masked(doing.filled(doing.step.what))
    asker = what.get("from") or doing.agent
    payload = {
        "issue": what["question"],
        "severity": "blocker",
        "recommendation": _how_to_answer(what),
        "impact": f"The run {doing.run.run_id} waits for the answer at its step {doing.step.id}",
        **{key: what[key] for key in ("options", "form") if key in what},
    }
    params = {"type": "escalate", "from_agent": asker, "to_agent": what.get("of", USER), "payload": payload}
    element = ExecElement(SEND, {**params, "idempotency_key": doing.key}, *doing.place)
    question = perform(doing.messenger, element)
    wanted = {"reply_to": question["message_id"]}
    reply = doing.mailbox.find(
        wanted, since=doing.started, taken=doing.taken, test=lambda one: problem_with(answer_in(one), what) is None
    )
    if reply is None:
        return Waits({"answer_to": question["message_id"], "from": what.get("of", USER)})
    if not doing.messenger.get(question["message_id"]).status.is_closed:
        doing.messenger.close(question["message_id"], note=f"answered by {reply.message_id}")
    outputs = {ANSWER: answer_in(reply), "note": reply.payload.get("note"), "question": question["message_id"]}
    return Done({**outputs, "message": reply.to_mapping(), "agent": asker}, is_delivery=True)


def _workflow(doing: Doing) -> Done | Waits:
    parent = {"run": doing.run.run_id, "step": doing.key}
    child = doing.engine.start(doing.step.what, doing.filled(doing.step.params), parent=parent)
    child = doing.engine.advance(child.run_id)
    if child.state is State.DONE:
        return Done({**(child.outputs or {}), "run": child.run_id})
    if child.state.is_over:
        raise InvalidError(f"the run {child.run_id} {child.state.value}: {child.error}", hint="see its `status`")
    return Waits({"run": child.run_id}, child.due)


_ACTIONS: Final[Mapping[str, Callable[[Doing], Done | Waits]]] = {
    "exec": _exec,
    "wait": _wait,
    "ask": _ask,
    "workflow": _workflow,
}


def _span(duration: Any) -> timedelta:
    return timedelta(seconds=seconds_of(duration))


def _how_to_answer(what: Mapping[str, Any]) -> str:
    if "options" in what:
        return f"Answer with one of: {', '.join(what['options'])}"
    if "form" in what:
        return f"Answer with {', '.join(what['form'].get('properties', {}))}, each as name=value"
    return "Answer in your own words"


def answer_in(reply: Message) -> Any:
    """The answer that a reply holds: its `answer`, or else the text of its message."""
    return reply.payload.get(ANSWER, reply.payload.get("message"))


def problem_with(answer: Any, what: Mapping[str, Any]) -> MessengerError | None:
    """What is wrong with an answer to a question that offers `options` or a `form`; None where it fits."""
    if "options" in what and answer not in what["options"]:
        return InvalidError(f"{answer!r} is none of the options", hint=f"choose one of {', '.join(what['options'])}")
    if "form" in what:
        from bmad_messenger.findings import report
        from bmad_messenger.schemas import validator_of, violations

        problems = report(violations(validator_of(what["form"]), answer))
        return InvalidError.of(problems, "the answer") if problems else None
    return None
