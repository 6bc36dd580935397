"""A question of a run, and the answer to it: the message that asks, and the reply that it waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bmad_messenger.errors import InvalidError, UsageError
from bmad_messenger.message import Message
from bmad_messenger.messenger import Messenger
from bmad_messenger.workflow.answers import ANSWER, problem_with
from bmad_messenger.workflow.parameters import params_of


@dataclass(frozen=True, slots=True)
class Question:
    """What a message asks: its text, and what an answer can be: one of `options`, a `form`, or any text."""

    message: Message
    options: tuple[str, ...] | None = None
    form: Mapping[str, Any] | None = None

    @property
    def text(self) -> str:
        """What is asked."""
        payload = self.message.payload
        return str(payload.get("issue") or payload.get("question") or payload.get("message") or "")

    @property
    def how(self) -> list[str]:
        """How it can be answered, a line each."""
        if self.options is not None:
            return [f"  {option}" for option in self.options]
        if self.form is not None:
            parts: Mapping[str, Mapping[str, Any]] = self.form.get("properties", {})
            return [
                f"  {name}=…  {schema.get('description', schema.get('type', ''))}" for name, schema in parts.items()
            ]
        return []


def question_of(messenger: Messenger, message_id: str) -> Question:
    """What the message asks; a clarify and an escalate that no run sent can be answered, too.

    Raises:
        NotFoundError: where there is no such message.
    """
    message = messenger.get(message_id)
    options, form = message.payload.get("options"), message.payload.get("form")
    return Question(message, tuple(options) if options else None, form if isinstance(form, Mapping) else None)


def answer(
    messenger: Messenger, question: Question, words: Sequence[str], *, note: str | None = None, by: str | None = None
) -> Message:
    """Answer a question, to who asked it; what was asked is closed.

    Args:
        messenger: the project's.
        question: what was asked.
        words: the answer: one text, or `name=value` for each part of a form.
        note: a word on it.
        by: who answers; by default who was asked.

    Raises:
        InvalidError: where it is none of what was asked for; nothing is sent then.
    """
    if question.form is None:
        if len(words) != 1:
            raise UsageError(f"{len(words)} answers to one question", hint="put the answer in quotes")
        value: Any = words[0]
    else:
        value = params_of(question.form.get("properties", {}), (), words)
    wanted = {"options": question.options, "form": question.form}
    problem = problem_with(value, {key: one for key, one in wanted.items() if one is not None})
    if problem is not None:
        raise InvalidError.of(problem.problems or (problem.problem,), "the answer")
    asked = question.message
    text = value if isinstance(value, str) else ", ".join(f"{name}: {part}" for name, part in value.items())
    payload = {"message": text, ANSWER: value, "note": note}
    sent = messenger.reply(
        asked.message_id, {key: one for key, one in payload.items() if one is not None}, from_agent=by
    )
    if not asked.status.is_closed:
        messenger.close(asked.message_id, note=f"answered by {sent.message_id}")
    return sent
