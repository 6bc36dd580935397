"""`send`, `reply` and `delete`: what is printed, what becomes a dead letter, what is refused."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Program = Callable[..., Any]


@pytest.fixture
def message(team: Program) -> str:
    """The id of a message from the manager to the architect."""
    return str(team("send", "--to", "architect-1", "--content", "Review it", agent="mgr-1").out.strip())


def test_send_prints_the_whole_message_as_json(team: Program) -> None:
    document = team("send", "--to", "dev-1", "--content", "Start", "--json", agent="mgr-1").document

    assert {key: document[key] for key in ("fromAgent", "toAgent", "content", "replyTo", "groupId", "warning")} == {
        "fromAgent": "mgr-1",
        "toAgent": "dev-1",
        "content": "Start",
        "replyTo": None,
        "groupId": "my-team",
        "warning": None,
    }


@pytest.mark.parametrize("arguments", [("Start",), ("--content", "-"), ("-",)])
def test_text_may_be_an_argument_or_come_from_stdin(team: Program, arguments: tuple[str, ...]) -> None:
    run = team("send", "--to", "dev-1", "--json", *arguments, agent="mgr-1", stdin="Start\n")

    assert run.document["content"] == "Start"


@pytest.mark.parametrize("arguments", [(), ("Start", "--content", "Start")])
def test_text_is_given_once(team: Program, arguments: tuple[str, ...]) -> None:
    assert team("send", "--to", "dev-1", *arguments, agent="mgr-1").code == 2


def test_message_to_someone_absent_becomes_a_dead_letter(team: Program) -> None:
    run = team("send", "--to", "ghost", "--content", "Boo", agent="mgr-1")

    assert (run.code, run.out) == (4, "")
    assert run.err.startswith("error: not delivered: there is no agent ghost; kept as dead letter 1; ")


def test_message_to_no_contact_is_refused(team: Program) -> None:
    run = team("send", "--to", "dev-2", "--content", "Psst", agent="dev-1")

    assert run.code == 6
    assert "btmsg allow dev-1 dev-2" in run.err


def test_sender_is_told_that_the_recipient_looks_stalled(team: Program, database: Path) -> None:
    _silence(database, "dev-1", minutes=20)
    run = team("send", "--to", "dev-1", "--content", "There?", agent="mgr-1")

    assert run.code == 0
    assert run.err == "warning: dev-1 looks stalled: its last heartbeat was 20 minutes ago\n"


def test_stall_threshold_may_be_given(team: Program, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _silence(database, "dev-1", minutes=20)
    monkeypatch.setenv("BTMSG_STALL_THRESHOLD_MIN", "30")

    assert team("send", "--to", "dev-1", "--content", "There?", agent="mgr-1").err == ""
    assert team("send", "--to", "dev-1", "x", "--stall-threshold-min", "10", agent="mgr-1").err.startswith("warning: ")


def test_reply_goes_to_the_sender_and_names_the_message(team: Program, message: str) -> None:
    answer = team("reply", message[:8], "--content", "Done", "--json", agent="architect-1").document

    assert (answer["toAgent"], answer["replyTo"]) == ("mgr-1", message)


def test_manager_deletes_a_message(team: Program, message: str) -> None:
    assert team("delete", message[:8], agent="mgr-1").out == f"{message}\n"
    assert team("show", message, agent="mgr-1").code == 4


def test_others_delete_nothing(team: Program, message: str) -> None:
    assert team("delete", message, agent="architect-1").code == 6


def _silence(database: Path, agent: str, *, minutes: int) -> None:
    """Let the last heartbeat of an agent be some minutes ago."""
    with sqlite3.connect(database) as connection:
        connection.execute("INSERT INTO heartbeats VALUES (?, unixepoch() - ?)", (agent, minutes * 60))
    connection.close()
