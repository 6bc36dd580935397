"""Plugins that are there without being installed: objects in the place of entry points."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bmad_messenger import Messenger, Problem, hookimpl
from bmad_messenger.btmsg import Btmsg
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
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The database that the btmsg plugin writes to, which is switched on."""
    path = tmp_path / "agor" / "btmsg.db"
    monkeypatch.delenv("BMAD_MESSENGER_DISABLE")
    monkeypatch.delenv("BTMSG_AGENT_ID", raising=False)
    monkeypatch.setenv("BTMSG_DB", str(path))
    return path


@pytest.fixture
def btmsg(database: Path) -> Iterator[Btmsg]:
    """The database as nobody in particular sees it."""
    with Btmsg(database) as opened:
        yield opened


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The folder of a project that has a name."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "prd.md").write_text("# PRD\n")
    return folder


@pytest.fixture
def problems() -> list[Problem]:
    """What the messenger reports."""
    return []


@pytest.fixture
def messenger(tmp_path: Path, problems: list[Problem]) -> Messenger:
    """A messenger; its plugins are loaded when they are first asked for."""
    return Messenger.open(tmp_path, report=problems.append)
