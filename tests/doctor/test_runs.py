"""What is wrong with the files of runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bmad_messenger import Messenger
from bmad_messenger.workflow.engine import Engine
from tests.doctor.visiting import codes, found, visit
from tests.git.real_git import git

Line = Callable[[str], None]


@pytest.fixture
def run_file(messenger: Messenger) -> Path:
    """The file of a run that waits."""
    folder = messenger.project.folder / "workflows"
    folder.mkdir()
    (folder / "rest.yaml").write_text("name: rest\nsteps:\n  - {id: a, wait: {for: 1h}}\n")
    engine = Engine(messenger)
    run = engine.advance(engine.start("rest", {}).run_id)
    return engine.runs.path(run.run_id)


def test_a_sound_run_is_no_finding(messenger: Messenger, run_file: Path) -> None:
    report = visit(messenger)

    assert codes(report) == []
    assert "the files of the runs can be read" in report.sound


@pytest.mark.parametrize("damage", ["", "run: [\n", "run: 5\n", "- a\n"])
def test_a_damaged_run_is_told_with_what_forgets_it(
    messenger: Messenger, run_file: Path, run: Line, damage: str
) -> None:
    run_file.write_text(damage)

    finding = found(messenger, "damaged")
    run(finding.mend)

    assert finding.problem.path == messenger.project.name(run_file)
    assert finding.mend.startswith("rm ")
    assert codes(visit(messenger)) == []


def test_a_damaged_run_comes_back_from_git(messenger: Messenger, run_file: Path, root: Path, run: Line) -> None:
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--allow-empty", "-m", "Runs")
    before = run_file.read_text()
    run_file.write_text(before[: len(before) // 2])

    run(found(messenger, "damaged").mend)

    assert run_file.read_text() == before
