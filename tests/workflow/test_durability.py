"""Killed at whichever call that changes a file, a run that is resumed sends each message exactly once."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import Messenger
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import Run
from tests.test_faults import WRITING, Calls

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

WORKFLOW = """\
name: chain
agent: pm
params:
  stories: {type: array, default: [one, two]}
steps:
  - id: tell
    exec: send-message
    with: {type: notify, from_agent: pm, to_agent: dev, payload: {message: "got {{ steps.inbox.messages | length }}"}}
  - id: hand-over
    foreach: params.stories
    exec: send-message
    with: {type: clarify, from_agent: pm, to_agent: sm, payload: {question: "{{ item }}?"}}
  - id: inner
    workflow: inner
    with: {word: "{{ steps.hand-over[1].payload.question }}"}
  - id: approve
    ask: {question: "Go on?", options: [yes please, no]}
"""
INNER = """\
name: inner
params: {word: {type: string}}
steps:
  - id: say
    exec: send-message
    with: {type: notify, from_agent: sm, to_agent: tea, payload: {message: "{{ params.word }}"}}
outputs:
  id: {value: "{{ steps.say.message_id }}"}
"""


def test_a_run_killed_at_any_call_and_resumed_comes_to_the_same(tmp_path: Path) -> None:
    template = _project(tmp_path / "template")
    undisturbed = _copy(template, tmp_path / "undisturbed")
    _go(undisturbed)
    expected = _picture(undisturbed)
    assert len(expected["messages"]) == 6
    at, is_over = 0, False
    while not is_over:
        project = _copy(template, tmp_path / f"killed-{at}")
        is_over = not _killed(project, at)
        _go(project)
        assert _picture(project) == expected, f"killed at call {at}"
        shutil.rmtree(project)
        at += 1
    assert at > 50


def _project(root: Path) -> Path:
    root.mkdir()
    messenger = Messenger.open(root)
    messenger.init()
    folder = messenger.project.folder / "workflows"
    folder.mkdir()
    (folder / "chain.yaml").write_text(WORKFLOW)
    (folder / "inner.yaml").write_text(INNER)
    messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "for pm"})
    return root


def _copy(template: Path, to: Path) -> Path:
    shutil.copytree(template, to)
    return to


def _go(root: Path) -> Run:
    """Start the run, unless that was done, and take it as far as it goes."""
    engine = Engine(Messenger.open(root))
    run = engine.start("chain", {}, cause="the test")
    return engine.advance(run.run_id)


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


def _picture(root: Path) -> dict[str, Any]:
    """What a run leaves: its messages and how its steps stand, without times."""
    messenger = Messenger.open(root)
    messages = sorted(
        (
            m.idempotency_key or "",
            m.message_id.partition("-")[2][9:],
            m.status.value,
            repr(m.payload),
            sorted(m.read_by),
        )
        for m in messenger.list()
        if m.idempotency_key
    )
    received = [(m.status.value, sorted(m.read_by)) for m in messenger.list() if not m.idempotency_key]
    engine = Engine(messenger)
    runs = [engine.runs.read(run_id) for run_id in engine.runs.ids()]
    return {
        "messages": [*messages, *received],
        "runs": [(run.run_id[-8:], run.state, {name: step.state for name, step in run.steps.items()}) for run in runs],
    }
