"""The database file: where it is, how it is opened for reading and for writing, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bmad_messenger.btmsg import waiting
from bmad_messenger.btmsg.migrations import check, migrate, pending
from bmad_messenger.errors import (
    DamagedError,
    InvalidError,
    LockTimeoutError,
    MessengerError,
    NotPermittedError,
    StorageError,
)

_LACKING = ("no such table", "no such column", "table ")
"""How SQLite's message begins where another program has changed a table: `table agents has no column named tier`."""


def default_path() -> str:
    """`BTMSG_DB`, or `agor/btmsg.db` in the user's data folder (`XDG_DATA_HOME`, else `~/.local/share`)."""
    return os.environ.get("BTMSG_DB") or os.path.join(_data_folder(), "btmsg.db")


class Database:
    """One database file; connections are opened when they are first needed and kept until `close`.

    A file that is not there reads as an empty database and is made by the first write. One of an older age is brought
    up to date when it is first opened. Reading opens the file read-only. Only the thread that opened a connection uses
    it; any may close it.

    Args:
        path: the file.
        lasting: whether what is committed outlives a power failure; what can be copied anew need not, and is faster.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, lasting: bool = True) -> None:
        self._lasting = lasting
        self.path = os.path.abspath(os.path.expanduser(os.fspath(path or default_path())))
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        self._absent: sqlite3.Connection | None = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that can't write.

        Raises:
            DamagedError: where the file is corrupt, no database, or newer than this version.
            LockTimeoutError: where another program held it for longer than `BUSY_SECONDS`.
            NotPermittedError: where the file may not be read.
        """
        with self._explained():
            yield self._open_for_reading()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection within a transaction that nobody else writes during; committed at the end, undone on an error.

        Raises:
            As `reading` does; StorageError where the disk is full or fails.
        """
        with self._explained():
            connection = self._open_for_writing()
            waiting.begin(connection)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close what is open; the next use opens it again."""
        for connection in (self._reader, self._writer, self._absent):
            if connection is not None:
                connection.close()
        self._reader = self._writer = self._absent = None

    def _open_for_reading(self) -> sqlite3.Connection:
        if self._reader is None:
            if not os.path.exists(self.path):
                self._absent = self._absent or _in_memory(self.path)
                return self._absent
            reader = _read_only(self.path)
            try:
                if pending(reader, self.path):
                    reader = self._brought_up_to_date(reader)
            except BaseException:
                reader.close()
                raise
            self._reader = reader
        return self._reader

    def _brought_up_to_date(self, reader: sqlite3.Connection) -> sqlite3.Connection:
        try:
            with self._explained():
                self._open_for_writing()
        except NotPermittedError:  # an old file that may not be written is read through a copy that is up to date
            copy = _in_memory(self.path, reader)
            reader.close()
            return copy
        reader.close()
        return _read_only(self.path)

    def _open_for_writing(self) -> sqlite3.Connection:
        if self._writer is None:
            _make_private_file(self.path)
            with _closing(_read_only(self.path)) as reader:  # before anything touches a file that is not ours to write
                if pending(reader, self.path):
                    check(reader, self.path)
            writer = _connect(_uri(self.path, "rw"))
            try:
                _use_wal(writer)
                migrate(writer, self.path)
                _restrict(self.path)
                if not self._lasting:
                    writer.execute("PRAGMA synchronous = NORMAL")
            except BaseException:
                writer.close()
                raise
            self._writer = writer
        return self._writer

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _meaning(error, self.path) from error
        except OSError as error:
            raise StorageError.of_os(error, "write", self.path) from error
        except (UnicodeEncodeError, OverflowError) as error:
            reason = "a text that is not UTF-8" if isinstance(error, UnicodeEncodeError) else "a number of that size"
            raise InvalidError(f"the database can't hold {reason}", hint="nothing was changed") from error


def _data_folder() -> str:
    base = os.environ.get("XDG_DATA_HOME") or os.path.join("~", ".local", "share")
    return os.path.join(os.path.expanduser(base), "agor")


def _connect(database: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        database, timeout=waiting.BUSY_SECONDS, isolation_level=None, uri=True, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    connection.text_factory = _readable
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _readable(text: bytes) -> str:
    """The text; where another program wrote it otherwise than in UTF-8, with `\\xff` for what is none."""
    return text.decode(errors="backslashreplace")


def _uri(path: str, mode: str) -> str:
    escaped = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{escaped}?mode={mode}"


def _read_only(path: str) -> sqlite3.Connection:
    connection = _connect(_uri(path, "ro"))
    try:
        connection.execute("SELECT 1 FROM sqlite_master")
    except sqlite3.OperationalError as error:
        connection.close()
        # In a folder that may not be written, SQLite can't make the files of the WAL; nobody else writes there, then.
        is_barred = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
        if not is_barred or os.path.exists(f"{path}-wal"):
            raise
        return _connect(_uri(path, "ro&immutable=1"))
    except BaseException:
        connection.close()
        raise
    return connection


def _in_memory(path: str, source: sqlite3.Connection | None = None) -> sqlite3.Connection:
    """A database that is up to date and goes with the process: empty, or with what `source` holds."""
    connection = _connect(":memory:")
    if source is not None:
        source.backup(connection)
    migrate(connection, path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _make_private_file(path: str) -> None:
    """Make the file where there is none, for its owner alone from the first moment; so its folder, if we make that."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _restrict(path: str) -> None:
    """Take from others the access that another program may have left them; a folder that we only share stays."""
    folders = [(_data_folder(), 0o700)] if os.path.dirname(path) == os.path.abspath(_data_folder()) else []
    files = [(f"{path}{suffix}", 0o600) for suffix in ("", "-wal", "-shm")]
    for name, mode in folders + files:
        with suppress(FileNotFoundError, PermissionError):  # another owner's file is theirs to restrict
            if os.stat(name).st_mode & 0o077:
                os.chmod(name, mode)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turn write-ahead logging on; where several processes do so at once, SQLite refuses without waiting."""
    waiting.insist(connection, "PRAGMA journal_mode = WAL")


@contextmanager
def _closing(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    try:
        yield connection
    finally:
        connection.close()


def _meaning(error: sqlite3.Error, path: str) -> MessengerError | sqlite3.Error:
    """What SQLite's error means to a user; what only a bug can cause stays as it is."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    reason = str(error)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LockTimeoutError(
            f"the database was in use for {waiting.BUSY_SECONDS:.0f} seconds; nothing was changed",
            hint="run the command again when the other program is done",
            path=path,
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DamagedError(
            f"the database is damaged: {reason}; nothing was changed",
            hint="restore it from a backup, or recover it with `sqlite3 FILE .recover`",
            path=path,
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return NotPermittedError(
            f"can't open or write the database: {reason}; nothing was changed",
            hint="check the owner and the mode of the file and its folder",
            path=path,
        )
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL):
        return StorageError(
            f"can't write the database: {reason}; nothing was changed",
            hint="mend the cause and run the command again",
            path=path,
        )
    if code == sqlite3.SQLITE_CONSTRAINT:
        return DamagedError(
            f"the database refuses the row: {reason}; nothing was changed",
            hint="another program made that rule or trigger; look at it with `sqlite3 FILE .schema`",
            path=path,
        )
    if code == sqlite3.SQLITE_TOOBIG:
        return InvalidError(f"the database can't hold this: {reason}", hint="send a path to a file instead", path=path)
    if code == sqlite3.SQLITE_ERROR and reason.startswith(_LACKING):
        return DamagedError(
            f"the database is not as it should be: {reason}; nothing was changed",
            hint="another program changed its tables; restore it from a backup",
            path=path,
        )
    return error
