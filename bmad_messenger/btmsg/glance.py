"""A look at the copies in a database that changes nothing in it: no file is made, and an older one stays so."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import NamedTuple

from bmad_messenger.btmsg import waiting
from bmad_messenger.btmsg.database import default_path
from bmad_messenger.btmsg.unread import UNREAD_AT_ANY_AGE
from bmad_messenger.errors import DamagedError


class Copies(NamedTuple):
    """What a database at `path` knows of another program's messages, by their external ids.

    `copied` were ever copied. Of the copies that no read was carried for yet, `read` were read here by these agents,
    and `unread` were not. All are None where there is no database.
    """

    path: str
    copied: frozenset[str] | None
    read: frozenset[tuple[str, str]] = frozenset()
    unread: frozenset[tuple[str, str]] = frozenset()


def glance(path: str | os.PathLike[str] | None, source: str) -> Copies:
    """What a database holds of a source's messages.

    Args:
        path: the file; None is the user's own.
        source: what the mirror calls the other program.

    Raises:
        DamagedError: where it can't be read.
    """
    place = os.path.abspath(os.path.expanduser(os.fspath(path or default_path())))
    if not os.path.exists(place):
        return Copies(place, None)
    try:
        with closing(_opened(place)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'btmsg_mirrored'").fetchone():
                return Copies(place, frozenset())
            rows = connection.execute("SELECT DISTINCT external_id FROM btmsg_mirrored WHERE source = ?", (source,))
            copied = frozenset(str(external_id) for (external_id,) in rows)
            open_rows = connection.execute(
                f"""SELECT r.external_id, r.agent_id, {UNREAD_AT_ANY_AGE}
                    FROM btmsg_mirrored r JOIN messages m ON m.id = r.message_id
                    WHERE r.source = ? AND r.carried = 0""",
                (source,),
            ).fetchall()
    except sqlite3.Error as error:
        hint = "see `btmsg inbox`, which says more"
        raise DamagedError(f"the btmsg database can't be read: {error}", hint=hint, path=place) from error
    keys = {
        is_unread: frozenset((str(one), str(agent)) for one, agent, flag in open_rows if bool(flag) is is_unread)
        for is_unread in (True, False)
    }
    return Copies(place, copied, read=keys[False], unread=keys[True])


def _opened(path: str) -> sqlite3.Connection:
    """A connection that can only read; without a log of writes beside it, the file is read as it lies there.

    Else SQLite would make the files of such a log, if only to remove them again. Where there is one, it marks in the
    memory that its readers share (`-shm`) that it is reading.
    """
    escaped = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    log = f"{path}-wal"
    mode = "ro" if os.path.exists(log) and os.path.getsize(log) else "ro&immutable=1"
    return sqlite3.connect(f"file:{escaped}?mode={mode}", timeout=waiting.BUSY_SECONDS, uri=True)
