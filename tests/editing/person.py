"""Who edits in these tests, and what they look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import Message, Messenger, Problem
from bmad_messenger.editing import Choice, Outcome, edit

TYPED = "\n  - type: notify\n    from: user\n    to: dev\n    payload: {message: typed}\n"


class Person:
    """Edits in steps, one each time that the editor opens; answers in turn.

    A step is a function of the text, or one that does something else meanwhile and returns the text. `opened` are the
    texts that the editor showed, `lines` where it opened them, `asked` the problems and choices of each question.
    """

    def __init__(self, *steps: Callable[[str], str], answers: Sequence[Choice] | None = None) -> None:
        self.steps, self.answers = list(steps), None if answers is None else list(answers)
        self.opened: list[str] = []
        self.lines: list[int | None] = []
        self.asked: list[tuple[Sequence[Problem], Sequence[Choice]]] = []
        self.path = Path()

    def open(self, path: Path, line: int | None) -> None:
        self.path = path
        text = path.read_bytes().decode()
        self.opened.append(text)
        self.lines.append(line)
        path.write_bytes(self.steps.pop(0)(text).encode())

    def ask(self, found: Sequence[Problem], choices: Sequence[Choice]) -> Choice:
        assert self.answers is not None
        self.asked.append((found, choices))
        return self.answers.pop(0)

    def edits(self, messenger: Messenger, name: str | None = None, **options: Any) -> Outcome:
        ask = None if self.answers is None else self.ask
        outcome = edit(messenger, name, editor=self.open, ask=ask, **options)
        assert not self.steps
        assert not self.answers
        return outcome


def replacing(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


def adding(new: str) -> Callable[[str], str]:
    return lambda text: text.replace("messages: []", "messages:") + new


def without(message: Message) -> Callable[[str], str]:
    def change(text: str) -> str:
        head, *items = text.split("  - message_id: ")
        return "  - message_id: ".join((head, *(item for item in items if message.message_id not in item)))

    return change


def meanwhile(act: Callable[[], object], step: Callable[[str], str] = lambda text: text) -> Callable[[str], str]:
    """A step during which something else happens."""

    def change(text: str) -> str:
        act()
        return step(text)

    return change


def send(messenger: Messenger, text: str = "text", **options: Any) -> Message:
    recipient = {} if "to_agents" in options else {"to_agent": "dev"}
    return messenger.send(type="notify", from_agent="pm", payload={"message": text}, **recipient, **options)


def texts(messenger: Messenger) -> list[str]:
    return [str(message.payload["message"]) for message in messenger.list()]


def read(messenger: Messenger) -> str:
    return messenger.project.queue.read_bytes().decode()


def drafts(messenger: Messenger) -> list[Path]:
    return sorted((messenger.project.folder / ".drafts").glob("*.yaml"))


def kept(caught: pytest.ExceptionInfo[Any], messenger: Messenger) -> Path:
    """The one draft, which the error tells of."""
    (draft,) = drafts(messenger)
    last = caught.value.problems[-1]
    assert last.path == messenger.project.name(draft)
    assert f"`bmad-messenger edit --draft {last.path}`" in last.hint.replace("'", "")
    return draft
