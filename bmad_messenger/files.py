"""Files that are either whole or not there: written aside, made durable, then given their name in one step."""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from bmad_messenger.errors import DamagedError, StorageError

LARGEST: Final = 67_108_864
"""How many bytes of a file are read where nothing else is said."""

_BOM: Final = "\ufeff"
_TEMPORARY: Final = re.compile(r"\..+\.(\d+)\.tmp")
_NO_FOLDER_SYNC: Final = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF, errno.EACCES, errno.ENOSYS)
_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)


def read_text(path: Path, name: str, limit: int = LARGEST) -> str | None:
    """The text of a file without its byte-order mark; None where there is none.

    Args:
        path: the file.
        name: what errors call it.
        limit: how many bytes it may have.

    Raises:
        DamagedError: where it is larger, or no text.
        StorageError, NotPermittedError: where it can't be read.
    """
    with refusals("read", name):
        try:
            with open_regular(path) as file:
                content = file.read(limit + 1)
        except FileNotFoundError:
            return None
    if len(content) > limit:
        raise DamagedError(f"the file is larger than {limit} bytes", hint="make it smaller", path=name)
    return decode(content, name).removeprefix(_BOM)


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read it, if it is one: a pipe or a device, which a link may lead to, could be read for ever.

    Raises:
        OSError: where the file system refuses, or it is no file.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return os.fdopen(descriptor, "rb")
        raise OSError(errno.EINVAL, "it is not a file")
    except OSError:
        os.close(descriptor)
        raise


def open_own(path: Path, flags: int) -> int:
    """Open a file that is local to this clone and written in place, such as a log; a link there is a trap.

    Raises:
        OSError: where the file system refuses, or the file is a link.
    """
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o666)


def decode(content: bytes, name: str) -> str:
    """The text of a file.

    Raises:
        DamagedError: with the place of the first byte that is not UTF-8.
    """
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        raise DamagedError(
            f"byte 0x{content[error.start]:02x} is not UTF-8",
            hint="save the file as UTF-8",
            path=name,
            line=before.count("\n") + 1,
            column=len(before) - before.rfind("\n"),
        ) from None


@contextmanager
def refusals(doing: str, name: str) -> Iterator[None]:
    """Raise as our own error what the file system refuses while `doing` ("read", "write") with the file `name`."""
    try:
        yield
    except OSError as error:
        raise StorageError.of_os(error, doing, name) from error


def publish(
    path: Path,
    content: bytes,
    *,
    replace: bool = True,
    follow: bool = True,
    lasting: bool = True,
    still: Callable[[], bool] | None = None,
) -> bool:
    """Give `path` this content, durably and at once: whoever reads sees the old file or the new one.

    The mode stays. When the process dies half-way, `path` is as it was, and the temporary file, named after the
    thread and the process, is for `sweep` to remove.

    Args:
        path: the file; its folder exists.
        content: the bytes.
        replace: with False, a file that exists is left as it is.
        follow: whether a symbolic link at `path` stays and the file that it names is replaced, or the link itself is.
        lasting: whether the file must outlive a power failure; where not, it may then be empty.
        still: asked at the last moment; where it says no, nothing is written.

    Returns:
        Whether the file was written.

    Raises:
        OSError: where the file system refuses; `path` is then unchanged.
        StorageError: where the file was written and its name could not be made durable.
    """
    folder, name = os.path.split(os.path.realpath(path) if follow else path)
    target = os.path.join(folder, name)
    temporary = os.path.join(folder, f".{name}.{threading.get_native_id()}.{os.getpid()}.tmp")
    try:
        _write(temporary, content, mode=_mode_of(target), lasting=lasting)
        if still is not None and not still():
            os.unlink(temporary)
            return False
        published = _rename(temporary, target) if replace else _link(temporary, target)
    except BaseException:
        with suppress(OSError):  # the first error is the one to report; what is left here, `sweep` removes
            os.unlink(temporary)
        raise
    try:
        if lasting:
            sync_folder(folder)
    except OSError as error:
        reason = f"{name} was written, but may not outlive a power failure: {error.strerror or error}"
        raise StorageError(reason, hint="see to the disk; then look before you do the same again", path=name) from error
    return published


def sync_folder(folder: str | Path) -> None:
    """Make the names in `folder` durable, where the system can; OSError where that fails."""
    if os.name == "nt":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it, durably; nothing to do where it exists."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):
        os.mkdir(folder)
    sync_folder(folder.parent)


def sweep(folder: Path) -> list[Path]:
    """Remove the temporary files that dead processes left in `folder`; returns them.

    Raises:
        OSError: where the file system refuses.
    """
    dead = leftovers(folder)
    for path in dead:
        with suppress(FileNotFoundError):  # two may sweep at once
            os.unlink(path)
    return dead


def leftovers(folder: Path) -> list[Path]:
    """The temporary files that dead processes left in `folder`; raises what `sweep` does."""
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [folder / name for name in names if (match := _TEMPORARY.fullmatch(name)) and not is_running(int(match[1]))]


def is_running(process: int) -> bool:
    """Whether there is a process of this number on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _write(path: str, content: bytes, mode: int | None, *, lasting: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags, 0o666)
    except FileExistsError:  # left by a dead process of our number, or a trap: never written through
        os.unlink(path)
        descriptor = os.open(path, flags, 0o666)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        if mode is not None and hasattr(os, "fchmod"):
            os.fchmod(descriptor, mode)
        if lasting:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mode_of(path: str) -> int | None:
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except FileNotFoundError:
        return None


def _rename(temporary: str, target: str) -> bool:
    os.replace(temporary, target)
    return True


def _link(temporary: str, target: str) -> bool:
    """Name the file `target` unless that exists: a link never replaces."""
    try:
        os.link(temporary, target)
        linked = True
    except FileExistsError:
        linked = False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A file system without hard links. The name is a message's own, so nobody else is about to take it.
        if not os.path.lexists(target):
            return _rename(temporary, target)
        linked = False
    os.unlink(temporary)
    return linked
