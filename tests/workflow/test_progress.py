"""Tests of `bmad_messenger.workflow.progress`: what a run does, step by step."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from bmad_messenger import DamagedError, InvalidError, LockTimeoutError, Messenger
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import Place, State
from tests.workflow.conftest import TELL, AddTasks, Begin, Clock, Write, texts


def fail(messenger: Messenger, *, why: str = "it broke") -> None:
    """Fail."""
    raise InvalidError(why)


@pytest.fixture(autouse=True)
def _a_task_that_fails(add_tasks: AddTasks) -> None:
    add_tasks(fail=fail)


def test_steps_run_in_the_files_order(begin: Begin, messenger: Messenger) -> None:
    run = begin(f"steps:\n  - id: a\n    {TELL}one}}}}\n  - id: b\n    {TELL}two}}}}\n")

    assert run.state is State.DONE
    assert texts(messenger) == ["one", "two"]


def test_a_step_whose_condition_does_not_hold_is_skipped(begin: Begin, messenger: Messenger) -> None:
    run = begin(
        f"params: {{go: {{type: boolean}}}}\nsteps:\n  - id: a\n    when: params.go\n    {TELL}x}}}}\n", go=False
    )

    assert run.step("a").state is State.SKIPPED
    assert texts(messenger) == []


def test_what_a_skipped_step_would_have_left_is_nothing(begin: Begin) -> None:
    run = begin(
        f"""\
steps:
  - id: a
    when: false
    {TELL}x}}}}
  - id: b
    when: steps.a.payload.message == "x"
    {TELL}y}}}}
"""
    )

    assert (run.state, run.step("b").state) == (State.DONE, State.SKIPPED)


def test_a_step_sees_what_those_before_it_left(begin: Begin, messenger: Messenger) -> None:
    begin(
        f"steps:\n  - id: a-1\n    {TELL}one}}}}\n  - id: b\n    {TELL}'re {{{{ steps.a-1.payload.message }}}}'}}}}\n"
    )

    assert texts(messenger) == ["one", "re one"]


def test_an_expression_alone_keeps_its_type(begin: Begin, messenger: Messenger) -> None:
    begin(
        """\
params: {names: {type: array}}
steps:
  - id: a
    exec: send-message
    with: {type: notify, from_agent: pm, to_agents: "{{ params.names }}", payload: {message: hello}}
""",
        names=["dev", "tea"],
    )

    assert messenger.list()[0].to_agents == ("dev", "tea")


def test_what_a_message_says_is_no_expression(begin: Begin, messenger: Messenger, engine: Engine) -> None:
    run = begin(
        "steps:\n  - id: a\n    wait: {message: {to: pm}}\n"
        f"  - id: b\n    {TELL}'{{{{ steps.a.message.payload.message }}}}'}}}}\n"
    )
    messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "{{ 7 * 7 }}"})

    engine.advance(run.run_id)

    assert texts(messenger) == ["{{ 7 * 7 }}", "{{ 7 * 7 }}"]


def test_a_failed_step_fails_the_run_and_tells_the_user_once(
    begin: Begin, messenger: Messenger, engine: Engine
) -> None:
    run = begin("steps:\n  - id: a\n    exec: fail\n")

    assert (run.state, run.error) == (State.FAILED, "a: it broke")
    engine.advance(run.run_id)
    (told,) = messenger.list()
    assert (told.type, told.to_agent, told.from_agent) == ("escalate", "user", "analyst")
    assert told.payload["issue"] == f"The run {run.run_id} of the workflow example has failed: a: it broke"


def test_a_failure_that_may_be_is_passed_over(begin: Begin, messenger: Messenger) -> None:
    run = begin(
        f"""\
steps:
  - id: a
    exec: fail
    continue_on_error: true
  - id: b
    when: steps.a.state == "failed" and "broke" in steps.a.error
    {TELL}after}}}}
"""
    )

    assert (run.state, texts(messenger)) == (State.DONE, ["after"])


def test_steps_at_the_end_run_after_a_failure_too(begin: Begin, messenger: Messenger) -> None:
    run = begin(
        f"""\
steps:
  - id: a
    exec: fail
  - id: never
    {TELL}never}}}}
finally:
  - id: z
    {TELL}'{{{{ steps.a.state }}}}, {{{{ steps.never.state }}}}'}}}}
"""
    )

    assert (run.state, texts(messenger)) == (State.FAILED, ["failed, cancelled"])


def test_a_step_at_the_end_that_fails_keeps_none_of_the_others_from_running(begin: Begin, messenger: Messenger) -> None:
    run = begin(
        f"on_failure: nothing\nsteps:\n  - id: a\n    {TELL}a}}}}\n"
        f"finally:\n  - id: y\n    exec: fail\n  - id: z\n    {TELL}z}}}}\n"
    )

    assert (run.state, run.error, texts(messenger)) == (State.FAILED, "y: it broke", ["a", "z"])


def test_a_run_that_fails_takes_back_what_its_other_steps_wait_for(
    begin: Begin, engine: Engine, messenger: Messenger, write: Write
) -> None:
    write("steps:\n  - id: w\n    wait: {message: {to: pm}}\n", "inner")
    run = begin(
        """\
on_failure: nothing
steps:
  - id: asked
    ask: {question: "Go on?"}
  - id: nested
    needs: []
    workflow: inner
  - id: go
    needs: []
    wait: {message: {to: tea}}
  - id: broken
    exec: fail
"""
    )
    (question,) = messenger.list()
    messenger.send(type="notify", from_agent="dev", to_agent="tea", payload={"message": "go"})

    run = engine.advance(run.run_id)

    assert run.state is State.FAILED
    assert messenger.get(question.message_id).status.value == "cancelled"
    assert {engine.runs.read(one).state.value for one in engine.runs.ids()} == {"failed", "cancelled"}


class TestRetry:
    def test_tries_again_after_a_longer_and_longer_pause(self, begin: Begin, engine: Engine, clock: Clock) -> None:
        run = begin("steps:\n  - id: a\n    exec: fail\n    retry: {times: 2, delay: 10s, backoff: 3}\n")
        pauses = []
        while not run.state.is_over:
            assert run.due is not None
            pauses.append((run.due - clock.time).total_seconds())
            clock.time = run.due
            run = engine.advance(run.run_id)

        assert (pauses, len(run.step("a").attempts), run.state) == ([10, 30], 3, State.FAILED)

    def test_does_nothing_before_its_time(self, begin: Begin, engine: Engine, clock: Clock) -> None:
        run = begin("steps:\n  - id: a\n    exec: fail\n    retry: {times: 1, delay: 10s}\n")
        clock.tick(9)

        assert len(engine.advance(run.run_id).step("a").attempts) == 1

    def test_waits_here_where_it_is_soon(self, begin: Begin, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.undo()
        engine.patience = 5

        run = begin(
            "steps:\n  - id: a\n    exec: send-message\n    retry: {times: 2, delay: 0.05s}\n    with:\n"
            "      {type: notify, from_agent: pm, to_agent: dev, payload: {message: '{{ run.id.nothing.at }}'}}\n"
        )

        assert (run.state, len(run.step("a").attempts)) == (State.FAILED, 3)

    def test_goes_on_with_a_run_where_that_failed(
        self, begin: Begin, engine: Engine, clock: Clock, write: Write, add_tasks: AddTasks
    ) -> None:
        tries: list[int] = []

        def third_time(messenger: Messenger) -> None:
            tries.append(1)
            if len(tries) < 3:
                raise InvalidError("not yet")

        add_tasks(third_time=third_time)
        write(f"steps:\n  - id: tell\n    {TELL}once}}}}\n  - id: b\n    exec: third-time\n", "inner")
        run = begin("steps:\n  - id: a\n    workflow: inner\n    retry: {times: 5, delay: 1s}\n")
        while not run.state.is_over:
            clock.tick(1)
            run = engine.advance(run.run_id)

        assert (run.state, len(tries)) == (State.DONE, 3)
        assert texts(engine.messenger) == ["once"]

    def test_ends_with_the_step_s_time(self, begin: Begin, engine: Engine, clock: Clock) -> None:
        run = begin(
            "on_failure: nothing\nsteps:\n  - id: a\n    exec: fail\n"
            "    timeout: 5s\n    retry: {times: 9, delay: 1h}\n"
        )
        assert run.due is not None
        clock.time = run.due

        assert engine.advance(run.run_id).error == "a: it took longer than 5s"


class TestTrouble:
    """A lock that is not free and a damaged file fail no run."""

    @pytest.mark.parametrize("error", [LockTimeoutError("busy"), DamagedError("torn")])
    def test_leaves_the_run_as_it_is(self, begin: Begin, engine: Engine, add_tasks: AddTasks, error: Exception) -> None:
        troubles = [error]

        def work(messenger: Messenger) -> str:
            if troubles:
                raise troubles.pop()
            return "done"

        add_tasks(work=work)
        with pytest.raises(type(error)):
            begin("steps:\n  - id: a\n    exec: work\n")
        (run_id,) = engine.runs.ids()
        run = engine.runs.read(run_id)
        assert (run.state, run.step("a").attempts) == (State.RUNNING, ())

        assert engine.advance(run_id).step("a").outputs == "done"

    def test_waits_for_what_is_in_hand(self, begin: Begin, engine: Engine, add_tasks: AddTasks) -> None:
        def work(messenger: Messenger) -> str:
            time.sleep(0.2)
            return "done"

        def torn(messenger: Messenger) -> None:
            raise DamagedError("torn")

        add_tasks(work=work, torn=torn)
        with pytest.raises(DamagedError):
            begin("steps:\n  - id: a\n    exec: work\n  - id: b\n    needs: []\n    exec: torn\n")

        run = engine.runs.read(engine.runs.ids()[0])
        assert (run.step("a").outputs, run.step("b").state) == ("done", State.PENDING)


class TestInParallel:
    """Tasks of plugins are done at the same time where no need is between them."""

    def test_steps_that_do_not_need_each_other(self, begin: Begin, add_tasks: AddTasks) -> None:
        both = threading.Barrier(2)

        def meet(messenger: Messenger) -> int:
            return both.wait(10) * 0

        add_tasks(meet=meet)

        run = begin("steps:\n  - id: a\n    exec: meet\n  - id: b\n    needs: []\n    exec: meet\n")

        assert run.state is State.DONE

    def test_rounds(self, begin: Begin, add_tasks: AddTasks) -> None:
        most, now, lock = [0], [0], threading.Lock()

        def count(messenger: Messenger) -> None:
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            time.sleep(0.05)
            with lock:
                now[0] -= 1

        add_tasks(count=count)

        run = begin("steps:\n  - id: a\n    foreach: [1, 2, 3, 4, 5, 6]\n    max_parallel: 3\n    exec: count\n")

        assert (run.state, most) == (State.DONE, [3])

    def test_what_a_quick_step_makes_ready_does_not_wait_for_a_slow_one(
        self, begin: Begin, add_tasks: AddTasks, messenger: Messenger
    ) -> None:
        def until_two(messenger: Messenger) -> int:
            end = time.monotonic() + 10
            while len(texts(messenger)) < 2 and time.monotonic() < end:
                time.sleep(0.01)
            return len(texts(messenger))

        add_tasks(until_two=until_two)

        run = begin(
            f"steps:\n  - id: slow\n    exec: until-two\n  - id: a\n    needs: []\n    {TELL}one}}}}\n"
            f"  - id: b\n    needs: a\n    {TELL}two}}}}\n"
        )

        assert run.step("slow").outputs == 2

    def test_runs_of_other_workflows(self, begin: Begin, add_tasks: AddTasks, write: Write) -> None:
        both = threading.Barrier(2)

        def meet(messenger: Messenger) -> int:
            return both.wait(10) * 0

        add_tasks(meet=meet)
        write("steps:\n  - id: m\n    exec: meet\n", "inner")

        run = begin("steps:\n  - id: a\n    foreach: [1, 2]\n    workflow: inner\n")

        assert run.state is State.DONE

    def test_one_that_takes_too_long_is_given_up(
        self, begin: Begin, engine: Engine, add_tasks: AddTasks, clock: Clock
    ) -> None:
        released = threading.Event()

        def linger(messenger: Messenger) -> None:
            clock.tick(60)
            released.wait(20)

        add_tasks(linger=linger)
        start = time.monotonic()

        run = begin("on_failure: nothing\nsteps:\n  - id: a\n    exec: linger\n    timeout: 30s\n")
        released.set()

        assert run.error == "a: it took longer than 30s"
        assert time.monotonic() - start < 10

    @pytest.mark.parametrize("left", [object(), float("nan"), "\ud800", {1: {2: {3}}} and {"a": b"bytes"}])
    def test_what_no_file_can_hold_fails_the_step(self, begin: Begin, add_tasks: AddTasks, left: Any) -> None:
        add_tasks(odd=lambda messenger: left)

        run = begin("on_failure: nothing\nsteps:\n  - id: a\n    exec: odd\n")

        assert (run.error or "").startswith("a: the task 'odd' leaves what can't be kept")

    @pytest.mark.parametrize("error", [SystemExit(3), KeyError("x"), RecursionError()])
    def test_whatever_a_task_raises_fails_the_step(
        self, begin: Begin, add_tasks: AddTasks, error: BaseException
    ) -> None:
        def broken(messenger: Messenger) -> None:
            raise error

        add_tasks(broken=broken)

        run = begin("on_failure: nothing\nsteps:\n  - id: a\n    exec: broken\n")

        assert "the task 'broken' failed" in (run.error or "")


def test_a_step_that_was_cut_short_is_no_failure(begin: Begin, engine: Engine, add_tasks: AddTasks) -> None:
    died = [KeyboardInterrupt()]

    def work(messenger: Messenger) -> str:
        if died:
            raise died.pop()
        return "done"

    add_tasks(work=work)
    with pytest.raises(KeyboardInterrupt):
        begin("steps:\n  - id: a\n    exec: work\n")
    (run_id,) = engine.runs.ids()

    run = engine.advance(run_id)

    assert (run.state, run.step("a").failures) == (State.DONE, 0)


def test_outputs_are_checked_by_their_schema(begin: Begin) -> None:
    run = begin(
        f"steps:\n  - id: a\n    {TELL}x}}}}\noutputs: {{n: {{value: '{{{{ steps.a.type }}}}', type: integer}}}}\n"
    )

    assert (run.state, run.error) == (State.FAILED, 'outputs.n: wanted a whole number, found "notify"')


def test_outputs_may_read_the_steps_at_the_end(begin: Begin) -> None:
    run = begin(
        f"steps:\n  - id: a\n    {TELL}x}}}}\nfinally:\n  - id: z\n    {TELL}y}}}}\n"
        "outputs: {said: {value: '{{ steps.z.payload.message }}'}}\n"
    )

    assert run.outputs == {"said": "y"}


def test_a_run_begins_with_its_agents_messages(begin: Begin, messenger: Messenger) -> None:
    sent = messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "for you"})

    run = begin(f"agent: pm\nsteps:\n  - id: a\n    {TELL}'{{{{ steps.inbox.messages | length }}}} waited'}}}}\n")

    assert texts(messenger)[-1] == "1 waited"
    assert "pm" in messenger.get(sent.message_id).read_by
    assert run.state is State.DONE


@pytest.mark.parametrize(("peek", "is_read"), [("true", False), ("false", True)])
def test_peeking_marks_nothing(begin: Begin, messenger: Messenger, peek: str, is_read: bool) -> None:
    sent = messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "for you"})

    begin(f"steps:\n  - id: a\n    exec: receive-message\n    with: {{agent: pm, peek: '{peek}'}}\n")

    assert ("pm" in messenger.get(sent.message_id).read_by) is is_read


def test_while_a_step_is_done_the_file_says_so(begin: Begin, engine: Engine, add_tasks: AddTasks) -> None:
    seen: list[tuple[State, State]] = []

    def look(messenger: Messenger) -> None:
        (run_id,) = engine.runs.ids()
        run = engine.runs.read(run_id)
        seen.append((run.state, run.at(Place("b")).state))

    add_tasks(look=look)
    run = begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n  - id: b\n    exec: look\n")
    engine.messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "go"})
    engine.advance(run.run_id)

    assert seen == [(State.RUNNING, State.RUNNING)]
