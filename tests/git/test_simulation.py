"""Clones of one project that are worked in for a day, by agents and people at once, end up with the same messages."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from tests.git.simulation import Simulation

IS_THOROUGH = settings.default.max_examples > 1_000
SEEDS = range(50 if IS_THOROUGH else 1)
OPERATIONS = 300 if IS_THOROUGH else 150


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_doubled_or_turned_back(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    game = Simulation(seed, tmp_path, monkeypatch)
    with game.told():
        game.play(OPERATIONS)
        game.finish()
        game.check()

    assert not game.faults, game.story()
