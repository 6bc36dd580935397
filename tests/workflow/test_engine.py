"""Tests of `bmad_messenger.workflow.engine`: runs are started, taken on, cancelled and told to go on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bmad_messenger import DamagedError, InvalidError, LockTimeoutError, Messenger, UsageError
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import State, WorkflowChangedError
from bmad_messenger.workflow.ticking import tick
from tests.workflow.conftest import TELL, AddTasks, Begin, Clock, Write, texts

WAITING = "steps:\n  - id: a\n    wait: {message: {to: pm}}\n"
ASKING = "steps:\n  - id: a\n    ask: {question: 'Go on?'}\n"


def news(messenger: Messenger, text: str = "go", to: str = "pm") -> None:
    messenger.send(type="notify", from_agent="dev", to_agent=to, payload={"message": text})


class TestStart:
    def test_gives_what_has_a_default_that(self, write: Write, engine: Engine) -> None:
        write(f"params: {{a: {{type: string, default: x}}, b: {{type: integer}}}}\n{WAITING}")

        assert engine.start("example", {"b": 5}).params == {"a": "x", "b": 5}

    @pytest.mark.parametrize(
        ("params", "problem"),
        [
            ({}, "params.b: required, but missing"),
            ({"b": "five"}, 'params.b: wanted a whole number, found "five"'),
            ({"b": 5, "c": 1}, "params: unknown key `c`"),
        ],
    )
    def test_refuses_parameters_that_it_does_not_take(
        self, write: Write, engine: Engine, params: dict[str, object], problem: str
    ) -> None:
        write(f"params: {{b: {{type: integer}}}}\n{WAITING}")

        with pytest.raises(InvalidError, match=problem):
            engine.start("example", params)

        assert engine.runs.ids() == []

    def test_of_the_same_cause_is_the_same_run(self, write: Write, engine: Engine) -> None:
        write(WAITING)

        assert engine.start("example", {}, cause="x") == engine.start("example", {}, cause="x")
        assert len(engine.runs.ids()) == 1

    def test_without_a_cause_is_a_new_run_each_time(self, write: Write, engine: Engine) -> None:
        write(WAITING)

        assert engine.start("example", {}).run_id != engine.start("example", {}).run_id

    def test_does_nothing_where_anything_is_wrong(self, write: Write, engine: Engine) -> None:
        write(f"steps:\n  - id: a\n    {TELL}x}}}}\n  - id: b\n    exec: send-mesage\n")

        with pytest.raises(
            InvalidError, match=r"example\.yaml:7:5: the workflow example: there is no task 'send-mesage'"
        ):
            engine.start("example", {})

        assert (engine.runs.ids(), engine.messenger.list()) == ([], [])

    def test_needs_the_secrets(self, write: Write, engine: Engine) -> None:
        write(f"secrets: [NO_SUCH_SECRET]\n{WAITING}")

        with pytest.raises(
            InvalidError,
            match=r"example\.yaml:2:11: the workflow example: the workflow needs the secret NO_SUCH_SECRET",
        ):
            engine.start("example", {})


class TestChangedWorkflow:
    def test_is_not_gone_on_with_unasked(self, begin: Begin, engine: Engine, write: Write) -> None:
        run = begin(WAITING)
        write(f"{WAITING}# changed\n")

        with pytest.raises(WorkflowChangedError, match="has changed since"):
            engine.advance(run.run_id)

        assert engine.advance(run.run_id, changed=True).state is State.WAITING

    def test_gives_up_the_steps_that_are_no_more(self, begin: Begin, engine: Engine, write: Write) -> None:
        run = begin(ASKING)
        (question,) = engine.messenger.list()
        write(f"steps:\n  - id: b\n    {TELL}b}}}}\n")

        run = engine.advance(run.run_id, changed=True)

        assert (run.state, list(run.steps)) == (State.DONE, ["b"])
        assert engine.messenger.get(question.message_id).status.value == "cancelled"

    def test_of_a_run_that_is_waited_for_fails_nothing(self, begin: Begin, engine: Engine, write: Write) -> None:
        write(WAITING, "inner")
        run = begin("steps:\n  - id: a\n    workflow: inner\n")
        write(f"{WAITING}# changed\n", "inner")

        with pytest.raises(WorkflowChangedError):
            engine.advance(run.run_id)

        assert engine.advance(run.run_id, changed=True).state is State.WAITING


def test_a_run_in_other_hands_is_left_alone(begin: Begin, engine: Engine) -> None:
    run = begin(WAITING)

    with engine.runs.locked(run.run_id, 0), pytest.raises(LockTimeoutError, match=run.run_id):
        Engine(engine.messenger).advance(run.run_id, timeout=0)


def test_a_run_that_is_over_stays_so(begin: Begin, engine: Engine, write: Write) -> None:
    run = begin(f"steps:\n  - id: a\n    {TELL}x}}}}\n")
    write(WAITING)

    assert engine.advance(run.run_id) == run


class TestCancel:
    def test_ends_the_runs_it_waits_for(self, begin: Begin, engine: Engine, write: Write) -> None:
        write(WAITING, "inner")
        run = begin("steps:\n  - id: a\n    workflow: inner\n")

        run = engine.cancel(run.run_id, "no longer wanted")

        assert {engine.runs.read(one).state for one in engine.runs.ids()} == {State.CANCELLED}
        assert run.error == "no longer wanted"

    def test_takes_its_questions_back(self, begin: Begin, engine: Engine) -> None:
        run = begin(ASKING)
        (question,) = engine.messenger.list()

        engine.cancel(run.run_id)

        assert engine.messenger.get(question.message_id).status.value == "cancelled"

    def test_does_the_steps_at_the_end(self, begin: Begin, engine: Engine, messenger: Messenger) -> None:
        run = begin(f"{WAITING}finally:\n  - id: z\n    {TELL}'{{{{ steps.a.state }}}}'}}}}\n")

        run = engine.cancel(run.run_id)

        assert (run.state, texts(messenger)) == (State.CANCELLED, ["cancelled"])

    def test_twice_leaves_out_the_steps_at_the_end(self, begin: Begin, engine: Engine) -> None:
        run = begin(f"{WAITING}finally:\n  - id: z\n    wait: {{message: {{to: tea}}}}\n")

        assert engine.cancel(run.run_id).state is State.WAITING
        assert engine.cancel(run.run_id).state is State.CANCELLED

    def test_of_a_run_whose_steps_at_the_end_wait_ends_with_them(self, begin: Begin, engine: Engine) -> None:
        run = begin(f"{WAITING}finally:\n  - id: z\n    wait: {{message: {{to: tea}}}}\n")
        engine.cancel(run.run_id)
        news(engine.messenger, to="tea")

        tick(engine)

        assert engine.runs.read(run.run_id).state is State.CANCELLED

    def test_ends_a_run_whose_workflow_is_gone(self, begin: Begin, engine: Engine, write: Write) -> None:
        run = begin(ASKING)
        write(ASKING).unlink()

        assert engine.cancel(run.run_id).state is State.CANCELLED
        assert engine.messenger.list() == []

    def test_of_what_is_over_is_refused(self, begin: Begin, engine: Engine) -> None:
        run = begin(f"steps:\n  - id: a\n    {TELL}x}}}}\n")

        with pytest.raises(UsageError, match="is done already"):
            engine.cancel(run.run_id)


class TestRetry:
    """`steps_again` says what is done again; here is what comes of it."""

    @pytest.fixture
    def broken(self, add_tasks: AddTasks) -> list[str]:
        """What the task `work` fails for; it does its work where this is empty."""
        reasons: list[str] = ["it broke"]

        def work(messenger: Messenger, *, item: str = "work") -> str:
            if item in reasons or "it broke" in reasons:
                raise InvalidError(reasons[0])
            done.append(item)
            return item

        done: list[str] = []
        add_tasks(work=work)
        self.done = done
        return reasons

    def test_goes_on_where_it_failed(
        self, begin: Begin, engine: Engine, messenger: Messenger, broken: list[str]
    ) -> None:
        run = begin(f"on_failure: nothing\nsteps:\n  - id: a\n    {TELL}once}}}}\n  - id: b\n    exec: work\n")
        assert run.state is State.FAILED
        broken.clear()

        run = engine.advance(engine.retry(run.run_id).run_id)

        assert (run.state, texts(messenger), len(run.step("b").attempts)) == (State.DONE, ["once"], 2)

    def test_counts_its_tries_anew(self, begin: Begin, engine: Engine, broken: list[str], clock: Clock) -> None:
        run = begin("on_failure: nothing\nsteps:\n  - id: a\n    exec: work\n    retry: {times: 1, delay: 1s}\n")
        clock.tick(1)
        run = engine.advance(run.run_id)
        assert run.state is State.FAILED

        assert engine.advance(engine.retry(run.run_id).run_id).state is State.WAITING

    def test_tells_the_user_each_time(self, begin: Begin, engine: Engine, broken: list[str]) -> None:
        run = begin("steps:\n  - id: a\n    exec: work\n")
        broken.insert(0, "something else")

        engine.advance(engine.retry(run.run_id).run_id)

        issues = [str(message.payload["issue"]).rpartition(": ")[2] for message in engine.messenger.list()]
        assert issues == ["it broke", "something else"]

    def test_does_only_the_rounds_that_failed(self, begin: Begin, engine: Engine, broken: list[str]) -> None:
        broken[:] = ["y"]
        run = begin(
            "on_failure: nothing\nsteps:\n  - id: a\n    foreach: [x, y, z]\n    max_parallel: 1\n"
            "    exec: work\n    with: {item: '{{ item }}'}\n"
        )
        assert (run.state, self.done) == (State.FAILED, ["x"])
        broken.clear()

        run = engine.advance(engine.retry(run.run_id).run_id)

        assert (run.step("a").outputs, self.done) == (["x", "y", "z"], ["x", "y", "z"])

    def test_leaves_failures_that_may_be_and_what_came_after(
        self, begin: Begin, engine: Engine, messenger: Messenger, broken: list[str]
    ) -> None:
        run = begin(
            "on_failure: nothing\nsteps:\n  - id: a\n    exec: work\n    continue_on_error: true\n"
            f"  - id: b\n    {TELL}once}}}}\n  - id: c\n    exec: work\n"
        )
        broken.clear()

        run = engine.advance(engine.retry(run.run_id).run_id)

        assert (run.state, run.step("a").state, texts(messenger)) == (State.DONE, State.FAILED, ["once"])

    def test_does_the_steps_at_the_end_again(
        self, begin: Begin, engine: Engine, messenger: Messenger, broken: list[str]
    ) -> None:
        run = begin(
            "on_failure: nothing\nsteps:\n  - id: a\n    exec: work\n"
            f"finally:\n  - id: z\n    {TELL}'{{{{ steps.a.state }}}}'}}}}\n"
        )
        broken.clear()

        engine.advance(engine.retry(run.run_id).run_id)

        assert texts(messenger) == ["failed", "done"]

    def test_goes_on_with_the_run_that_failed_in_it(
        self, begin: Begin, engine: Engine, messenger: Messenger, write: Write, broken: list[str]
    ) -> None:
        write(f"steps:\n  - id: a\n    {TELL}once}}}}\n  - id: b\n    exec: work\n", "inner")
        run = begin("on_failure: nothing\nsteps:\n  - id: a\n    workflow: inner\n")
        broken.clear()

        run = engine.advance(engine.retry(run.run_id).run_id)

        assert (run.state, texts(messenger), len(engine.runs.ids())) == (State.DONE, ["once"], 2)

    def test_from_a_step_does_it_and_all_that_need_it_anew(
        self, begin: Begin, engine: Engine, messenger: Messenger
    ) -> None:
        run = begin(
            f"steps:\n  - id: a\n    {TELL}a}}}}\n  - id: b\n    {TELL}b}}}}\n"
            f"  - id: c\n    needs: a\n    {TELL}c}}}}\n  - id: d\n    needs: b\n    {TELL}d}}}}\n"
        )

        run = engine.advance(engine.retry(run.run_id, "b").run_id)

        assert (run.state, texts(messenger)) == (State.DONE, ["a", "b", "c", "d", "b", "d"])

    def test_from_a_step_whose_message_says_something_else_now(
        self, begin: Begin, engine: Engine, messenger: Messenger, write: Write
    ) -> None:
        run = begin(f"steps:\n  - id: a\n    {TELL}one}}}}\n")
        write(f"steps:\n  - id: a\n    {TELL}two}}}}\n")

        engine.advance(engine.retry(run.run_id, "a").run_id)

        assert texts(messenger) == ["one", "two"]

    def test_from_a_step_that_ran_a_workflow_runs_it_anew(
        self, begin: Begin, engine: Engine, messenger: Messenger, write: Write
    ) -> None:
        write(f"steps:\n  - id: a\n    {TELL}x}}}}\n", "inner")
        run = begin("steps:\n  - id: a\n    workflow: inner\n")

        engine.advance(engine.retry(run.run_id, "a").run_id)

        assert (texts(messenger), len(engine.runs.ids())) == (["x", "x"], 3)

    def test_from_a_step_of_a_run_that_waits_takes_back_what_it_waits_for(self, begin: Begin, engine: Engine) -> None:
        run = begin(ASKING)
        (question,) = engine.messenger.list()

        run = engine.advance(engine.retry(run.run_id, "a").run_id)

        (again,) = engine.messenger.list()
        assert run.waits[0]["answer_to"] == again.message_id != question.message_id

    def test_of_a_cancelled_run_asks_again(self, begin: Begin, engine: Engine) -> None:
        run = begin(ASKING)
        engine.cancel(run.run_id)

        run = engine.advance(engine.retry(run.run_id).run_id)

        (question,) = engine.messenger.list()
        assert (run.state, run.waits[0]["answer_to"]) == (State.WAITING, question.message_id)

    def test_of_a_cancelled_run_goes_on_with_the_run_in_it(
        self, begin: Begin, engine: Engine, messenger: Messenger, write: Write
    ) -> None:
        write(f"steps:\n  - id: a\n    {TELL}once}}}}\n  - id: b\n    wait: {{message: {{to: pm}}}}\n", "inner")
        run = begin("steps:\n  - id: a\n    workflow: inner\n")
        engine.cancel(run.run_id)

        run = engine.advance(engine.retry(run.run_id).run_id)

        assert (run.state, texts(messenger), len(engine.runs.ids())) == (State.WAITING, ["once"], 2)

    def test_of_a_run_that_took_too_long_has_its_time_again(self, begin: Begin, engine: Engine, clock: Clock) -> None:
        run = begin(f"on_failure: nothing\ntimeout: 1h\n{WAITING}")
        clock.tick(3600)
        assert engine.advance(run.run_id).state is State.FAILED

        run = engine.advance(engine.retry(run.run_id).run_id)

        assert (run.state, run.due) == (State.WAITING, clock.time.replace(hour=12))

    def test_of_what_is_done_needs_a_step(self, begin: Begin, engine: Engine) -> None:
        run = begin(f"steps:\n  - id: a\n    {TELL}x}}}}\n")

        with pytest.raises(UsageError, match="is done; name a step"):
            engine.retry(run.run_id)
        with pytest.raises(UsageError, match="there is no step 'z'; the steps are a"):
            engine.retry(run.run_id, "z")


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: "run: [\n",
        lambda text: f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> theirs\n",
        lambda text: text.replace('state: "waiting"', 'state: "resting"', 1),
        lambda text: text.replace("steps:", "stpes:"),
        lambda text: text.replace('started: "2025', 'started: "25', 1),
        lambda text: text[: len(text) // 2],
        lambda text: "- a list\n",
    ],
)
def test_a_damaged_run_file_is_told_with_its_place(begin: Begin, engine: Engine, edit: object) -> None:
    run = begin(WAITING)
    path: Path = engine.runs.path(run.run_id)
    path.write_text(edit(path.read_text()))  # type: ignore[operator]

    with pytest.raises(DamagedError) as caught:
        engine.advance(run.run_id)

    assert (caught.value.problem.path or "").endswith(path.name)
    assert caught.value.problem.line is not None


def test_two_clones_that_take_the_same_run_on_send_the_same_messages(
    begin: Begin, engine: Engine, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = begin(f"{WAITING}  - id: b\n    {TELL}x}}}}\n")
    news(engine.messenger)
    clone = tmp_path_factory.mktemp("clone") / "project"
    shutil.copytree(tmp_path, clone)
    other = Engine(Messenger.open(clone))

    engine.advance(run.run_id)
    other.advance(run.run_id)

    mine, theirs = ({m.message_id for m in one.messenger.list()} for one in (engine, other))
    assert mine == theirs
    assert engine.runs.path(run.run_id).read_bytes() == other.runs.path(run.run_id).read_bytes()
