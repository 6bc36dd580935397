"""Tests of `bmad_messenger.workflow.secrets`: a run is taken on only where its secrets are set."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bmad_messenger import InvalidError, Messenger
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import State
from bmad_messenger.workflow.secrets import SecretMissingError
from bmad_messenger.workflow.ticking import tick
from tests.workflow.conftest import TELL, AddTasks, Begin, Clock, Write, texts

SECRET = "s3cr3t-value"
LEAKING = "secrets: [TOKEN]\nsteps:\n  - id: a\n    wait: {for: 1h}\n  - id: b\n    exec: leak\n"
"""A workflow whose task knows the secret from elsewhere."""


@pytest.fixture(autouse=True)
def _a_task_that_leaks(add_tasks: AddTasks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    add_tasks(leak=lambda messenger: SECRET)


@pytest.fixture
def forget(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.delenv("TOKEN")


def holds_the_secret(messenger: Messenger) -> bool:
    files = [path for path in messenger.project.folder.rglob("*") if path.is_file()]
    return any(SECRET.encode() in path.read_bytes() for path in files)


class TestWithoutItsSecret:
    def test_a_run_is_not_taken_on(
        self, begin: Begin, engine: Engine, messenger: Messenger, clock: Clock, forget: Callable[[], None]
    ) -> None:
        run = begin(LEAKING)
        before = engine.runs.path(run.run_id).read_bytes()
        clock.tick(3600)
        forget()

        with pytest.raises(SecretMissingError, match=rf"^the run {run.run_id} needs the secret TOKEN; set that"):
            engine.advance(run.run_id)

        assert engine.runs.path(run.run_id).read_bytes() == before
        assert not holds_the_secret(messenger)

    def test_a_run_goes_on_once_it_is_set(
        self, begin: Begin, engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = begin(LEAKING)
        clock.tick(3600)
        monkeypatch.setenv("TOKEN", "")
        with pytest.raises(SecretMissingError):
            engine.advance(run.run_id)

        monkeypatch.setenv("TOKEN", SECRET)

        assert engine.advance(run.run_id).step("b").outputs == "***"

    def test_a_tick_tells_of_the_run_and_takes_the_others_on(
        self, begin: Begin, engine: Engine, clock: Clock, write: Write, forget: Callable[[], None]
    ) -> None:
        run = begin(LEAKING)
        write("steps:\n  - id: a\n    wait: {for: 1h}\n", "other")
        other = engine.advance(engine.start("other", {}).run_id)
        before = engine.runs.path(run.run_id).read_bytes()
        clock.tick(3600)
        forget()

        found = tick(engine)

        assert [one.run_id for one in found.runs] == [other.run_id]
        assert [(error.exit_code, f"the run {run.run_id} needs" in str(error)) for error in found.errors] == [(3, True)]
        assert engine.runs.path(run.run_id).read_bytes() == before

    def test_a_run_is_not_tried_again(self, begin: Begin, engine: Engine, forget: Callable[[], None]) -> None:
        run = begin(
            "on_failure: nothing\nsecrets: [TOKEN]\nsteps:\n  - id: a\n    exec: close-message\n"
            "    with: {message_id: '{{ secrets.TOKEN }}'}\n"
        )
        before = engine.runs.path(run.run_id).read_bytes()
        forget()

        with pytest.raises(SecretMissingError):
            engine.retry(run.run_id)

        assert engine.runs.path(run.run_id).read_bytes() == before

    def test_a_run_is_cancelled_only_if_nothing_is_done_at_its_end(
        self,
        begin: Begin,
        write: Write,
        engine: Engine,
        messenger: Messenger,
        forget: Callable[[], None],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        final = begin(f"{LEAKING}finally:\n  - id: c\n    exec: leak\n")
        write(LEAKING, "plain")
        plain = engine.advance(engine.start("plain", {}).run_id)
        forget()

        with pytest.raises(SecretMissingError):
            engine.cancel(final.run_id)
        assert engine.cancel(plain.run_id).state is State.CANCELLED
        assert engine.runs.read(final.run_id) == final

        monkeypatch.setenv("TOKEN", SECRET)
        assert tick(engine).runs == ()
        assert engine.cancel(final.run_id).step("c").outputs == "***"
        assert not holds_the_secret(messenger)


class TestOfARunInARun:
    INNER = LEAKING
    OUTER = f"steps:\n  - id: inner\n    workflow: inner\n  - id: after\n    needs: []\n    {TELL}after}}}}\n"

    def test_one_is_known_to_the_outer_from_the_start(
        self, begin: Begin, write: Write, engine: Engine, clock: Clock, messenger: Messenger, forget: Callable[[], None]
    ) -> None:
        write(self.INNER, "inner")
        run = begin(self.OUTER)
        clock.tick(3600)
        forget()

        found = tick(engine)

        assert run.secrets == ("TOKEN",)
        assert (found.runs, {error.exit_code for error in found.errors}) == ((), {3})
        assert engine.runs.read(run.run_id).state is State.WAITING
        assert not holds_the_secret(messenger)

    @pytest.mark.parametrize("step", ["workflow: inner", "workflow: inner\n    foreach: [1, 2]"])
    def test_one_that_is_not_set_keeps_the_outer_from_beginning(
        self, write: Write, engine: Engine, messenger: Messenger, forget: Callable[[], None], step: str
    ) -> None:
        write(self.INNER, "inner")
        write(f"steps:\n  - id: a\n    {TELL}first}}}}\n  - id: b\n    {step}\n")
        forget()

        with pytest.raises(InvalidError, match="needs the secret TOKEN"):
            engine.start("example", {})

        assert (engine.runs.ids(), texts(messenger)) == ([], [])

    def test_one_that_came_later_lets_the_step_wait_and_not_fail(
        self, begin: Begin, write: Write, engine: Engine, clock: Clock, forget: Callable[[], None]
    ) -> None:
        write(self.INNER.replace("secrets: [TOKEN]\n", ""), "inner")
        run = begin(
            f"steps:\n  - id: first\n    wait: {{for: 1h}}\n{self.OUTER.removeprefix('steps:')}".replace("\n\n", "\n")
        )
        write(self.INNER, "inner")
        clock.tick(3600)
        forget()

        (error,) = tick(engine).errors

        assert (error.exit_code, engine.runs.read(run.run_id).state) == (3, State.WAITING)


@pytest.mark.parametrize("again", ["advance", "retry"])
def test_one_that_the_workflow_has_only_now_is_hidden_too(
    begin: Begin, write: Write, engine: Engine, messenger: Messenger, clock: Clock, again: str
) -> None:
    run = begin(LEAKING.replace("secrets: [TOKEN]\n", ""))
    write(LEAKING)
    clock.tick(3600)

    if again == "retry":
        engine.retry(run.run_id, "a")
        clock.tick(3600)
    run = engine.advance(run.run_id, changed=True)
    clock.tick(3600)
    run = engine.advance(run.run_id)

    assert (run.state, run.step("b").outputs, holds_the_secret(messenger)) == (State.DONE, "***", False)


def test_a_changed_workflow_takes_nothing_back_where_its_secret_is_not_set(
    begin: Begin, write: Write, engine: Engine, messenger: Messenger, forget: Callable[[], None]
) -> None:
    run = begin("steps:\n  - id: a\n    ask: {question: 'Go on?'}\n")
    write("secrets: [TOKEN]\nsteps:\n  - id: b\n    ask: {question: 'Go on?'}\n")
    forget()

    with pytest.raises(SecretMissingError):
        engine.advance(run.run_id, changed=True)

    assert [message.status.value for message in messenger.list()] == ["pending"]
