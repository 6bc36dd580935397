"""Clones of one project that are used for days in every way end up with the same messages, each once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.git.simulation import Simulation

import os
SEEDS = eval(os.environ.get("SIM_SEEDS", "range(5)"))


@pytest.mark.parametrize("seed", SEEDS)
def test_team(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    game = Simulation(seed, tmp_path, monkeypatch)
    try:
        game.play(300)
        game.finish()
    except BaseException as e:
        print("\n".join(game.log))
        raise
    assert not game.faults
