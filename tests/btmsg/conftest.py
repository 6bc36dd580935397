"""A database of a team: a manager, an architect, a tester, a reviewer and two project agents, and the operator."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmad_messenger.btmsg import Btmsg
from tests.btmsg.team import TEAM, As


@pytest.fixture(autouse=True)
def _no_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BTMSG_DB", "BTMSG_AGENT_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agor" / "btmsg.db"


@pytest.fixture
def team(path: Path) -> As:
    """The team's database as the agent of the given id sees it."""
    with Btmsg(path) as btmsg:
        for agent_id, role in TEAM.items():
            btmsg.register(agent_id, group_id="g", role=role, name=agent_id.title())
    return lambda agent_id: Btmsg(path, agent=agent_id)
