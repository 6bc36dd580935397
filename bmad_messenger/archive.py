"""The history: one YAML file a message, written when it is sent and once more when it is closed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from bmad_messenger.errors import StorageError
from bmad_messenger.files import leftovers, make_folder, publish, sweep
from bmad_messenger.message import ID_PATTERN, Message
from bmad_messenger.queue.file import read_text
from bmad_messenger.yaml.parse import parse
from bmad_messenger.yaml.render import render_mapping

_SUFFIX: Final = ".yaml"


class Archive:
    """The messages of one project, by id, in `folder`: `2025-01/MSG-20250115-a1b2.yaml`.

    `name` is the folder's name in errors. Errors of the file system are raised as `StorageError`.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name

    def path(self, message_id: str) -> Path:
        """Where the message is kept."""
        match = ID_PATTERN.fullmatch(message_id)
        assert match is not None  # ids come from validated messages
        return self.folder / f"{match[1]}-{match[2]}" / f"{message_id}{_SUFFIX}"

    def name_of(self, message_id: str) -> str:
        """The message's file in errors."""
        return os.path.join(self.name, *self.path(message_id).parts[-2:])

    def record(self, message: Message) -> bool:
        """Keep a message as it was sent, unless it is kept already; whether it was not."""
        return self._write(message.message_id, render_record(message), replace=False)

    def close(self, message: Message, record: str) -> None:
        """Keep a message's final state; `record` is its text."""
        self._write(message.message_id, record, replace=True)

    def read(self, message_id: str) -> Message | None:
        """The message, or None where it is not kept.

        Raises:
            InvalidError, DamagedError: where its file is no message any more.
        """
        text = self.text(message_id)
        return None if text is None else Message.from_mapping(parse(text, path=self.name_of(message_id)))

    def text(self, message_id: str) -> str | None:
        """The message's file as it is, or None where it is not kept."""
        return read_text(self.path(message_id), self.name_of(message_id))

    def ids(self) -> Iterator[str]:
        """The ids of all messages, oldest month first, in each by name."""
        for month in self._months():
            with suppress(FileNotFoundError, NotADirectoryError):
                for name in sorted(os.listdir(month)):
                    if name.endswith(_SUFFIX) and ID_PATTERN.fullmatch(name.removesuffix(_SUFFIX)):
                        yield name.removesuffix(_SUFFIX)

    def containing(self, words: tuple[str, ...]) -> Iterator[str]:
        """The ids of the messages whose text holds one of these words."""
        wanted = tuple(word.encode() for word in words)
        for message_id in self.ids():
            with suppress(FileNotFoundError):
                content = self.path(message_id).read_bytes()
                if any(word in content for word in wanted):
                    yield message_id

    def leftovers(self) -> list[Path]:
        """The temporary files that dead processes left."""
        return [path for month in self._months() for path in leftovers(month)]

    def sweep(self) -> list[Path]:
        """Remove the temporary files that dead processes left; returns them."""
        return [path for month in self._months() for path in sweep(month)]

    def _months(self) -> list[Path]:
        with suppress(FileNotFoundError, NotADirectoryError):
            return sorted(path for path in self.folder.iterdir() if path.is_dir())
        return []

    def _write(self, message_id: str, text: str, *, replace: bool) -> bool:
        path = self.path(message_id)
        try:
            make_folder(path.parent)
            return publish(path, text.encode(), replace=replace)
        except OSError as error:
            raise StorageError.of_os(error, "write", self.name_of(message_id)) from error


def render_record(message: Message) -> str:
    """A message as a file of its own."""
    return "\n".join(render_mapping(message.to_mapping(), 0)) + "\n"
