"""The benchmark runs, and writes its page and plot only where it is told to."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a quick run has put its page into."""
    folder = tmp_path_factory.mktemp("docs")
    _run("--quick", "--docs", str(folder), folder=tmp_path_factory.mktemp("projects"))
    return folder


def test_page_has_a_table_for_each_question(written: Path) -> None:
    page = (written / "benchmarks.md").read_text("utf-8")

    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## Targets",
        "## Send one message, in process",
        "## Receive 10 messages and mark them read, in process",
        "## The command line, whole processes",
    ]


def test_page_gives_a_verdict_on_each_target_that_was_measured(written: Path) -> None:
    rows = (written / "benchmarks.md").read_text("utf-8").splitlines()
    verdicts = [row.split(" | ")[-1].strip("| ") for row in rows if " | at most " in row]

    assert len(verdicts) == 2  # a quick run measures the command line alone at full size
    assert set(verdicts) <= {"met", "**missed**"}


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="the extra `bench` is not installed")
def test_plot_stands_beside_the_page(written: Path) -> None:
    assert "(benchmarks.svg)" in (written / "benchmarks.md").read_text("utf-8")
    assert (written / "benchmarks.svg").read_text("utf-8").startswith("<?xml")


def test_quick_run_leaves_the_documentation_alone(tmp_path: Path) -> None:
    before = _documentation()

    _run("--quick", folder=tmp_path)

    assert _documentation() == before


def _documentation() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (ROOT / "docs").glob("benchmarks.*")}


def _run(*arguments: str, folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLCONFIGDIR": str(folder)}
    command = [sys.executable, str(ROOT / "benchmarks" / "run.py"), *arguments, "--folder", str(folder)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
