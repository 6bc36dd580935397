"""Tests of `bmad_messenger.workflow.ticking`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from bmad_messenger import Message, Messenger
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import State
from bmad_messenger.workflow.ticking import Tick, serve, tick, until_over
from tests.workflow.conftest import TELL, AddTasks, Begin, Clock, Write

TRIGGERED = """\
name: triggered
on: {message: {type: clarify, to: pm}}
steps:
  - id: answer
    exec: send-message
    with:
      type: notify
      from_agent: pm
      to_agent: "{{ trigger.from }}"
      reply_to: "{{ trigger.message_id }}"
      payload: {message: seen}
"""
WAITING = "steps:\n  - id: a\n    wait: {message: {to: pm}}\n"


def question(messenger: Messenger, to: str = "pm") -> Message:
    return messenger.send(type="clarify", from_agent="dev", to_agent=to, payload={"question": "JWT?"})


class TestTriggers:
    def test_a_message_starts_one_run(self, write: Write, messenger: Messenger, engine: Engine) -> None:
        write(TRIGGERED, "triggered")
        asked = question(messenger)

        first, second = tick(engine), tick(engine)

        assert [run.state for run in first.runs] == [State.DONE]
        assert second.runs == ()
        assert [message.reply_to for message in messenger.list(type="notify")] == [asked.message_id]
        assert "pm" in messenger.get(asked.message_id).read_by

    def test_a_message_that_was_closed_before_starts_nothing(
        self, write: Write, messenger: Messenger, engine: Engine
    ) -> None:
        write(TRIGGERED, "triggered")
        messenger.close(question(messenger).message_id)

        assert tick(engine).runs == ()

    @pytest.mark.parametrize("test", ["message.payload.question == 'why?'", "message.payload.context == 'none'"])
    def test_a_message_that_does_not_fit_starts_nothing(
        self, write: Write, messenger: Messenger, engine: Engine, test: str
    ) -> None:
        write(TRIGGERED.replace("to: pm}", f'to: pm, if: "{test}"}}'), "triggered")
        question(messenger)

        assert tick(engine) == Tick(())

    def test_a_workflow_that_is_wrong_keeps_no_other_from_starting(
        self, write: Write, messenger: Messenger, engine: Engine
    ) -> None:
        write(TRIGGERED.replace("exec: send-message", "exec: send-mesage").replace("triggered", "wrong"), "wrong")
        write(TRIGGERED, "triggered")
        question(messenger)

        found = tick(engine)

        assert [run.workflow for run in found.runs] == ["triggered"]
        assert [(error.problem.path or "").rpartition("/")[2] for error in found.errors] == ["wrong.yaml"]

    def test_a_message_typed_into_the_queue_by_hand_starts_a_run(
        self, write: Write, messenger: Messenger, engine: Engine
    ) -> None:
        write(TRIGGERED, "triggered")
        typed = "messages:\n  - type: clarify\n    from: dev\n    to: pm\n    payload: {question: 'JWT?'}\n"
        messenger.project.queue.write_text(typed)
        os.utime(messenger.project.queue, (1e9, 1e9))  # it rests since long

        assert [run.state for run in tick(engine).runs] == [State.DONE]


class TestTick:
    def test_takes_a_run_on_with_its_message(self, begin: Begin, engine: Engine, messenger: Messenger) -> None:
        run = begin(WAITING)
        assert tick(engine).runs == ()

        question(messenger)

        assert [one.state for one in tick(engine).runs] == [State.DONE]
        assert engine.runs.read(run.run_id).state is State.DONE

    def test_takes_a_run_on_when_its_time_has_come(self, begin: Begin, engine: Engine, clock: Clock) -> None:
        begin("steps:\n  - id: a\n    wait: {for: 1h}\n")
        assert tick(engine).runs == ()

        clock.tick(3600)

        assert [one.state for one in tick(engine).runs] == [State.DONE]

    def test_ends_a_run_whose_time_is_over(self, begin: Begin, engine: Engine, clock: Clock) -> None:
        begin(f"on_failure: nothing\ntimeout: 1h\n{WAITING}")

        clock.tick(3600)

        assert [one.state for one in tick(engine).runs] == [State.FAILED]

    def test_takes_a_run_on_with_the_run_that_it_waits_for(
        self, begin: Begin, engine: Engine, messenger: Messenger, write: Write
    ) -> None:
        write(WAITING, "inner")
        run = begin("steps:\n  - id: a\n    workflow: inner\n")
        question(messenger)

        while tick(engine).runs:
            pass

        assert engine.runs.read(run.run_id).state is State.DONE

    def test_takes_a_run_on_that_died_at_a_step(self, begin: Begin, engine: Engine) -> None:
        run = begin(WAITING)
        path = engine.runs.path(run.run_id)
        path.write_text(path.read_text().replace('state: "waiting"', 'state: "running"', 1))

        tick(engine)

        assert engine.runs.read(run.run_id).state is State.WAITING

    @pytest.mark.parametrize("text", ["run: [\n", "<<<<<<< HEAD\nrun: 1\n=======\n", "", "state: waiting\n", "\0"])
    def test_tells_of_a_broken_run_and_takes_the_others_on(
        self, begin: Begin, engine: Engine, messenger: Messenger, text: str
    ) -> None:
        begin(WAITING)
        engine.runs.path("broken-20250115-abcd").write_text(text)
        question(messenger)

        found = tick(engine)

        assert [one.state for one in found.runs] == [State.DONE]
        assert [error.exit_code for error in found.errors] == [7]
        assert (found.errors[0].problem.path or "").endswith("broken-20250115-abcd.yaml")

    def test_looks_at_no_run_for_a_message_that_it_has_passed_over(
        self, begin: Begin, engine: Engine, messenger: Messenger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(60):
            question(messenger)
        run = begin("steps:\n  - id: a\n    wait: {message: {to: pm, if: message.payload.question == 'why'}}\n")
        question(messenger)
        tick(engine)

        monkeypatch.setattr(engine, "advance", lambda *_, **__: pytest.fail("it was looked at"))

        assert tick(engine).runs == ()
        assert engine.runs.read(run.run_id).state is State.WAITING

    def test_does_no_step_twice_where_two_are_at_it(self, write: Write, messenger: Messenger) -> None:
        write(TRIGGERED, "triggered")
        for _ in range(5):
            question(messenger)
        root = messenger.project.root

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: tick(Engine(Messenger.open(root))), range(4)))
        tick(Engine(Messenger.open(root)))

        assert len(messenger.list(type="notify")) == 5
        assert len(Engine(messenger).runs.ids()) == 5

    def test_looks_at_a_thousand_waiting_runs_in_a_second(
        self, begin: Begin, engine: Engine, messenger: Messenger
    ) -> None:
        asked = question(messenger)
        run = begin(f"steps:\n  - id: a\n    wait: {{message: {{to: pm, reply_to: {asked.message_id}}}}}\n")
        text = engine.runs.path(run.run_id).read_text()
        for number in range(1000):
            name = f"example-20250115-{number:08x}"
            engine.runs.path(name).write_text(text.replace(run.run_id, name))
        start = time.process_time()

        found = tick(engine)

        assert time.process_time() - start < 1
        assert found == Tick(())


def test_staying_until_a_run_is_over(begin: Begin, engine: Engine, messenger: Messenger) -> None:
    run = begin(WAITING)
    root = messenger.project.root
    sender = threading.Timer(0.2, lambda: question(Messenger.open(root)))
    sender.start()

    assert until_over(engine, run.run_id).state is State.DONE
    sender.join()


class TestServe:
    @pytest.fixture
    def served(self, messenger: Messenger) -> Iterator[list[Tick]]:
        """What a server in another thread reports."""
        ticks: list[Tick] = []
        with self.server(messenger, ticks.append):
            yield ticks

    @staticmethod
    @contextmanager
    def server(messenger: Messenger, report: Callable[[Tick], None]) -> Iterator[threading.Event]:
        stop, root = threading.Event(), messenger.project.root
        thread = threading.Thread(
            target=serve, args=(lambda: Engine(Messenger.open(root), stop=stop), report, stop), daemon=True
        )
        thread.start()
        try:
            yield stop
        finally:
            stop.set()
            thread.join(20)
            assert not thread.is_alive()

    @staticmethod
    def until(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not condition() and time.monotonic() < end:
            time.sleep(0.02)
        assert condition()

    def test_takes_runs_on_as_messages_come(
        self, begin: Begin, engine: Engine, messenger: Messenger, served: list[Tick]
    ) -> None:
        run = begin(WAITING)

        question(messenger)

        self.until(lambda: engine.runs.read(run.run_id).state.is_over)

    def test_knows_a_workflow_that_was_written_meanwhile(
        self, engine: Engine, messenger: Messenger, served: list[Tick], write: Write
    ) -> None:
        self.until(lambda: bool(served))

        write(TRIGGERED, "triggered")
        question(messenger)

        self.until(lambda: any(one.runs for one in served))

    def test_survives_broken_files_and_tells_of_each_once(
        self, begin: Begin, engine: Engine, messenger: Messenger, served: list[Tick]
    ) -> None:
        run = begin(WAITING)
        queue = messenger.project.queue.read_bytes()
        messenger.project.queue.write_bytes(b"messages: {\n")
        messenger.project.config.write_text("agents: 5\n")
        self.until(lambda: any(one.errors for one in served))
        engine.runs.path("broken-20250115-abcd").write_text("run: [\n")

        messenger.project.config.unlink()
        messenger.project.queue.write_bytes(queue)
        question(messenger)

        self.until(lambda: engine.runs.read(run.run_id).state.is_over)
        told = [str(error) for one in served for error in one.errors]
        assert len(told) == len(set(told))
        assert any("broken-20250115-abcd" in one for one in told)

    def test_finishes_the_step_in_hand_and_begins_no_other(
        self, write: Write, engine: Engine, messenger: Messenger, add_tasks: AddTasks
    ) -> None:
        begun, may_end = threading.Event(), threading.Event()

        def work(messenger: Messenger) -> str:
            begun.set()
            may_end.wait(20)
            return "done"

        add_tasks(work=work)
        write(f"steps:\n  - id: a\n    exec: work\n  - id: b\n    {TELL}b}}}}\n")
        run = engine.start("example", {})
        with self.server(messenger, lambda _: None) as stop:
            assert begun.wait(20)
            stop.set()
            may_end.set()
        run = engine.runs.read(run.run_id)
        assert (run.state, run.step("a").outputs, run.step("b").state) == (State.RUNNING, "done", State.PENDING)

        tick(Engine(Messenger.open(messenger.project.root)))

        assert engine.runs.read(run.run_id).state is State.DONE
