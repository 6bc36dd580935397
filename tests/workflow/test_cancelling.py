"""Tests of cancelling a run that another process is at: it is left word, and ends the run."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import InvalidError, LockTimeoutError, Messenger
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import Run, State
from bmad_messenger.workflow.runs import Word
from bmad_messenger.workflow.ticking import tick
from tests.workflow.conftest import TELL, AddTasks, Begin, Write, texts

SLEEPING = "print('begun', flush=True); import time; open('begun', 'w'); time.sleep(60)"
COMMAND = f"exec: run-command\n    with: {{command: ['{sys.executable}', -c, \"{SLEEPING}\"]}}"
FINALLY = f"finally:\n  - id: end\n    {TELL}'{{{{ steps.a.state }}}}'}}}}\n"
SLOW = f"steps:\n  - id: a\n    exec: work\n  - id: b\n    {TELL}b}}}}\n{FINALLY}"


class Work:
    """A task that takes until it may end."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, messenger: Messenger) -> str:
        """Work."""
        self.begun.set()
        self.may_end.wait(20)
        return "done"


@pytest.fixture
def work(add_tasks: AddTasks) -> Iterator[Work]:
    work = Work()
    add_tasks(work=work)
    yield work
    work.may_end.set()


@pytest.fixture
def elsewhere(messenger: Messenger) -> Iterator[Callable[..., Any]]:
    """Lets another thread, with an engine of its own, advance a run."""
    with ThreadPoolExecutor(2) as pool:
        yield lambda run, **options: pool.submit(Engine(reopened(messenger), **options).advance, run.run_id)


def reopened(messenger: Messenger) -> Messenger:
    return Messenger.open(messenger.project.root)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def words(engine: Engine) -> list[Path]:
    return [path for path in engine.runs.folder.iterdir() if path.name.endswith(".cancel.journal")]


def test_a_run_at_a_step_ends_when_that_is_done(
    write: Write, engine: Engine, messenger: Messenger, work: Work, elsewhere: Callable[..., Any]
) -> None:
    write(SLOW)
    run = engine.start("example", {})
    advancing = elsewhere(run)
    assert work.begun.wait(20)
    with ThreadPoolExecutor(1) as pool:
        cancelling = pool.submit(engine.cancel, run.run_id, "the scope changed")
        until(lambda: words(engine))
        work.may_end.set()

        found = cancelling.result(20)

    assert advancing.result(20) == found
    assert (found.state, found.error) == (State.CANCELLED, "the scope changed")
    assert [found.step(name).state for name in ("a", "b", "end")] == [State.DONE, State.CANCELLED, State.DONE]
    assert (texts(messenger), words(engine)) == (["done"], [])


def test_one_that_takes_longer_ends_later(
    write: Write, engine: Engine, messenger: Messenger, work: Work, elsewhere: Callable[..., Any]
) -> None:
    write(SLOW)
    run = engine.start("example", {})
    advancing = elsewhere(run)
    assert work.begun.wait(20)
    messenger.project.config.write_text("limits: {lock_timeout: 0.1}\n")

    with pytest.raises(LockTimeoutError, match="at a step in another process, which cancels it when that is done"):
        Engine(reopened(messenger)).cancel(run.run_id)
    work.may_end.set()

    assert advancing.result(20).state is State.CANCELLED


@pytest.fixture
def allowed(messenger: Messenger) -> None:
    messenger.project.config.write_text(f"commands: {{allow: ['{sys.executable}']}}\n")


@pytest.mark.usefixtures("allowed")
class TestACommand:
    def test_is_stopped(self, write: Write, messenger: Messenger, elsewhere: Callable[..., Any]) -> None:
        engine = Engine(reopened(messenger))
        write(f"steps:\n  - id: a\n    {COMMAND}\n    retry: {{times: 3}}\n{FINALLY}")
        run = engine.start("example", {})
        advancing = elsewhere(run)
        until((messenger.project.root / "begun").exists)

        found = engine.cancel(run.run_id)

        step = advancing.result(20).step("a")
        assert (found.state, step.state, len(step.attempts)) == (State.CANCELLED, State.CANCELLED, 1)
        assert step.outputs == {"exit_code": None, "stdout": "begun\n", "stderr": ""}
        assert texts(messenger) == ["cancelled"]

    def test_of_a_run_in_the_run_is_stopped(
        self, write: Write, messenger: Messenger, elsewhere: Callable[..., Any]
    ) -> None:
        engine = Engine(reopened(messenger))
        write(f"steps:\n  - id: a\n    {COMMAND}\n", "inner")
        write("steps:\n  - id: b\n    workflow: inner\n")
        run = engine.start("example", {})
        advancing = elsewhere(run)
        child = self._child(engine)

        found = engine.cancel(run.run_id)

        assert advancing.result(20) == found
        assert (found.step("b").state, engine.runs.read(child).state) == (State.CANCELLED, State.CANCELLED)
        assert words(engine) == []

    @pytest.mark.parametrize("final", [COMMAND, "workflow: inner"])
    def test_at_the_end_is_stopped_only_the_second_time(self, write: Write, messenger: Messenger, final: str) -> None:
        engine = Engine(reopened(messenger))
        write(f"steps:\n  - id: a\n    {COMMAND}\n", "inner")
        write(f"steps:\n  - id: a\n    wait: {{for: 1h}}\nfinally:\n  - id: end\n    {final}\n")
        run = engine.advance(engine.start("example", {}).run_id)
        with ThreadPoolExecutor(1) as pool:
            ending = pool.submit(engine.cancel, run.run_id)
            until(lambda: engine.runs.read(run.run_id).step("end").state is State.RUNNING)
            time.sleep(1.2)  # long enough to be stopped
            assert not ending.done()

            found = Engine(reopened(messenger)).cancel(run.run_id)

            assert ending.result(20) == found
        assert (found.state, found.step("end").state) == (State.CANCELLED, State.CANCELLED)

    @staticmethod
    def _child(engine: Engine) -> str:
        """The run in the run, once its command runs."""

        def found() -> list[str]:
            runs = [engine.runs.read(one) for one in engine.runs.ids() if one.startswith("inner")]
            return [run.run_id for run in runs if run.step("a").state is State.RUNNING]

        until(found)
        return found()[0]


def test_a_run_that_rests_before_another_try_ends_at_once(
    write: Write, engine: Engine, add_tasks: AddTasks, elsewhere: Callable[..., Any]
) -> None:
    def fail(messenger: Messenger) -> None:
        raise InvalidError("it broke")

    add_tasks(fail=fail)
    write("steps:\n  - id: a\n    exec: fail\n    retry: {times: 1, delay: 30s}\n")
    run = engine.start("example", {})
    advancing = elsewhere(run, patience=60)
    until(lambda: engine.runs.read(run.run_id).step("a").failures)
    start = time.monotonic()

    assert engine.cancel(run.run_id).state is State.CANCELLED

    assert advancing.result(20).step("a").state is State.CANCELLED
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("state", ["running", "waiting"])
def test_word_for_a_process_that_has_died_counts_at_the_next_tick(begin: Begin, engine: Engine, state: str) -> None:
    run = begin(f"steps:\n  - id: a\n    wait: {{for: 1h}}\n{FINALLY}")
    path = engine.runs.path(run.run_id)
    path.write_text(path.read_text().replace('state: "waiting"', f'state: "{state}"', 1))
    engine.runs.leave_word(run.run_id, Word("no longer wanted"))

    (found,) = tick(engine).runs

    assert (found.state, found.error) == (State.CANCELLED, "no longer wanted")
    assert words(engine) == []


def test_word_that_was_heeded_before_a_crash_leaves_the_end_of_the_run_as_it_is(
    begin: Begin, engine: Engine, messenger: Messenger
) -> None:
    run = begin("steps:\n  - id: a\n    wait: {for: 1h}\nfinally:\n  - id: end\n    wait: {message: {to: pm}}\n")
    assert engine.cancel(run.run_id).state is State.WAITING
    assert len(words(engine)) == 1

    assert tick(engine).runs == ()
    messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "now"})

    assert [one.step("end").state for one in tick(engine).runs] == [State.DONE]


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"note": 5}'])
def test_word_in_a_file_that_was_damaged_counts(begin: Begin, engine: Engine, text: str) -> None:
    run = begin("steps:\n  - id: a\n    wait: {for: 1h}\n")
    engine.runs.leave_word(run.run_id, Word())
    words(engine)[0].write_text(text)

    assert [one.state for one in tick(engine).runs] == [State.CANCELLED]


def test_word_that_came_too_late_does_not_count_for_a_retry(begin: Begin, engine: Engine) -> None:
    run = begin("steps:\n  - id: a\n    wait: {for: 1h}\n")
    engine.cancel(run.run_id)
    engine.runs.leave_word(run.run_id, Word())
    assert tick(engine).runs == ()

    engine.retry(run.run_id)

    assert engine.advance(run.run_id).state is State.WAITING


def test_word_for_a_run_that_was_forgotten_does_not_count_for_another_of_its_id(write: Write, engine: Engine) -> None:
    write("steps:\n  - id: a\n    wait: {for: 1h}\n")
    run = engine.start("example", {}, cause="a message")
    engine.runs.leave_word(run.run_id, Word())
    engine.runs.path(run.run_id).unlink()

    assert engine.start("example", {}, cause="a message").run_id == run.run_id

    assert engine.advance(run.run_id).state is State.WAITING


def test_a_run_that_is_removed_takes_the_word_with_it(begin: Begin, engine: Engine) -> None:
    run = begin("steps:\n  - id: a\n    wait: {for: 1h}\n")
    engine.runs.leave_word(run.run_id, Word())

    engine.runs.remove(run.run_id)

    assert words(engine) == []


def test_git_is_told_to_ignore_word(begin: Begin, engine: Engine) -> None:
    from fnmatch import fnmatch

    from bmad_messenger.layout import LOCAL_FILES

    run = begin("steps:\n  - id: a\n    wait: {for: 1h}\n")
    engine.runs.leave_word(run.run_id, Word())

    assert any(fnmatch(words(engine)[0].name, pattern) for pattern in LOCAL_FILES)


def test_ticks_and_cancels_at_once_end_it_once(write: Write, engine: Engine, messenger: Messenger) -> None:
    write(f"steps:\n  - id: a\n    wait: {{message: {{to: pm}}}}\n  - id: b\n    {TELL}b}}}}\n{FINALLY}")
    runs = [engine.advance(engine.start("example", {}).run_id) for _ in range(5)]

    def cancel(run: Run) -> State:
        return Engine(reopened(messenger)).cancel(run.run_id).state

    with ThreadPoolExecutor(8) as pool:
        ticking = [pool.submit(lambda: tick(Engine(reopened(messenger)))) for _ in range(3)]
        states = list(pool.map(cancel, runs))
        errors = [error for one in ticking for error in one.result(60).errors]

    assert (states, errors) == ([State.CANCELLED] * 5, [])
    assert (sorted(texts(messenger)), words(engine)) == (["cancelled"] * 5, [])
