"""The copies of another program's messages: each once, reads carried both ways, rebuilt without loss."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from bmad_messenger.btmsg import Btmsg, Database, Mirror
from bmad_messenger.btmsg.mirror import Entry, Key
from bmad_messenger.btmsg.mirrored_agents import Member
from bmad_messenger.errors import InvalidError
from tests.btmsg.plain_sql import as_they_do

TEN, ELEVEN = "2025-01-01 10:00:00.000000", "2025-01-01 11:00:00.000000"
ENTRIES = [
    Entry("MSG-1", TEN, "pm", "dev", "question", payload={"n": 1}),
    Entry("MSG-1", TEN, "pm", "qa", "question", payload={"n": 1}),
    Entry("MSG-2", ELEVEN, "dev", "pm", "answer", reply_to="MSG-1"),
]


@pytest.fixture
def mirror(path: Path) -> Mirror:
    return Mirror(Database(path), source="here", group_id="g", origin="/one")


def elsewhere(path: Path, origin: str = "/two") -> Mirror:
    """Another place of the same source."""
    return Mirror(Database(path), source="here", group_id="g", origin=origin)


def contents(path: Path) -> list[tuple[str, str, str]]:
    return [(one.from_agent, one.to_agent, one.content) for one in Btmsg(path).get_feed("g", None)]


def test_each_message_is_copied_once(path: Path, mirror: Mirror) -> None:
    assert [mirror.deliver(one).new for one in (ENTRIES, ENTRIES, ENTRIES[:1])] == [3, 0, 0]
    assert contents(path) == [("dev", "pm", "answer"), ("pm", "qa", "question"), ("pm", "dev", "question")]

    (question,), (answer,) = Btmsg(path).unread_messages("dev"), Btmsg(path).unread_messages("pm")
    assert (question.payload, question.created_at) == ({"n": 1}, TEN)
    assert answer.reply_to == question.id


def test_two_sources_may_use_the_same_ids(path: Path, mirror: Mirror) -> None:
    mirror.deliver(ENTRIES)

    assert Mirror(Database(path), source="elsewhere", group_id="h").deliver(ENTRIES).new == 3


def test_two_places_may_have_messages_of_one_id(path: Path, mirror: Mirror) -> None:
    mirror.deliver(ENTRIES)
    theirs = [one._replace(created_at=f"2024{one.created_at[4:]}", content="theirs") for one in ENTRIES]

    assert elsewhere(path).deliver(theirs).new == 3
    ours, others = Btmsg(path).unread_messages("dev")[::-1]
    assert (ours.content, others.content) == ("question", "theirs")
    assert [one.reply_to for one in Btmsg(path).unread_messages("pm")] == [others.id, ours.id]


def test_two_places_share_a_message_that_both_have(path: Path, mirror: Mirror) -> None:
    mirror.deliver(ENTRIES)
    other = elsewhere(path)

    assert other.deliver(ENTRIES) == (0, 0)
    assert other.deliver([ENTRIES[0]._replace(read=True)]) == (0, 1)
    assert Btmsg(path).unread_count("dev") == 0


def test_agents_are_registered_on_first_use(path: Path, mirror: Mirror) -> None:
    Btmsg(path).register("qa", group_id="other", role="tester")
    mirror.deliver(ENTRIES, [Member("pm", "manager", "The PM"), Member("user", "admin")])

    agents = {one.id: (one.role, one.group_id, one.tier) for one in Btmsg(path).get_agents()}
    assert agents == {
        "pm": ("manager", "g", 1),
        "dev": ("project", "g", 2),
        "user": ("admin", "g", 0),
        "qa": ("tester", "other", 1),
        "g/qa": ("project", "g", 2),
    }
    assert {one.id for one in Btmsg(path).contacts("dev")} == {"user", "pm"}


def test_an_agent_of_another_group_gets_no_copies_and_the_operator_gets_all(path: Path, mirror: Mirror) -> None:
    Btmsg(path).register("dev", group_id="other")
    Btmsg(path).register("user", group_id="other", role="admin")
    operator = [Member("user", "admin")]
    mirror.deliver([*ENTRIES[:1], Entry("MSG-4", TEN, "dev", "user", "help")], operator)
    mirror.deliver([Entry("MSG-5", TEN, "pm", "dev", "again")], operator)

    assert [Btmsg(path).unread_count(one) for one in ("dev", "g/dev", "user")] == [0, 2, 1]
    Btmsg(path, agent="g/dev").ack(session="s")
    assert mirror.read_here() == [Key("MSG-1", TEN, "dev"), Key("MSG-5", TEN, "dev")]


def test_a_message_to_all_is_for_those_whom_it_went_to_at_first(path: Path, mirror: Mirror) -> None:
    to_all = [Entry("MSG-6", TEN, "pm", one, "news", to_all=True) for one in ("dev", "qa", "newcomer")]

    assert [mirror.deliver(to_all[:2]).new, mirror.deliver(to_all).new, mirror.rebuild(to_all)] == [2, 0, 3]
    assert len(contents(path)) == 2
    closed = [one._replace(read=True, closed=True) for one in to_all[1:]]
    assert mirror.deliver(closed) == (0, 2)


def test_a_recipient_named_twice_gets_one_copy(path: Path, mirror: Mirror) -> None:
    assert mirror.deliver([ENTRIES[0]] * 2) == (1, 0)
    assert mirror.deliver([ENTRIES[0]._replace(external_id="MSG-7", to_all=True, read=True)] * 2) == (1, 0)
    assert len(contents(path)) == 2


def test_what_every_copy_was_read_of_is_settled(mirror: Mirror) -> None:
    mirror.deliver(ENTRIES)
    mirror.deliver([ENTRIES[2]._replace(read=True), ENTRIES[0]._replace(read=True)])

    assert (mirror.copied(), mirror.settled()) == ({"MSG-1", "MSG-2"}, {"MSG-2": [ELEVEN]})


def test_a_copy_that_was_deleted_stays_deleted(path: Path, mirror: Mirror) -> None:
    mirror.deliver(ENTRIES, [Member("pm", "manager")])
    manager = Btmsg(path, agent="pm")
    manager.delete_message(manager.unread_messages()[0].id)

    assert mirror.deliver(ENTRIES) == (0, 0)
    assert manager.unread_messages() == []


def test_what_is_read_here_is_carried_once(path: Path, mirror: Mirror) -> None:
    mirror.deliver(ENTRIES)
    dev, qa = (Btmsg(path, agent=one) for one in ("dev", "qa"))
    dev.mark_read([dev.unread_messages()[0].id])
    qa.ack(session="s")
    of_dev, of_qa, of_pm = (entry.key for entry in ENTRIES)

    assert mirror.read_here() == [of_dev, of_qa]
    mirror.carried([of_dev])
    assert mirror.read_here() == [of_qa]
    assert mirror.read_here([of_dev, of_pm]) == []
    assert mirror.read_here([of_qa]) == [of_qa]


def test_what_is_read_there_is_read_here_and_not_carried_back(path: Path, mirror: Mirror) -> None:
    mirror.deliver([*ENTRIES[:2], ENTRIES[2]._replace(read=True)])
    read = [one._replace(read=True) for one in ENTRIES]

    assert [mirror.deliver(read[:1]).read, mirror.deliver(read).read, mirror.deliver(read).read] == [1, 1, 0]
    assert [Btmsg(path).unread_count(one) for one in ("dev", "qa", "pm")] == [0, 0, 0]
    assert mirror.read_here() == []


def test_what_was_acknowledged_here_and_read_there_is_read_in_every_session(path: Path, mirror: Mirror) -> None:
    mirror.deliver(ENTRIES)
    Btmsg(path, agent="dev").ack(session="s")
    mirror.deliver([ENTRIES[0]._replace(read=True)])

    assert Btmsg(path).unseen("another", "dev") == []


def test_a_rebuild_puts_right_what_was_changed(path: Path, mirror: Mirror) -> None:
    mirror.deliver([*ENTRIES, Entry("MSG-3", TEN, "pm", "dev", "not in the rebuild")])
    Btmsg(path, agent="qa").ack(session="s")
    before = {one.id: one for one in Btmsg(path).get_feed("g", None)}
    with closing(as_they_do(path)) as theirs:
        theirs.execute("UPDATE messages SET content = 'changed' WHERE content = 'question'")
        theirs.execute("DELETE FROM messages WHERE content = 'answer'")

    assert elsewhere(path).rebuild(ENTRIES) == 3
    assert {one.id: one for one in Btmsg(path).get_feed("g", None)} == before
    assert Btmsg(path).unread_count("qa") == 0


def test_what_another_place_says_otherwise_under_the_same_key_is_another_message(path: Path, mirror: Mirror) -> None:
    mirror.deliver(ENTRIES)
    before = set(Btmsg(path).get_feed("g", None))
    other = elsewhere(path)
    theirs = [one._replace(payload={"n": 2}, content="theirs") for one in ENTRIES]

    assert other.deliver(theirs) == (3, 0)
    other.rebuild([theirs[0], theirs[1]._replace(to_agent="ops")])
    assert before < set(Btmsg(path).get_feed("g", None))
    assert [one.content for one in Btmsg(path).unread_messages("dev")] == ["question", "theirs"]
    assert [one.content for one in Btmsg(path).unread_messages("qa")] == ["question"]


def test_reads_under_the_same_key_are_each_place_s_own(path: Path, mirror: Mirror) -> None:
    mirror.deliver(ENTRIES[:1])
    other = elsewhere(path)
    other.deliver([ENTRIES[0]._replace(payload={"n": 2}, content="theirs")])
    dev = Btmsg(path, agent="dev")
    dev.mark_read([dev.unread_messages()[0].id])
    key = ENTRIES[0].key

    assert (mirror.read_here(), other.read_here(), elsewhere(path, "/three").read_here()) == ([key], [], [key])
    mirror.carried([key])
    other.deliver([ENTRIES[0]._replace(payload={"n": 2}, read=True)])
    assert (mirror.read_here(), other.read_here(), dev.unread_count()) == ([], [], 0)


def test_a_payload_that_is_no_json_value_is_an_error(path: Path, mirror: Mirror) -> None:
    with pytest.raises(InvalidError, match="no JSON value"):
        mirror.deliver([ENTRIES[0]._replace(payload={1j})])
    assert contents(path) == []


def test_copies_are_found_by_search_and_audited(path: Path, mirror: Mirror) -> None:
    mirror.deliver(ENTRIES)

    assert [hit.place for hit in Btmsg(path).search("answer")] == ["pm"]
    assert "a copy of MSG-2" in Btmsg(path).audit(event_type="send")[0].detail


def test_ten_thousand_messages_are_copied_in_seconds(mirror: Mirror) -> None:
    entries = [Entry(f"MSG-{number}", TEN, "pm", "dev", f"text {number}", payload=number) for number in range(10_000)]
    started = time.monotonic()

    assert mirror.deliver(entries) == (10_000, 0)
    assert time.monotonic() - started < 15
