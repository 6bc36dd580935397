"""The user's editor: which it is, how it is told a line, and that it is waited for."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bmad_messenger.cli.output import is_terminal
from bmad_messenger.errors import UsageError

VARIABLES: Final = ("VISUAL", "EDITOR")
_USUAL: Final = ("vi", "nano")

_PLUS: Final = frozenset(
    ("vi", "vim", "nvim", "view", "gvim", "nano", "pico", "emacs", "emacsclient", "kak", "joe", "mg", "micro", "gedit")
)
"""Editors that take `+LINE` before the file."""

_COLON: Final = frozenset(("hx", "helix", "subl", "zed"))
"""Editors that take `FILE:LINE`."""

_GOTO: Final = frozenset(("code", "code-insiders", "codium", "cursor", "windsurf"))
"""Editors that take `--goto FILE:LINE`."""

_WAITING: Final = _GOTO | {"subl", "zed", "mate", "atom"}
"""Editors that go on in a window of their own, and return at once unless they get `--wait`."""

_NOT_FOUND: Final = 127  # the shell's word for a command that there is not
_STDERR: Final = 2


def users_editor() -> Callable[[Path, int | None], None]:
    """Opens a file in the user's editor, at a line, and returns when it is closed.

    The editor is `VISUAL`, `EDITOR` or what a system usually has; the value may have arguments, as git allows it.

    Raises:
        UsageError: where there is none; later, where it can't be started or ends with an error.
    """
    value = next((value for name in VARIABLES if (value := os.environ.get(name, "").strip())), None)
    if value is None and is_terminal(sys.stdin):
        value = next(filter(shutil.which, _USUAL), None)
    if value is None:
        raise UsageError("no editor is known", hint="set EDITOR, as in `export EDITOR=nano`")
    command = value

    def open_at(path: Path, line: int | None) -> None:
        code = _run([*_start_of(command), *_file(command, path, line)])
        if code:
            said = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            hint = "EDITOR names no program that is there" if code == _NOT_FOUND else "what it had not saved is gone"
            raise UsageError(f"the editor `{command}` {said}", hint=hint)

    return open_at


def _start_of(command: str) -> list[str]:
    """The program and the arguments that the user's word stands for, put before those of `"$@"`."""
    if os.path.isfile(command):  # a path with blanks in it, which nobody has quoted
        return [command]
    return ["sh", "-c", f'{command} "$@"', command]


def _file(command: str, path: Path, line: int | None) -> list[str]:
    """The arguments that open the file."""
    name = _name_of(command)
    wait = ["--wait"] if name in _WAITING and not {"--wait", "-w"} & set(command.split()) else []
    if line is None:
        return [*wait, str(path)]
    if name in _PLUS:
        return [f"+{line}", str(path)]
    if name in _COLON:
        return [*wait, f"{path}:{line}"]
    if name in _GOTO:
        return [*wait, "--goto", f"{path}:{line}"]
    return [*wait, str(path)]


def _name_of(command: str) -> str:
    """What the program is called: `vim` for `/usr/bin/vim -f`."""
    try:
        words = [command] if os.path.isfile(command) else shlex.split(command)
    except ValueError:
        return ""
    return os.path.basename(words[0]) if words else ""


def _run(command: list[str]) -> int:
    """Run a program on the terminal; returns its exit code. Our own stdout is for what we print."""
    try:
        process = subprocess.Popen(command, stdout=None if is_terminal(sys.stdout) else _STDERR)
    except OSError as error:
        raise UsageError(f"the editor can't be started: {error.strerror or error}", hint="set EDITOR") from error
    with _deaf_to_the_keyboard():
        return process.wait()


@contextmanager
def _deaf_to_the_keyboard() -> Iterator[None]:
    """Leave Ctrl-C and Ctrl-\\ to the editor, which gets them too."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
