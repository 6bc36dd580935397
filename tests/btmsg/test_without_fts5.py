"""An SQLite that was built without FTS5: everything works but the search, which says why, and nothing is lost by it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bmad_messenger.btmsg import Btmsg, search
from bmad_messenger.errors import UsageError
from tests.btmsg.plain_sql import MESSAGE, RECENT, WRITES, as_they_do
from tests.btmsg.team import As


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite answers as it does to the name of a module that it lacks."""
    monkeypatch.setattr(search, "_MODULE", "fts5_that_is_not_there")
    monkeypatch.setattr(search, "WORTHWHILE", 1)


def take_away(path: Path) -> None:
    """Make the index one that this SQLite lacks the module for, as a database of another program's has it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'fts5', 'fts9') WHERE name = 'btmsg_search'")


def give_back(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, 'fts9', 'fts5') WHERE name = 'btmsg_search'")


def use(path: Path) -> None:
    """Write and read by every way there is, but for the search."""
    with Btmsg(path, agent="mgr") as mgr, Btmsg(path, agent="dev") as dev:
        mgr.register("mgr", group_id="g", role="manager")
        mgr.register("dev", group_id="g")
        sent = mgr.send("dev", "words to be found").message
        mgr.channel_post("review-log", "a post to be found")
        task = mgr.board.add("A task to be found", assigned_to="dev")
        dev.board.set_status(task.id, "review")
        dev.mark_read([sent.id])
        mgr.delete_message(mgr.send("dev", "deleted, not to be found").message.id)
        assert (dev.unread_count(), len(mgr.get_feed())) == (0, 1)


def test_a_new_database_is_made_and_used(without: None, path: Path) -> None:
    use(path)

    with pytest.raises(UsageError, match="no full-text search") as caught:
        Btmsg(path).search("found")
    assert caught.value.exit_code == 2


def test_a_program_that_has_it_makes_the_index_of_all_that_was_written(path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_MODULE", "fts5_that_is_not_there")
        use(path)

    assert [hit.kind for hit in Btmsg(path).search("found")] == ["post", "task", "post", "message"]
    with Btmsg(path).database.writing() as connection:
        search.index_pending(connection)
        assert connection.execute("SELECT count(*) FROM btmsg_search_pending").fetchone()[0] == 0
    assert len(Btmsg(path).search("found")) == 4


def test_a_database_with_an_index_is_used_and_the_index_catches_up(
    path: Path, team: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    team("mgr").send("dev", "found before")
    with team("mgr").database.writing() as connection:
        search.index_pending(connection)
    take_away(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_MODULE", "fts9")
        patch.setattr(search, "WORTHWHILE", 1)
        team("mgr").send("dev", "found after")
        with pytest.raises(UsageError):
            team("mgr").search("found")

    give_back(path)
    assert [hit.content for hit in team("mgr").search("found")] == ["found after", "found before"]


def test_an_old_database_is_brought_up_to_date(without: None, path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(RECENT)
    use(path)

    with closing(as_they_do(path)) as theirs:
        for statement, values in WRITES:
            theirs.execute(statement, values)


def test_the_programs_that_share_the_database_write_on(path: Path, team: As) -> None:
    team("mgr").send("dev", "text")
    take_away(path)

    with closing(as_they_do(path)) as theirs:
        theirs.execute(MESSAGE, ("theirs", "mgr", "dev", "text", "g"))
        theirs.execute("UPDATE messages SET content = 'changed' WHERE id = 'theirs'")
        theirs.execute("DELETE FROM messages WHERE id = 'theirs'")
