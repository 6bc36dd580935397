"""Files that are either whole or not there: written aside, made durable, then given their name in one step."""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

_TEMPORARY: Final = re.compile(r"\..+\.(\d+)\.tmp")
_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)


def publish(path: Path, content: bytes, *, replace: bool = True) -> bool:
    """Give `path` this content, durably and at once: whoever reads sees the old file or the new one.

    Mode and symbolic links stay. When the process dies half-way, `path` is as it was, and the temporary file, named
    after the process, is for `sweep` to remove.

    Args:
        path: the file; its folder exists.
        content: the bytes.
        replace: with False, a file that exists is left as it is.

    Returns:
        Whether the file was written.

    Raises:
        OSError: where the file system refuses; `path` is then unchanged.
    """
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    try:
        _write_durably(temporary, content, mode=_mode_of(target))
        published = _rename(temporary, target) if replace else _link(temporary, target)
    except BaseException:
        with suppress(OSError):  # the first error is the one to report; what is left here, `sweep` removes
            os.unlink(temporary)
        raise
    sync_folder(folder)
    return published


def sync_folder(folder: str | Path) -> None:
    """Make the names in `folder` durable, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it, durably; nothing to do where it exists."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):
        os.mkdir(folder)
    sync_folder(folder.parent)


def leftovers(folder: Path) -> list[Path]:
    """The temporary files in `folder` whose process is gone."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        return sorted(
            Path(entry.path)
            for entry in entries
            if (match := _TEMPORARY.fullmatch(entry.name)) and not _is_running(int(match[1]))
        )
    return []


def sweep(folder: Path) -> list[Path]:
    """Remove the temporary files that dead processes left in `folder`; returns them."""
    removed = leftovers(folder)
    for path in removed:
        path.unlink(missing_ok=True)
    return removed


def _write_durably(path: str, content: bytes, mode: int | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        if mode is not None and hasattr(os, "fchmod"):
            os.fchmod(descriptor, mode)
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


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
