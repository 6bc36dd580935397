"""Waiting for a folder to change, with the system's notices and without."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer

import pytest

from bmad_messenger.watching import changes


@pytest.fixture(params=["notices", "glances"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "notices":
        pytest.importorskip("watchfiles")
    else:
        monkeypatch.setitem(sys.modules, "watchfiles", None)  # as where it is not installed


@pytest.fixture
def later() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Calls something in a moment."""
    timers: list[Timer] = []

    def start(call: Callable[[], object]) -> None:
        timers.append(Timer(0.2, call))
        timers[-1].start()

    yield start
    for timer in timers:
        timer.join()


@pytest.mark.usefixtures("_way")
def test_a_replaced_file_is_noticed_soon(tmp_path: Path, later: Callable[[Callable[[], object]], None]) -> None:
    aside = tmp_path / "aside"
    aside.write_text("new")
    looks = changes(tmp_path, time.monotonic() + 30)
    next(looks)
    later(lambda: aside.replace(tmp_path / "queue"))
    start = time.monotonic()
    while not (tmp_path / "queue").exists():
        next(looks)

    assert time.monotonic() - start < 5


@pytest.mark.usefixtures("_way")
def test_the_end_comes_at_the_deadline_after_a_last_look(tmp_path: Path) -> None:
    start = time.monotonic()

    assert sum(1 for _ in changes(tmp_path, start + 0.3)) >= 2
    assert 0.3 <= time.monotonic() - start < 3


@pytest.mark.usefixtures("_way")
def test_a_folder_that_vanishes_ends_nothing_early(
    tmp_path: Path, later: Callable[[Callable[[], object]], None]
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    later(folder.rmdir)
    start = time.monotonic()

    assert list(changes(folder, start + 0.6))
    assert time.monotonic() - start >= 0.6


def test_a_deadline_in_the_past_allows_one_look(tmp_path: Path) -> None:
    assert 1 <= sum(1 for _ in changes(tmp_path, time.monotonic() - 1)) <= 2


def test_where_the_system_has_no_more_watches_the_folder_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError("OS file watch limit reached")

    monkeypatch.setattr(pytest.importorskip("watchfiles"), "watch", refuse)

    assert sum(1 for _ in changes(tmp_path, time.monotonic() + 0.1)) >= 2
