"""The file: where it is, who may read it, what reading leaves alone, and what is said of a file that is no database."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from bmad_messenger.btmsg import Board, Btmsg, Database
from bmad_messenger.btmsg.database import default_path
from bmad_messenger.errors import DamagedError, LockTimeoutError, NotPermittedError
from tests.btmsg.plain_sql import OLDER
from tests.btmsg.reads import READS, WRITES


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_path_is_the_variable_or_in_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path() == str(tmp_path / "agor" / "btmsg.db")

    monkeypatch.delenv("XDG_DATA_HOME")
    assert default_path() == str(Path.home() / ".local" / "share" / "agor" / "btmsg.db")

    monkeypatch.setenv("BTMSG_DB", str(tmp_path / "mine.db"))
    assert Database().path == str(tmp_path / "mine.db")


def test_file_and_folder_are_for_their_owner(path: Path) -> None:
    btmsg = Btmsg(path)
    btmsg.register("a", group_id="g")

    assert mode(path.parent) == 0o700
    assert {name.name: mode(name) for name in path.parent.iterdir()} == dict.fromkeys(
        ("btmsg.db", "btmsg.db-wal", "btmsg.db-shm"), 0o600
    )


def test_a_file_that_others_could_read_is_restricted(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(path.parent.parent))
    path.parent.mkdir(mode=0o755)
    sqlite3.connect(path).execute("CREATE TABLE theirs (id)").connection.close()
    path.chmod(0o644)
    Btmsg().register("a", group_id="g")

    assert (mode(path), mode(path.parent)) == (0o600, 0o700)


def test_connections_use_wal_and_references(path: Path) -> None:
    with Database(path).writing() as connection:
        pragmas = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "foreign_keys")]
        assert pragmas == ["wal", 1]
        assert connection.execute("PRAGMA busy_timeout").fetchone()[0] == 5000


def test_reading_an_absent_file_makes_none(path: Path) -> None:
    btmsg = Btmsg(path)

    assert (btmsg.get_agents(), btmsg.unread_count("a"), btmsg.search("x")) == ([], 0, [])
    assert not path.parent.exists()
    btmsg.register("a", group_id="g")
    assert len(btmsg.get_agents()) == 1


@pytest.fixture
def used(path: Path) -> Path:
    """A database with a row of most kinds, which nobody has open."""
    with Btmsg(path, agent="mgr") as btmsg:
        btmsg.register("mgr", group_id="g", role="manager")
        btmsg.register("dev", group_id="g")
        btmsg.register("dev-2", group_id="g")
        btmsg.send("dev", "a word", payload=[1])
        btmsg.channel_post("review-log", "a word")
        btmsg.board.add("a word")
    with closing(sqlite3.connect(path)) as theirs, theirs:
        theirs.execute("UPDATE channels SET id = 'c' WHERE name = 'review-queue'")
        theirs.execute("UPDATE tasks SET id = 't'")
    return path


@pytest.mark.parametrize("agent", ["mgr", "dev"])
def test_reading_writes_nothing(used: Path, agent: str) -> None:
    with closing(sqlite3.connect(used)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = used.read_bytes(), used.stat().st_mtime_ns

    with Btmsg(used, agent=agent) as btmsg:
        for read in READS.values():
            read(btmsg)
        with btmsg.database.reading() as connection:
            assert connection.total_changes == 0
            assert connection.execute("PRAGMA database_list").fetchone()["file"] == str(used)
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                connection.execute("DELETE FROM messages")
        log = used.with_name(f"{used.name}-wal")
        assert log.stat().st_size == 0
    assert (used.read_bytes(), used.stat().st_mtime_ns) == before


def test_a_file_without_write_permission_is_read(used: Path) -> None:
    for path in used.parent.iterdir():
        path.chmod(0o400)
    used.parent.chmod(0o500)
    try:
        with Btmsg(used, agent="mgr") as btmsg:
            for read in READS.values():
                read(btmsg)
    finally:
        used.parent.chmod(0o700)


def test_every_function_that_reads_is_among_them() -> None:
    methods = {name for kind in (Btmsg, Board) for name in vars(kind) if not name.startswith("_")}

    assert methods - WRITES <= READS.keys()


@pytest.mark.parametrize(
    "content", [b"this is no database at all, but text\n" * 100, b"SQLite format 3\0" + b"\1" * 900]
)
def test_what_is_no_database_is_reported_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o644)

    for use in (lambda: Btmsg(path).get_agents(), lambda: Btmsg(path).register("a", group_id="g")):
        with pytest.raises(DamagedError) as caught:
            use()
        assert caught.value.exit_code == 7
    assert (path.read_bytes(), mode(path), os.listdir(path.parent)) == (content, 0o644, ["btmsg.db"])


def test_a_damaged_old_database_is_not_migrated(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(OLDER)
        connection.executemany(
            "INSERT INTO agents VALUES (?, ?, 'r', 'g', 1, '', '')", [(n, "x" * 99) for n in range(999)]
        )
    damaged = bytearray(path.read_bytes())
    damaged[-40000:-20000] = b"\7" * 20000
    path.write_bytes(damaged)

    with pytest.raises(DamagedError, match="nothing was changed"):
        Btmsg(path).get_agents()
    assert path.read_bytes() == damaged


def test_a_database_that_is_locked_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Btmsg(path).register("a", group_id="g")
    monkeypatch.setattr("bmad_messenger.btmsg.waiting.BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockTimeoutError):
            Btmsg(path, agent="a").heartbeat()
        assert Btmsg(path).get_agents()[0].id == "a"  # a reader does not wait


def test_a_failed_write_leaves_nothing(path: Path) -> None:
    database = Database(path)
    contact = "INSERT INTO contacts (agent_id, contact_id) VALUES ('a', 'b')"
    with pytest.raises(NotPermittedError), database.writing() as connection:
        raise NotPermittedError(f"{connection.execute(contact).rowcount} row, but no more")
    with database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM contacts").fetchone()[0] == 0


def test_a_path_may_hold_characters_of_a_uri(tmp_path: Path) -> None:
    odd = tmp_path / "a b?c#d%20.db"
    Btmsg(odd).register("a", group_id="g")

    assert odd.exists()
    assert len(Btmsg(odd).get_agents()) == 1
