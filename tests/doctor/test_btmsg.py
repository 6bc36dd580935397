"""btmsg: whether its database has what queue and archive have, found out without a change to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bmad_messenger import Message, Messenger
from bmad_messenger.btmsg import Btmsg
from bmad_messenger.doctor.examination import examine
from tests.doctor.visiting import found, visit


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the plugin writes to, once it is switched on."""
    path = tmp_path / "agor" / "btmsg.db"
    monkeypatch.setenv("BTMSG_DB", str(path))
    monkeypatch.delenv("BTMSG_AGENT_ID", raising=False)
    return path


@pytest.fixture
def switch_on(database: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.delenv("BMAD_MESSENGER_DISABLE", raising=False)


@pytest.fixture
def late(messenger: Messenger, sent: Message, switch_on: Callable[[], None]) -> Messenger:
    """A messenger with a message from before the plugin was switched on."""
    switch_on()
    return Messenger.open(messenger.project.root)


def test_database_that_does_not_exist_is_found_and_not_made(late: Messenger, database: Path) -> None:
    finding = found(late, "btmsg")

    assert finding.problem.message == "btmsg lacks 1 message: there is no such file"
    assert (finding.problem.path, finding.mend) == (str(database), "bmad-messenger sync")
    assert not database.parent.exists()


def test_missing_messages_are_copied_by_the_fix(
    late: Messenger, database: Path, sent: Message, send: Callable[[], Message]
) -> None:
    with Btmsg(database):
        late.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "more"})

    finding = found(late, "btmsg")
    report = examine(late.project, fix=True)

    assert finding.problem.message == f"btmsg lacks 1 message: not copied: {sent.message_id}"
    assert report.fixed == ("brought btmsg up to date: 1 new, 0 read",)
    assert visit(late).findings == ()


def test_database_without_messages_is_not_asked_for(
    messenger: Messenger, switch_on: Callable[[], None], database: Path
) -> None:
    switch_on()

    assert visit(messenger).findings == ()
    assert not database.exists()


def test_message_read_in_the_queue_alone_is_found(
    messenger: Messenger, late: Messenger, database: Path, sent: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    late.sync()
    with monkeypatch.context() as off:
        off.setenv("BMAD_MESSENGER_DISABLE", "btmsg")
        Messenger.open(messenger.project.root).receive("dev")

    finding = found(late, "btmsg")
    examine(late.project, fix=True)

    assert finding.problem.message == f"queue and btmsg differ on whether 1 message was read: {sent.message_id}"
    assert visit(late).findings == ()


def test_message_read_in_btmsg_alone_is_found(late: Messenger, database: Path, sent: Message) -> None:
    late.sync()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE messages SET read = 1")

    finding = found(late, "btmsg")
    examine(late.project, fix=True)

    assert sent.message_id in finding.problem.message
    assert visit(late).findings == ()


def test_database_in_use_is_read_as_it_is_now(late: Messenger, database: Path) -> None:
    with Btmsg(database):
        late.sync()

        assert visit(late).findings == ()


def test_database_of_another_age_is_left_as_it_is(late: Messenger, database: Path) -> None:
    database.parent.mkdir()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE messages (id TEXT PRIMARY KEY, content TEXT)")

    assert found(late, "btmsg").problem.message.startswith("btmsg lacks 1 message: not copied")


def test_database_that_is_none_is_found(late: Messenger, database: Path) -> None:
    database.parent.mkdir()
    database.write_text("not a database" * 100)

    finding = found(late, "damaged")

    assert finding.problem.path == str(database)
    assert "file is not a database" in finding.problem.message
