"""The task `run-command`: runs a program that the project allows, without a shell, and keeps what it printed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bmad_messenger.errors import InvalidError, MessengerError, NotFoundError, NotPermittedError, UsageError

if TYPE_CHECKING:
    import subprocess

    from bmad_messenger.messenger import Messenger

_KEPT: Final = 65_536  # characters of what is printed, from the end
_DEFAULT_TIMEOUT: Final = 600.0  # seconds
_SHOWN: Final = 200  # characters of the last line that an error shows
_CHUNK: Final = 65_536  # bytes
_GRACE: Final = 0.5  # seconds that output is waited for once the program has ended: its children may hold it open
_CUT: Final = "…"  # stands where a text was cut off

_is_unwanted: ContextVar[Callable[[], bool]] = ContextVar("is_unwanted", default=lambda: False)

_WATCHDOG: Final = """\
import os, signal
group = os.read(0, 32)
if group and not os.read(0, 1):
    os.killpg(int(group), signal.SIGKILL)
"""
"""Kills a process group when its standard input ends without a word: when the process that holds it has died."""


class CommandError(InvalidError):
    """A program that failed, took too long or was stopped.

    Attributes:
        reason: what went wrong; the message adds the last line that the program printed.
        outputs: what it left until then: `{"exit_code": ..., "stdout": ..., "stderr": ...}`; it has no exit code where
            it was killed.
    """

    def __init__(self, reason: str, outputs: Mapping[str, Any], hint: str) -> None:
        last = (outputs["stderr"].strip() or outputs["stdout"].strip()).rpartition("\n")[2]
        told = f": {last[:_SHOWN]}{_CUT if len(last) > _SHOWN else ''}" if last else " and printed nothing"
        super().__init__(f"{reason}{told}", hint=hint)
        self.reason, self.outputs = reason, outputs


@contextmanager
def stopped_when(is_unwanted: Callable[[], bool]) -> Iterator[None]:
    """Within the block, programs are stopped as soon as this is so; it is asked about twice a second."""
    token = _is_unwanted.set(is_unwanted)
    try:
        yield
    finally:
        _is_unwanted.reset(token)


def run_command(
    messenger: Messenger,
    *,
    command: Sequence[str] | str,
    folder: str = ".",
    environment: Mapping[str, str] | None = None,
    timeout: float = _DEFAULT_TIMEOUT,
    check: bool = True,
) -> dict[str, Any]:
    """Run a program that `commands: {allow: […]}` in the project's config allows; no shell reads the command.

    Args:
        messenger: the project's.
        command: the program and its arguments, as a list, or as a text that is cut at its spaces as a shell would.
        folder: where it runs, from the project's folder.
        environment: variables to set for it.
        timeout: the seconds that it may take; then it is killed, with all that it started.
        check: whether an exit code other than 0 is an error.

    Returns:
        `{"exit_code": ..., "stdout": ..., "stderr": ...}`, the last 65,536 characters of each, after `…` where there
        were more.

    Raises:
        NotPermittedError: where the config does not allow it, or the folder lies outside the project.
        NotFoundError: where there is no such program.
        CommandError: where it fails, takes too long or is stopped.
    """
    words = allowed_words(command, messenger.config.allowed_commands)
    root = messenger.project.root
    own = {**os.environ, **{name: str(value) for name, value in (environment or {}).items()}}
    with _running(words, _program(words[0], root), _inside(root, folder), own) as running:
        output, errors = _output(running, timeout)
        outputs = {"exit_code": running.returncode, "stdout": output, "stderr": errors}
        if running.returncode is None and _is_unwanted.get()():
            raise CommandError(f"{words[0]} was stopped", outputs, hint="")
        if running.returncode is None:
            raise CommandError(f"{words[0]} took longer than {timeout:g} s", outputs, hint="give it more `timeout`")
    if check and running.returncode:
        reason = f"{words[0]} ended with {running.returncode}"
        raise CommandError(reason, outputs, hint="`check: false` lets the run go on")
    return outputs


def allowed_words(command: Sequence[str] | str, allowed: Sequence[str]) -> list[str]:
    """The words of a command that begins with those of one that is allowed.

    Raises:
        UsageError: where it has no words.
        NotPermittedError: where it does not.
    """
    import shlex

    try:
        words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    except ValueError as error:
        raise UsageError(f"the command {command!r}: {error}", hint="write it as a list") from None
    if not words:
        raise UsageError("the command is empty", hint="name a program")
    if any(words[: len(start)] == start for start in map(shlex.split, allowed) if start):
        return words
    known = ", ".join(allowed) if allowed else "none"
    raise NotPermittedError(
        f"the project does not allow the command {words[0]!r}",
        hint=f"`commands: {{allow: [{words[0]}]}}` in config.yaml would; allowed now: {known}",
    )


def _program(name: str, root: Path) -> str:
    """The program's file, which neither the folder that it runs in nor the variables set for it decide."""
    from shutil import which

    found = str(root / name) if os.path.dirname(name) else which(name)
    if found is None:
        raise _no_program(name, "it is not found")
    return found


def _inside(root: Path, folder: str) -> Path:
    path = Path(os.path.realpath(root / folder))
    if not path.is_relative_to(root):
        raise NotPermittedError(f"the folder {folder!r} lies outside the project", hint="name one inside")
    if not path.is_dir():
        raise NotFoundError(f"there is no folder {folder!r} in the project", hint="name one that exists")
    return path


def _no_program(name: str, reason: object) -> MessengerError:
    return NotFoundError(f"can't run {name!r}: {reason}", hint="see the program's name, and whether it is installed")


@contextmanager
def _running(
    words: Sequence[str], program: str, folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """The program, started; killed with all that it started where the block raises, or this process dies in it."""
    import signal
    import subprocess

    watch = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _WATCHDOG],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        try:
            running = subprocess.Popen(
                words,
                executable=program,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise _no_program(words[0], error) from None
        try:
            _tell(watch, b"%d" % running.pid)
            yield running
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            raise
        finally:
            for stream in (running.stdout, running.stderr):
                if stream is not None:
                    stream.close()
    finally:
        _tell(watch, b".")
        watch.communicate()


def _tell(watch: subprocess.Popen[bytes], word: bytes) -> None:
    assert watch.stdin is not None  # it is a pipe
    with suppress(BrokenPipeError):  # somebody has killed it
        os.write(watch.stdin.fileno(), word)


def _output(running: subprocess.Popen[bytes], timeout: float) -> tuple[str, str]:
    """The ends of what a program prints to stdout and stderr until it has ended, is unwanted or had so many seconds."""
    import selectors
    import subprocess
    import time

    deadline, is_unwanted = time.monotonic() + timeout, _is_unwanted.get()
    kept = [bytearray(), bytearray()]
    with selectors.DefaultSelector() as selector:
        for stream, end in zip((running.stdout, running.stderr), kept, strict=True):
            assert stream is not None  # both are pipes
            selector.register(stream, selectors.EVENT_READ, end)
        while selector.get_map() and (left := deadline - time.monotonic()) > 0 and not is_unwanted():
            ready = selector.select(min(left, _GRACE))
            for key, _ in ready:
                chunk = os.read(key.fd, _CHUNK)
                key.data.extend(chunk)
                del key.data[: -4 * _KEPT]  # a character has four bytes at most
                if not chunk:
                    selector.unregister(key.fileobj)
            if not ready and running.poll() is not None:
                break
    while running.poll() is None and (left := deadline - time.monotonic()) > 0 and not is_unwanted():
        with suppress(subprocess.TimeoutExpired):  # it has closed its output and goes on
            running.wait(min(left, _GRACE))
    return _end_of(kept[0]), _end_of(kept[1])


def _end_of(printed: bytes | bytearray) -> str:
    """The end of what was printed, as text."""
    text = bytes(printed).decode(errors="replace")
    return text if len(text) <= _KEPT else f"{_CUT}{text[1 - _KEPT :]}"
