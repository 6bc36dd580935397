"""The commands that git is told to run: they need nothing on the path, and lose nothing if this program is gone."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bmad_messenger.errors import StorageError
from bmad_messenger.git.drivers import LEFT_MARKED

_PATIENCE: Final = 30  # seconds for a trial
_NAME: Final = "bmad-messenger"
_MOVED: Final = (
    "bmad-messenger is not where it was: run `bmad-messenger git install` again, or with --uninstall to do without"
)
_UNKNOWN: Final = "bmad-messenger is not on the path: install it, or take its block out of this hook"
_GONE: Final = f"{_MOVED}; merged by lines:"
_FAILED: Final = "bmad-messenger failed; merged by lines:"
_BY_LINES: Final = "git merge-file --diff3 -L ours -L base -L theirs %A %O %B"


def program(*, by_name: bool = False) -> str:
    """This program as a shell command: by its own Python, which looks for no modules in the folder it runs in.

    `by_name` is for a file that other people get, who have the program elsewhere.
    """
    return _NAME if by_name else shlex.join([_python(), "-P", "-m", "bmad_messenger"])


def or_told(command: str, more: str = "") -> str:
    """A shell command that says on one line what to do where `command`, this program, has failed for it is gone.

    Args:
        command: as `program` gives it.
        more: what else can be done.
    """
    says = f"{_UNKNOWN if command == _NAME else _MOVED}{more}"
    return f"{command} --version >/dev/null 2>&1 || echo {shlex.quote(says)} >&2"


def merge_command() -> str:
    """The command that merges two versions of a file.

    Where it fails, git's merge by lines takes its place, and the file counts as in conflict: git would take our
    version else, and nobody would see what became of theirs.
    """
    return (
        f"{_drivers('merge')} %O %A %B %L %P %S %X %Y; "
        f"case $? in 0) exit 0;; {LEFT_MARKED}) exit 1;; esac; "
        f"{program()} --version >/dev/null 2>&1 && echo {shlex.quote(_FAILED)} %P >&2 "
        f"|| echo {shlex.quote(_GONE)} %P >&2; "
        f"{_BY_LINES} || test $? -lt 128 || cat %B >>%A; exit 1"
    )


def base_command() -> str:
    """The command that merges the ancestors of a merge with several; nobody sees the result, so nothing is marked."""
    return f"{_drivers('base')} %O %A %B %L %P || cat %O >%A"


def text_command() -> str:
    """The command that shows a file for `git diff`, or the file as it is; git adds the file's name."""
    return f'f() {{ {_drivers("textconv")} "$1" 2>/dev/null || cat "$1"; }}; f'


def merges(command: str) -> bool:
    """Whether a merge command, as it stands in the config, merges two messages that were sent at the same time."""
    with tempfile.TemporaryDirectory(prefix="bmad-messenger-") as folder:
        versions = {"base": _queue(), "ours": _queue("a1b2"), "theirs": _queue("c3d4")}
        for name, text in versions.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        places = {"O": "base", "A": "ours", "B": "theirs", "L": "7", "P": "message-queue.yaml"}
        done = _run(re.sub("%([OABLP])", lambda found: places[found[1]], command), folder)
        merged = Path(folder, "ours").read_text(encoding="utf-8")
        return done.returncode == 0 and all(f"-{suffix}" in merged for suffix in ("a1b2", "c3d4"))


def shows(command: str) -> bool:
    """Whether a command for `git diff`, as it stands in the config, shows a message on a line."""
    with tempfile.TemporaryDirectory(prefix="bmad-messenger-") as folder:
        Path(folder, "queue").write_text(_queue("a1b2"), encoding="utf-8")
        done = _run(f'{command} "$@"', folder, "queue")
        return done.returncode == 0 and "pm → dev".encode() in done.stdout


def answers(command: str) -> bool:
    """Whether a shell command is this program."""
    return _run(f"{command} --version", None).stdout.startswith(b"bmad-messenger ")


def _drivers(task: str) -> str:
    return f"{shlex.join([_python(), '-P', '-m', 'bmad_messenger.git.drivers'])} {task}"


def _python() -> str:
    if not sys.executable:
        raise StorageError(
            "this Python does not know where it is", hint="install bmad-messenger in a Python of its own"
        )
    return sys.executable


def _run(command: str, folder: str | None, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    words: Sequence[str] = ("sh", "-c", command, "sh", *arguments)
    try:
        return subprocess.run(
            words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 1, b"", b"")


def _queue(*suffixes: str) -> str:
    """A queue for a trial, with a message of each suffix."""
    items = (
        f"  - message_id: MSG-20250115-{suffix}\n    type: notify\n    from: pm\n    to: dev\n    priority: low\n"
        f'    created: "2025-01-15T10:30:00Z"\n    status: pending\n    payload: {{message: a trial}}\n'
        for suffix in suffixes
    )
    return "".join(["messages:\n" if suffixes else "messages: []\n", *items])
