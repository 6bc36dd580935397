"""What this clone's queue has held: a small local log, not in git, which costs nothing to lose.

It tells two things apart that look alike in the files. A message that the archive has as open and the queue lacks was
removed here, if the journal holds it, or else came from another clone. And a text whose digest it knows has been
checked, so it can be scanned by line.

Each line is one version of the queue: its digest, the ids that entered, the ids that left.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from bmad_messenger.files import publish

_LINE: Final = re.compile(r"([0-9a-f]{32})((?: [+-]MSG-[0-9a-f-]+)*)")
_TAIL: Final = 16_384
_A_LINE: Final = 100
_COMPACT_AT: Final = 1_048_576

UNCHECKED: Final = "0" * 32
"""Stands for the digest of a text that holds something wrong: it must be checked again."""


def digest(content: bytes, flavour: str) -> str:
    """What the journal knows a text by; `flavour` names the rules that it was checked with."""
    return hashlib.sha256(flavour.encode() + b"\0" + content).hexdigest()[:32]


class Journal:
    """The log at `path`. Writers hold the queue's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def recall(self, digest: str) -> tuple[bool, bool]:
        """Whether the text with this digest was found good lately, and whether it is the last that this clone saw."""
        lines = self._tail()
        word = digest.encode()
        return any(line.startswith(word) for line in lines), bool(lines) and lines[-1].startswith(word)

    def held(self) -> set[str]:
        """The ids of the messages that entered this clone's queue and did not leave it by a command."""
        ids: set[str] = set()
        with suppress(FileNotFoundError):
            for line in self.path.read_text("utf-8", "replace").split("\n")[:-1]:
                if found := _LINE.fullmatch(line):
                    for change in found[2].split():
                        (ids.add if change[0] == "+" else ids.discard)(change[1:])
        return ids

    def note(self, digest: str, *, entered: Iterable[str] = (), left: Iterable[str] = ()) -> None:
        """Add the version with this digest. A torn line, after a crash, is skipped by every reader."""
        words = [*(f"+{name}" for name in entered), *(f"-{name}" for name in left)]
        lines = (" ".join((digest, *words[at : at + _A_LINE])) for at in range(0, max(len(words), 1), _A_LINE))
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, ("\n" * torn + "".join(f"{line}\n" for line in lines)).encode())
        finally:
            os.close(descriptor)

    def compact(self) -> None:
        """Rewrite a log that has grown large as one line."""
        with suppress(FileNotFoundError):
            lines = self._tail() if self.path.stat().st_size > _COMPACT_AT else []
            if lines:
                latest = lines[-1][:32].decode()
                publish(self.path, " ".join((latest, *(f"+{name}" for name in sorted(self.held())))).encode() + b"\n")

    def _tail(self) -> list[bytes]:
        """The last whole lines."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL))
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return []
        return lines[:-1] if size <= _TAIL else lines[1:-1]
