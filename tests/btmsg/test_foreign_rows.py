"""Rows that no program should have written: each is shown as well as it can be, and none ends a command."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bmad_messenger.btmsg import as_dict
from bmad_messenger.btmsg.schema import SHARED
from bmad_messenger.errors import MessengerError
from tests.btmsg.plain_sql import MESSAGE, as_they_do
from tests.btmsg.reads import READS
from tests.btmsg.team import As

ROWS: dict[str, dict[str, object]] = {
    "agents": {"id": "odd", "name": "Odd", "role": "project", "group_id": "g", "tier": 2},
    "contacts": {"agent_id": "dev", "contact_id": "rev"},
    "messages": {"id": "odd", "from_agent": "mgr", "to_agent": "dev", "content": "word", "group_id": "g"},
    "channels": {"id": "odd", "name": "odd", "group_id": "g", "created_by": "system"},
    "channel_members": {"channel_id": "c", "agent_id": "odd"},
    "channel_messages": {"id": "odd", "channel_id": "c", "from_agent": "system", "content": "word"},
    "heartbeats": {"agent_id": "rev", "timestamp": 1},
    "dead_letter_queue": {"from_agent": "mgr", "to_agent": "odd", "content": "word", "error": "error"},
    "audit_log": {"agent_id": "mgr", "event_type": "event", "detail": "detail"},
    "seen_messages": {"session_id": "s", "message_id": "m"},
    "tasks": {"id": "odd", "title": "word", "created_by": "mgr", "group_id": "g"},
    "task_comments": {"id": "odd", "task_id": "t", "agent_id": "mgr", "content": "word"},
}
"""A plain row of every shared table."""

VALUES = (None, 7, 1.5, float("inf"), "", "text", "2024-01-01 00:00:00", b"", b"bytes", b"\xff\x00")
INVALID_UTF8 = "CAST(x'ff66' AS TEXT)"


@pytest.fixture
def theirs(team: As, path: Path) -> Iterator[sqlite3.Connection]:
    """Another program that minds no rule, in a database that has a plain row of most kinds."""
    team("mgr").board.ensure_review_channels("g")
    with closing(as_they_do(path)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        insert(connection, "messages", {**ROWS["messages"], "id": "m"})
        insert(connection, "channels", {**ROWS["channels"], "id": "c", "name": "c"})
        insert(connection, "tasks", {**ROWS["tasks"], "id": "t"})
        yield connection


def insert(connection: sqlite3.Connection, table: str, row: dict[str, object], sql: str = "") -> None:
    """Insert a row; where `sql` is given, it is the value of what is an ellipsis."""
    marks = ", ".join(sql if value is ... else "?" for value in row.values())
    values = [value for value in row.values() if value is not ...]
    connection.execute(f"INSERT OR REPLACE INTO {table} ({', '.join(row)}) VALUES ({marks})", values)


@pytest.mark.parametrize("table", ROWS)
def test_no_value_ends_a_read_or_spoils_its_json(team: As, theirs: sqlite3.Connection, table: str) -> None:
    for column in SHARED[table].columns:
        for number, value in enumerate((*VALUES, ...)):
            key = {"id": f"{column}-{number}"} if "id" in ROWS[table] and column != "id" else {}
            try:
                insert(theirs, table, {**ROWS[table], **key, column: value}, INVALID_UTF8)
            except sqlite3.IntegrityError:
                continue  # the table itself refuses it
            if table == "heartbeats":  # one replaces the other
                team("mgr").health()
    for agent_id in ("dev", "boss"):
        with team(agent_id) as btmsg:
            for read in READS.values():
                found = read(btmsg)
                records = found if isinstance(found, list) else [found]
                plain = [as_dict(one) if hasattr(one, "_asdict") else one for one in records]
                json.dumps(plain, allow_nan=False, default=as_dict)


def test_bytes_are_shown_as_the_text_they_are(team: As, theirs: sqlite3.Connection) -> None:
    insert(theirs, "messages", {**ROWS["messages"], "content": "grüße".encode()})
    insert(theirs, "messages", {**ROWS["messages"], "id": "hex", "content": b"\xff\xfe"})

    assert [one.content for one in team("dev").unread_messages()][1:] == ["grüße", r"\xff\xfe"]
    assert [one.id for one in team("mgr").search("grusse")] == []
    assert [one.id for one in team("mgr").search("grüße")] == ["odd"]


@pytest.mark.parametrize("stored", [None, b"bytes", b"\xff", 7])
def test_a_message_with_an_odd_id_is_read_once(team: As, theirs: sqlite3.Connection, stored: object) -> None:
    insert(theirs, "messages", {**ROWS["messages"], "id": stored})
    dev = team("dev")
    found = dev.unread_messages()
    assert len(found) == dev.unread_count() == 2

    assert dev.get_message(found[1].id).content == "word"
    dev.mark_read(one.id for one in found)
    assert (dev.unread_messages(), dev.unread_count()) == ([], 0)


@pytest.mark.parametrize("stored", [None, b"bytes", b"\xff"])
def test_a_message_with_an_odd_id_is_acknowledged_answered_and_deleted(
    team: As, theirs: sqlite3.Connection, stored: object
) -> None:
    insert(theirs, "messages", {**ROWS["messages"], "id": stored})
    dev = team("dev")
    shown = dev.unread_messages()[1].id

    answer = dev.reply(shown, "answer").message
    assert answer.reply_to == shown
    dev.ack([shown], session="s")
    assert [one.id for one in dev.unseen("s")] == ["m"]
    assert dev.unread_count() == 1
    assert team("mgr").delete_message(shown) == shown
    assert [one.id for one in dev.inbox()] == ["m"]


@pytest.mark.parametrize(("flag", "is_read"), [(None, False), (0, False), (1, True), (2, True), ("false", True)])
def test_flag_and_count_agree_whatever_the_flag(
    team: As, theirs: sqlite3.Connection, flag: object, is_read: bool
) -> None:
    insert(theirs, "messages", {**ROWS["messages"], "read": flag})
    dev = team("dev")

    assert [one.read for one in dev.inbox()] == [False, is_read]
    assert dev.unread_count() == len(dev.unread_messages()) == 2 - is_read


def test_a_heartbeat_may_be_a_time_in_words(team: As, theirs: sqlite3.Connection) -> None:
    states = {}
    for value in ("2024-01-01T00:00:00Z", "2024-01-01 00:00:00", "1704067200", 1704067200.5, "soon", b"\xff"):
        insert(theirs, "heartbeats", {"agent_id": "rev", "timestamp": value})
        (health,) = (one for one in team("mgr").health("g") if one.agent_id == "rev")
        states[value] = (health.state, health.last_heartbeat)
        team("mgr").send("rev", "text")

    assert [*states.values()] == [("stalled", 1704067200)] * 4 + [("silent", None)] * 2


def test_a_dead_letter_of_bytes_is_delivered(team: As, theirs: sqlite3.Connection) -> None:
    letter = {"from_agent": b"mgr", "to_agent": b"late", "content": b"text", "error": b"x"}
    insert(theirs, "dead_letter_queue", letter)
    assert team("boss").retry_dead_letters()[0].error == "there is no agent late"

    team(None).register("late", group_id="g")
    team("boss").retry_dead_letters()
    assert [one.content for one in team("late").unread_messages()] == ["text"]


def test_a_payload_that_is_no_json_is_shown_as_it_is(team: As, theirs: sqlite3.Connection) -> None:
    for number, payload in enumerate(("{", b"\xff", "[" * 100_000)):
        insert(theirs, "messages", {**ROWS["messages"], "id": f"{number}"})
        insert(theirs, "btmsg_payloads", {"message_id": f"{number}", "payload": payload})

    payloads = [one.payload for one in team("dev").inbox()]
    assert payloads == [None, "{", r"\xff", "[" * 100_000]


def test_a_task_of_odd_values_can_be_moved(team: As, theirs: sqlite3.Connection) -> None:
    odd = {"title": b"bytes", "version": "x", "sort_order": "last", "status": None, "priority": None}
    insert(theirs, "tasks", {**ROWS["tasks"], **odd})

    assert team("mgr").board.set_status("odd", "progress").status == "progress"
    assert team("mgr").board.get("odd").title == "bytes"


@pytest.mark.parametrize("table", ["heartbeats", "agents", "messages", "seen_messages", "btmsg_payloads"])
def test_a_table_that_is_gone_is_said_so(team: As, theirs: sqlite3.Connection, table: str) -> None:
    theirs.execute(f"DROP TABLE {table}")

    with pytest.raises(MessengerError, match=f"no such table: (main\\.)?{table}") as caught:
        [read(team("mgr")) for read in READS.values()]
    assert caught.value.exit_code == 7


def test_a_rule_of_another_program_is_said_so(team: As, theirs: sqlite3.Connection) -> None:
    theirs.execute(
        "CREATE TRIGGER theirs BEFORE INSERT ON messages WHEN new.content = 'bad' "
        "BEGIN SELECT raise(ABORT, 'no bad words'); END"
    )

    with pytest.raises(MessengerError, match="refuses the row: no bad words; nothing was changed") as caught:
        team("mgr").send("dev", "bad")
    assert caught.value.exit_code == 7
    assert team("dev").unread_count() == 1


@pytest.mark.parametrize("text", ["\udcff", "a\ud800b"])
def test_text_that_is_no_utf8_is_refused(team: As, text: str) -> None:
    for act in (
        lambda: team("mgr").send("dev", text),
        lambda: team("mgr").get_message(text),
        lambda: team(text).inbox(),
    ):
        with pytest.raises(MessengerError):
            act()
    with pytest.raises(MessengerError, match="of that size"):
        team("mgr").inbox(10**30)


def test_a_row_without_an_id_gets_one_and_is_found(team: As, theirs: sqlite3.Connection) -> None:
    theirs.execute(MESSAGE, (None, "mgr", "dev", "nameless", "g"))

    (hit,) = team("dev").search("nameless")
    assert team("dev").get_message(hit.id[:8]).content == "nameless"
