"""Waiting: it ends as soon as a message comes or comes back, or with an error when its time is up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bmad_messenger import Message, Messenger, NotFoundError, WaitTimeoutError

Note = Callable[..., Message]


def test_what_waits_already_is_returned_at_once_and_stays_unread(note: Note, messenger: Messenger) -> None:
    sent = note()

    assert messenger.wait("dev", 0) == [sent]
    assert messenger.receive("dev", peek=True) == [sent]


def test_a_message_that_comes_ends_the_wait(note: Note, messenger: Messenger) -> None:
    messenger.init()
    other = Messenger.open(messenger.project.root)
    sending = threading.Timer(0.1, note)
    sending.start()
    began = time.monotonic()

    (found,) = other.wait("dev", 10)

    sending.join()
    assert found.payload == {"message": "news"}
    assert time.monotonic() - began < 5


def test_a_lease_that_runs_out_ends_the_wait(note: Note, messenger: Messenger) -> None:
    sent = note()
    messenger.claim("dev", 0.1)

    (found,) = messenger.wait("dev", 10)

    assert found.message_id == sent.message_id


@pytest.mark.parametrize("options", [{}, {"type_filter": "handoff"}])
def test_nothing_in_time_is_an_error(options: dict[str, str], note: Note, messenger: Messenger) -> None:
    note(to_agent="dev" if options else "tea")

    with pytest.raises(WaitTimeoutError, match=r"nothing came for dev in 0\.05 s"):
        messenger.wait("dev", 0.05, **options)


def test_an_unknown_agent_is_refused_at_once(messenger: Messenger, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        messenger.wait("devv", 10)


def test_a_new_project_can_be_waited_in(messenger: Messenger, tmp_path: Path) -> None:
    with pytest.raises(WaitTimeoutError):
        messenger.wait("dev", 0.05)

    assert not messenger.project.queue.exists()
