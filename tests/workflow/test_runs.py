"""Tests of `bmad_messenger.workflow.runs`: the files of the runs."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bmad_messenger import LockTimeoutError, NotFoundError
from bmad_messenger.config import Project
from bmad_messenger.workflow.run import Run, State, StepRun
from bmad_messenger.workflow.runs import Runs, run_id_of

NOW = datetime(2025, 1, 15, 10, 30, tzinfo=UTC)


def a_run(run_id: str = "example-20250115-a1b2c3d4", **changes: object) -> Run:
    values = {
        "workflow": "example",
        "path": "w.yaml",
        "digest": "ab",
        "state": State.RUNNING,
        "started": NOW,
        **changes,
    }
    return Run(run_id, **values)  # type: ignore[arg-type]


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(Project(tmp_path))


def test_a_run_is_kept_and_read(runs: Runs) -> None:
    runs.write(a_run())

    assert runs.read("example-20250115-a1b2c3d4") == a_run()


def test_a_new_run_takes_no_other_s_place(runs: Runs) -> None:
    assert runs.write(a_run(), new=True)
    assert not runs.write(a_run(state=State.DONE), new=True)

    assert runs.read("example-20250115-a1b2c3d4").state is State.RUNNING


def test_locks_stay_out_of_git(runs: Runs) -> None:
    runs.write(a_run(), new=True)

    assert ".*.lock\n" in (runs.project.folder / ".gitignore").read_text()


def test_the_same_cause_gives_the_same_id() -> None:
    assert run_id_of("a", NOW, "x") == run_id_of("a", NOW, "x") != run_id_of("a", NOW, "y")
    assert run_id_of("a", NOW, "\ud800").startswith("a-20250115-")


@pytest.mark.parametrize("name", ["a1b2c3d4", "example-20250115-a1", "c3d4", "example-20250115-a1b2c3d4"])
def test_a_part_of_an_id_means_the_run(runs: Runs, name: str) -> None:
    runs.write(a_run())
    runs.write(a_run("other-20250115-ffff0000"))

    assert runs.resolve(name) == "example-20250115-a1b2c3d4"


@pytest.mark.parametrize(
    ("name", "problem"), [("zzz", "there is no run 'zzz'"), ("", "there is no run ''"), ("ex", "may mean 2 runs")]
)
def test_a_part_that_means_none_or_several_is_refused(runs: Runs, name: str, problem: str) -> None:
    runs.write(a_run())
    runs.write(a_run("example-20250115-ffff0000"))

    with pytest.raises(NotFoundError, match=problem):
        runs.resolve(name)


def test_other_files_are_no_runs(runs: Runs) -> None:
    runs.write(a_run())
    for name in ("notes.yaml", "example-20250115-a1b2c3d4.yaml~", "Example-20250115-a1b2.yaml", ".x.yaml"):
        (runs.folder / name).write_text("x")

    assert runs.ids() == ["example-20250115-a1b2c3d4"]


def test_the_head_says_what_a_tick_needs(runs: Runs) -> None:
    waits_for = {"message": {"to": "pm"}, "since": "2025-01-15T10:30:00Z"}
    run = a_run(state=State.WAITING, deadline=NOW, steps={"a": StepRun(State.WAITING, waits_for=waits_for)})
    runs.write(run)

    head = runs.head(run.run_id)

    assert (head.state, head.due) == (State.WAITING, NOW)
    assert head.waits_for == ({"step": "a", "message": {"to": "pm"}, "since": NOW},)


def test_a_head_that_is_long_is_read_all_the_same(runs: Runs) -> None:
    steps = {f"s{n}": StepRun(State.WAITING, waits_for={"run": f"r{n}" * 20}) for n in range(200)}
    run = a_run(state=State.WAITING, steps=steps)
    runs.write(run)

    assert len(runs.head(run.run_id).waits_for) == 200


def test_one_at_a_time_holds_a_run(runs: Runs) -> None:
    held = threading.Event()
    released = threading.Event()

    def hold() -> None:
        with runs.locked("example-20250115-a1b2c3d4", 1):
            held.set()
            released.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    with pytest.raises(LockTimeoutError, match="is being worked on"), runs.locked("example-20250115-a1b2c3d4", 0):
        pass
    released.set()
    thread.join()

    with runs.locked("example-20250115-a1b2c3d4", 5):
        pass


def test_a_run_that_is_forgotten_leaves_nothing(runs: Runs) -> None:
    runs.write(a_run())
    with runs.locked("example-20250115-a1b2c3d4", 0):
        pass

    runs.remove("example-20250115-a1b2c3d4")
    runs.remove("example-20250115-a1b2c3d4")

    assert list(runs.folder.iterdir()) == []
