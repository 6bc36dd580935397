"""Tests of `bmad_messenger.workflow.bmad.compiling`: a play becomes a run of the engine, as durable as any other."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import InvalidError, Messenger
from bmad_messenger import message as messages
from bmad_messenger.errors import MessengerError
from bmad_messenger.workflow.bmad.compiling import checked, compile_play, play_file, problems_of
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import Run, State
from bmad_messenger.workflow.ticking import tick
from tests.test_faults import WRITING, Calls
from tests.workflow.bmad.conftest import CONFIG, FILE, INSTRUCTIONS, WORKFLOW, Bmad, sent, tell
from tests.workflow.conftest import Clock


def begin(engine: Engine, path: Path, **given: Any) -> Run:
    now = messages.now()
    workflow, _ = compile_play(play_file(engine.messenger, path, given, now), given)
    return engine.begin(workflow, given, now=now)


def test_what_is_to_be_run_is_run_in_order(bmad: Bmad, engine: Engine) -> None:
    path = bmad.write(f"<step n='1' repeat='2'>{tell('{{iteration}}')}</step><step n='2'>{tell('last')}</step>")
    run = engine.advance(begin(engine, path).run_id)

    assert (run.state, [*run.steps]) == (State.DONE, ["step-1-exec-1", "step-1-exec-1-pass-2", "step-2-exec-1"])
    assert sent(bmad.messenger) == ["1", "2", "last"]
    assert [one.idempotency_key for one in bmad.messenger.list()] == [f"{run.run_id}/{name}" for name in run.steps]


@pytest.mark.parametrize("text", ["{{ 1 + 1 }}", "{% x %}", "{# y", "a \\ ' {{ü}} 😀\n{{", "{{"])
def test_text_that_looks_like_an_expression_is_sent_as_it_is(bmad: Bmad, engine: Engine, text: str) -> None:
    engine.advance(begin(engine, bmad.write(tell("{{text}}")), text=text).run_id)
    assert sent(bmad.messenger) == [text]


def test_what_an_element_receives_is_marked_read(bmad: Bmad, engine: Engine) -> None:
    text = f"{tell()}<exec task='receive-message'><param name='agent'>dev</param></exec>"
    run = engine.advance(begin(engine, bmad.write(text)).run_id)

    assert [one["payload"] for one in run.step("exec-2").outputs["messages"]] == [{"message": "ready"}]
    assert bmad.messenger.receive("dev") == []


def test_a_run_goes_on_with_the_day_and_the_variables_that_it_began_with(
    bmad: Bmad, engine: Engine, clock: Clock
) -> None:
    run = begin(engine, bmad.write(tell("{{key}} on {date} at {at}"), "at: system-generated\n"), key="1-2")
    clock.tick(86_400)
    tick(engine)

    assert engine.runs.read(run.run_id).state is State.DONE
    assert sent(bmad.messenger) == ["1-2 on 2025-01-15 at 2025-01-15T10:30:00Z"]


def test_an_edit_that_changes_what_is_run_stops_the_run(bmad: Bmad, engine: Engine) -> None:
    run = begin(engine, bmad.write(tell("one")))
    bmad.write(tell("two"))
    with pytest.raises(InvalidError, match="the workflow has changed"):
        engine.advance(run.run_id)

    engine.advance(run.run_id, changed=True)
    assert sent(bmad.messenger) == ["two"]


def test_any_other_edit_does_not(bmad: Bmad, engine: Engine) -> None:
    run = begin(engine, bmad.write(tell()))
    bmad.write(f"<action>Read it</action>\n\n{tell()}", "more: x\n")
    assert engine.advance(run.run_id).state is State.DONE


def test_an_element_that_fails_ends_the_run_and_says_where(bmad: Bmad, engine: Engine) -> None:
    run_it = "<exec task='run-command'><param name='command'>[false]</param></exec>"
    path = bmad.write(f"{tell('one')}\n{run_it}{tell('two')}")
    run = engine.advance(begin(engine, path).run_id)

    assert (run.state, sent(bmad.messenger)) == (State.FAILED, ["one"])
    assert run.error is not None
    assert run.error.startswith("exec-2: ")


def test_a_killed_run_that_is_resumed_sends_each_message_once(tmp_path: Path) -> None:
    template = _project(tmp_path / "template")
    undisturbed = shutil.copytree(template, tmp_path / "undisturbed")
    _go(undisturbed)
    expected = _picture(undisturbed)
    assert len(expected[0]) == 2
    at, is_over = 0, False
    while not is_over:
        project = shutil.copytree(template, tmp_path / f"killed-{at}")
        is_over = not _killed(project, at)
        _go(project)
        assert _picture(project) == expected, f"killed at call {at}"
        shutil.rmtree(project)
        at += 3
    assert at > 15


def _project(root: Path) -> Path:
    (root / FILE).parent.mkdir(parents=True)
    (root / "_bmad/bmm/config.yaml").write_text(CONFIG)
    (root / FILE).write_text(WORKFLOW)
    (root / INSTRUCTIONS).write_text(f"<step n='1' repeat='2'>{tell('{{iteration}}')}</step>")
    Messenger.open(root).init()
    return root


def _go(root: Path) -> None:
    """Start the run, unless that was done, and take it to its end."""
    engine = Engine(Messenger.open(root))
    found = play_file(engine.messenger, root / FILE, {}, messages.now())
    run = engine.begin(compile_play(found, {})[0], {}, cause="the test")
    assert engine.advance(run.run_id).state is State.DONE


def _killed(root: Path, at: int) -> bool:
    """Run in a fork that dies at call number `at`; whether it got there."""
    child = os.fork()
    if child == 0:
        calls = Calls(WRITING, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL), at)
        with calls.watched(root):
            _go(root)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _picture(root: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """The messages, each with the end of its key, and the states of the steps."""
    engine = Engine(Messenger.open(root))
    sent_ones = [((one.idempotency_key or "").partition("/")[2], str(one.payload)) for one in engine.messenger.list()]
    states = [step.state.value for name in engine.runs.ids() for step in engine.runs.read(name).steps.values()]
    return sent_ones, states


@pytest.mark.parametrize(
    ("element", "problem"),
    [
        ("<exec task='send-mesage'/>", "2:1: there is no task 'send-mesage'; did you mean 'send-message'?"),
        (
            "<exec task='receive-message'><param name='agnet'>dev</param></exec>",
            "2:1: receive-message has no parameter",
        ),
        (tell().replace("dev", "dve"), "2:1: there is no agent 'dve'"),
        (tell().replace("notify", "notfy"), "2:1: there is no message type"),
        (tell().replace("message:", "mesage:"), "2:1: payload"),
        (tell().replace('<param name="type">notify', '<param name="route">x'), '2:1: there is no route "x"'),
        (tell("{{key}}"), "2:161: there is no variable 'key'"),
    ],
)
def test_everything_is_checked_before_anything_is_sent(bmad: Bmad, element: str, problem: str) -> None:
    found = play_file(bmad.messenger, bmad.write(f"{tell()}\n{element}"), {}, messages.now())
    with pytest.raises(MessengerError) as caught:
        checked(bmad.messenger, found)
    assert str(caught.value).partition(INSTRUCTIONS)[2].startswith(f":{problem}")
    assert bmad.messenger.list() == []


def test_what_is_not_reached_is_not_checked_before_a_run(bmad: Bmad) -> None:
    path = bmad.write("<check if='mode == a'><exec task='x'/></check><note><exec task='y'/></note>")
    assert checked(bmad.messenger, play_file(bmad.messenger, path, {"mode": "b"}, messages.now())) == []


def test_the_check_of_a_file_looks_at_every_element_whatever_its_variables_will_be(bmad: Bmad) -> None:
    path = bmad.write(
        f"{tell('{{later}}')}\n<check if='prose here'><exec task='x'/></check>\n{tell().replace('dev', 'd')}"
    )
    problems = problems_of(bmad.messenger, path)
    assert [problem.where for problem in problems] == [f"{INSTRUCTIONS}:2:24", f"{INSTRUCTIONS}:3:1"]


@pytest.mark.parametrize("name", ["Hand Over!", "6-weeks", "ä", "a" * 200, "-", "1"])
def test_a_run_is_called_after_its_workflow_as_far_as_that_can_be(bmad: Bmad, engine: Engine, name: str) -> None:
    path = bmad.write(tell(), workflow=WORKFLOW.replace("name: hand-over", f"name: '{name}'"))
    run = begin(engine, path)
    assert engine.runs.ids() == [run.run_id]
