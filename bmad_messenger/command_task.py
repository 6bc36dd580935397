"""The task `run-command`: runs a program that the project allows, without a shell, and keeps what it printed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from bmad_messenger.errors import InvalidError, NotFoundError, NotPermittedError, UsageError

if TYPE_CHECKING:
    from bmad_messenger.messenger import Messenger

_KEPT: Final = 65_536  # characters of what is printed, from the end
_DEFAULT_TIMEOUT: Final = 600.0  # seconds


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
        `{"exit_code": ..., "stdout": ..., "stderr": ...}`, the last 65,536 characters of each.

    Raises:
        NotPermittedError: where the config does not allow it.
        NotFoundError: where there is no such program.
        InvalidError: where it fails, or takes too long.
    """
    import signal
    import subprocess

    words = _words(command)
    _require_allowed(words, messenger.config.allowed_commands)
    own = {**os.environ, **{name: str(value) for name, value in (environment or {}).items()}}
    try:
        running = subprocess.Popen(
            words,
            cwd=messenger.project.root / folder,
            env=own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except (FileNotFoundError, NotADirectoryError, PermissionError, ValueError) as error:
        raise NotFoundError(f"can't run {words[0]!r}: {error}", hint="see the program's name and its folder") from None
    try:
        output, errors = running.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        raise InvalidError(f"{words[0]} took longer than {timeout:g} s", hint="give it more `timeout`") from None
    except BaseException:
        os.killpg(running.pid, signal.SIGKILL)
        raise
    if check and running.returncode:
        last = (errors.strip() or output.strip()).rpartition("\n")[2]
        raise InvalidError(
            f"{words[0]} ended with {running.returncode}: {last[:200]}", hint="`check: false` lets the run go on"
        )
    return {"exit_code": running.returncode, "stdout": output[-_KEPT:], "stderr": errors[-_KEPT:]}


def _words(command: Sequence[str] | str) -> list[str]:
    if isinstance(command, str):
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"the command {command!r}: {error}", hint="write it as a list") from None
    else:
        words = [str(word) for word in command]
    if not words:
        raise UsageError("the command is empty", hint="name a program")
    return words


def _require_allowed(words: Sequence[str], allowed: Sequence[str]) -> None:
    """Refuse a command that does not begin with the words of one that is allowed."""
    if not any(words[: len(start)] == start for start in map(shlex.split, allowed) if start):
        known = ", ".join(allowed) if allowed else "none"
        raise NotPermittedError(
            f"the project does not allow the command {words[0]!r}",
            hint=f"`commands: {{allow: [{words[0]}]}}` in config.yaml would; allowed now: {known}",
        )
