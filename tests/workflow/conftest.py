"""A project to run workflows in, with a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent

import pytest

from bmad_messenger import Messenger
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import Run


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


Begin = Callable[..., Run]


@pytest.fixture
def begin(engine: Engine) -> Begin:
    """Writes a workflow's steps to a file, and takes a run of it as far as it goes."""

    def begin(text: str, **params: object) -> Run:
        whole = dedent(text)
        if "name:" not in whole.partition("\n")[0]:
            whole = f"name: example\n{whole}"
        (engine.messenger.project.folder / "workflows" / "example.yaml").write_text(whole)
        return engine.advance(engine.start("example", params).run_id)

    return begin
