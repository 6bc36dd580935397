"""The btmsg database, its rules and its task board: agents' direct messages and channels in one shared SQLite file.

Nothing is imported until it is asked for, so that a hook that only counts unread messages starts fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bmad_messenger.btmsg.api import Btmsg, DeadLetterError
    from bmad_messenger.btmsg.board import Board
    from bmad_messenger.btmsg.database import Database
    from bmad_messenger.btmsg.mirror import Mirror
    from bmad_messenger.btmsg.records import as_dict
    from bmad_messenger.btmsg.roles import RefusedError

__all__ = ["Board", "Btmsg", "Database", "DeadLetterError", "Mirror", "RefusedError", "as_dict"]

_HOMES = {
    "Board": "board",
    "Btmsg": "api",
    "Database": "database",
    "DeadLetterError": "api",
    "Mirror": "mirror",
    "RefusedError": "roles",
    "as_dict": "records",
}
"""The module of each public name."""


# Hidden from the type checker, which would take every other name for one that exists.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """The public thing called `name`, imported now and kept."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
