"""A terminal to run a program on, as a person does: what it shows, and what is typed."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "bmad_messenger")


def environment(**more: str) -> dict[str, str]:
    """The environment of a process that runs the program from this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


class Terminal:
    """A terminal with `columns`, on which a command runs.

    Args:
        command: the program and its arguments.
        columns: how wide the terminal is.
        more: what is added to its environment.
    """

    def __init__(self, command: Sequence[str], columns: int = 80, **more: str) -> None:
        self._side, other = os.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        values = {name: value for name, value in environment(**more).items() if name not in ("COLUMNS", "NO_COLOR")}
        self.process = subprocess.Popen(
            command,
            env={**values, "TERM": "xterm-256color"},
            preexec_fn=lambda: os.login_tty(other),  # noqa: PLW1509  # nothing that a thread may hold is used in it
        )
        os.close(other)
        self.shown = ""

    def wait_for(self, text: str, seconds: float = 60) -> str:
        """Read until `text` is shown; returns what was shown until then, from the last time on."""
        start = len(self.shown)
        deadline = time.monotonic() + seconds
        while text not in self.shown[start:]:
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"{text!r} did not come; shown was:\n{self.shown}")
        return self.shown[start:]

    def type(self, text: str) -> None:
        """Type."""
        os.write(self._side, text.encode())

    def end(self, seconds: float = 60) -> int:
        """Wait for the program to end; returns its exit code."""
        deadline = time.monotonic() + seconds
        while self._read(deadline - time.monotonic()):
            continue
        code = self.process.wait(max(1, deadline - time.monotonic()))
        os.close(self._side)
        return code

    @property
    def text(self) -> str:
        """What was shown, without colours."""
        return re.sub(r"\x1b\[[\d;]*m", "", self.shown).replace("\r\n", "\n")

    def _read(self, seconds: float) -> bool:
        """Read once; whether there was anything before the program, or the time, came to its end."""
        if not select.select([self._side], [], [], max(0.0, seconds))[0]:
            return False
        try:
            read = os.read(self._side, 4_096)
        except OSError:  # the other end is closed
            return False
        self.shown += read.decode(errors="replace")
        return bool(read)
