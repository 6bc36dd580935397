"""The queue's file: read without waiting, changed under a lock, replaced whole."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from bmad_messenger import message
from bmad_messenger.config import Limits, Project
from bmad_messenger.errors import DamagedError, LockTimeoutError, MessengerError, StorageError
from bmad_messenger.files import decode, make_folder, open_own, open_regular, publish, read_text, refusals
from bmad_messenger.layout import ignore_local
from bmad_messenger.queue.journal import Journal, Readings, digest_of, hash_of

if TYPE_CHECKING:
    import hashlib

T = TypeVar("T")
_BOM: Final = "\ufeff"
_ATTEMPTS: Final = 50
_LONGEST_SAVE: Final = 0.5  # seconds that a command waits for the file to rest
_GLANCE: Final = 0.01  # seconds between looks at a file that may not rest yet
_HOLDER_BYTES: Final = 4096

QUIET: Final = 0.1
"""For how many seconds a file that another program has saved must rest before it is believed to be whole."""

LOCK_NAME: Final = ".queue.lock"
HOLDER_NAME: Final = ".queue.lock.holder"
JOURNAL_NAME: Final = ".queue.journal"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The queue as it was read at one moment; `text` is without a byte-order mark, and empty where there is no file."""

    text: str
    digest: str
    has_bom: bool = False
    stamp: tuple[int, int, int] | None = None
    """What tells another version of the file: its inode, size and time of change."""


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """What an edit comes to: the new text (None: leave the file alone), ids that enter and leave, readings, a result.

    `is_clean` says that the text has nothing wrong in it and may be scanned by line from now on.
    """

    result: T
    text: str | None = None
    entered: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    read: Readings = field(default_factory=dict)
    is_clean: bool = False


class Holder(NamedTuple):
    """The process that took the lock: its number, its machine, what it runs, and since when, in UTC."""

    pid: int
    host: str
    command: str
    since: str


@dataclass(frozen=True, slots=True)
class _Version:
    """The file as this process last read or wrote it, so that reading it again costs no more than a comparison."""

    content: bytes
    hashed: hashlib._Hash
    snapshot: Snapshot


class QueueFile:
    """The queue of one project.

    Args:
        project: whose queue.
        limits: the size of the file and the time to wait for its lock.
        flavour: what the text's digest depends on beside the text: the rules it is checked by.
    """

    def __init__(self, project: Project, limits: Limits, flavour: str) -> None:
        self.project, self.limits, self.flavour = project, limits, flavour
        self.path = project.queue
        self.name = project.name(self.path)  # in errors
        self._last: _Version | None = None
        self.journal = Journal(project.folder / JOURNAL_NAME)

    def read(self) -> Snapshot:
        """The file as it is now; takes no lock.

        Raises:
            DamagedError: where it is too large or not UTF-8.
        """
        with refusals("read", self.name):
            try:
                content, stamp = _read_settled(self.path, self.name, self.limits.queue_bytes)
            except FileNotFoundError:
                return Snapshot("", digest_of(hash_of(b"", self.flavour)))
        if content is None:
            raise DamagedError(
                f"{self.name} is larger than {self.limits.queue_bytes} bytes",
                hint="close messages with `done`, or raise limits.queue_bytes in config.yaml",
                path=self.name,
            )
        if self._last is None or content != self._last.content:
            text = decode(content, self.name)
            self._last = self._version(content, text.removeprefix(_BOM), has_bom=text.startswith(_BOM))
        return replace(self._last.snapshot, stamp=stamp)

    def settled(self, patience: float = _LONGEST_SAVE) -> Snapshot:
        """The file once nobody seems to be half-way through saving it; takes no lock.

        Some programs save in place, piece by piece, and some move the old file away first. What another program has
        saved is therefore taken as it is only when it has rested for `QUIET` seconds, or when `patience` has run out;
        what this program wrote, at once.

        Raises:
            DamagedError: where it is too large or not UTF-8.
        """
        start = time.monotonic()
        while True:
            waited = time.monotonic() - start
            try:
                snapshot = self.read()
                rest = self._unrest(snapshot.stamp, snapshot.digest, waited)
            except StorageError:
                raise
            except DamagedError:  # half a file may end in half a character
                with refusals("read", self.name):
                    rest = self._unrest(stamp_of(self.path), None, waited)
                if rest <= 0 or waited >= patience:
                    raise
            else:
                if rest <= 0 or waited >= patience:
                    return snapshot
            time.sleep(min(rest, _GLANCE))

    def update(self, edit: Callable[[Snapshot], Change[T]], *, timeout: float | None = None) -> T:
        """Change the file under its lock.

        Args:
            edit: computes the change from what the file holds. It is called again where somebody saved the file by hand
                meanwhile, so it must be repeatable.
            timeout: how many seconds to wait for the lock; by default `limits.lock_timeout`.

        Returns:
            The result of the edit.

        Raises:
            LockTimeoutError: where the lock was not free in time; it says who holds it.
            DamagedError: where the file keeps changing, or can't be written; it is as it was.
        """
        with self.locked(timeout):
            patience = _LONGEST_SAVE
            for _ in range(_ATTEMPTS):
                start = time.monotonic()
                before = self.settled(patience)
                patience -= time.monotonic() - start
                change = edit(before)
                if change.text is None or (change.text == before.text and before.stamp is not None):
                    return change.result
                if self._replace(before, change):
                    return change.result
        raise DamagedError(f"{self.name} keeps being saved by another program", hint="close it there, and try again")

    @contextmanager
    def locked(self, timeout: float | None = None) -> Iterator[None]:
        """Hold the queue's lock; `timeout` in seconds, by default `limits.lock_timeout`."""
        import filelock

        seconds = self.limits.lock_timeout if timeout is None else timeout
        folder = self.project.folder
        try:
            make_folder(folder)
            ignore_local(self.project)
            lock = filelock.FileLock(folder / LOCK_NAME, timeout=seconds, poll_interval=0.005)
            lock.acquire()
        except filelock.Timeout:
            raise LockTimeoutError(
                f"the queue's lock was not free in {seconds:g} s; {self._holder()}",
                hint="wait for that program, or end it; limits.lock_timeout in config.yaml sets the time",
                path=self.project.name(folder / LOCK_NAME),
            ) from None
        except OSError as error:
            raise StorageError.of_os(error, "lock", self.project.name(folder)) from error
        try:
            self._sign()
            yield
        finally:
            with suppress(OSError):  # the work is done; the lock goes with its object, or at last with the process
                lock.release()

    def note(self, snapshot: Snapshot, entered: tuple[str, ...]) -> None:
        """Remember that this version is good, and which of its messages are new here."""
        with suppress(OSError):  # a folder that can't be written only costs the check again
            self.journal.note(snapshot.digest, entered=entered)

    def _unrest(self, stamp: tuple[int, int, int] | None, digest: str | None, waited: float) -> float:
        """For how many seconds somebody may still be saving the file, where nobody has for the time `waited`."""
        if stamp is None:
            return QUIET - waited if waited < QUIET and self.journal.held() else 0
        age = time.time() - stamp[2] / 1e9
        rest = QUIET - (age if age >= 0 else waited)  # the clock of a network drive may be ahead
        is_whole = rest <= 0 or (digest is not None and self.journal.ends_with(digest))
        return 0 if is_whole else rest

    def _replace(self, before: Snapshot, change: Change[T]) -> bool:
        """Whether the file was still the one read, and was replaced."""
        assert change.text is not None
        content = (_BOM.encode() if before.has_bom else b"") + change.text.encode()
        version = self._version(content, change.text, has_bom=before.has_bom)
        with refusals("write", self.name):
            if not publish(self.path, content, still=lambda: stamp_of(self.path) == before.stamp):
                return False
        self._last = version
        with suppress(OSError):  # the journal may lag: that costs a check, not a message
            digest = version.snapshot.digest
            self.journal.note(
                digest, is_clean=change.is_clean, entered=change.entered, left=change.left, read=change.read
            )
        return True

    def _version(self, content: bytes, text: str, *, has_bom: bool) -> _Version:
        """A version of the file; only what it adds to the last one is hashed."""
        if self._last is not None and content.startswith(self._last.content):
            hashed = self._last.hashed.copy()
            hashed.update(memoryview(content)[len(self._last.content) :])
        else:
            hashed = hash_of(content, self.flavour)
        return _Version(content, hashed, Snapshot(text, digest_of(hashed), has_bom))

    def _sign(self) -> None:
        """Leave word who holds the lock."""
        command = " ".join((os.path.basename(sys.argv[0]), *sys.argv[1:2]))
        word = {"pid": os.getpid(), "host": host_name(), "command": command[:100]}
        word["since"] = message.format_time(message.now())
        with suppress(OSError):  # only the wording of somebody's error depends on it
            descriptor = open_own(self.project.folder / HOLDER_NAME, os.O_WRONLY | os.O_CREAT)
            try:  # not truncated, which some file systems answer with a write to the disk: the first line counts
                os.write(descriptor, f"{json.dumps(word)}\n".encode())
            finally:
                os.close(descriptor)

    def _holder(self) -> str:
        holder = read_holder(self.project)
        if holder is None:
            return "who holds it is not known"
        return f"process {holder.pid} ({holder.command}) on {holder.host} holds it since {holder.since}"


def read_holder(project: Project) -> Holder | None:
    """Who took the queue's lock last, as far as that is known."""
    try:
        text = read_text(project.folder / HOLDER_NAME, HOLDER_NAME, _HOLDER_BYTES) or ""
        word = json.loads(text.partition("\n")[0])
        return Holder(int(word["pid"]), str(word["host"]), str(word["command"]), str(word["since"]))
    except (MessengerError, ValueError, KeyError, TypeError):
        return None


def host_name() -> str:
    """What this machine is called. (`socket` and `platform` know too, and cost more to import than a queue to read.)"""
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def _read_settled(path: Path, name: str, limit: int) -> tuple[bytes | None, tuple[int, int, int]]:
    """The bytes and the stamp of a file that did not change while it was read; None for the bytes over `limit`."""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_LONGEST_SAVE / _ATTEMPTS)
        with open_regular(path) as file:
            status = os.fstat(file.fileno())
            if status.st_size > limit:
                return None, _stamp(status)
            content = file.read(status.st_size + 1)  # no more: a buffer of the limit's size would have to be cleared
            if _stamp(os.fstat(file.fileno())) == _stamp(status) and len(content) == status.st_size:
                return content, _stamp(status)
    raise DamagedError(f"{name} keeps changing while it is read", hint="try again", path=name)


def stamp_of(path: Path) -> tuple[int, int, int] | None:
    """What tells this version of a file from another; None where there is none. OSError where that can't be told."""
    try:
        return _stamp(path.stat())
    except FileNotFoundError:
        return None


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns
