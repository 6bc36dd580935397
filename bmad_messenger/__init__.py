"""The public face: what is named here is the API, everything else may change.

Nothing is imported until it is asked for, so a command pays only for what it uses.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bmad_messenger.errors import (
        ConflictError,
        DamagedError,
        GitError,
        InvalidError,
        LockTimeoutError,
        MessengerError,
        NotFoundError,
        NotPermittedError,
        Problem,
        StorageError,
        ThreadTooLongError,
        UsageError,
        WaitTimeoutError,
    )
    from bmad_messenger.message import Draft, Message, Priority, Status
    from bmad_messenger.messenger import Messenger
    from bmad_messenger.plugins.spec import hookimpl
    from bmad_messenger.task_marks import task

__version__ = "0.1.0"

__all__ = [
    "ConflictError",
    "DamagedError",
    "Draft",
    "GitError",
    "InvalidError",
    "LockTimeoutError",
    "Message",
    "Messenger",
    "MessengerError",
    "NotFoundError",
    "NotPermittedError",
    "Priority",
    "Problem",
    "Status",
    "StorageError",
    "ThreadTooLongError",
    "UsageError",
    "WaitTimeoutError",
    "hookimpl",
    "task",
]

_HOMES = {
    "Messenger": "bmad_messenger.messenger",
    "hookimpl": "bmad_messenger.plugins.spec",
    "task": "bmad_messenger.task_marks",
    **dict.fromkeys(("Draft", "Message", "Priority", "Status"), "bmad_messenger.message"),
}
"""The module of each public name; the names that are absent here are errors."""


# Hidden from the type checker, which would take every other name for one that exists.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """The public thing called `name`, imported now and kept."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_HOMES.get(name, "bmad_messenger.errors")), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
