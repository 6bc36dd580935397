"""What this clone's queue has held: a small local log, not in git, which costs nothing to lose.

It tells things apart that look alike in the files. A message that the archive has as open and the queue lacks was
removed here, if the journal holds it, or else came from another clone. One that the journal knows as read, and the
queue does not, was turned back. And a text whose digest it knows has been checked, so it can be scanned by line.

Each line is one version of the queue: its digest, the ids that entered (`+`), that left (`-`), and that an agent read
(`~ID=AGENT=TIME`). The digest of a text that a command wrote, and that holds something wrong, stands behind `UNCHECKED`
and `=`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from bmad_messenger.errors import StorageError
from bmad_messenger.files import open_own, open_regular, publish

_DIGEST: Final = 32  # hex digits
_WORD: Final = rb"[+-]MSG-[0-9]{8}-[0-9a-f]{4,}|~MSG-[0-9]{8}-[0-9a-f]{4,}=[^\s=]+=[0-9TZ:-]+"
_LINE: Final = re.compile(rb"([0-9a-f]{32})(?: =[0-9a-f]{32})?((?: (?:%b))*)" % _WORD)
_TAIL: Final = 16_384
_A_LINE: Final = 60  # words
_LONGEST_LINE: Final = 6_144
_COMPACT_AT: Final = 1_048_576

Readings = Mapping[str, Mapping[str, str]]
"""Who has read a message and when, by the message's id: times as the queue has them."""

Mark = tuple[int, bytes]
"""A place in the log: an offset, and what stands before it."""

_BEGINNING: Final[Mark] = (0, b"")

UNCHECKED: Final = "0" * _DIGEST
"""Stands for the digest of a text that holds something wrong: it must be checked again."""


def hash_of(content: bytes, flavour: str) -> hashlib._Hash:
    """The hash of a text, which can be carried on; `flavour` names the rules that the text was checked with."""
    hashed = hashlib.sha256(flavour.encode() + b"\0")
    hashed.update(content)
    return hashed


def digest_of(hashed: hashlib._Hash) -> str:
    """What the journal knows a text by."""
    return hashed.hexdigest()[:_DIGEST]


class Journal:
    """The log at `path`. Writers hold the queue's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def recall(self, digest: str) -> tuple[bool, bool]:
        """Whether the text with this digest was found good lately, and whether it is the last that this clone saw."""
        try:
            lines = self._lines(_TAIL)
        except OSError:  # as good as lost
            return False, False
        word = digest.encode()
        return any(line.startswith(word) for line in lines), bool(lines) and lines[-1].startswith(word)

    def ends_with(self, digest: str) -> bool:
        """Whether the text with this digest, good or not, is the last that this clone saw, or wrote itself."""
        try:
            lines = self._lines(_LONGEST_LINE)
        except OSError:  # as good as lost
            return False
        return bool(lines) and digest.encode() in lines[-1]

    def held(self) -> set[str]:
        """The ids of the messages that entered this clone's queue and did not leave it by a command."""
        try:
            return _replayed(self._lines())[0]
        except OSError:  # as good as lost
            return set()

    def readings(self) -> Readings:
        """Who has read, by a command in this clone, the messages that did not leave its queue by one."""
        try:
            return _replayed(self._lines())[1]
        except OSError:  # as good as lost
            return {}

    def entered_since(self, mark: Mark | None) -> tuple[list[str], Mark]:
        """The ids of the messages that have entered the queue since `mark`, and a mark for now; without one, none."""
        end, last = mark or _BEGINNING
        try:
            with open_regular(self.path) as file:
                file.seek(end - len(last))
                if file.read(len(last)) != last:  # it was begun anew
                    end = file.seek(0)
                whole = file.read()
        except FileNotFoundError:
            return [], _BEGINNING
        except OSError:  # as good as lost
            return [], mark or _BEGINNING
        whole = whole[: whole.rfind(b"\n") + 1]
        found = (match for line in whole.split(b"\n") if (match := _LINE.fullmatch(line)))
        ids = [word[1:] for match in found for word in match[2].decode().split() if word[0] == "+"]
        return [] if mark is None else ids, (end + len(whole), whole[-_DIGEST:] or last)

    def note(
        self,
        digest: str,
        *,
        is_clean: bool = True,
        entered: Iterable[str] = (),
        left: Iterable[str] = (),
        read: Readings | None = None,
    ) -> None:
        """Add the version with this digest. A torn line, after a crash, is skipped by every reader."""
        words = _words(entered, left, read or {})
        descriptor = open_own(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, b"\n" * torn + _version(digest if is_clean else f"{UNCHECKED} ={digest}", words))
        finally:
            os.close(descriptor)

    def compact(self) -> None:
        """Rewrite a log that has grown large as its last version alone."""
        with suppress(OSError, StorageError):  # a long log costs time, and nothing else
            if self.path.stat().st_size > _COMPACT_AT and (lines := self._lines()):
                whole = (found for line in reversed(lines) if (found := _LINE.fullmatch(line)))
                latest = next((found[1].decode() for found in whole), UNCHECKED)
                held, readings = _replayed(lines)
                publish(self.path, _version(latest, _words(sorted(held), (), readings)), follow=False)

    def _lines(self, last: int | None = None) -> list[bytes]:
        """The whole lines of the log, or those among its `last` bytes."""
        try:
            with open_regular(self.path) as file:
                size = file.seek(0, os.SEEK_END)
                start = file.seek(0 if last is None else max(0, size - last))
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return []
        return lines[:-1] if start == 0 else lines[1:-1]


def _words(entered: Iterable[str], left: Iterable[str], read: Readings) -> list[str]:
    readings = (f"~{name}={agent}={time}" for name, times in read.items() for agent, time in times.items())
    return [*(f"+{name}" for name in entered), *(f"-{name}" for name in left), *readings]


def _replayed(lines: Iterable[bytes]) -> tuple[set[str], dict[str, dict[str, str]]]:
    """The ids that entered and did not leave, and who has read what did not leave."""
    ids: set[str] = set()
    readings: dict[str, dict[str, str]] = {}
    for line in lines:
        found = _LINE.fullmatch(line)
        for word in found[2].decode().split() if found else ():
            sign, name = word[0], word[1:]
            if sign == "+":
                ids.add(name)
            elif sign == "-":
                ids.discard(name)
                readings.pop(name, None)
            else:
                name, agent, time = name.split("=")
                readings.setdefault(name, {})[agent] = time
    return ids, readings


def _version(digest: str, words: Sequence[str]) -> bytes:
    """The lines that tell one version; many words take several, so that a glance at the log's end finds a whole one."""
    starts = range(0, max(len(words), 1), _A_LINE)
    return "".join(" ".join((digest, *words[at : at + _A_LINE])) + "\n" for at in starts).encode()
