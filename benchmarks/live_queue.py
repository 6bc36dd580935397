"""A project with so many live messages, and files that can be put back as they were."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from bmad_messenger import Draft, Messenger
from bmad_messenger.queue.file import JOURNAL_NAME

SENDER: Final = "pm"
RECIPIENT: Final = "architect"
IDLE: Final = "tea"
"""An agent that no message is for."""

MESSAGE: Final[dict[str, Any]] = {
    "type": "handoff",
    "from_agent": SENDER,
    "to_agent": RECIPIENT,
    "payload": {
        "artifact_path": "_bmad-output/planning-artifacts/prd.md",
        "context_summary": "PRD complete",
        "next_actions": ["Review requirements", "Design architecture"],
    },
}
"""The message of the reference's queue file: some 366 bytes there."""

_AT_ONCE: Final = 1000


class LiveQueue:
    """A fresh project in `folder`, with `size` messages sent and unread, every one of them for the same agent."""

    def __init__(self, folder: Path, size: int) -> None:
        artifact = folder / MESSAGE["payload"]["artifact_path"]
        artifact.parent.mkdir(parents=True)
        artifact.write_text("# PRD\n", "utf-8")
        self.messenger = Messenger.open(folder)
        self.messenger.init()
        first = self.messenger.send(**MESSAGE)  # so that even an empty queue has been used before
        self.messenger.close(first.message_id)
        for done in range(0, size, _AT_ONCE):
            self.messenger.send_many([Draft(**MESSAGE)] * min(_AT_ONCE, size - done))
        project = self.messenger.project
        self.path = project.queue
        # The queue's journal goes with it: it tells the text of the last command from what a person has edited.
        self._files = {path: path.read_bytes() for path in (project.queue, project.folder / JOURNAL_NAME)}

    @property
    def content(self) -> bytes:
        """The queue file as it is put back."""
        return self._files[self.path]

    def restore(self) -> None:
        """Put the files back: as many messages as before, and all unread."""
        for path, content in self._files.items():
            write_durably(path, content)


def write_durably(path: Path, content: bytes) -> None:
    """The least that a durable, atomic write costs: a temporary file, fsync, rename."""
    temporary = f"{path}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(temporary, path)
