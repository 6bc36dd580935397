"""Tests of `bmad_messenger.merge.runs`: how two versions of a run become one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmad_messenger.errors import DamagedError
from bmad_messenger.merge import merge_runs
from bmad_messenger.merge.runs import _RANK, _RUN_KEYS, _STEP_KEYS
from bmad_messenger.shipped import shipped
from bmad_messenger.workflow.run import Attempt, Run, State, StepRun
from bmad_messenger.workflow.run_text import parse_run, render_run

START = datetime(2025, 1, 15, 10, 30, tzinfo=UTC)
FORWARD = [State.PENDING, State.RUNNING, State.WAITING, State.DONE]
OVER = (State.DONE, State.SKIPPED, State.FAILED, State.CANCELLED)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def done(seconds: float, outputs: Any = None) -> StepRun:
    return StepRun(
        State.DONE,
        at(0),
        at(seconds),
        (Attempt(at(0), at(seconds)),),
        outputs={"text": "x"} if outputs is None else outputs,
    )


def ended(state: State, seconds: float, error: str | None = None) -> StepRun:
    return StepRun(state, at(0), at(seconds), error=error)


def waiting(seconds: float = 0, **waits_for: Any) -> StepRun:
    waits = {"message": {"to": "pm"}, "since": "2025-01-15T10:30:00Z"} | waits_for
    return StepRun(State.WAITING, at(seconds), attempts=(Attempt(at(seconds)),), waits_for=waits)


def each(*rounds: StepRun) -> StepRun:
    """A step that is done for each of several things."""
    items = tuple(range(len(rounds)))
    if not all(one.state.is_over for one in rounds):
        return StepRun(State.RUNNING, at(0), items=items, rounds=rounds)
    last = max(one.ended for one in rounds if one.ended is not None)
    outputs = [one.outputs for one in rounds]
    return StepRun(State.DONE, at(0), last, outputs=outputs, items=items, rounds=rounds)


def run(state: State = State.WAITING, **values: Any) -> Run:
    steps = {name: one for name, one in values.items() if isinstance(one, StepRun)}
    others = {name: one for name, one in values.items() if name not in steps}
    return Run(
        run_id="release-20250115-a1b2c3d4",
        workflow="release",
        path="workflows/release.yaml",
        state=state,
        steps=steps,
        **{"started": START, "digest": "0" * 64, **others},
    )


def merged(base: Run | None, ours: Run, theirs: Run) -> tuple[Run, tuple[str, ...]]:
    """What a merge makes of two versions, both ways round."""
    texts = ["" if one is None else render_run(one) for one in (base, ours, theirs)]
    found, turned = merge_runs(*texts), merge_runs(texts[0], texts[2], texts[1])
    assert (found, found.conflicts) == (turned, ())
    result = parse_run(found.text, "run.yaml")
    assert render_run(result) == found.text
    return result, found.notes


class TestSteps:
    @pytest.mark.parametrize("ours", FORWARD)
    @pytest.mark.parametrize("theirs", FORWARD)
    def test_the_further_state_stands(self, ours: State, theirs: State) -> None:
        steps = {
            State.PENDING: StepRun(),
            State.RUNNING: StepRun(State.RUNNING, at(0)),
            State.WAITING: waiting(),
            State.DONE: done(1),
        }

        found, _ = merged(run(b=StepRun()), run(a=steps[ours], b=waiting()), run(a=steps[theirs], b=waiting(1)))

        assert FORWARD.index(found.step("a").state) == max(map(FORWARD.index, (ours, theirs)))

    @pytest.mark.parametrize("other", [ended(State.FAILED, 1, "it broke"), ended(State.CANCELLED, 1)])
    def test_what_one_side_could_do_is_done(self, other: StepRun) -> None:
        found, _ = merged(run(a=waiting()), run(a=done(5), b=waiting()), run(State.FAILED, a=other))

        assert found.step("a") == done(5)

    def test_of_two_that_are_done_the_earlier_stands(self) -> None:
        found, notes = merged(
            run(a=waiting()), run(State.DONE, a=done(3), ended=at(3)), run(State.DONE, a=done(1), ended=at(1))
        )

        assert (found.step("a"), found.ended, notes) == (done(1), at(1), ())

    def test_a_message_that_was_read_by_more_meanwhile_is_the_same(self) -> None:
        message = {"message_id": "MSG-20250115-a1b2", "status": "pending"}
        sides = [done(number, {"message": {**message, "read_by": number}, "agent": "pm"}) for number in (1, 2)]

        found, notes = merged(run(), run(a=sides[1], b=waiting()), run(a=sides[0], b=waiting()))

        assert (found.step("a"), notes) == (sides[0], ())

    def test_each_side_s_steps_are_all_there_and_the_run_is_taken_up(self) -> None:
        found, _ = merged(run(a=waiting(), b=waiting()), run(a=done(1), b=waiting()), run(a=waiting(), b=done(2)))

        assert [found.step(name).state for name in "ab"] == [State.DONE, State.DONE]
        assert found.state is State.RUNNING

    def test_rounds_are_merged_one_by_one(self) -> None:
        base = run(a=each(waiting(), waiting(), waiting()))

        found, _ = merged(base, run(a=each(done(1), waiting(), waiting())), run(a=each(waiting(), done(2), waiting())))

        assert [one.state for one in found.step("a").rounds] == [State.DONE, State.DONE, State.WAITING]
        assert [one["step"] for one in found.waits] == ["a[2]"]

    def test_rounds_that_are_all_over_end_their_step(self) -> None:
        found, _ = merged(
            run(a=each(waiting(), waiting())), run(a=each(done(1), waiting())), run(a=each(waiting(), done(2)))
        )

        step = found.step("a")
        assert (step.state, step.ended, step.outputs) == (State.DONE, at(2), [{"text": "x"}, {"text": "x"}])

    def test_a_step_that_was_begun_anew_is_further(self) -> None:
        anew = replace(waiting(9), repeat=1)

        found, _ = merged(run(a=done(1)), run(a=anew, retries=(at(9),)), run(a=done(1), b=waiting()))

        assert found.step("a") == anew

    def test_what_lacked_something_is_known_of_both_sides(self) -> None:
        sides = [run(a=waiting(number, asked_again={f"reply-{number}": f"back-{number}"})) for number in (1, 2)]

        found, _ = merged(run(a=waiting()), *sides)

        asked_again = (found.step("a").waits_for or {})["asked_again"]
        assert asked_again == {"reply-1": "back-1", "reply-2": "back-2"}


class TestDifferentEnds:
    """The sides did different things: one of them stands whole, or the steps would not fit together."""

    def test_the_side_stands_where_the_step_ended_first(self) -> None:
        ours = run(State.DONE, a=done(3, {"answer": "go"}), b=done(4), ended=at(4))
        theirs = run(a=done(1, {"answer": "stop"}), b=ended(State.SKIPPED, 2), c=waiting())

        found, notes = merged(run(a=waiting()), ours, theirs)

        assert found == theirs
        (note,) = notes
        assert note.startswith(
            "release-20250115-a1b2c3d4: the step 'a' ended differently on the two sides; kept the run"
        )

    def test_rounds_count_as_well(self) -> None:
        sides = [run(a=each(done(number, {"answer": number}), waiting())) for number in (2, 1)]

        found, notes = merged(run(a=each(waiting(), waiting())), *sides)

        assert (found, len(notes)) == (sides[1], 1)


class TestRun:
    def test_what_only_one_side_changed_stands_as_it_is(self) -> None:
        base, ours = run(a=waiting()), run(State.FAILED, a=ended(State.FAILED, 1, "it broke"), ended=at(1))

        assert merged(base, ours, base) == (ours, ())

    @pytest.mark.parametrize("state", [State.DONE, State.CANCELLED, State.FAILED])
    def test_one_that_is_over_is_over(self, state: State) -> None:
        over = run(state, a=ended(state, 1), ended=at(1), error="why")

        found, _ = merged(run(a=waiting()), over, run(a=waiting(passed="a1b2")))

        assert found == over

    def test_one_that_was_told_to_go_on_goes_on(self) -> None:
        failed = ended(State.FAILED, 1, "it broke")
        again = run(a=waiting(9), retries=(at(9),))

        found, _ = merged(run(a=waiting()), run(State.FAILED, a=failed, b=done(2), ended=at(2)), again)

        assert (found.step("a"), found.step("b"), found.retries) == (waiting(9), done(2), (at(9),))
        assert not found.state.is_over

    def test_the_time_when_it_is_due_is_the_earliest_that_is_left(self) -> None:
        ours = run(a=done(1), b=waiting(time="2025-01-15T12:00:00Z"))
        theirs = run(a=waiting(retry="2025-01-15T11:00:00Z"), b=waiting(1, time="2025-01-15T12:00:00Z"))

        found, _ = merged(run(a=waiting()), ours, theirs)

        assert found.due == datetime(2025, 1, 15, 12, tzinfo=UTC)

    def test_two_that_were_started_apart_are_one(self) -> None:
        found, _ = merged(None, run(a=done(1), before=("x", "y")), run(a=done(3), started=at(2), before=("y", "z")))

        assert (found.started, found.before, found.step("a")) == (START, ("y",), done(1))

    def test_a_workflow_that_one_side_has_changed_counts(self) -> None:
        found, _ = merged(run(a=waiting()), run(a=waiting(2), digest="1" * 64), run(a=done(1)))

        assert (found.digest, found.step("a")) == ("1" * 64, done(1))


@pytest.mark.parametrize(
    "damaged", ["", "run: [", "<<<<<<< ours\nrun: 1\n=======\nrun: 2\n>>>>>>> theirs\n", "run: 1\n"]
)
def test_a_side_that_can_t_be_read_gives_way(damaged: str) -> None:
    text = render_run(run(a=done(1)))

    found = merge_runs(render_run(run(a=waiting())), damaged, text, labels=("HEAD", "main"), path="runs/x.yaml")

    assert found.text == text
    assert found.notes == ("runs/x.yaml: HEAD can't be read, so the other side stands",)


def test_two_sides_that_can_t_be_read_are_refused() -> None:
    with pytest.raises(DamagedError, match="neither side"):
        merge_runs("", "run: [", "run: ]")


def test_a_file_that_git_took_for_another_stays_what_its_name_says() -> None:
    ours, theirs = run(a=done(1)), replace(run(a=waiting()), run_id="release-20250115-ffffffff")

    for pair in ((ours, theirs), (theirs, ours)):
        texts = [render_run(one) for one in pair]
        assert merge_runs("", *texts, path=f"runs/{theirs.run_id}.yaml").text == render_run(theirs)


def test_every_key_of_the_file_is_known() -> None:
    schema = json.loads((shipped("schemas") / "run.schema.json").read_text())

    assert {*_RUN_KEYS} == schema["properties"].keys()
    assert {*_STEP_KEYS} == schema["$defs"]["step"]["properties"].keys()
    assert {*_RANK} == {state.value for state in State}


def steps() -> st.SearchStrategy[StepRun]:
    seconds = st.integers(1, 5)
    outputs = st.sampled_from([{"answer": "go"}, {"answer": "stop"}, "text", 0, False, []])
    single = st.one_of(
        st.just(StepRun()),
        st.builds(lambda number: StepRun(State.RUNNING, at(number)), seconds),
        st.builds(waiting, seconds, time=st.just("2025-01-15T12:00:00Z")),
        st.builds(lambda number: replace(waiting(number), failures=number, deadline=at(number)), seconds),
        st.builds(done, seconds, outputs),
        st.builds(ended, st.sampled_from(OVER[1:]), seconds),
    )
    rounds = st.builds(lambda number, one: each(*[one] * number), st.integers(1, 3), single)
    return st.one_of(single, rounds)


@st.composite
def versions(draw: st.DrawFn) -> Run:
    found = draw(st.dictionaries(st.sampled_from("abc"), steps(), max_size=3))
    retries = draw(st.sampled_from([(), (at(1),), (at(1), at(2))]))
    deadline = draw(st.sampled_from([None, at(50), at(60)]))
    if found and all(one.state.is_over for one in found.values()):
        return run(draw(st.sampled_from([State.DONE, State.FAILED])), **found, retries=retries, ended=at(9))
    state = draw(st.sampled_from([State.RUNNING, State.WAITING]))
    ending = draw(st.sampled_from([None, State.FAILED]))
    return run(state, **found, retries=retries, deadline=deadline, ending=ending)


@given(versions(), versions(), versions())
def test_whatever_two_sides_did_the_result_is_one_run_on_which_both_agree(base: Run, ours: Run, theirs: Run) -> None:
    found, _ = merged(base, ours, theirs)

    assert merged(base, found, found)[0] == found
    assert merged(ours, found, ours)[0] == found
    if found.state.is_over:
        assert found.state in (ours.state, theirs.state)
