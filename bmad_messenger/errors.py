"""What can go wrong, said once: every error carries its exit code, what is wrong, where, and what to do."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any, NamedTuple


class Problem(NamedTuple):
    """One thing that is wrong at one place.

    `line` and `column` count from 1 and are None where there is no text to point into.
    """

    message: str
    hint: str = ""
    path: str | None = None
    line: int | None = None
    column: int | None = None
    code: str = "invalid"
    severity: str = "error"

    @property
    def where(self) -> str:
        """`file:line:column`, as far as it is known."""
        parts = (self.path, self.line, self.column)
        return ":".join(str(part) for part in parts if part is not None)

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{where}{self.message}{hint}"

    def to_mapping(self) -> dict[str, Any]:
        """The `error` object of `--json`."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "path": self.path,
            "line": self.line,
            "column": self.column,
        }


class MessengerError(Exception):
    """The root of every error a user can cause; `exit_code` is what the command line returns.

    Args:
        message: what is wrong, in one line.
        hint: what to do about it.
        path: the file, and `line` and `column` (from 1) the place in it.
        problems: where several things are wrong at once, each of them; the message then sums up.
    """

    exit_code = 1
    code = "internal"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        path: str | None = None,
        line: int | None = None,
        column: int | None = None,
        problems: tuple[Problem, ...] = (),
    ) -> None:
        self.problem = Problem(message, hint, path, line, column, code=self.code)
        self.problems = problems
        super().__init__(str(self.problem))

    @classmethod
    def of(cls, problems: tuple[Problem, ...], what: str) -> MessengerError:
        """The error that reports `problems` together; one alone speaks for itself."""
        first = problems[0]
        if len(problems) == 1:
            message, hint = f"{what}: {first.message}" if what else first.message, first.hint
        else:
            message, hint = f"{what}: {len(problems)} problems" if what else f"{len(problems)} problems", ""
        return cls(message, hint=hint, path=first.path, line=first.line, column=first.column, problems=problems)


class UsageError(MessengerError):
    """A call that makes no sense as it was written."""

    exit_code = 2
    code = "usage"


class InvalidError(MessengerError):
    """A message, route, workflow or file that breaks its schema or the rules of routing."""

    exit_code = 3
    code = "invalid"


class NotFoundError(MessengerError):
    """No such message, agent, run or channel."""

    exit_code = 4
    code = "not-found"


class LockTimeoutError(MessengerError):
    """The queue's lock was not free in time."""

    exit_code = 5
    code = "locked"


class NotPermittedError(MessengerError):
    """Refused: by a plugin, by the loop guard, or by the file system's permissions."""

    exit_code = 6
    code = "not-permitted"


class ThreadTooLongError(NotPermittedError):
    """A thread of replies has reached its limit.

    `root` is the id of its first message, `length` how many it has, `sender` the agent whose reply was refused.
    """

    code = "thread-too-long"

    def __init__(
        self,
        root: str,
        length: int,
        sender: str,
        hint: str = "the user is asked to decide; start a new thread when that is settled",
    ) -> None:
        self.root, self.length, self.sender = root, length, sender
        super().__init__(
            f"the thread of {root} has {length} messages, the most that limits.thread_length allows",
            hint=hint,
        )

    def unasked(self) -> ThreadTooLongError:
        """The error where the user could not be asked."""
        hint = "the user could not be asked: tell them, and start a new thread when it is settled how to go on"
        return ThreadTooLongError(self.root, self.length, self.sender, hint)


class DamagedError(MessengerError):
    """A file can't be read or edited safely; nothing was changed."""

    exit_code = 7
    code = "damaged"


class WaitTimeoutError(MessengerError):
    """Nothing came in the time that was waited for."""

    exit_code = 8
    code = "timeout"


class ConflictError(DamagedError):
    """A merge left its conflict in a file, and somebody has to decide."""

    code = "conflict"


class GitError(DamagedError):
    """Git refused a command; what it had not done yet was not done."""

    code = "git"

    @classmethod
    def of_git(cls, command: Sequence[str], errors: str) -> GitError:
        """The error for what git answered to `command` on its error stream."""
        name = next((word for word in command if not word.startswith("-")), "")
        lines = [line.removeprefix("fatal: ").removeprefix("error: ") for line in errors.splitlines() if line.strip()]
        return cls(
            f"`git {name}` failed: {'; '.join(lines[:3]) or 'it did not say why'}", hint="mend that and try again"
        )


class StorageError(DamagedError):
    """The file system refused a read or a write (disk full, an I/O error); nothing was changed."""

    code = "storage"

    @staticmethod
    def of_os(error: OSError, doing: str, path: str) -> MessengerError:
        """The error for what the system answered while `doing` something ("read", "write") with `path`."""
        reason = error.strerror or str(error)
        message = f"can't {doing} {path}: {reason}; nothing was changed"
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            return NotPermittedError(message, hint="check the owner and the mode of the file and its folder", path=path)
        return StorageError(message, hint="mend the cause and run the command again", path=path)
