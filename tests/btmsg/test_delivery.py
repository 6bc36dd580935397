"""Sending: contacts, dead letters and their one delivery, stalled recipients, and what a kill can't lose."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from bmad_messenger.btmsg import Btmsg, DeadLetterError, RefusedError
from bmad_messenger.errors import InvalidError, NotFoundError, UsageError
from tests.btmsg.plain_sql import AGENT, as_they_do
from tests.btmsg.team import As

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def test_a_message_is_sent_with_its_group_and_payload(team: As) -> None:
    sent = team("mgr").send("dev", "text", payload={"a": ["ü", None]})

    (message,) = team("dev").unread_messages()
    assert message == sent.message
    assert (message.group_id, message.sender_group_id, message.sender_name) == ("g", "g", "Mgr")
    assert (message.payload, sent.warning) == ({"a": ["ü", None]}, None)


def test_who_is_no_contact_gets_no_message(team: As) -> None:
    with pytest.raises(RefusedError, match=r"btmsg allow dev ops"):
        team("dev").send("ops", "text")
    assert team("ops").unread_count() == 0

    team("mgr").allow("dev", "ops")
    team("dev").send("ops", "text")
    with pytest.raises(RefusedError):
        team("ops").send("dev", "text")


def test_the_operator_needs_no_contact(team: As) -> None:
    team("mgr").deny("boss", "dev")

    assert team("boss").send("dev", "text").message.to_agent == "dev"


def test_an_empty_message_and_no_caller_are_errors(team: As) -> None:
    with pytest.raises(InvalidError):
        team("mgr").send("dev", " \n")
    with pytest.raises(UsageError, match="BTMSG_AGENT_ID"):
        team(None).send("dev", "text")
    with pytest.raises(NotFoundError, match="not registered"):
        team("nobody").send("dev", "text")


@pytest.mark.parametrize("to", ["", " ", "a\nb"])
def test_who_can_t_be_an_agent_gets_no_dead_letter(team: As, to: str) -> None:
    with pytest.raises(InvalidError, match="is no id of an agent"):
        team("mgr").send(to, "text")
    assert team("mgr").dead_letters() == []


def test_nobody_but_the_operator_writes_to_itself(team: As) -> None:
    with pytest.raises(RefusedError, match="mgr may not message itself; only admin may"):
        team("mgr").send("mgr", "text")
    assert team("boss").send("boss", "text").message.to_agent == "boss"


def test_a_message_to_nobody_is_a_dead_letter_and_delivered_once(team: As) -> None:
    with pytest.raises(DeadLetterError, match="there is no agent late") as caught:
        team("mgr").send("late", "text", payload=[1])
    assert caught.value.exit_code == 4
    assert team("mgr").retry_dead_letters()[0].message_id is None

    team(None).register("late", group_id="g")
    (retried,) = team("mgr").retry_dead_letters()
    assert team("mgr").retry_dead_letters() == team("mgr").dead_letters() == []
    (message,) = team("late").unread_messages()
    assert (message.id, message.content, message.payload) == (retried.message_id, "text", [1])


def test_a_message_to_a_stopped_agent_is_a_dead_letter(team: As) -> None:
    parent = team("mgr").send("dev", "question").message.id
    team("mgr").set_status("dev", "stopped")
    with pytest.raises(DeadLetterError, match="dev is stopped"):
        team("mgr").send("dev", "text", reply_to=parent)
    assert team("mgr").dead_letters()[0].error == "dev is stopped"

    team("mgr").set_status("dev", "active")
    team("mgr").retry_dead_letters()
    assert team("dev").unread_messages()[-1].reply_to == parent


def test_a_dead_letter_is_delivered_once_by_two_who_retry_at_once(team: As) -> None:
    for number in range(20):
        with pytest.raises(DeadLetterError):
            team("mgr").send("late", str(number))
    team(None).register("late", group_id="g")

    with ThreadPoolExecutor(4) as pool:
        retried = list(pool.map(lambda _: len(team("mgr").retry_dead_letters()), range(4)))
    assert sum(retried) == 20
    assert [message.content for message in team("late").unread_messages()] == [str(number) for number in range(20)]


def test_a_retry_obeys_the_contacts(team: As) -> None:
    with pytest.raises(DeadLetterError):
        team("dev").send("late", "text")
    team(None).register("late", group_id="g")

    assert "no contact" in str(team("dev").retry_dead_letters()[0].error)


def test_dead_letters_are_the_sender_s_or_the_manager_s(team: As) -> None:
    for sender in ("dev", "ops"):
        with pytest.raises(DeadLetterError):
            team(sender).send("late", sender)

    assert [letter.content for letter in team("dev").dead_letters()] == ["dev"]
    assert len(team("mgr").dead_letters()) == 2
    with pytest.raises(NotFoundError):
        team("dev").retry_dead_letters(2)
    assert team("mgr").clear_dead_letters(2) == 1
    assert team("mgr").clear_dead_letters() == 1


def test_an_agent_that_other_programs_registered_gets_its_messages(team: As, path: Path) -> None:
    with closing(as_they_do(path)) as theirs:
        theirs.execute(AGENT, ("rust", "Rust", "project", "g", 2))
    team("mgr").allow("mgr", "rust")

    assert team("mgr").send("rust", "text").warning is None
    assert {one.agent_id: one.state for one in team("mgr").health("g")}["rust"] == "not-started"


def test_a_stalled_agent_gets_the_message_and_the_sender_is_told(team: As, path: Path) -> None:
    team("dev").heartbeat()
    assert team("mgr").send("dev", "text").warning is None
    with closing(as_they_do(path)) as theirs:
        theirs.execute("UPDATE heartbeats SET timestamp = ?", (int(time.time()) - 16 * 60,))

    assert "looks stalled: its last heartbeat was 16 minutes ago" in str(team("mgr").send("dev", "text").warning)
    assert Btmsg(path, agent="mgr", stall_minutes=20).send("dev", "text").warning is None
    assert team("dev").unread_count() == 3
    assert {one.agent_id: one.state for one in team("mgr").health("g") if one.agent_id in ("dev", "ops")} == {
        "dev": "stalled",
        "ops": "silent",
    }


def test_a_reply_goes_to_the_other_and_names_the_message(team: As) -> None:
    first = team("mgr").send("dev", "question").message
    answer = team("dev").reply(first.id[:8], "answer").message
    assert (answer.to_agent, answer.reply_to) == ("mgr", first.id)
    assert team("mgr").reply(first.id, "and also").message.to_agent == "dev"

    with pytest.raises(RefusedError):
        team("ops").reply(first.id, "me too")


def test_what_is_sent_is_audited(team: As) -> None:
    message = team("mgr").send("dev", "text").message
    (entry,) = team("mgr").audit(event_type="send")

    assert (entry.agent_id, entry.detail) == ("mgr", f"to dev: {message.id}")


def test_a_send_killed_at_any_statement_is_whole_or_not_there(team: As, path: Path) -> None:
    step, told = 0, ""
    while not told:
        told = send_until(path, step)
        step += 1
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        there = [name for (name,) in connection.execute("SELECT content FROM messages ORDER BY rowid")]
        audited = connection.execute("SELECT count(*) FROM audit_log WHERE event_type = 'send'").fetchone()[0]
    assert told in there
    assert len(there) == len(set(there)) == audited == team("dev").unread_count()
    assert len(team("dev").search("number", limit=None)) == len(there)
    assert step > 8


def send_until(path: Path, step: int) -> str:
    """Send in a process that is killed before its statement number `step`; what it sent, where it came to say so."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            statements = iter(range(step))
            btmsg = Btmsg(path, agent="mgr")
            with btmsg.database.writing() as connection:
                connection.set_trace_callback(
                    lambda _: os.kill(os.getpid(), signal.SIGKILL) if next(statements, None) is None else None
                )
            os.write(writer, btmsg.send("dev", f"number {step}", payload=step).message.content.encode())
        except Exception as error:  # noqa: BLE001  # else the child would go on with the tests
            os.write(writer, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as pipe:
        return pipe.read()
