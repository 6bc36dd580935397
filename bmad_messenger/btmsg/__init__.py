"""The btmsg database, its rules and its task board: agents' direct messages and channels in one shared SQLite file."""

from bmad_messenger.btmsg.api import Btmsg
from bmad_messenger.btmsg.board import Board
from bmad_messenger.btmsg.mirror import Mirror
from bmad_messenger.btmsg.records import as_dict

__all__ = ["Board", "Btmsg", "Mirror", "as_dict"]
