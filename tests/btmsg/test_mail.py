"""Reading: order, the flag and the acknowledgements that never contradict it, histories, the feed, ids by prefix."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from bmad_messenger.btmsg import RefusedError, as_dict
from bmad_messenger.errors import NotFoundError
from tests.btmsg.plain_sql import MESSAGE, as_they_do
from tests.btmsg.team import As


def sent(team: As, *texts: str, sender: str = "mgr", to: str = "dev") -> list[str]:
    return [team(sender).send(to, text).message.id for text in texts]


def test_messages_of_one_second_keep_the_order_in_which_they_were_written(team: As, path: Path) -> None:
    for number in range(4):
        sent(team, f"ours {number}")
        with closing(as_they_do(path)) as theirs:
            theirs.execute(MESSAGE, (f"{9 - number}", "mgr", "dev", f"theirs {number}", "g"))

    expected = [f"{who} {number}" for number in range(4) for who in ("ours", "theirs")]
    assert [one.content for one in team("dev").unread_messages()] == expected
    assert [one.content for one in team("dev").inbox(3)] == expected[-3:]
    assert [one.content for one in team("dev").history("mgr", 3)] == expected[-3:]
    assert [one.content for one in team("mgr").get_feed("g", 3)] == expected[:-4:-1]


def test_a_time_with_a_t_sorts_with_the_others(team: As, path: Path) -> None:
    times = ("2024-01-01T10:00:00Z", "2024-01-01 09:00:00", "2024-01-01 11:00:00.5")
    with closing(as_they_do(path)) as theirs:
        for time in times:
            theirs.execute(MESSAGE.replace("id,", "created_at, id,").replace("(?,", "(?, ?,"), (time, time, "mgr", "dev", "x", "g"))  # fmt: skip # noqa: E501

    assert [one.created_at for one in team("dev").unread_messages()] == [times[1], times[0], times[2]]


def test_reading_marks_nothing_until_it_is_told(team: As) -> None:
    first, second = sent(team, "a", "b")
    assert [one.id for one in team("dev").unread_messages()] == [first, second]

    team("dev").mark_read([first])
    assert [one.id for one in team("dev").unread_messages()] == [second]
    assert [(one.id, one.read) for one in team("dev").inbox()] == [(first, True), (second, False)]


def test_counts_agree_with_lists_whatever_was_read_or_acknowledged(team: As) -> None:
    ids = sent(team, *"abcdef")
    dev = team("dev")
    for act in (
        lambda: dev.ack([ids[0]], session="s"),
        lambda: dev.mark_read([ids[1]]),
        lambda: dev.ack([ids[1]], session="s"),
        lambda: dev.mark_read([ids[0]]),
        lambda: dev.ack([ids[2]], session="other"),
        lambda: dev.ack(session="s"),
        lambda: dev.mark_read(ids),
    ):
        act()
        unread = {one.id for one in dev.unread_messages()}
        listed = {one.id: one.unread_count for one in dev.get_agents("g")}
        assert dev.unread_count() == len(unread) == listed["dev"] == dev.whoami().unread_count
        for session in ("s", "other", "new"):
            assert unread <= {one.id for one in dev.unseen(session)} | {one.id for one in dev.ack([], session=session)}
            assert not {one.id for one in dev.unseen(session)} & {one.id for one in dev.inbox() if one.read}
    assert unread == set()


def test_a_session_acknowledges_for_itself(team: As) -> None:
    first, second = sent(team, "a", "b")
    team("dev").ack([first[:6]], session="one")

    assert [one.id for one in team("dev").unseen("one")] == [second]
    assert [one.id for one in team("dev").unseen("two")] == [first, second]
    assert [one.id for one in team("dev").unread_messages()] == [second]
    assert [one.read for one in team("dev").inbox()] == [False, False]


def test_what_was_read_is_unseen_in_no_session(team: As) -> None:
    ids = sent(team, "a", "b")
    team("dev").mark_read(ids)

    assert team("dev").unseen("any") == []


def test_an_acknowledgement_goes_with_its_message(team: As, path: Path) -> None:
    (message,) = sent(team, "a")
    team("dev").ack([message])
    team("mgr").delete_message(message)

    with closing(as_they_do(path)) as theirs:
        assert theirs.execute("SELECT count(*) FROM seen_messages").fetchone()[0] == 0


def test_only_the_recipient_marks_a_message(team: As) -> None:
    (message,) = sent(team, "a")
    for agent_id in ("mgr", "ops"):
        with pytest.raises(RefusedError):
            team(agent_id).mark_read([message])
    with pytest.raises(RefusedError):
        team("mgr").ack([message])


def test_ids_are_found_by_a_beginning_that_is_unique(team: As, path: Path) -> None:
    with closing(as_they_do(path)) as theirs:
        for message_id in ("abc", "abcd", "abd"):
            theirs.execute(MESSAGE, (message_id, "mgr", "dev", "x", "g"))

    assert team("dev").get_message("abc").id == "abc"
    assert team("dev").get_message("abd").id == "abd"
    with pytest.raises(NotFoundError, match="several ids begin with ab: abc, abcd, abd"):
        team("dev").get_message("ab")
    for unknown in ("x", "", "ABC"):
        with pytest.raises(NotFoundError):
            team("dev").get_message(unknown)


def test_a_history_is_the_latest_of_both_sides_oldest_first(team: As) -> None:
    sent(team, "1", "2")
    sent(team, "3", sender="dev", to="mgr")
    sent(team, "other", to="ops")
    sent(team, "4")

    assert [one.content for one in team("dev").history("mgr", 3)] == ["2", "3", "4"]
    with pytest.raises(NotFoundError):
        team("dev").history("nobody")


def test_the_feed_shows_both_ends_and_to_most_roles_their_own(team: As) -> None:
    sent(team, "to dev")
    sent(team, "to ops", to="ops")
    newest, _ = team("mgr").get_feed()

    assert (newest.sender_name, newest.recipient_name, newest.recipient_role) == ("Mgr", "Ops", "project")
    assert [one.content for one in team("dev").get_feed("g")] == ["to dev"]
    assert len(team(None).get_feed("g")) == 2


def test_the_feed_of_the_operator_and_of_nobody_has_every_group(team: As) -> None:
    team(None).register("other", group_id="h", role="manager")
    for sender in ("mgr", "other", "mgr"):
        sent(team, f"from {sender}", sender=sender, to="boss")
    everything = ["from mgr", "from other", "from mgr"]

    for caller in (None, "boss"):
        assert [one.content for one in team(caller).get_feed()] == everything
        assert [one.content for one in team(caller).get_feed(limit=2)] == everything[:2]
        assert [one.content for one in team(caller).get_feed("h")] == ["from other"]
    assert [one.content for one in team("mgr").get_feed()] == ["from mgr", "from mgr"]


def test_a_message_of_an_agent_that_is_gone_is_still_listed(team: As, path: Path) -> None:
    with closing(as_they_do(path)) as theirs:
        theirs.execute("PRAGMA foreign_keys = OFF")
        theirs.execute(MESSAGE, ("m", "gone", "dev", "text", "g"))

    (message,) = team("dev").unread_messages()
    assert (message.sender_name, message.sender_role, team("dev").unread_count()) == ("gone", None, 1)


def test_records_are_camel_case_in_json(team: As) -> None:
    sent(team, "text")
    (message,) = map(as_dict, team("dev").unread_messages())

    keys = {
        "id",
        "fromAgent",
        "toAgent",
        "content",
        "read",
        "replyTo",
        "groupId",
        "createdAt",
        "senderName",
        "senderRole",
    }
    assert keys <= message.keys()
    assert message["read"] is False
    assert "unreadCount" in as_dict(team("dev").whoami())
    assert "memberCount" in as_dict(team("dev").get_channels()[0])
