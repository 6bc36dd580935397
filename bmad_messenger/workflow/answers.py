"""What an answer to a run is: how it is given, where a reply holds it, whether it fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bmad_messenger.errors import InvalidError, MessengerError
from bmad_messenger.message import Message

ANSWER: Final = "answer"
"""The key of a reply's payload that holds the answer; without it, the text of the message is the answer."""

NOTE: Final = "note"
"""The key of a reply's payload that holds a word on the answer."""

FORM: Final = "form"
"""The key of a message's payload that holds the JSON Schema of the answer to it."""

_ACTIONS: Final = "next_actions"
_ANSWERING: Final = ("handoff", "notify")
"""The types of a message that answers; one of another type asks back."""


def how_to_answer(what: Mapping[str, Any]) -> str:
    """What is said to whom is asked; `what` is the step's `ask`."""
    command = "Answer with `bmad-messenger answer ID …`"
    if "options" in what:
        return f"{command}, one of: {', '.join(what['options'])}"
    if "form" in what:
        return f"{command}, with {', '.join(f'{name}=…' for name in what['form'].get('properties', {}))}"
    return f"{command}, in your own words"


def with_ways_to_answer(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A payload whose `form` is told in words, too, as the last of its `next_actions`."""
    form, actions = form_in(payload), payload.get(_ACTIONS, [])
    if form is None or not isinstance(actions, list):
        return {**payload}
    told = {_ACTIONS: [*actions, *ways_to_answer(form)]}
    return {**{key: value for key, value in payload.items() if key != FORM}, **told, FORM: form}


def ways_to_answer(form: Mapping[str, Any]) -> list[str]:
    """How a message with a form is answered, and what each field is."""
    parts, required = form["properties"], form.get("required", ())
    command = " ".join(("bmad-messenger answer ID", *(f"{name}=…" for name in parts if name in required)))
    lines = [f"Answer with `{command}`, or with a `bmad-messenger reply ID` whose payload has these fields"]
    for name, part in parts.items():
        field = name if name in required else f"{name} (may be left out)"
        lines.append(": ".join(filter(None, (field, part.get("description")))))
    return lines


def form_in(payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The JSON Schema of the answer that a message asks for; None where any answer will do.

    A `form` that is no schema with properties is something else that is handed over.
    """
    form = payload.get(FORM)
    fields = form.get("properties") if isinstance(form, Mapping) else None
    if not isinstance(fields, Mapping) or not all(isinstance(one, Mapping) for one in fields.values()):
        return None
    from bmad_messenger.schemas import schema_violations

    return None if schema_violations(form, ()) else form


def fields_in(reply: Message) -> Any:
    """What a reply says to a message with a form: what `bmad-messenger answer` has put in, or all of its payload."""
    value = reply.payload.get(ANSWER)
    return value if isinstance(value, Mapping) else reply.payload


def is_answering(reply: Message) -> bool:
    """Whether a reply is meant as an answer; else it asks something back."""
    return reply.type in _ANSWERING


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
