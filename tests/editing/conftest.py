"""A messenger in a project of its own, and what it reports."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmad_messenger import Messenger, Problem


@pytest.fixture
def problems() -> list[Problem]:
    """What the messenger reports."""
    return []


@pytest.fixture
def messenger(tmp_path: Path, problems: list[Problem]) -> Messenger:
    root = tmp_path / "a project"
    root.mkdir()
    messenger = Messenger.open(root, report=problems.append)
    messenger.init()
    return messenger
