"""Tests of `bmad_messenger.workflow.ticking`."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from bmad_messenger import Message, Messenger
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import State
from bmad_messenger.workflow.ticking import Tick, serve, tick
from tests.workflow.conftest import Begin, Clock

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


def question(messenger: Messenger) -> Message:
    return messenger.send(type="clarify", from_agent="dev", to_agent="pm", payload={"question": "JWT?"})


def install(messenger: Messenger, text: str = TRIGGERED) -> None:
    (messenger.project.folder / "workflows" / "triggered.yaml").write_text(text)


def test_a_message_starts_one_run(messenger: Messenger, engine: Engine) -> None:
    install(messenger)
    asked = question(messenger)

    first, second = tick(engine), tick(engine)

    assert [run.state for run in first.runs] == [State.DONE]
    assert second.runs == ()
    assert [message.reply_to for message in messenger.list(type="notify")] == [asked.message_id]
    assert "pm" in messenger.get(asked.message_id).read_by


def test_a_message_that_was_read_before_starts_nothing(messenger: Messenger, engine: Engine) -> None:
    install(messenger)
    messenger.mark_read("pm", [question(messenger).message_id])

    assert tick(engine).runs == ()


def test_a_message_that_does_not_fit_starts_nothing(messenger: Messenger, engine: Engine) -> None:
    install(messenger, TRIGGERED.replace("to: pm}", "to: pm, if: message.payload.question == 'why?'}"))
    question(messenger)

    assert tick(engine).runs == ()


def test_two_ticks_at_once_run_no_step_twice(messenger: Messenger) -> None:
    install(messenger)
    for _ in range(5):
        question(messenger)
    root = messenger.project.root

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: tick(Engine(Messenger.open(root))), range(4)))
    tick(Engine(Messenger.open(root)))

    assert len(messenger.list(type="notify")) == 5
    assert len(Engine(messenger).runs.ids()) == 5


def test_a_run_that_waits_goes_on_with_its_message(begin: Begin, engine: Engine, messenger: Messenger) -> None:
    run = begin(WAITING)
    assert tick(engine).runs == ()

    question(messenger)

    assert [one.state for one in tick(engine).runs] == [State.DONE]
    assert engine.runs.read(run.run_id).state is State.DONE


def test_a_run_goes_on_when_its_time_has_come(begin: Begin, engine: Engine, clock: Clock) -> None:
    begin("steps:\n  - id: a\n    wait: {for: 1h}\n")
    assert tick(engine).runs == ()

    clock.tick(3600)

    assert [one.state for one in tick(engine).runs] == [State.DONE]


def test_a_run_goes_on_with_the_run_that_it_waits_for(begin: Begin, engine: Engine, messenger: Messenger) -> None:
    (messenger.project.folder / "workflows" / "inner.yaml").write_text(f"name: inner\n{WAITING}")
    run = begin("steps:\n  - id: a\n    workflow: inner\n")
    question(messenger)

    while tick(engine).runs:
        pass

    assert engine.runs.read(run.run_id).state is State.DONE


def test_a_broken_run_keeps_no_other_from_going_on(begin: Begin, engine: Engine, messenger: Messenger) -> None:
    begin(WAITING)
    engine.runs.path("broken-20250115-abcd").write_text("run: [\n")
    question(messenger)

    found = tick(engine)

    assert [one.state for one in found.runs] == [State.DONE]
    assert next(error.problem.path or "" for error in found.errors).endswith("broken-20250115-abcd.yaml")


def test_a_run_that_died_at_a_step_goes_on(begin: Begin, engine: Engine) -> None:
    run = begin(WAITING)
    path = engine.runs.path(run.run_id)
    path.write_text(path.read_text().replace('state: "waiting"', 'state: "running"', 1))

    tick(engine)

    assert engine.runs.read(run.run_id).state is State.WAITING


def test_a_thousand_waiting_runs_are_looked_at_in_a_second(begin: Begin, engine: Engine, messenger: Messenger) -> None:
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


def test_serving_takes_runs_on_as_messages_come_until_it_is_stopped(
    begin: Begin, engine: Engine, messenger: Messenger
) -> None:
    run = begin(WAITING)
    stop = threading.Event()
    other = Engine(Messenger.open(messenger.project.root))
    server = threading.Thread(target=serve, args=(other, lambda _: None, stop))
    server.start()

    question(messenger)
    end = time.monotonic() + 20
    while not engine.runs.read(run.run_id).state.is_over and time.monotonic() < end:
        time.sleep(0.02)
    stop.set()
    server.join(20)

    assert not server.is_alive()
    assert engine.runs.read(run.run_id).state is State.DONE
