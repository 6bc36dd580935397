"""Replying: the answer goes to the sender and remembers what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bmad_messenger import Message, Messenger, NotFoundError, Priority, UsageError

Note = Callable[..., Message]


@pytest.fixture
def question(messenger: Messenger) -> Message:
    payload = {"question": "JWT or cookies?", "context": "Story 1-2"}
    return messenger.send(type="clarify", from_agent="dev", to_agent="architect", payload=payload)


def test_a_text_is_a_notify_to_the_sender(question: Message, messenger: Messenger) -> None:
    answer = messenger.reply(question.message_id, "cookies")

    assert (answer.type, answer.from_agent, answer.to_agent) == ("notify", "architect", "dev")
    assert answer.payload == {"message": "cookies"}
    assert answer.reply_to == question.message_id


def test_an_answer_may_have_another_type(question: Message, messenger: Messenger) -> None:
    payload = {"question": "why not both?", "context": "security"}

    answer = messenger.reply(question.message_id, payload, type="clarify")

    assert (answer.type, answer.payload) == ("clarify", payload)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [("critical", Priority.HIGH), ("high", Priority.HIGH), ("medium", Priority.MEDIUM), ("low", Priority.LOW)],
)
def test_an_answer_is_as_urgent_as_the_question_but_not_critical(
    asked: str, answered: Priority, note: Note, messenger: Messenger
) -> None:
    assert messenger.reply(note(priority=asked).message_id, "yes").priority is answered


def test_the_answerer_chooses_another_priority(question: Message, messenger: Messenger) -> None:
    assert messenger.reply(question.message_id, "cookies", priority=Priority.LOW).priority is Priority.LOW


def test_a_part_of_the_id_is_made_whole(question: Message, messenger: Messenger) -> None:
    assert messenger.reply(question.message_id[-4:], "cookies").reply_to == question.message_id


def test_reply_to_of_a_send_is_made_whole(question: Message, note: Note) -> None:
    assert note(reply_to=question.message_id[-4:]).reply_to == question.message_id


def test_a_closed_message_can_be_answered(question: Message, messenger: Messenger) -> None:
    messenger.close(question.message_id)

    assert messenger.reply(question.message_id, "cookies").reply_to == question.message_id


def test_who_answers_for_several_has_to_be_said(note: Note, messenger: Messenger) -> None:
    sent = note(to_agents=["dev", "tea"])

    with pytest.raises(UsageError, match="went to several agents"):
        messenger.reply(sent.message_id, "yes")

    assert messenger.reply(sent.message_id, "yes", from_agent="tea").from_agent == "tea"


def test_an_answer_with_a_key_is_sent_once(question: Message, messenger: Messenger) -> None:
    options: dict[str, Any] = {"idempotency_key": "answer"}

    assert messenger.reply(question.message_id, "cookies", **options) == messenger.reply(
        question.message_id, "cookies", **options
    )


def test_what_there_is_not_can_not_be_answered(messenger: Messenger) -> None:
    with pytest.raises(NotFoundError):
        messenger.reply("MSG-20250115-ffff", "yes")
