"""Clones of one project that are used for days in every way end up with the same messages, each once."""

from __future__ import annotations
import os, time
from pathlib import Path

import pytest

from tests.git.simulation import Simulation
from tests.git.histories import faults_of_history, seen_in
SEEDS = eval(os.environ.get("SIM_SEEDS", "range(5)"))


@pytest.mark.parametrize("seed", SEEDS)
def test_team(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    game = Simulation(seed, tmp_path, monkeypatch)
    t = time.perf_counter()
    try:
        game.play(300)
        game.finish()
        t2 = time.perf_counter()
        game.check()
        print("TIMES", seed, t2 - t, time.perf_counter() - t2)
    except BaseException as e:
        game.log.append("RAISED " + repr(e))
        raise
    finally:
        Path(f"/tmp/sim/{seed}.log").write_text("\n".join(game.log+["", "FAULTS", *game.faults]))
    assert not game.faults
