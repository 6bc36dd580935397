"""A project, and a short way to write its archive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bmad_messenger import Message, Messenger
from bmad_messenger.archive import render_record


@pytest.fixture
def messenger(tmp_path: Path) -> Messenger:
    (tmp_path / "_bmad-output").mkdir()
    opened = Messenger.open(tmp_path)
    opened.init()
    return opened


@pytest.fixture
def archive(messenger: Messenger) -> Callable[..., None]:
    """Writes messages into the archive, each as it is."""

    def write(*messages: Message) -> None:
        for one in messages:
            path = messenger.archive.path(one.message_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(render_record(one), "utf-8")

    return write
