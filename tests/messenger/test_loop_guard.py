"""A thread that grows too long is stopped, and the user is asked about it once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bmad_messenger import Draft, Message, Messenger, NotPermittedError, Problem

Note = Callable[..., Message]
LIMIT = 3


@pytest.fixture
def limited(tmp_path: Path, problems: list[Problem]) -> Messenger:
    return configured(tmp_path, problems, f"limits: {{thread_length: {LIMIT}}}\n")


def configured(root: Path, problems: list[Problem], config: str) -> Messenger:
    project = Messenger.open(root).project
    project.folder.mkdir(parents=True, exist_ok=True)
    project.config.write_text(config)
    return Messenger.open(root, report=problems.append)


def thread_of(messenger: Messenger, length: int) -> Message:
    """The last message of a thread of this length."""
    last = messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "0"})
    for number in range(1, length):
        last = messenger.reply(last.message_id, str(number))
    return last


def escalations(messenger: Messenger) -> list[Message]:
    return messenger.list(type="escalate")


def test_the_fiftieth_message_is_sent_and_the_next_refused(messenger: Messenger) -> None:
    last = thread_of(messenger, 50)

    with pytest.raises(NotPermittedError, match="has 50 messages"):
        messenger.reply(last.message_id, "one too many")

    assert len(messenger.thread(last.message_id)) == 50


def test_the_length_is_the_project_s_to_choose(limited: Messenger) -> None:
    last = thread_of(limited, LIMIT)

    with pytest.raises(NotPermittedError, match=f"has {LIMIT} messages"):
        limited.reply(last.message_id, "one too many")


def test_the_user_is_asked_once_a_thread(limited: Messenger) -> None:
    last = thread_of(limited, LIMIT)

    for sender in (None, None, "dev", "tea"):
        with pytest.raises(NotPermittedError):
            limited.reply(last.message_id, "one too many", from_agent=sender)

    (asked,) = escalations(limited)
    root = limited.thread(last.message_id)[0].message_id
    assert (asked.from_agent, asked.to_agent) == (last.to_agent, "user")
    assert root in asked.payload["issue"]


def test_the_user_is_not_asked_again_when_the_question_is_closed(limited: Messenger) -> None:
    last = thread_of(limited, LIMIT)
    with pytest.raises(NotPermittedError):
        limited.reply(last.message_id, "one too many")
    limited.close(escalations(limited)[0].message_id)

    with pytest.raises(NotPermittedError):
        limited.reply(last.message_id, "one too many")

    assert escalations(limited) == []


def test_the_user_is_asked_for_each_thread(limited: Messenger) -> None:
    for last in (thread_of(limited, LIMIT), thread_of(limited, LIMIT)):
        with pytest.raises(NotPermittedError):
            limited.reply(last.message_id, "one too many")

    assert len(escalations(limited)) == 2


def test_who_is_refused_asks(limited: Messenger) -> None:
    """Also where another message of the same sending answers another thread."""
    last, other = thread_of(limited, LIMIT), thread_of(limited, 1)
    drafts = [
        Draft("notify", "dev", "pm", payload={"message": "fine"}, reply_to=other.message_id),
        Draft("notify", "tea", "pm", payload={"message": "one too many"}, reply_to=last.message_id),
    ]

    with pytest.raises(NotPermittedError):
        limited.send_many(drafts)

    assert [message.from_agent for message in escalations(limited)] == ["tea"]


def test_a_dry_run_asks_nobody(limited: Messenger) -> None:
    last = thread_of(limited, LIMIT)
    before = limited.project.queue.read_bytes()

    with pytest.raises(NotPermittedError):
        limited.prepare([Draft("notify", "dev", "pm", payload={"message": "x"}, reply_to=last.message_id)])

    assert limited.project.queue.read_bytes() == before


def test_a_closed_message_counts(limited: Messenger) -> None:
    last = thread_of(limited, LIMIT)
    limited.close(*(message.message_id for message in limited.thread(last.message_id)))

    with pytest.raises(NotPermittedError):
        limited.reply(last.message_id, "one too many")


def test_a_thread_is_stopped_where_there_is_no_user_to_ask(tmp_path: Path, problems: list[Problem]) -> None:
    messenger = configured(tmp_path, problems, "agents: [pm, dev]\nlimits: {thread_length: 1}\n")
    last = thread_of(messenger, 1)

    with pytest.raises(NotPermittedError, match="has 1 messages"):
        messenger.reply(last.message_id, "one too many")

    assert [problem.message for problem in problems if "'user'" in problem.message]


@pytest.mark.parametrize("config", ["agents: [pm, dev]\nlimits: {", "limits: {payload_bytes: 40, "])
def test_nobody_is_said_to_be_asked_who_was_not(config: str, tmp_path: Path, problems: list[Problem]) -> None:
    messenger = configured(tmp_path, problems, f"{config}thread_length: 1}}\n")
    last = thread_of(messenger, 1)

    with pytest.raises(NotPermittedError, match="the user could not be asked"):
        messenger.reply(last.message_id, "one too many")
