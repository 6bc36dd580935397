"""Tests of `bmad_messenger.workflow.answering`: how a question is answered."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from bmad_messenger import Message, Messenger, MessengerError, NotPermittedError, UsageError
from bmad_messenger.workflow.answering import answer, question_of
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import State
from bmad_messenger.workflow.ticking import tick
from tests.workflow.conftest import Begin

FORM = """\
form:
        type: object
        required: [region]
        properties:
          region: {type: string, enum: [eu, us]}
          nodes: {type: integer, minimum: 1, default: 3}
          zones: {type: array, items: {type: string}}
          urgent: {type: boolean}
"""


Ask = Callable[..., Message]


@pytest.fixture
def ask(begin: Begin, messenger: Messenger) -> Ask:
    """Lets a run ask; gives the message."""

    def ask(what: str = "") -> Message:
        begin(f"steps:\n  - id: a\n    ask:\n      question: Where?\n      {what}\n")
        (question,) = messenger.list()
        return question

    return ask


def say(
    messenger: Messenger, question: Message, *words: str, by: str | None = None, note: str | None = None
) -> Message:
    return answer(messenger, question_of(messenger, question.message_id), words, by=by, note=note)


def outcome(engine: Engine) -> object:
    tick(engine)
    (run_id,) = engine.runs.ids()
    run = engine.runs.read(run_id)
    return run.step("a").outputs["answer"] if run.state is State.DONE else run.state


def test_a_text_is_an_answer(ask: Ask, messenger: Messenger, engine: Engine) -> None:
    say(messenger, ask(), "in", "two regions")

    assert outcome(engine) == "in two regions"


def test_an_option_is_an_answer(ask: Ask, messenger: Messenger, engine: Engine) -> None:
    say(messenger, ask("options: [go on, stop]"), "go", "on", note="at last")

    assert outcome(engine) == "go on"
    (run_id,) = engine.runs.ids()
    assert engine.runs.read(run_id).step("a").outputs["note"] == "at last"


def test_a_form_is_filled_in_with_its_types_and_defaults(ask: Ask, messenger: Messenger, engine: Engine) -> None:
    say(messenger, ask(FORM), "region=eu", "zones=a", "zones=b", "urgent=true")

    assert outcome(engine) == {"region": "eu", "nodes": 3, "zones": ["a", "b"], "urgent": True}


@pytest.mark.parametrize(
    ("what", "words", "problem"),
    [
        ("options: [yes, no]", ["perhaps"], "'perhaps' is none of the options; choose one of yes, no"),
        (FORM, ["eu"], "'eu' is no part of the answer; write it as region=…, nodes=…, zones=…, urgent=…"),
        (FORM, ["nodes=5"], "region: required, but missing"),
        (FORM, ["region=asia"], 'region: wanted "eu" or "us", found "asia"'),
        (FORM, ["region=eu", "nodes=many"], 'nodes: wanted a whole number, found "many"'),
        (FORM, ["region=eu", "size=5"], "unknown key `size`"),
        (FORM, ["region=eu", "region=us"], "the parameter 'region' is given 2 times"),
        ("", [""], "wanted text that is not empty"),
    ],
)
def test_what_is_no_answer_is_refused(
    ask: Ask, messenger: Messenger, engine: Engine, what: str, words: list[str], problem: str
) -> None:
    question = ask(what)

    with pytest.raises(MessengerError) as caught:
        say(messenger, question, *words)

    assert problem in str(caught.value)
    assert outcome(engine) is State.WAITING
    assert not messenger.get(question.message_id).status.is_closed


def test_the_same_answer_again_is_the_same_message(ask: Ask, messenger: Messenger) -> None:
    question = ask("options: [yes, no]")

    assert say(messenger, question, "yes").message_id == say(messenger, question, "yes").message_id


def test_another_answer_comes_too_late(ask: Ask, messenger: Messenger, engine: Engine) -> None:
    question = ask("options: [yes, no]")
    say(messenger, question, "yes")

    with pytest.raises(UsageError, match="was answered already"):
        say(messenger, question, "no")

    assert outcome(engine) == "yes"


def test_of_two_answers_at_once_one_counts(ask: Ask, messenger: Messenger, engine: Engine) -> None:
    question = ask()
    root = messenger.project.root

    def say_it(word: str) -> bool:
        try:
            say(Messenger.open(root), question, word)
        except UsageError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(say_it, "abcd")) == 1
    assert len(str(outcome(engine))) == 1


def test_who_is_not_asked_may_not_answer(ask: Ask, messenger: Messenger) -> None:
    with pytest.raises(NotPermittedError, match="asks user, not dev"):
        say(messenger, ask(), "yes", by="dev")


def test_a_question_that_was_closed_can_still_be_answered(ask: Ask, messenger: Messenger, engine: Engine) -> None:
    question = ask()
    messenger.close(question.message_id)

    say(messenger, question, "yes")

    assert outcome(engine) == "yes"


@pytest.mark.parametrize("type", ["clarify", "escalate"])
def test_a_question_that_no_run_has_asked_is_answered_and_closed(messenger: Messenger, type: str) -> None:
    asked = messenger.send(
        type=type,
        from_agent="dev",
        to_agent="user",
        payload={"issue": "JWT?", "question": "JWT?", "options": ["A", "B"], "form": {"type": "nonsense"}},
    )

    sent = say(messenger, asked, "neither")

    assert (sent.reply_to, sent.to_agent, sent.payload["message"]) == (asked.message_id, "dev", "neither")
    assert messenger.get(asked.message_id).status.value == "done"


def test_a_broadcast_is_answered_by_who_says_so(messenger: Messenger) -> None:
    asked = messenger.send(type="collaborate", from_agent="dev", to_agents="all", payload={"topic": "JWT?"})

    with pytest.raises(UsageError, match="say who answers"):
        say(messenger, asked, "yes")
    assert say(messenger, asked, "yes", by="tea").from_agent == "tea"


def test_a_question_says_what_can_be_answered(ask: Ask, messenger: Messenger) -> None:
    question = question_of(messenger, ask(FORM).message_id)

    assert question.text == "Where?"
    assert question.how == ["  region=…  string", "  nodes=…  integer", "  zones=…  array", "  urgent=…  boolean"]


def test_an_answer_that_fits_is_taken_from_any_reply(ask: Ask, messenger: Messenger, engine: Engine) -> None:
    question = ask(FORM)

    messenger.reply(question.message_id, {"message": "eu", "answer": {"region": "eu"}})

    assert outcome(engine) == {"region": "eu"}


def test_an_answer_that_is_no_text_is_none(ask: Ask, messenger: Messenger, engine: Engine) -> None:
    question = ask()

    messenger.reply(question.message_id, {"message": "x", "answer": 5})

    assert outcome(engine) is State.WAITING
