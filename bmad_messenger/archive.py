"""The history: one YAML file a message, written when it is sent and once more when it is closed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from bmad_messenger.conflict import conflict_of
from bmad_messenger.errors import ConflictError, InvalidError, MessengerError
from bmad_messenger.files import leftovers, make_folder, publish, read_text, refusals, sweep
from bmad_messenger.message import ID_PATTERN, KEY_ORDER, Message
from bmad_messenger.yaml.parse import parse
from bmad_messenger.yaml.render import render_mapping

_PREFIX: Final = "MSG-"
_SUFFIX: Final = ".yaml"
_ABSENT: Final = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
_COLLECTIONS: Final = ("to_agents", "read_by", "payload")


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
        """Keep a message as it was sent, unless it is kept already; whether it was not.

        This need not outlive a power failure: the queue does, and `sync` records what is not, or emptily, recorded.
        """
        if self.holds(message.message_id):
            return False
        is_empty = os.path.lexists(self.path(message.message_id))
        return self._write(message.message_id, render_record(message), replace=is_empty, lasting=False)

    def rewrite(self, message_id: str, record: str) -> None:
        """Keep what became of a message, as its final state; `record` is its text."""
        self._write(message_id, record, replace=True, lasting=True)

    def holds(self, message_id: str) -> bool:
        """Whether there is a file for the message that is not empty, whatever it holds."""
        with refusals("read", self.name_of(message_id)):
            try:
                return os.lstat(self.path(message_id)).st_size > 0
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
                return False

    def read(self, message_id: str) -> Message | None:
        """The message, or None where it is not kept.

        Raises:
            InvalidError, DamagedError: where its file is not this message any more, or a merge left a conflict in it.
        """
        text = self.text(message_id)
        return None if text is None else self.message(message_id, text)

    def message(self, message_id: str, text: str) -> Message:
        """The message that the text of its file holds; raises what `read` does."""
        name = self.name_of(message_id)
        if conflict := conflict_of(text, name):
            raise ConflictError.of((conflict,), "")
        message = sound_message(parse(text, path=name))
        if message is None or message.message_id != message_id:
            found = "no message" if message is None else f"the message {message.message_id}"
            raise InvalidError(f"this file holds {found}", hint="bring it back from git, or delete it", path=name)
        return message

    def text(self, message_id: str) -> str | None:
        """The message's file as it is, or None where it is not kept."""
        return read_text(self.path(message_id), self.name_of(message_id)) or None

    def ids(self) -> Iterator[str]:
        """The ids of all messages, oldest month first, in each by name."""
        for month in self._entries(self.folder):
            start = f"MSG-{month.replace('-', '', 1)}"
            for name in self._entries(self.folder / month):
                message_id = name.removesuffix(_SUFFIX)
                if name.startswith(start) and name.endswith(_SUFFIX) and ID_PATTERN.fullmatch(message_id):
                    yield message_id

    def containing(self, words: tuple[str, ...]) -> Iterator[str]:
        """The ids of the messages whose text holds one of these words, or can't be read: `read` tells why."""
        for message_id in self.ids():
            try:
                text = self.text(message_id) or ""
            except MessengerError:
                yield message_id
                continue
            if any(word in text for word in words):
                yield message_id

    def sweep(self) -> list[Path]:
        """Remove the temporary files that dead processes left; returns them."""
        with refusals("clear", self.name):
            return [path for month in self._entries(self.folder) for path in sweep(self.folder / month)]

    def leftovers(self) -> list[Path]:
        """What `sweep` would remove."""
        with refusals("read", self.name):
            return [path for month in self._entries(self.folder) for path in leftovers(self.folder / month)]

    def misplaced(self) -> Iterator[Path]:
        """The files that are called after a message and are not where, or not named as, its record would be."""
        for entry in self._entries(self.folder):
            if entry.startswith(_PREFIX):
                yield self.folder / entry
                continue
            for name in self._entries(self.folder / entry):
                found = ID_PATTERN.match(name)
                path = self.folder / entry / name
                if name.startswith(_PREFIX) and (found is None or path != self.path(found[0])):
                    yield path

    def _entries(self, folder: Path) -> list[str]:
        with refusals("read", self.name), suppress(FileNotFoundError, NotADirectoryError):
            return sorted(os.listdir(folder))
        return []

    def _write(self, message_id: str, text: str, *, replace: bool, lasting: bool) -> bool:
        path = self.path(message_id)
        with refusals("write", self.name_of(message_id)):
            make_folder(path.parent)
            return publish(path, text.encode(), replace=replace, follow=False, lasting=lasting)


def render_record(message: Message) -> str:
    """A message as a file of its own."""
    return "\n".join(render_mapping(message.to_mapping(), 0)) + "\n"


def sound_message(mapping: Any) -> Message | None:
    """The message under the file's keys, if it is one; anybody may have written the file."""
    try:
        message = Message.from_mapping(mapping)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return None
    texts = [mapping[key] for key in KEY_ORDER if key in mapping and key not in _COLLECTIONS]
    is_sound = (
        all(isinstance(text, str) for text in texts)
        and isinstance(message.payload, dict)
        and (message.to_agent is None) != (message.to_agents is None)
        and (message.reply_to is None or ID_PATTERN.fullmatch(message.reply_to) is not None)
    )
    return message if is_sound else None
