"""Killed at whichever call that changes a file, a run that is resumed sends each message exactly once."""

from __future__ import annotations

import os
import re
import shutil
import signal
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import Messenger
from bmad_messenger.message import Message
from bmad_messenger.workflow.answering import answer, question_of
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import Run
from bmad_messenger.workflow.ticking import tick
from tests.test_faults import WRITING, Calls

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

CHANGING = ("open", "write", "link", "replace", "unlink", "mkdir")
"""The calls that change what a dead process leaves behind; the others make it outlive a power failure."""

WORKERS = 8

_TIMED = re.compile(r"\d{4}-\d{2}-\d{2}T[\d:]+Z|\b[0-9a-f]{32,64}\b|(?<=\.)\d+(?=\.tmp)|(?<=\.)\d+(?=\.\d+\.tmp)")
"""Times, digests of texts with times in them, and the names of temporary files."""

WORKFLOW = """\
name: chain
agent: pm
steps:
  - id: hand-over
    foreach: [one, two]
    exec: send-message
    with:
      type: clarify
      from_agent: pm
      to_agent: sm
      payload: {question: "{{ item }} of {{ steps.inbox.messages | length }}?"}
  - id: inner
    workflow: inner
    with: {word: "{{ steps.hand-over[1].payload.question }}"}
  - id: approve
    ask: {question: "Go on?", options: [yes please, no]}
  - id: close
    foreach: steps.hand-over
    exec: close-message
    with: {message_id: "{{ item.message_id }}"}
finally:
  - id: tell
    exec: send-message
    with:
      type: notify
      from_agent: pm
      to_agent: dev
      payload: {message: "{{ steps.approve.answer or steps.approve.state }}"}
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


def begin(root: Path) -> None:
    """Start the run, unless that was done, and take it as far as it goes."""
    engine = Engine(Messenger.open(root))
    engine.start("chain", {}, cause="the test")
    _tick(engine)


def end(root: Path) -> None:
    """Answer what the run has asked, and take it to its end."""
    messenger = Messenger.open(root)
    engine = Engine(messenger)
    run = _run(engine)
    if not run.state.is_over:
        asked = run.waits[0]["answer_to"] if run.waits else run.step("approve").outputs["question"]
        answer(messenger, question_of(messenger, asked), ["yes please"])
    _tick(engine)


def cancel(root: Path) -> None:
    """Cancel the run, unless that was done, and take it to its end."""
    engine = Engine(Messenger.open(root))
    run = _run(engine)
    if not run.state.is_over and run.ending is None:
        engine.cancel(run.run_id)
    _tick(engine)


@pytest.mark.parametrize(("before", "work", "messages"), [((), begin, 5), ((begin,), end, 7), ((begin,), cancel, 6)])
def test_a_run_killed_at_any_call_and_resumed_comes_to_the_same(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: Iterable[Callable[[Path], None]],
    work: Callable[[Path], None],
    messages: int,
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # on which a process's death does not depend
    template = _project(tmp_path / "template")
    for part in before:
        part(template)
    undisturbed = _copy(template, tmp_path / "undisturbed")
    calls = Calls(WRITING, lambda *_: None)
    with calls.watched(undisturbed):
        work(undisturbed)
    expected = _picture(undisturbed)
    assert len(expected["messages"]) == messages
    moments = [number for number, name in enumerate(calls.made) if name in CHANGING]
    assert len(moments) >= 40

    seen: set[frozenset[tuple[str, str]]] = set()

    def disturb(moment: int) -> None:
        project = _copy(template, tmp_path / f"killed-{moment}")
        _kill(work, project, moment)
        left = _left(project)
        if left not in seen:  # what the call before left would be resumed once more
            seen.add(left)
            work(project)
            assert _picture(project) == expected, f"killed at call {moment}, {calls.made[moment]}"
        shutil.rmtree(project)

    _in_forks(disturb, _shares(moments))


def _tick(engine: Engine) -> None:
    while (found := tick(engine)).runs:
        assert found.errors == ()


def _run(engine: Engine) -> Run:
    """The run that no other has started."""
    runs = [engine.runs.read(run_id) for run_id in engine.runs.ids()]
    return next(run for run in runs if run.parent is None)


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


def _in_forks(work: Callable[[int], None], shares: Iterable[list[int]]) -> None:
    """Do the work for each share in a fork of its own."""
    children = []
    for share in shares:
        child = os.fork()
        if child == 0:
            try:
                for number in share:
                    work(number)
            except BaseException:  # noqa: BLE001  # a fork never returns to pytest
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(children)


def _shares(moments: list[int]) -> list[list[int]]:
    """Neighbours together, about as many for each worker."""
    size = -(-len(moments) // WORKERS)
    return [moments[start : start + size] for start in range(0, len(moments), size)]


def _kill(work: Callable[[Path], None], root: Path, moment: int) -> None:
    """Do the work in a fork that dies at that call."""
    child = os.fork()
    if child == 0:
        calls = Calls(WRITING, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL), moment)
        with calls.watched(root):
            work(root)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


def _left(root: Path) -> frozenset[tuple[str, str]]:
    """What a kill leaves: its files, but for times and what hangs on them, and who held a lock."""
    paths = (path for path in root.rglob("*") if path.is_file() and not path.name.endswith((".lock", ".holder")))
    found = {path: path.read_text(errors="replace") for path in paths}
    return frozenset((_TIMED.sub("…", str(path.relative_to(root))), _TIMED.sub("…", found[path])) for path in found)


def _picture(root: Path) -> dict[str, Any]:
    """What a run leaves: its messages, open and closed, and how its steps stand, without times."""
    messenger = Messenger.open(root)
    engine = Engine(messenger)
    runs = [engine.runs.read(run_id) for run_id in engine.runs.ids()]
    found = [*messenger.list(), *messenger.list(status="done"), *messenger.list(status="cancelled")]
    return {
        "messages": sorted(map(_message, found), key=repr),
        "runs": [(run.run_id, run.state, {name: step.state for name, step in run.steps.items()}) for run in runs],
    }


def _message(message: Message) -> tuple[Any, ...]:
    status = message.status.value
    return message.idempotency_key, status, message.note, repr(message.payload), sorted(message.read_by)
