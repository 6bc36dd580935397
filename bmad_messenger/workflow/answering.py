"""A question of a run, and the answer to it: the message that asks, and the reply that it waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bmad_messenger.errors import InvalidError, NotPermittedError, UsageError
from bmad_messenger.findings import Finding, report, unknown_key
from bmad_messenger.message import Message
from bmad_messenger.messenger import Messenger
from bmad_messenger.workflow.answers import ANSWER, NOTE, problem_with
from bmad_messenger.workflow.parameters import params_of
from bmad_messenger.workflow.run import ID_PATTERN


@dataclass(frozen=True, slots=True)
class Question:
    """What a message asks: its text, and what an answer can be: one of `options`, a `form`, or any text.

    `is_of_run` says that a run waits for the answer.
    """

    message: Message
    is_of_run: bool
    options: tuple[str, ...] | None = None
    form: Mapping[str, Any] | None = None

    @property
    def text(self) -> str:
        """What is asked."""
        payload = self.message.payload
        return str(payload.get("issue") or payload.get("question") or payload.get("message") or "")

    @property
    def parts(self) -> Mapping[str, Mapping[str, Any]]:
        """The parts of the form, each with its JSON Schema."""
        parts: Mapping[str, Mapping[str, Any]] = (self.form or {}).get("properties", {})
        return parts

    @property
    def how(self) -> list[str]:
        """How it can be answered, a line each."""
        if self.form is not None:
            kinds = ((name, one.get("description") or one.get("type") or "") for name, one in self.parts.items())
            return [f"  {name}=…  {kind}".rstrip() for name, kind in kinds]
        return [f"  {option}" for option in self.options or ()]


def question_of(messenger: Messenger, message_id: str) -> Question:
    """What the message asks; a clarify and an escalate that no run sent can be answered too, in any words.

    Raises:
        NotFoundError: where there is no such message.
    """
    message = messenger.get(message_id)
    run_id, slash, _ = (message.idempotency_key or "").partition("/")
    if not slash or not ID_PATTERN.fullmatch(run_id):
        return Question(message, is_of_run=False)
    options, form = message.payload.get("options"), message.payload.get("form")
    return Question(
        message,
        is_of_run=True,
        options=tuple(options) if isinstance(options, list) else None,
        form=form if isinstance(form, Mapping) else None,
    )


def answer(
    messenger: Messenger, question: Question, words: Sequence[str], *, note: str | None = None, by: str | None = None
) -> Message:
    """Answer a question, to who asked it; what was asked is closed. The same answer again is the same message.

    Args:
        messenger: the project's.
        question: what was asked.
        words: the answer: a text, or `name=value` for each part of a form.
        note: a word on it.
        by: who answers; by default who was asked.

    Raises:
        InvalidError: where it is none of what was asked for.
        UsageError: where it was answered otherwise before.
        NotPermittedError: where a run asked somebody else.
    """
    asked = question.message
    if question.is_of_run and by not in (None, asked.to_agent):
        raise NotPermittedError(
            f"{asked.message_id} asks {asked.to_agent}, not {by}", hint="let the one answer who is asked"
        )
    value = _value(question, words)
    given = {"message": _text(value), ANSWER: value, NOTE: note}
    payload = {key: one for key, one in given.items() if one is not None}
    try:
        key = f"{asked.message_id}/{ANSWER}"
        sent = messenger.reply(asked.message_id, payload, from_agent=by, idempotency_key=key)
    except InvalidError as error:
        if "idempotency key" not in error.problem.message:
            raise
        raise UsageError(
            f"{asked.message_id} was answered already", hint=f"`bmad-messenger thread {asked.message_id}` shows how"
        ) from None
    if not messenger.get(asked.message_id).status.is_closed:
        messenger.close(asked.message_id, note=f"answered by {sent.message_id}")
    return sent


def _value(question: Question, words: Sequence[str]) -> Any:
    """The answer that words give; raises where it is none of what was asked for."""
    if question.form is None:
        value: Any = " ".join(words)
    else:
        value = _filled_in(question, words)
    wanted = {"options": question.options, "form": question.form}
    problem = problem_with(value, {key: one for key, one in wanted.items() if one is not None})
    if problem is not None:
        raise InvalidError.of(problem.problems or (problem.problem,), "")
    return value


def _filled_in(question: Question, words: Sequence[str]) -> dict[str, Any]:
    """A form filled in: its defaults, and what words say."""
    for word in words:
        if "=" not in word:
            hint = f"write it as {', '.join(f'{name}=…' for name in question.parts)}"
            raise UsageError(f"{word!r} is no part of the answer", hint=hint)
    given = params_of(question.parts, (), words)
    is_open = "additionalProperties" in (question.form or {})
    unknown: list[Finding] = [
        unknown_key((), name, None, question.parts) for name in given if name not in question.parts
    ]
    if unknown and not is_open:
        raise InvalidError.of(report(unknown), "")
    return {name: one["default"] for name, one in question.parts.items() if "default" in one} | given


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {part}" for name, part in value.items()) or "(nothing)"
    return str(value)
