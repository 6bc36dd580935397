"""Tests of `bmad_messenger.workflow.run_text`: a run's file says all of a run."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmad_messenger import DamagedError
from bmad_messenger.workflow.run import Attempt, Run, State, StepRun
from bmad_messenger.workflow.run_text import parse_run, render_run

TIMES = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)).map(
    lambda time: time.replace(microsecond=0, tzinfo=UTC)
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(TEXTS, VALUES, max_size=3)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
ATTEMPTS = st.lists(st.builds(Attempt, TIMES, st.none() | TIMES, st.none() | TEXTS), max_size=2).map(tuple)
ROUNDS = st.builds(
    StepRun,
    state=st.sampled_from([state for state in State if state is not State.DELIVERING]),
    started=st.none() | TIMES,
    ended=st.none() | TIMES,
    attempts=ATTEMPTS,
    failures=st.integers(0, 5),
    waits_for=st.none() | TIMES.map(lambda time: {"time": f"{time:%Y-%m-%dT%H:%M:%SZ}"}),
    deadline=st.none() | TIMES,
    outputs=VALUES,
    error=st.none() | TEXTS,
    repeat=st.integers(0, 5),
)
STEPS = st.one_of(
    ROUNDS,
    st.lists(st.tuples(VALUES, ROUNDS), max_size=3).map(
        lambda pairs: StepRun(State.RUNNING, items=tuple(i for i, _ in pairs), rounds=tuple(r for _, r in pairs))
    ),
)
RUNS = st.builds(
    Run,
    run_id=st.just("example-20250115-a1b2c3d4"),
    workflow=NAMES,
    path=TEXTS,
    digest=st.just("ab" * 32),
    state=st.sampled_from([State.RUNNING, State.WAITING, State.DONE, State.FAILED, State.CANCELLED]),
    started=TIMES,
    params=MAPPINGS,
    trigger=st.none() | MAPPINGS.map(lambda mapping: {**mapping, "message_id": "MSG-20250115-a1b2"}),
    parent=st.none() | st.just({"run": "parent-20250115-a1b2", "step": "a"}),
    secrets=st.lists(NAMES, max_size=2).map(tuple),
    deadline=st.none() | TIMES,
    ending=st.none() | st.sampled_from([State.FAILED, State.CANCELLED]),
    ended=st.none() | TIMES,
    retries=st.lists(TIMES, max_size=2).map(tuple),
    steps=st.dictionaries(NAMES, STEPS, max_size=3),
    outputs=st.none() | MAPPINGS,
    error=st.none() | TEXTS,
)


@given(RUNS)
def test_a_run_that_is_written_and_read_is_the_same(run: Run) -> None:
    assert parse_run(render_run(run), "run.yaml") == run


def test_what_a_tick_needs_to_know_stands_first() -> None:
    run = Run(
        "example-20250115-a1b2c3d4",
        "example",
        "w.yaml",
        "ab",
        State.WAITING,
        datetime(2025, 1, 15, tzinfo=UTC),
        steps={"a": StepRun(State.WAITING, waits_for={"time": "2025-01-16T00:00:00Z"})},
    )

    assert render_run(run).splitlines()[2:9] == [
        'run: "example-20250115-a1b2c3d4"',
        'workflow: "example"',
        'state: "waiting"',
        'due: "2025-01-16T00:00:00Z"',
        "waits_for:",
        '  - step: "a"',
        '    time: "2025-01-16T00:00:00Z"',
    ]


SOUND = """\
run: "example-20250115-a1b2c3d4"
workflow: "example"
state: "waiting"
started: "2025-01-15T10:30:00Z"
file: "w.yaml"
hash: "ab"
params: {}
steps:
  a:
    state: "done"
    items: [1, 2]
    rounds: [{state: done}, {state: done}]
"""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"waiting"', '"resting"', 'run.yaml:3:1: this is not the file of a run: state: wanted "running"'),
        (
            '"2025-01-15T10:30:00Z"',
            '"yesterday"',
            "run.yaml:4:1: this is not the file of a run: started: wanted a date",
        ),
        ("params: {}", "params: []", "run.yaml:7:1: this is not the file of a run: params: wanted a mapping"),
        ("workflow:", "worflow:", "unknown key `worflow`: did you mean `workflow`?"),
        ('state: "done"', 'state: "delivering"', "steps.a.outputs: required, but missing"),
        (", {state: done}]", "]", "run.yaml:12:5: this is not the file of a run: the step 'a' has not a round"),
        ("{}", "{}\n<<<<<<< HEAD", "run.yaml:9:1: this is not the file of a run: not YAML"),
        ("{}", "&x {}", "anchors are not supported here"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_place(old: str, new: str, problem: str) -> None:
    parse_run(SOUND, "run.yaml")

    with pytest.raises(DamagedError) as caught:
        parse_run(SOUND.replace(old, new, 1), "run.yaml")

    assert problem in str(caught.value)
    assert caught.value.problem.hint.startswith("bring it back from git")
