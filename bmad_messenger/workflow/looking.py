"""Looks for the message that a step waits for, and tells who has answered with too little what is missing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from bmad_messenger.errors import DamagedError, InvalidError, LockTimeoutError, MessengerError
from bmad_messenger.message import Draft, Message, format_time
from bmad_messenger.messenger import Messenger
from bmad_messenger.workflow.answers import FORM, fields_in, is_answering, problem_with, ways_to_answer
from bmad_messenger.workflow.context import messages_of
from bmad_messenger.workflow.expressions import Expression

if TYPE_CHECKING:
    from bmad_messenger.workflow.actions import Doing

ASKED_AGAIN: Final = "asked_again"
"""The key under which a step keeps the answers that lacked something, each with the message that says so."""

Test = Callable[[Message], bool]


def holds(test: Expression, context: Mapping[str, Any]) -> bool:
    """Whether a condition on a message holds; it does not where the message lacks what it reads."""
    try:
        return bool(test.value(context))
    except InvalidError:
        return False


def hash_of(message_ids: Iterable[str]) -> str:
    """A short name for some messages, by which a tick knows without the run that these have been looked at."""
    return hashlib.sha256("\n".join(sorted({*message_ids})).encode()).hexdigest()[:16]


def look(
    doing: Doing, wanted: Mapping[str, Any], since: datetime, is_it: Test
) -> tuple[Message | None, dict[str, Any]]:
    """The message that is wanted; where there is none, what a tick needs to know to look for it.

    Args:
        doing: the step that waits.
        wanted: what the message has to be; `is_it` is the rest of that.
        since: when the run began, or the message was sent that the wanted one answers.
    """
    passed, known = list[str](), _known(doing, wanted)
    for message in doing.engine.mailbox.candidates(wanted, since):
        if _is_new(doing, message, known) and is_it(message):
            return message, {}
        passed.append(message.message_id)
    return None, _waits(since, passed)


def look_for_answer(
    doing: Doing, wanted: Mapping[str, Any], since: datetime, is_it: Test, form: Mapping[str, Any]
) -> tuple[Message | None, dict[str, Any]]:
    """The reply that fits a form; who has sent another gets it back, once, with what it lacks.

    What is replied to that counts as well. Otherwise as `look`; `asked_again` is kept in either case.
    """
    asked_again: dict[str, str | None] = {**(doing.found.waits_for or {}).get(ASKED_AGAIN, {})}
    questions = [wanted["reply_to"], *filter(None, asked_again.values())]
    wants = [{**wanted, "reply_to": reply_to} for reply_to in questions]
    replies = [reply for each in wants for reply in doing.engine.mailbox.candidates(each, since)]
    known = _known(doing, wanted)
    answers = [one for one in replies if is_answering(one) and _is_new(doing, one, known) and is_it(one)]
    for reply in answers:
        if problem_with(fields_in(reply), {FORM: form}) is None:
            return reply, {ASKED_AGAIN: asked_again} if asked_again else {}
    for reply in answers:
        if reply.message_id not in asked_again:
            asked_again[reply.message_id] = _ask_again(doing, reply, wanted.get("to"), form)
    waits = _waits(since, [reply.message_id for reply in replies])
    return None, {**waits, ASKED_AGAIN: asked_again} if asked_again else waits


def _known(doing: Doing, wanted: Mapping[str, Any]) -> set[str]:
    """The messages that the run has had, and, where no answer is wanted, those that were there before it began."""
    return {*messages_of(doing.run), *(() if "reply_to" in wanted else doing.run.before)}


def _is_new(doing: Doing, message: Message, known: set[str]) -> bool:
    """Whether a message is not known, and not one that the run has sent."""
    is_own = (message.idempotency_key or "").startswith(f"{doing.run.run_id}/")
    return not is_own and message.message_id not in known


def _waits(since: datetime, passed: Sequence[str]) -> dict[str, Any]:
    waits = {"since": format_time(since)}
    return {**waits, "passed": hash_of(passed)} if passed else waits


def _ask_again(doing: Doing, reply: Message, asker: str | None, form: Mapping[str, Any]) -> str | None:
    """Send an answer back that lacks something, and close it; the id of the message that says what is missing.

    None where that can't be sent, as in a thread that has grown too long: the run waits on.
    """
    messenger = doing.messenger
    problem = problem_with(fields_in(reply), {FORM: form})
    assert problem is not None
    problems = problem.problems or (problem.problem,)
    payload = {
        "question": f"Your answer {reply.message_id} can't be used: {'; '.join(one.message for one in problems)}",
        "context": f"The run {doing.run.run_id} waits for it at its step {doing.step.id}",
        "next_actions": ways_to_answer(form),
        FORM: form,
    }
    draft = Draft(
        "clarify",
        asker or reply.to_agent or doing.agent,
        reply.from_agent,
        payload=doing.masked(payload),
        reply_to=reply.message_id,
        idempotency_key=f"{doing.key}/{reply.message_id}",
    )
    try:
        (sent,) = messenger.send_many([draft])
        _close(messenger, reply, f"sent back with {sent.message_id}")
    except (DamagedError, LockTimeoutError):
        raise
    except MessengerError as error:
        messenger._report(error.problem._replace(severity="warning"))
        return None
    return sent.message_id


def _close(messenger: Messenger, message: Message, note: str) -> None:
    if not messenger.get(message.message_id).status.is_closed:
        messenger.close(message.message_id, note=note)
