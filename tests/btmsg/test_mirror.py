"""The copies of another program's messages: each once, reads carried both ways, rebuilt without loss."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from bmad_messenger.btmsg import Btmsg, Database, Mirror
from bmad_messenger.btmsg.mirror import Entry, Key, Member
from tests.btmsg.plain_sql import as_they_do

ENTRIES = [
    Entry("MSG-1", "pm", "dev", "question", payload={"n": 1}, created_at="2025-01-01 10:00:00.000000"),
    Entry("MSG-1", "pm", "qa", "question", payload={"n": 1}, created_at="2025-01-01 10:00:00.000000"),
    Entry("MSG-2", "dev", "pm", "answer", reply_to="MSG-1", created_at="2025-01-01 11:00:00.000000"),
]


@pytest.fixture
def mirror(path: Path) -> Mirror:
    return Mirror(Database(path), source="here", group_id="g")


def contents(path: Path) -> list[tuple[str, str, str]]:
    return [(one.from_agent, one.to_agent, one.content) for one in Btmsg(path).get_feed("g", None)]


def test_each_message_is_copied_once(path: Path, mirror: Mirror) -> None:
    assert [mirror.deliver(ENTRIES), mirror.deliver(ENTRIES), mirror.deliver(ENTRIES[:1])] == [3, 0, 0]
    assert contents(path) == [("dev", "pm", "answer"), ("pm", "qa", "question"), ("pm", "dev", "question")]

    question, _ = mirror.find("MSG-1")
    assert (question.payload, question.created_at) == ({"n": 1}, "2025-01-01 10:00:00.000000")
    assert mirror.find("MSG-2")[0].reply_to == question.id


def test_two_sources_may_use_the_same_ids(path: Path, mirror: Mirror) -> None:
    mirror.deliver(ENTRIES)

    assert Mirror(Database(path), source="elsewhere", group_id="h").deliver(ENTRIES) == 3


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
    assert mirror.ensure_agents([Member("pm"), Member("new"), Member("new")]) == ["pm", "new"]
    assert [one.id for one in Btmsg(path).contacts("dev")] == ["user", "pm"]


def test_an_agent_of_another_group_gets_no_copies_and_the_operator_gets_all(path: Path, mirror: Mirror) -> None:
    Btmsg(path).register("dev", group_id="other")
    Btmsg(path).register("user", group_id="other", role="admin")
    operator = [Member("user", "admin")]
    mirror.deliver([*ENTRIES[:1], Entry("MSG-4", "dev", "user", "help")], operator)
    mirror.deliver([Entry("MSG-5", "pm", "dev", "again")], operator)

    assert [Btmsg(path).unread_count(one) for one in ("dev", "g/dev", "user")] == [0, 2, 1]
    Btmsg(path, agent="g/dev").ack(session="s")
    assert mirror.read_here() == [Key("MSG-1", "dev"), Key("MSG-5", "dev")]


def test_a_message_to_all_is_for_those_whom_it_went_to_at_first(path: Path, mirror: Mirror) -> None:
    to_all = [Entry("MSG-6", "pm", one, "news", to_all=True) for one in ("dev", "qa", "newcomer")]

    assert [mirror.deliver(to_all[:2]), mirror.deliver(to_all)] == [2, 0]
    assert mirror.mark_closed(["MSG-6"]) == 2


def test_what_no_read_was_carried_for_is_unsettled(mirror: Mirror) -> None:
    mirror.deliver(ENTRIES)
    mirror.mark_read([Key("MSG-2", "pm"), Key("MSG-1", "dev")])

    assert (mirror.copied(), mirror.unsettled()) == ({"MSG-1", "MSG-2"}, {"MSG-1"})


def test_a_copy_that_was_deleted_stays_deleted(path: Path, mirror: Mirror) -> None:
    mirror.deliver(ENTRIES, [Member("pm", "manager")])
    Btmsg(path, agent="pm").delete_message(mirror.find("MSG-2")[0].id)

    assert mirror.deliver(ENTRIES) == 0
    assert mirror.find("MSG-2") == []


def test_what_is_read_here_is_carried_once(path: Path, mirror: Mirror) -> None:
    mirror.deliver(ENTRIES)
    dev, qa = (Btmsg(path, agent=one) for one in ("dev", "qa"))
    dev.mark_read([dev.unread_messages()[0].id])
    qa.ack(session="s")

    assert mirror.read_here() == [Key("MSG-1", "dev"), Key("MSG-1", "qa")]
    mirror.carried([Key("MSG-1", "dev")])
    assert mirror.read_here() == [Key("MSG-1", "qa")]
    assert mirror.read_here([Key("MSG-1", "dev"), Key("MSG-2", "pm")]) == []
    assert mirror.read_here([Key("MSG-1", "qa")]) == [Key("MSG-1", "qa")]


def test_what_is_read_there_is_read_here_and_not_carried_back(path: Path, mirror: Mirror) -> None:
    mirror.deliver([*ENTRIES[:2], ENTRIES[2]._replace(read=True)])
    assert mirror.mark_read([Key("MSG-1", "dev"), Key("MSG-1", "dev"), Key("MSG-9", "dev")]) == 1
    assert mirror.mark_closed(["MSG-1", "MSG-2"]) == 1

    assert [Btmsg(path).unread_count(one) for one in ("dev", "qa", "pm")] == [0, 0, 0]
    assert mirror.read_here() == []


def test_a_read_that_comes_with_a_later_delivery_is_taken(path: Path, mirror: Mirror) -> None:
    mirror.deliver(ENTRIES)
    mirror.deliver([one._replace(read=True) for one in ENTRIES])

    assert Btmsg(path).unread_count("dev") == 0


def test_a_rebuild_puts_right_what_was_changed(path: Path, mirror: Mirror) -> None:
    mirror.deliver([*ENTRIES, Entry("MSG-3", "pm", "dev", "no longer there")])
    Btmsg(path, agent="qa").ack(session="s")
    before = {one.external_id: mirror.find(one.external_id) for one in ENTRIES}
    with closing(as_they_do(path)) as theirs:
        theirs.execute("UPDATE messages SET content = 'changed' WHERE content = 'question'")
        theirs.execute("DELETE FROM messages WHERE content = 'answer'")

    assert mirror.rebuild(ENTRIES) == 3
    assert {one.external_id: mirror.find(one.external_id) for one in ENTRIES} == before
    assert len(contents(path)) == 3
    assert Btmsg(path).unread_count("qa") == 0


def test_copies_are_found_by_search_and_audited(path: Path, mirror: Mirror) -> None:
    mirror.deliver(ENTRIES)

    assert [hit.place for hit in Btmsg(path).search("answer")] == ["pm"]
    assert "a copy of MSG-2" in Btmsg(path).audit(event_type="send")[0].detail


def test_ten_thousand_messages_are_copied_in_seconds(mirror: Mirror) -> None:
    entries = [Entry(f"MSG-{number}", "pm", "dev", f"text {number}", payload=number) for number in range(10_000)]
    started = time.monotonic()

    assert mirror.deliver(entries) == 10_000
    assert time.monotonic() - started < 15
