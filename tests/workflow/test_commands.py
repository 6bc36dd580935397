"""Tests of steps that run a program: what it printed is kept, however it ended."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bmad_messenger import Messenger
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import Run, State
from tests.workflow.conftest import TELL, Write, texts

BREAKING = "import sys; print('out'); sys.exit('it broke')"
SLEEPING = "import time; print('begun', flush=True); time.sleep(60)"


class Runner:
    """Runs a workflow whose step `a` runs a Python program."""

    def __init__(self, root: Path, write: Write) -> None:
        self.root, self.write = root, write

    def __call__(self, program: str, options: str = "", rest: str = "") -> Run:
        (self.root / "program.py").write_text(program)
        step = f"  - id: a\n    exec: run-command\n    with: {{command: ['{sys.executable}', program.py]}}\n"
        self.write(f"on_failure: nothing\nsteps:\n{step}{options}{rest}")
        engine = Engine(Messenger.open(self.root), patience=5)
        run = engine.advance(engine.start("example", {}).run_id)
        assert engine.runs.read(run.run_id) == run
        return run


@pytest.fixture
def run_command(messenger: Messenger, write: Write, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.setattr("bmad_messenger.message.now", lambda: datetime.now(UTC).replace(microsecond=0))
    messenger.project.config.write_text(f"commands: {{allow: ['{sys.executable}']}}\n")
    return Runner(messenger.project.root, write)


def test_of_one_that_fails_everything_is_kept(run_command: Runner) -> None:
    run = run_command(BREAKING)

    step = run.step("a")
    assert (run.state, step.state) == (State.FAILED, State.FAILED)
    assert step.outputs == {"exit_code": 1, "stdout": "out\n", "stderr": "it broke\n"}
    assert (step.error or "").startswith(f"{sys.executable} ended with 1: it broke;")


def test_of_one_that_takes_too_long_everything_until_then_is_kept(run_command: Runner) -> None:
    step = run_command(SLEEPING, "    timeout: 1s\n").step("a")

    assert (step.state, step.error) == (State.FAILED, "it took longer than 1s")
    assert step.outputs == {"exit_code": None, "stdout": "begun\n", "stderr": ""}


def test_of_one_that_may_take_too_long_everything_until_then_is_kept(run_command: Runner) -> None:
    step = run_command(SLEEPING, "    timeout: 1s\n    on_timeout: continue\n").step("a")

    assert step.state is State.DONE
    assert step.outputs == {"exit_code": None, "stdout": "begun\n", "stderr": "", "timed_out": True}


def test_the_next_step_reads_what_one_that_failed_has_printed(run_command: Runner, messenger: Messenger) -> None:
    told = f"  - id: b\n    {TELL}'{{{{ steps.a.exit_code }}}}: {{{{ steps.a.stderr | trim }}}}'}}}}\n"

    run = run_command(BREAKING, "    continue_on_error: true\n", told)

    assert (run.state, texts(messenger)) == (State.DONE, ["1: it broke"])


def test_each_try_keeps_what_went_wrong_and_the_last_what_was_printed(run_command: Runner) -> None:
    program = (
        "import pathlib, sys\ntries = pathlib.Path('tries')\nwith tries.open('a') as file:\n    file.write('x')\n"
        "count = len(tries.read_text())\nprint('try', count)\nsys.exit(f'failure {count}' if count < 3 else 0)\n"
    )

    step = run_command(program, "    retry: {times: 2}\n").step("a")

    assert [(one.error or "done").partition(" ended ")[2] for one in step.attempts] == [
        "with 1: failure 1; `check: false` lets the run go on",
        "with 1: failure 2; `check: false` lets the run go on",
        "",
    ]
    assert step.outputs == {"exit_code": 0, "stdout": "try 3\n", "stderr": ""}
