"""Plugins that are there without being installed: objects in the place of entry points."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bmad_messenger import Messenger, Problem, hookimpl
from bmad_messenger.plugins import loading


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs a plugin whose hooks are these functions."""
    entries: list[Any] = []
    monkeypatch.setattr(loading, "_entry_points", lambda: entries)

    def add(name: str, **hooks: Callable[..., Any]) -> None:
        plugin = ModuleType(name)
        vars(plugin).update({hook: hookimpl(function) for hook, function in hooks.items()})
        entries.append(SimpleNamespace(name=name, load=lambda: plugin, dist=SimpleNamespace(version="1.0")))

    return add


@pytest.fixture
def problems() -> list[Problem]:
    """What the messenger reports."""
    return []


@pytest.fixture
def messenger(tmp_path: Path, problems: list[Problem]) -> Messenger:
    """A messenger; its plugins are loaded when they are first asked for."""
    return Messenger.open(tmp_path, report=problems.append)
