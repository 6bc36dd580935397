"""Waits until a folder changes: by the system's own notices where `watchfiles` is installed, or else by looking."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LONGEST_PAUSE: Final = 1.0  # seconds; bounds what is lost where a notice is missed
_GLANCE: Final = 0.2  # seconds between looks where there are no notices


def changes(folder: Path, deadline: float) -> Iterator[None]:
    """Yields at once, then whenever something in `folder` may have changed, at least every second, until `deadline`.

    Args:
        folder: the folder, which exists.
        deadline: when to end, on the clock of `time.monotonic`.
    """
    yield
    for _ in _pauses(folder, deadline):
        if time.monotonic() >= deadline:
            break
        yield
    yield


def _pauses(folder: Path, deadline: float) -> Iterator[None]:
    try:
        yield from _notices(folder, deadline)
    except (ImportError, OSError, RuntimeError):  # not installed, or the system gives out no more watches
        yield from _glances(folder, deadline)


def _notices(folder: Path, deadline: float) -> Iterator[None]:
    import watchfiles

    while (left := deadline - time.monotonic()) > 0:
        pause = max(1, int(min(left, _LONGEST_PAUSE) * 1000))
        for _ in watchfiles.watch(
            folder, recursive=False, step=20, debounce=100, rust_timeout=pause, yield_on_timeout=True
        ):
            yield
            if deadline - time.monotonic() < _LONGEST_PAUSE:
                break


def _glances(folder: Path, deadline: float) -> Iterator[None]:
    before, since = _state(folder), time.monotonic()
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, _GLANCE))
        state, now = _state(folder), time.monotonic()
        if state != before or now - since >= _LONGEST_PAUSE:
            before, since = state, now
            yield


def _state(folder: Path) -> int:
    """What changes when a file in the folder is replaced; 0 where the folder is gone."""
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0
