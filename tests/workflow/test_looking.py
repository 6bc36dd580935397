"""Tests of `bmad_messenger.workflow.looking`: how a wait finds the answer to a message that has a form."""

from __future__ import annotations

import pytest

from bmad_messenger import Message, Messenger
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import Run, State
from bmad_messenger.workflow.ticking import tick
from tests.workflow.conftest import Begin, Clock

ASKING = """\
steps:
  - id: a
    exec: send-message
    with:
      type: notify
      from_agent: pm
      to_agent: dev
      payload:
        message: "How far is it?"
        form: {type: object, required: [done], properties: {done: {type: integer, description: how much}, why: {}}}
  - id: b
    wait: {message: {to: pm, reply_to: "{{ steps.a.message_id }}"}}
"""


@pytest.fixture
def run(begin: Begin) -> Run:
    return begin(ASKING)


@pytest.fixture
def asked(run: Run, messenger: Messenger) -> Message:
    """The message that the run waits for the answer to."""
    return messenger.get(run.step("a").outputs["message_id"])


def after_tick(engine: Engine, run: Run) -> Run:
    while tick(engine).runs:
        pass
    return engine.runs.read(run.run_id)


def sent_back(messenger: Messenger) -> list[Message]:
    return messenger.list(type="clarify")


def test_the_message_tells_its_form_in_words(asked: Message) -> None:
    command, *fields = asked.payload["next_actions"]
    assert command.startswith("Answer with `bmad-messenger answer ID done=…`, or with a `bmad-messenger reply ID`")
    assert fields == ["done: how much", "why (may be left out)"]


def test_the_answer_is_what_the_step_leaves(engine: Engine, run: Run, asked: Message, messenger: Messenger) -> None:
    messenger.reply(asked.message_id, {"message": "half", "done": 50})

    assert after_tick(engine, run).step("b").outputs["answer"] == {"message": "half", "done": 50}


def test_a_right_answer_makes_up_for_a_wrong_one_before(
    engine: Engine, run: Run, asked: Message, messenger: Messenger
) -> None:
    messenger.reply(asked.message_id, "half")
    messenger.reply(asked.message_id, {"message": "half", "done": 50})

    assert after_tick(engine, run).state is State.DONE
    assert sent_back(messenger) == []


def test_what_is_sent_back_says_what_is_missing_once(
    engine: Engine, run: Run, asked: Message, messenger: Messenger
) -> None:
    reply = messenger.reply(asked.message_id, {"message": "half", "done": "50 %"})

    for _ in range(3):
        assert after_tick(engine, run).state is State.WAITING

    (back,) = sent_back(messenger)
    assert (back.to_agent, back.reply_to) == ("dev", reply.message_id)
    assert "done: wanted a whole number" in back.payload["question"]
    assert messenger.get(reply.message_id).note == f"sent back with {back.message_id}"


def test_an_answer_that_its_recipient_has_closed_counts(
    engine: Engine, run: Run, asked: Message, messenger: Messenger
) -> None:
    reply = messenger.reply(asked.message_id, {"message": "half", "done": 50})
    messenger.close(reply.message_id)

    assert after_tick(engine, run).state is State.DONE


def test_a_run_that_is_cut_short_while_it_sends_back_does_so_once(
    engine: Engine, run: Run, asked: Message, messenger: Messenger, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = messenger.reply(asked.message_id, "half")
    with monkeypatch.context() as patch:
        patch.setattr(Messenger, "close", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            tick(engine)

    assert after_tick(Engine(messenger), run).state is State.WAITING
    assert [back.reply_to for back in sent_back(messenger)] == [reply.message_id]
    assert messenger.get(reply.message_id).status.is_closed


def test_where_nothing_can_be_sent_back_the_run_waits_on(run: Run, asked: Message, messenger: Messenger) -> None:
    messenger.project.config.write_text("limits: {thread_length: 2}\n")  # what is sent back would be the third
    messenger = Messenger.open(messenger.project.root)
    engine = Engine(messenger)
    messenger.reply(asked.message_id, "half")
    assert after_tick(engine, run).state is State.WAITING
    assert sent_back(messenger) == []

    messenger.reply(asked.message_id, {"message": "half", "done": 50})

    assert after_tick(engine, run).state is State.DONE


def test_no_other_step_takes_what_the_run_has_sent_back(begin: Begin, engine: Engine, messenger: Messenger) -> None:
    run = begin(f"{ASKING}  - id: c\n    needs: []\n    wait: {{message: {{to: dev}}}}\n")
    messenger.reply(run.step("a").outputs["message_id"], "half")

    run = after_tick(engine, run)

    assert len(sent_back(messenger)) == 1
    assert {str(place) for place, _ in run.waiting()} == {"b", "c"}


def test_what_was_sent_back_is_closed_with_a_time_out(
    begin: Begin, engine: Engine, messenger: Messenger, clock: Clock
) -> None:
    run = begin(f"{ASKING}    timeout: 1h\n    on_timeout: continue\n")
    messenger.reply(run.step("a").outputs["message_id"], "half")
    after_tick(engine, run)
    (back,) = sent_back(messenger)
    clock.tick(3600)

    assert after_tick(engine, run).state is State.DONE
    assert messenger.get(back.message_id).status.value == "cancelled"


@pytest.mark.parametrize("form", ["a paper form", "{properties: 5}", "{properties: {a: true}}"])
def test_a_form_of_another_kind_asks_for_nothing(begin: Begin, engine: Engine, messenger: Messenger, form: str) -> None:
    text = ASKING[: ASKING.index("form: ")] + f"form: {form}\n" + ASKING[ASKING.index("  - id: b") :]
    if "5" in form:  # where a workflow sends it, it is refused before
        text = text.replace(form, "'{{ params.form }}'").replace("steps:", "params: {form: {}}\nsteps:", 1)
    run = begin(text, **({"form": {"properties": 5}} if "5" in form else {}))

    messenger.reply(run.step("a").outputs["message_id"], "half")

    assert after_tick(engine, run).state is State.DONE
