"""An expired message is closed as `expired` by the next command, whatever that is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bmad_messenger import Message, Messenger, NotPermittedError, Problem, Status

Note = Callable[..., Message]

COMMANDS: dict[str, Callable[[Messenger, str], Any]] = {
    "list": lambda messenger, _: messenger.list(),
    "get": lambda messenger, one: messenger.get(one),
    "peek": lambda messenger, _: messenger.receive("dev", peek=True),
    "thread": lambda messenger, one: messenger.thread(one),
    "claim": lambda messenger, _: messenger.claim("dev", 60),
    "sync": lambda messenger, _: messenger.sync(),
    "send": lambda messenger, _: messenger.send(
        type="notify", from_agent="pm", to_agent="tea", payload={"message": "other"}
    ),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_next_command_closes_it(command: str, note: Note, messenger: Messenger, clock: Any) -> None:
    sent = note(expires=clock.time + timedelta(minutes=1))
    clock.tick(60)

    COMMANDS[command](messenger, sent.message_id)

    assert sent.message_id not in messenger.project.queue.read_text()
    archived = messenger.archive.read(sent.message_id)
    assert archived is not None
    assert (archived.status, archived.closed) == (Status.EXPIRED, clock.time)


def test_it_is_delivered_until_then(note: Note, messenger: Messenger, clock: Any) -> None:
    sent = note(expires=clock.time + timedelta(minutes=1))
    clock.tick(59)

    assert messenger.receive("dev", peek=True) == [sent]


def test_it_is_not_delivered_after_that(note: Note, messenger: Messenger, clock: Any) -> None:
    note(expires=clock.time + timedelta(minutes=1))
    clock.tick(60)

    assert messenger.receive("dev") == []


def test_a_payload_that_says_expires_does_not_expire(messenger: Messenger) -> None:
    payload = {"message": "news", "expires": "2020-01-01T00:00:00Z"}
    sent = messenger.send(type="notify", from_agent="pm", to_agent="dev", payload=payload)

    assert messenger.list() == [sent]


def test_a_reader_that_may_not_close_it_reads_on(
    note: Note, messenger: Messenger, clock: Any, problems: list[Problem], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = note(expires=clock.time + timedelta(minutes=1))
    clock.tick(60)

    def refuse(*_: object) -> None:
        raise NotPermittedError("read-only")

    monkeypatch.setattr(messenger.archive, "rewrite", refuse)

    assert [message.message_id for message in messenger.list()] == [sent.message_id]
    assert [(problem.severity, problem.message) for problem in problems] == [("warning", "read-only")]


def test_a_message_may_expire_so_long_from_now(note: Callable[..., Message]) -> None:
    sent = note(expires="2d")

    assert sent.expires is not None
    assert (sent.expires - sent.created).days in (1, 2)
