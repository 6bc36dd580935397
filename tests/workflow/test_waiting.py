"""Tests of what a run does while it waits: for messages and times, for answers, and for other runs."""

from __future__ import annotations

import pytest

from bmad_messenger import InvalidError, Messenger
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import State
from bmad_messenger.workflow.ticking import tick
from tests.workflow.conftest import TELL, AddTasks, Begin, Clock, Write


def fail(messenger: Messenger, *, why: str = "it broke") -> None:
    """Fail."""
    raise InvalidError(why)


@pytest.fixture(autouse=True)
def _a_task_that_fails(add_tasks: AddTasks) -> None:
    add_tasks(fail=fail)


class TestWaiting:
    def test_ends_with_the_message_and_marks_it_read(self, begin: Begin, engine: Engine, messenger: Messenger) -> None:
        run = begin("steps:\n  - id: a\n    wait: {message: {to: pm, type: clarify}}\n")
        assert run.state is State.WAITING

        sent = messenger.send(type="clarify", from_agent="dev", to_agent="pm", payload={"question": "JWT?"})
        run = engine.advance(run.run_id)

        assert run.step("a").outputs["message"]["message_id"] == sent.message_id
        assert "pm" in messenger.get(sent.message_id).read_by

    def test_finds_a_message_that_was_closed_meanwhile(
        self, begin: Begin, engine: Engine, messenger: Messenger
    ) -> None:
        run = begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n")
        sent = messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "quick"})
        messenger.close(sent.message_id)

        assert engine.advance(run.run_id).state is State.DONE

    def test_takes_no_message_from_before_the_run(self, begin: Begin, messenger: Messenger, clock: Clock) -> None:
        messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "old"})
        clock.tick(60)

        assert begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n").state is State.WAITING

    @pytest.mark.parametrize("seconds", [-7200, 7200])
    @pytest.mark.parametrize("is_closed", [False, True])
    def test_takes_no_message_that_was_there_whatever_its_sender_s_clock_said(
        self, begin: Begin, engine: Engine, messenger: Messenger, clock: Clock, seconds: float, is_closed: bool
    ) -> None:
        clock.tick(seconds)
        sent = messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "old"})
        if is_closed:
            messenger.close(sent.message_id)
        clock.tick(-seconds)

        run = begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n")

        assert tick(engine).runs == ()
        assert engine.runs.read(run.run_id).state is State.WAITING

    @pytest.mark.parametrize(("seconds", "is_closed"), [(-7200, False), (7200, False), (-3000, True), (3000, True)])
    def test_takes_one_that_came_since_whatever_its_sender_s_clock_said(
        self, begin: Begin, engine: Engine, messenger: Messenger, clock: Clock, seconds: float, is_closed: bool
    ) -> None:
        run = begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n")
        clock.tick(seconds)
        sent = messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "new"})
        if is_closed:
            messenger.close(sent.message_id)
        clock.tick(-seconds)

        assert [one.run_id for one in tick(engine).runs] == [run.run_id]
        assert engine.runs.read(run.run_id).step("a").outputs["message"]["message_id"] == sent.message_id

    def test_takes_one_that_was_read_before_the_look(self, begin: Begin, engine: Engine, messenger: Messenger) -> None:
        begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n")
        messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "new"})
        messenger.receive("pm")

        assert [one.state for one in tick(engine).runs] == [State.DONE]

    def test_with_a_workflow_that_was_changed_takes_no_message_from_before_the_run(
        self, begin: Begin, engine: Engine, write: Write, messenger: Messenger, clock: Clock
    ) -> None:
        messenger.send(type="notify", from_agent="dev", to_agent="tea", payload={"message": "old"})
        clock.tick(60)
        run = begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n")
        write("steps:\n  - id: a\n    wait: {message: {to: tea}}\n")

        assert engine.advance(run.run_id, changed=True).state is State.WAITING

    def test_keeps_little_of_what_was_there(self, begin: Begin, messenger: Messenger) -> None:
        for agent in ("dev", "tea", "pm"):
            messenger.send(type="notify", from_agent="sm", to_agent=agent, payload={"message": "old"})

        run = begin("steps:\n  - id: a\n    wait: {message: {to: pm, from: '{{ run.workflow }}'}}\n")

        assert run.before == (messenger.list(agent="pm")[0].message_id,)

    def test_takes_one_that_was_quicker_than_its_step(
        self, begin: Begin, engine: Engine, messenger: Messenger, clock: Clock
    ) -> None:
        run = begin("steps:\n  - id: a\n    wait: {for: 1h}\n  - id: b\n    wait: {message: {to: pm}}\n")
        clock.tick(60)
        messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "quick"})
        clock.tick(3600)

        assert engine.advance(run.run_id).state is State.DONE

    def test_takes_no_message_that_another_step_has_had(
        self, begin: Begin, engine: Engine, messenger: Messenger
    ) -> None:
        run = begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n  - id: b\n    wait: {message: {to: pm}}\n")
        messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "one"})
        run = engine.advance(run.run_id)
        assert run.state is State.WAITING

        messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "two"})
        run = engine.advance(run.run_id)

        found = [run.step(name).outputs["message"]["payload"]["message"] for name in "ab"]
        assert found == ["one", "two"]

    def test_takes_no_message_that_the_run_has_sent_or_received(self, begin: Begin, messenger: Messenger) -> None:
        messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "received"})

        run = begin(
            f"agent: pm\nsteps:\n  - id: a\n    {TELL}sent}}}}\n  - id: b\n    wait: {{message: {{to: dev}}}}\n"
            "  - id: c\n    needs: []\n    wait: {message: {to: pm}}\n"
        )

        assert {str(place) for place, _ in run.waiting()} == {"b", "c"}

    def test_takes_no_broadcast_of_the_one_who_waits(self, begin: Begin, engine: Engine, messenger: Messenger) -> None:
        run = begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n")
        messenger.send(type="notify", from_agent="pm", to_agents="all", payload={"message": "from pm itself"})

        assert engine.advance(run.run_id).state is State.WAITING

    def test_looks_at_the_message_itself(self, begin: Begin, engine: Engine, messenger: Messenger) -> None:
        run = begin("steps:\n  - id: a\n    wait: {message: {to: pm, if: message.payload.answer == 'yes'}}\n")
        for payload in (
            {"message": "it lacks an answer"},
            {"message": "x", "answer": "no"},
            {"message": "y", "answer": "yes"},
        ):
            messenger.send(type="notify", from_agent="dev", to_agent="pm", payload=payload)

        assert engine.advance(run.run_id).step("a").outputs["message"]["payload"]["message"] == "y"

    def test_finds_an_answer_whatever_the_clock_says(
        self, begin: Begin, engine: Engine, messenger: Messenger, clock: Clock
    ) -> None:
        run = begin(
            "steps:\n  - id: a\n    exec: send-message\n"
            "    with: {type: clarify, from_agent: pm, to_agent: dev, payload: {question: 'JWT?'}}\n"
            "  - id: b\n    wait: {message: {to: pm, reply_to: '{{ steps.a.message_id }}'}}\n"
        )
        clock.tick(-7200)  # it was set back
        answer = messenger.reply(run.step("a").outputs["message_id"], "yes")

        assert engine.advance(run.run_id).step("b").outputs["message"]["message_id"] == answer.message_id

    def test_for_an_answer_to_no_message_fails(self, begin: Begin) -> None:
        run = begin(
            f"steps:\n  - id: a\n    {TELL}x}}}}\n"
            "  - id: b\n    wait: {message: {reply_to: 'MSG-20250115-{{ steps.a.type | length }}000'}}\n"
        )

        assert (run.error or "").startswith("b: there is no message 'MSG-20250115-6000'")

    def test_for_a_while_ends_when_that_is_over(self, begin: Begin, engine: Engine, clock: Clock) -> None:
        run = begin("steps:\n  - id: a\n    wait: {for: 2h}\n")
        clock.tick(7199)
        assert engine.advance(run.run_id).state is State.WAITING

        clock.tick(1)

        assert engine.advance(run.run_id).state is State.DONE

    @pytest.mark.parametrize("until", ["soon", "{{ 5 }}", "{{ steps.m.payload }}", "9999-12-31T23:59:59-12:00"])
    def test_until_what_is_no_time_fails(self, begin: Begin, until: str) -> None:
        run = begin(
            f"steps:\n  - id: m\n    {TELL}x}}}}\n  - id: a\n    wait: {{until: '{{{{ steps.m.type[:0] }}}}{until}'}}\n"
        )

        assert run.state is State.FAILED

    @pytest.mark.parametrize(
        ("on_timeout", "state"), [("fail", State.FAILED), ("continue", State.DONE), ("escalate", State.WAITING)]
    )
    def test_that_takes_too_long_ends_as_the_step_says(
        self, begin: Begin, engine: Engine, clock: Clock, on_timeout: str, state: State
    ) -> None:
        step = f"  - id: a\n    wait: {{message: {{to: pm}}}}\n    timeout: 1d\n    on_timeout: {on_timeout}\n"
        run = begin(f"on_failure: nothing\nsteps:\n{step}")

        clock.tick(86_400)

        assert engine.advance(run.run_id).state is state

    def test_that_takes_too_long_is_told_once(
        self, begin: Begin, engine: Engine, clock: Clock, messenger: Messenger
    ) -> None:
        run = begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n    timeout: 1d\n    on_timeout: escalate\n")
        for _ in range(3):
            clock.tick(86_400)
            run = engine.advance(run.run_id)

        assert [message.type for message in messenger.list()] == ["escalate"]
        assert run.due is None

    @pytest.mark.parametrize("timeout", ["{{ steps.m.type }}", "{{ steps.m.nothing }}"])
    def test_with_a_time_out_that_is_none_fails(self, begin: Begin, timeout: str) -> None:
        run = begin(f"steps:\n  - id: m\n    {TELL}x}}}}\n  - id: a\n    wait: {{for: 1h}}\n    timeout: '{timeout}'\n")

        assert (run.state, run.step("a").attempts) == (State.FAILED, ())

    def test_leaves_the_file_alone_where_nothing_has_come(self, begin: Begin, engine: Engine) -> None:
        run = begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n")
        before = engine.runs.path(run.run_id).stat()

        engine.advance(run.run_id)

        assert engine.runs.path(run.run_id).stat().st_ino == before.st_ino


def test_a_run_that_takes_too_long_fails(begin: Begin, engine: Engine, clock: Clock) -> None:
    run = begin("timeout: 1h\nsteps:\n  - id: a\n    wait: {message: {to: pm}}\n")
    assert run.due == run.deadline

    clock.tick(3600)

    assert engine.advance(run.run_id).error == "it took longer than 3600 s"


class TestAsking:
    QUESTION = "steps:\n  - id: a\n    ask: {question: 'Go on?', options: [yes, no]}\n"

    def test_is_answered_by_a_reply_that_fits(self, begin: Begin, engine: Engine, messenger: Messenger) -> None:
        run = begin(self.QUESTION)
        (question,) = messenger.list(agent="user")

        messenger.reply(question.message_id, "perhaps")
        assert engine.advance(run.run_id).state is State.WAITING
        messenger.reply(question.message_id, "yes")
        run = engine.advance(run.run_id)

        assert run.step("a").outputs["answer"] == "yes"
        assert messenger.get(question.message_id).status.value == "done"

    def test_is_not_answered_by_somebody_else(self, begin: Begin, engine: Engine, messenger: Messenger) -> None:
        run = begin(self.QUESTION)
        (question,) = messenger.list(agent="user")

        messenger.reply(question.message_id, "yes", from_agent="dev")

        assert engine.advance(run.run_id).state is State.WAITING

    def test_leaves_nothing_open(self, begin: Begin, engine: Engine, messenger: Messenger) -> None:
        run = begin(self.QUESTION)
        messenger.reply(messenger.list()[0].message_id, "no")

        engine.advance(run.run_id)

        assert messenger.list() == []

    def test_takes_the_question_back_when_it_takes_too_long(
        self, begin: Begin, engine: Engine, messenger: Messenger, clock: Clock
    ) -> None:
        run = begin(f"on_failure: nothing\n{self.QUESTION}    timeout: 1h\n")
        (question,) = messenger.list()
        clock.tick(3600)

        assert engine.advance(run.run_id).state is State.FAILED
        assert messenger.get(question.message_id).status.value == "cancelled"

    def test_of_an_agent_from_an_agent(self, begin: Begin, messenger: Messenger) -> None:
        begin("agent: sm\nsteps:\n  - id: a\n    ask: {of: architect, question: 'JWT?'}\n")

        (question,) = messenger.list()
        assert (question.from_agent, question.to_agent, question.type) == ("sm", "architect", "escalate")

    def test_with_a_question_that_is_no_text_fails(self, begin: Begin) -> None:
        run = begin(
            f"steps:\n  - id: m\n    {TELL}x}}}}\n  - id: a\n    ask: {{question: '{{{{ steps.m.payload }}}}'}}\n"
        )

        assert (run.error or "").startswith("a: ask.question: wanted text, found a mapping")


class TestNested:
    def test_runs_another_workflow_as_a_step(self, begin: Begin, write: Write) -> None:
        write(
            f"params: {{word: {{type: string}}}}\nsteps:\n  - id: say\n    {TELL}'{{{{ params.word }}}}'}}}}\n"
            "outputs: {said: {value: '{{ steps.say.payload.message }}', type: string}}\n",
            "inner",
        )

        run = begin("steps:\n  - id: a\n    workflow: inner\n    with: {word: hi}\n")

        assert (run.state, run.step("a").outputs["said"]) == (State.DONE, "hi")

    def test_fails_with_it_and_one_tells(
        self, begin: Begin, engine: Engine, write: Write, messenger: Messenger
    ) -> None:
        write("steps:\n  - id: b\n    exec: fail\n", "inner")

        run = begin("steps:\n  - id: a\n    workflow: inner\n")

        assert run.state is State.FAILED
        assert ": b: it broke" in (run.error or "")
        assert len(messenger.list(type="escalate")) == 1

    def test_fails_where_it_was_cancelled(self, begin: Begin, engine: Engine, write: Write) -> None:
        write("steps:\n  - id: b\n    wait: {message: {to: pm}}\n", "inner")
        run = begin("steps:\n  - id: a\n    workflow: inner\n")

        engine.cancel(run.waits[0]["run"], "no longer wanted")

        assert "cancelled: no longer wanted" in (engine.advance(run.run_id).error or "")

    def test_ends_it_when_it_takes_too_long(self, begin: Begin, engine: Engine, write: Write, clock: Clock) -> None:
        write("steps:\n  - id: b\n    wait: {message: {to: pm}}\n", "inner")
        run = begin("steps:\n  - id: a\n    workflow: inner\n    timeout: 1h\n    on_timeout: continue\n")
        child = run.waits[0]["run"]
        clock.tick(3600)

        run = engine.advance(run.run_id)

        assert (run.state, run.step("a").outputs) == (State.DONE, {"timed_out": True})
        assert engine.runs.read(child).state is State.CANCELLED

    def test_waits_where_somebody_else_is_at_it(self, begin: Begin, engine: Engine, write: Write) -> None:
        write("steps:\n  - id: b\n    wait: {message: {to: pm}}\n", "inner")
        run = begin("steps:\n  - id: a\n    workflow: inner\n")

        with engine.runs.locked(run.waits[0]["run"], 0):
            assert engine.advance(run.run_id).state is State.WAITING

    def test_that_runs_itself_without_end_is_stopped(self, begin: Begin) -> None:
        run = begin("name: example\non_failure: nothing\nsteps:\n  - id: a\n    workflow: example\n    when: run.id\n")

        assert run.state is State.FAILED
        assert "32 workflows run each other" in (run.error or "")
        assert len(run.error or "") < 300
