"""A messenger of a project of its own, a clock that stands still, and short ways to send and to look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import Message, Messenger, Problem


@dataclass
class Clock:
    """What `now` says; it moves when it is told to."""

    time: datetime = datetime(2025, 1, 15, 10, 30, tzinfo=UTC)

    def tick(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("bmad_messenger.message.now", lambda: clock.time)
    return clock


@pytest.fixture
def problems() -> list[Problem]:
    """What the messenger reports."""
    return []


@pytest.fixture
def messenger(tmp_path: Path, problems: list[Problem]) -> Messenger:
    return Messenger.open(tmp_path, report=problems.append)


@pytest.fixture
def note(messenger: Messenger) -> Callable[..., Message]:
    """Sends a notify from pm to dev with this text."""

    def send(text: str = "news", **options: Any) -> Message:
        recipient = {} if "to_agents" in options else {"to_agent": "dev"}
        draft = {"type": "notify", "from_agent": "pm", **recipient, "payload": {"message": text}, **options}
        return messenger.send(**draft)

    return send


@pytest.fixture
def type_in(messenger: Messenger) -> Callable[[str], None]:
    """Adds text to the end of the queue file, as a person does."""

    def add(text: str) -> None:
        messenger.init()
        queue = messenger.project.queue
        queue.write_text(queue.read_text().replace("messages: []", "messages:") + text)

    return add
