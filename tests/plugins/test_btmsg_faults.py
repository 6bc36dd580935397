"""The btmsg plugin while btmsg fails or the process dies: the message stands, one warning, `sync` settles it."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import Draft, Messenger, Problem, Status
from bmad_messenger.btmsg import Btmsg, waiting
from bmad_messenger.plugins import btmsg as plugin

NOTE: dict[str, Any] = {"type": "notify", "from_agent": "pm", "to_agent": "dev", "payload": {"message": "news"}}
TO_ALL: dict[str, Any] = {"type": "notify", "from_agent": "sm", "to_agents": "all", "payload": {"message": "news"}}


@pytest.fixture
def messenger(database: Path, shop: Path, problems: list[Problem]) -> Messenger:
    return Messenger.open(shop, report=problems.append)


@pytest.fixture
def locked(database: Path, messenger: Messenger, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Another program that writes to the database and does not end."""
    messenger.send(**NOTE)
    monkeypatch.setattr(waiting, "BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def test_a_locked_database_costs_one_warning(
    locked: sqlite3.Connection, messenger: Messenger, problems: list[Problem], btmsg: Btmsg
) -> None:
    messenger.send_many([Draft(**NOTE)] * 100)
    messenger.send(**NOTE)

    assert len(messenger.list()) == 102
    assert [problem.severity for problem in problems] == ["warning"]
    assert "'btmsg' failed in after_change" in problems[0].message
    assert "was in use" in problems[0].message
    assert "`bmad-messenger sync`" in problems[0].hint
    locked.execute("ROLLBACK")
    assert list(messenger.sync()) == ["brought btmsg up to date: 101 new, 0 read"]
    assert btmsg.unread_count("dev") == 102


def test_one_that_was_locked_is_left_alone_for_a_while(
    locked: sqlite3.Connection, messenger: Messenger, btmsg: Btmsg, monkeypatch: pytest.MonkeyPatch
) -> None:
    messenger.send(**NOTE)
    locked.execute("ROLLBACK")
    messenger.send(**NOTE)
    assert btmsg.unread_count("dev") == 1

    monkeypatch.setattr(plugin, "_PAUSE", 0)
    messenger.send(**NOTE)
    assert btmsg.unread_count("dev") == 2


@pytest.mark.parametrize("content", [b"no database, but text\n" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_damaged_one_is_left_as_it_is(
    content: bytes, messenger: Messenger, problems: list[Problem], database: Path
) -> None:
    database.parent.mkdir()
    database.write_bytes(content)
    messenger.send(**NOTE)
    messenger.receive("dev")

    assert (len(messenger.list()), len(problems), database.read_bytes()) == (1, 1, content)


def test_a_place_that_can_not_be_made_is_a_warning(
    messenger: Messenger, problems: list[Problem], database: Path
) -> None:
    database.parent.write_text("a file where a folder has to be")
    sent = messenger.send(**NOTE)

    assert [problem.code for problem in problems] == ["hook"]
    database.parent.unlink()
    assert list(messenger.sync()) == ["brought btmsg up to date: 1 new, 0 read"]
    assert messenger.get(sent.message_id).status is Status.PENDING


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_one_is_a_warning(
    messenger: Messenger, problems: list[Problem], database: Path, shop: Path
) -> None:
    messenger.send(**NOTE)
    database.chmod(0o400)
    Messenger.open(shop, report=problems.append).send(**NOTE)

    assert [problem.code for problem in problems] == ["hook"]


def test_one_that_is_gone_is_made_anew_and_sync_fills_it(
    messenger: Messenger,
    problems: list[Problem],
    database: Path,
    btmsg: Btmsg,
    shop: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plugin, "_GRACE", 1)
    closed, _ = messenger.send(**NOTE), messenger.send(**NOTE)
    messenger.close(closed.message_id)
    for path in database.parent.iterdir():
        path.unlink()
    fresh = Messenger.open(shop, report=problems.append)
    fresh.send(**NOTE)
    fresh.send(**NOTE)

    assert ["was made, without the earlier" in problem.message for problem in problems] == [True]
    assert list(fresh.sync()) == ["brought btmsg up to date: 2 new, 0 read"]
    assert btmsg.unread_count("dev") == 3


def test_one_that_is_gone_under_an_open_connection_is_made_anew(
    messenger: Messenger, database: Path, btmsg: Btmsg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "_GRACE", 1)
    messenger.send(**NOTE)
    for path in database.parent.iterdir():
        path.unlink()
    messenger.send(**NOTE)

    assert btmsg.unread_count("dev") == 1
    assert list(messenger.sync()) == ["brought btmsg up to date: 1 new, 0 read"]


def test_what_was_sent_and_closed_meanwhile_is_settled(
    locked: sqlite3.Connection, messenger: Messenger, btmsg: Btmsg
) -> None:
    (before,) = messenger.list()
    meanwhile = messenger.send(**TO_ALL)
    messenger.close(before.message_id, meanwhile.message_id)
    locked.execute("ROLLBACK")

    assert list(messenger.sync()) == ["brought btmsg up to date: 7 new, 1 read"]
    assert [btmsg.unread_count(agent) for agent in messenger.config.agents] == [0] * 8
    assert list(messenger.sync()) == []


def test_the_command_line_warns_once_and_ends_well(
    locked: sqlite3.Connection, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bmad_messenger.cli.main import main

    send = ["send-message", "--type", "notify", "--from", "pm", "--to-agents", "all", "--set", "message=go"]
    code = main([*send, "--project", str(shop)])

    assert (code, capsys.readouterr().err.count("warning")) == (0, 1)


def test_a_sync_that_could_not_settle_btmsg_does_not_say_that_all_is_well(
    locked: sqlite3.Connection, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bmad_messenger.cli.main import main

    assert main(["sync", "--project", str(shop)]) == 0
    told = capsys.readouterr()
    assert "was in use" in told.err
    assert told.out == "Queue and archive agree; what else there was to do is left, as the warning says.\n"


def test_a_rule_of_another_program_is_a_warning_that_names_it(
    messenger: Messenger, problems: list[Problem], database: Path
) -> None:
    messenger.send(**NOTE)
    with closing(sqlite3.connect(database)) as other:
        other.execute(
            "CREATE TRIGGER theirs BEFORE INSERT ON messages BEGIN SELECT raise(ABORT, 'not on sundays'); END"
        )
    messenger.send(**NOTE)
    messenger.sync()

    assert [problem.severity for problem in problems] == ["warning", "warning"]
    assert all("refuses the row: not on sundays" in problem.message for problem in problems)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("act", ["send", "receive", "rebuild"])
def test_a_kill_at_any_statement_loses_nothing_for_good(
    act: str, tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions: dict[str, Callable[[Messenger], object]] = {
        "send": lambda messenger: messenger.send(**TO_ALL),
        "receive": lambda messenger: messenger.receive("dev"),
        "rebuild": lambda messenger: messenger.sync(rebuild=True),
    }
    at, is_killed = 0, True
    while is_killed:
        at += 5  # one in five statements: each kind of them comes up
        root, database = tmp_path / f"{at}", tmp_path / f"{at}.db"
        root.mkdir()
        monkeypatch.setenv("BTMSG_DB", str(database))
        Messenger.open(root).send(**TO_ALL)
        with closing(sqlite3.connect(database)) as plain, plain:
            plain.execute("DELETE FROM messages WHERE to_agent <> 'dev' AND ? = 'rebuild'", (act,))
        is_killed = _dies_at_statement(at, Messenger.open(root), actions[act])
        messenger = Messenger.open(root)
        messenger.sync(rebuild=act == "rebuild")
        assert list(messenger.sync()) == []
        with closing(sqlite3.connect(database)) as plain, Btmsg(database) as btmsg:
            assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert {btmsg.unread_count(agent) for agent in ("pm", "tea")} == {len(messenger.list())}
            assert btmsg.unread_count("dev") == len(messenger.receive("dev", peek=True))
    assert at > 8


def _dies_at_statement(at: int, messenger: Messenger, action: Callable[[Messenger], object]) -> bool:
    """Does the action in a fork that is killed before the writing statement of this number; whether it came so far."""
    child = os.fork()
    if not child:
        left = at

        def count(statement: str) -> None:
            nonlocal left
            left -= not statement.startswith(("--", "SELECT"))
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

        connect = sqlite3.connect

        def traced(*args: Any, **options: Any) -> sqlite3.Connection:
            connection = connect(*args, **options)
            connection.set_trace_callback(count)
            return connection

        try:
            sqlite3.connect = traced  # type: ignore[assignment]
            action(messenger)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_a_send_with_a_hundred_thousand_copies_there_stays_quick(messenger: Messenger, btmsg: Btmsg) -> None:
    """What a send costs must not grow with the history."""
    messenger.send(**NOTE)
    mirror = plugin._link(messenger)._mirror
    with mirror.database.writing() as connection:
        connection.executemany(
            "INSERT INTO btmsg_mirrored (source, external_id, created_at, agent_id, message_id, origin, carried) "
            "VALUES (?, ?, '', 'dev', ?, '', 1)",
            ((mirror.source, f"MSG-20240101-{number:06x}", str(number)) for number in range(100_000)),
        )
    times = []
    for _ in range(10):
        begun = time.perf_counter()
        plugin.after_change(messenger, messenger.send_many([Draft(**NOTE)]))
        times.append(time.perf_counter() - begun)

    assert sorted(times)[5] < 0.1
