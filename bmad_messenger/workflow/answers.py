"""What an answer to a run's question is: how it is given, where a reply holds it, whether it fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bmad_messenger.errors import InvalidError, MessengerError
from bmad_messenger.message import Message

ANSWER: Final = "answer"
"""The key of a reply's payload that holds the answer; without it, the text of the message is the answer."""

NOTE: Final = "note"
"""The key of a reply's payload that holds a word on the answer."""


def how_to_answer(what: Mapping[str, Any]) -> str:
    """What is said to whom is asked; `what` is the step's `ask`."""
    command = "Answer with `bmad-messenger answer ID …`"
    if "options" in what:
        return f"{command}, one of: {', '.join(what['options'])}"
    if "form" in what:
        return f"{command}, with {', '.join(f'{name}=…' for name in what['form'].get('properties', {}))}"
    return f"{command}, in your own words"


def answer_in(reply: Message) -> Any:
    """The answer that a reply holds."""
    return reply.payload.get(ANSWER, reply.payload.get("message"))


def problem_with(answer: Any, what: Mapping[str, Any]) -> MessengerError | None:
    """What is wrong with an answer to a question that offers `options` or a `form`; None where it fits."""
    if "options" in what:
        if answer in what["options"]:
            return None
        return InvalidError(f"{answer!r} is none of the options", hint=f"choose one of {', '.join(what['options'])}")
    if "form" in what:
        from bmad_messenger.findings import report
        from bmad_messenger.schemas import validator_of, violations

        problems = report(violations(validator_of(what["form"]), answer))
        return InvalidError.of(problems, "the answer") if problems else None
    return None if isinstance(answer, str) else InvalidError(f"{answer!r} is no text", hint="answer in words")
