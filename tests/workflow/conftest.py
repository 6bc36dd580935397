"""A project to run workflows in, with a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bmad_messenger import Messenger, hookimpl
from bmad_messenger.workflow.checking import problems_in
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.library import Library
from bmad_messenger.workflow.run import Run

TELL = "exec: send-message\n    with: {type: notify, from_agent: pm, to_agent: dev, payload: {message: "
"""The middle of a step that sends a message: its text follows, and two braces."""


@dataclass
class Clock:
    """What `now` says; it moves when it is told to."""

    time: datetime = datetime(2025, 1, 15, 10, 30, tzinfo=UTC)

    def tick(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("bmad_messenger.message.now", lambda: clock.time)
    return clock


@pytest.fixture
def messenger(tmp_path: Path, clock: Clock) -> Messenger:
    messenger = Messenger.open(tmp_path)
    messenger.init()
    (messenger.project.folder / "workflows").mkdir()
    return messenger


@pytest.fixture
def engine(messenger: Messenger) -> Engine:
    return Engine(messenger)


AddTasks = Callable[..., None]


@pytest.fixture
def add_tasks(monkeypatch: pytest.MonkeyPatch) -> AddTasks:
    """Installs a plugin that adds these functions as tasks: `count_open` is `count-open`."""

    def add(**functions: Callable[..., Any]) -> None:
        def tasks() -> dict[str, Callable[..., Any]]:
            return {name.replace("_", "-"): function for name, function in functions.items()}

        plugin = ModuleType("extra")
        vars(plugin)["tasks"] = hookimpl(tasks)
        entry = SimpleNamespace(name="extra", load=lambda: plugin, dist=None)
        monkeypatch.setattr("bmad_messenger.plugins.loading._entry_points", lambda: [entry])

    return add


Write = Callable[..., Path]


@pytest.fixture
def write(messenger: Messenger) -> Write:
    """Writes a workflow's file; its name is added where the text does not begin with one."""

    def write(text: str, name: str = "example") -> Path:
        whole = dedent(text)
        if "name:" not in whole.partition("\n")[0]:
            whole = f"name: {name}\n{whole}"
        path = messenger.project.folder / "workflows" / f"{name}.yaml"
        path.write_text(whole)
        return path

    return write


Problems = Callable[..., list[str]]


@pytest.fixture
def problems(write: Write, messenger: Messenger) -> Problems:
    """What is wrong with a workflow, without the name of its folder."""

    def problems(text: str, **more: str) -> list[str]:
        for name, other in more.items():
            write(other, name)
        path = write(text)
        library = Library(messenger.project)
        found = problems_in(*library.read_file(path), messenger, library)
        return [str(one).replace("_bmad-output/messenger/workflows/", "") for one in found]

    return problems


Begin = Callable[..., Run]


@pytest.fixture
def begin(engine: Engine, write: Write) -> Begin:
    """Writes a workflow's steps to a file, and takes a run of it as far as it goes."""

    def begin(text: str, **params: object) -> Run:
        write(text)
        return engine.advance(engine.start("example", params).run_id)

    return begin


def texts(messenger: Messenger) -> list[str]:
    """What was notified, in the order of the queue."""
    return [str(message.payload.get("message")) for message in messenger.list() if message.type == "notify"]
