"""Several projects, clones and groups that share one btmsg database: each keeps its own, and nobody loses anything."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import Messenger, Problem, Status
from bmad_messenger.btmsg import Btmsg

NOTE: dict[str, Any] = {"type": "notify", "from_agent": "pm", "to_agent": "dev"}
TO_ALL: dict[str, Any] = {"type": "notify", "from_agent": "sm", "to_agents": "all", "payload": {"message": "news"}}

ODD: dict[str, Any] = {
    "topic": "line one\r\nline two\n\n  ünï # no comment: 'x' \\",
    "numbers": [1, 1.0, -0.0, 1e22, 1e-7, 10**18, True, None],
    "texts": ["", " ", "null", "1", "2025-01-15", "\u2028", "\U0001f600", "- a", "{b}"],
    "nested": {"empty": {}, "none": [], "": {"a b": [[]]}},
}
"""A payload whose text must be the same whether it comes from the sender or from a file."""

QUEUE = """\
messages:
  - message_id: "MSG-20250115-a1b2"
    type: "notify"
    from: "pm"
    to: "dev"
    priority: "low"
    created: "{created}"
    status: "pending"
    payload:
      message: "{text}"
"""


@pytest.fixture
def first(tmp_path: Path, database: Path, problems: list[Problem]) -> Messenger:
    return project(tmp_path / "one" / "shop", problems)


@pytest.fixture
def second(tmp_path: Path, database: Path, problems: list[Problem]) -> Messenger:
    """Another project whose folder has the same name, so that both are of one group."""
    return project(tmp_path / "two" / "shop", problems)


def project(folder: Path, problems: list[Problem]) -> Messenger:
    folder.mkdir(parents=True)
    messenger = Messenger.open(folder, report=problems.append)
    messenger.init()
    return messenger


def note(messenger: Messenger, text: str) -> str:
    return messenger.send(**NOTE, payload={"message": text}).message_id


def typed(messenger: Messenger, text: str, created: str) -> Messenger:
    """The project after a message with the one id that both have was typed into its queue."""
    messenger.project.queue.write_text(QUEUE.format(text=text, created=created))
    messenger.sync()
    return messenger


def texts(btmsg: Btmsg, agent: str = "dev") -> list[str]:
    """What waits for the agent."""
    return [one.payload.get("message") for one in btmsg.unread_messages(agent)]


class TestTwoProjectsOfOneGroup:
    """Their folders have one name, their messages are different ones."""

    def test_a_rebuild_of_one_leaves_the_other_s(self, first: Messenger, second: Messenger, btmsg: Btmsg) -> None:
        note(first, "a")
        read = note(second, "b")
        note(second, "c")
        Btmsg(btmsg.database.path, agent="dev").mark_read([btmsg.unread_messages("dev")[1].id])
        before = {(one.id, one.content, one.read) for one in btmsg.get_feed("shop", None)}

        assert list(first.sync(rebuild=True)) == ["rebuilt the btmsg messages from queue and archive: 1"]

        assert {(one.id, one.content, one.read) for one in btmsg.get_feed("shop", None)} == before
        assert list(second.sync()) == [f"marked {read} read: dev read it in btmsg"]
        assert (list(first.sync()), list(second.sync())) == ([], [])

    def test_two_messages_of_one_id_are_two(self, first: Messenger, second: Messenger, btmsg: Btmsg) -> None:
        typed(first, "a", "2025-01-15T10:30:00Z")
        typed(second, "b", "2025-01-15T11:30:00Z")
        assert texts(btmsg) == ["a", "b"]

        for one in (first, second, first):
            one.sync(rebuild=True)
        assert texts(btmsg) == ["a", "b"]

        second.receive("dev")
        assert texts(btmsg) == ["a"]
        assert first.list()[0].status is Status.PENDING

    def test_a_read_in_btmsg_is_carried_to_the_one_it_belongs_to(
        self, first: Messenger, second: Messenger, btmsg: Btmsg
    ) -> None:
        typed(first, "a", "2025-01-15T10:30:00Z")
        typed(second, "b", "2025-01-15T11:30:00Z")
        Btmsg(btmsg.database.path, agent="dev").mark_read([btmsg.unread_messages("dev")[0].id])

        assert list(second.sync()) == []
        assert [one.status for one in second.receive("dev", peek=True)] == [Status.PENDING]
        assert first.receive("dev") == []

    def test_one_that_was_closed_before_the_other_came_hides_nothing(
        self, first: Messenger, second: Messenger, btmsg: Btmsg
    ) -> None:
        first.close(typed(first, "a", "2025-01-15T10:30:00Z").list()[0].message_id)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BMAD_MESSENGER_DISABLE", "btmsg")
            without = Messenger.open(second.project.root)
            without.close(typed(without, "b", "2025-01-15T11:30:00Z").list()[0].message_id)

        assert list(second.sync()) == ["brought btmsg up to date: 1 new, 0 read"]
        assert sorted(one.content.splitlines()[0] for one in btmsg.get_feed("shop")) == [
            "Notify (low): a",
            "Notify (low): b",
        ]
        assert (list(first.sync()), list(second.sync())) == ([], [])

    def test_two_of_one_id_and_one_second_are_two(self, first: Messenger, second: Messenger, btmsg: Btmsg) -> None:
        """Where two projects send a hundred messages in one second, two of them have one id in one case of ten."""
        for one, text in ((first, "a"), (second, "b")):
            typed(one, text, "2025-01-15T10:30:00Z")
        for one in (second, first, second):
            one.sync(rebuild=True)
        assert texts(btmsg) == ["a", "b"]

        second.receive("dev")
        assert texts(btmsg) == ["a"]
        Btmsg(btmsg.database.path, agent="dev").mark_read([btmsg.unread_messages("dev")[0].id])
        assert [len(list(one.sync())) for one in (second, first, second, first)] == [0, 1, 0, 0]
        for one in (first, second):
            one.close("MSG-20250115-a1b2")
            assert list(one.sync()) == []

    def test_a_message_to_all_reaches_both_s_agents(self, first: Messenger, second: Messenger, btmsg: Btmsg) -> None:
        for one, text in ((first, "a"), (second, "b")):
            one.project.queue.write_text(
                QUEUE.format(text=text, created="2025-01-15T10:30:00Z").replace('to: "dev"', "to_agents: all")
            )
            one.sync()

        assert [texts(btmsg, agent) for agent in ("dev", "tea")] == [["a", "b"]] * 2


class TestClones:
    """Two copies of one project: they share the copies of its messages."""

    @pytest.fixture
    def clone(self, first: Messenger, tmp_path: Path) -> Messenger:
        """A clone of the first project, which has had a message of each kind by then."""
        first.send(**{**NOTE, "type": "collaborate"}, payload=ODD)
        first.close(note(first, "closed"))
        note(first, "open")
        first.send(**TO_ALL)
        root = tmp_path / "clone" / "shop"
        shutil.copytree(first.project.root, root)
        return Messenger.open(root)

    def test_both_have_the_same_copies(self, first: Messenger, clone: Messenger, btmsg: Btmsg) -> None:
        before = btmsg.get_feed("shop", None)
        for messenger in (clone, first, clone):
            assert list(messenger.sync()) == []
            messenger.sync(rebuild=True)

        assert [(one.id, one.content) for one in btmsg.get_feed("shop", None)] == [
            (one.id, one.content) for one in before
        ]

    def test_a_clone_that_knows_less_takes_nothing_away(self, first: Messenger, clone: Messenger, btmsg: Btmsg) -> None:
        later = note(first, "later")
        clone.sync(rebuild=True)

        assert texts(btmsg)[-1] == "later"
        assert list(first.sync()) == []
        assert first.get(later).status is Status.PENDING

    def test_what_was_read_in_one_stays_read_when_another_rebuilds(
        self, first: Messenger, clone: Messenger, btmsg: Btmsg
    ) -> None:
        first.receive("dev")
        assert btmsg.unread_count("dev") == 0

        clone.sync(rebuild=True)
        assert btmsg.unread_count("dev") == 0
        assert list(first.sync()) == []

    def test_a_text_changed_by_hand_is_put_right_by_its_own_rebuild(self, first: Messenger, btmsg: Btmsg) -> None:
        note(first, "teh text")
        path = first.project.queue
        path.write_text(path.read_text().replace("teh text", "the text"))
        first.sync(rebuild=True)

        assert texts(btmsg) == ["the text"]

    def test_who_is_no_recipient_any_more_loses_the_copy(self, first: Messenger, btmsg: Btmsg) -> None:
        note(first, "text")
        path = first.project.queue
        path.write_text(path.read_text().replace('to: "dev"', 'to: "tea"'))
        first.sync(rebuild=True)

        assert (texts(btmsg), texts(btmsg, "tea")) == ([], ["text"])


class TestBroadcasts:
    """Messages to `all`, while the roster changes."""

    def test_a_rebuild_makes_no_copies_for_who_joined_later(self, first: Messenger, btmsg: Btmsg) -> None:
        first.send(**TO_ALL)
        first.project.config.write_text("agents: {add: [newcomer]}\n")
        Messenger.open(first.project.root).sync(rebuild=True)

        assert [btmsg.unread_count(agent) for agent in ("dev", "newcomer")] == [1, 0]

    def test_who_left_keeps_its_copy_until_the_message_is_closed(self, first: Messenger, btmsg: Btmsg) -> None:
        first.project.config.write_text("agents: {add: [leaver]}\n")
        sent = Messenger.open(first.project.root).send(**TO_ALL)
        first.sync(rebuild=True)
        assert btmsg.unread_count("leaver") == 1

        first.close(sent.message_id)
        assert btmsg.unread_count("leaver") == 0
        assert list(first.sync()) == []

    def test_a_close_that_was_missed_is_settled_for_who_left_too(self, first: Messenger, btmsg: Btmsg) -> None:
        first.project.config.write_text("agents: {add: [leaver]}\n")
        sent = Messenger.open(first.project.root).send(**TO_ALL)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BMAD_MESSENGER_DISABLE", "btmsg")
            Messenger.open(first.project.root).close(sent.message_id)

        assert list(first.sync()) == ["brought btmsg up to date: 0 new, 8 read"]
        assert list(first.sync()) == []


class TestGroups:
    """An agent's id that another group has already."""

    def test_an_agent_of_another_group_keeps_its_id_and_its_mail(self, first: Messenger, btmsg: Btmsg) -> None:
        btmsg.register("pm", group_id="site", role="manager", name="The site's")
        sent = first.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "news"})

        agents = {one.id: (one.name, one.group_id, one.role) for one in btmsg.get_agents()}
        assert (agents["pm"], agents["shop/pm"]) == (("The site's", "site", "manager"), ("pm", "shop", "manager"))
        assert (texts(btmsg, "pm"), texts(btmsg, "shop/pm")) == ([], ["news"])

        with Btmsg(btmsg.database.path, agent="shop/pm") as ours:
            ours.mark_read([ours.unread_messages()[0].id])
        assert list(first.sync()) == [f"marked {sent.message_id} read: pm read it in btmsg"]

    def test_the_qualified_id_may_be_another_group_s_too(self, first: Messenger, btmsg: Btmsg) -> None:
        for taken in ("pm", "shop/pm"):
            btmsg.register(taken, group_id="site")
        first.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "news"})
        first.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "more"})

        assert [texts(btmsg, one) for one in ("pm", "shop/pm", "shop/shop/pm")] == [[], [], ["news", "more"]]

    def test_an_agent_that_moves_to_our_group_later_takes_no_mail_over(self, first: Messenger, btmsg: Btmsg) -> None:
        btmsg.register("user", group_id="site", role="admin")
        btmsg.register("dev", group_id="site")
        note(first, "a")
        with Btmsg(btmsg.database.path, agent="user") as admin:
            admin.register("dev", group_id="shop", role="project")
        note(first, "b")

        assert (texts(btmsg, "shop/dev"), texts(btmsg, "dev")) == (["a", "b"], [])


def test_copies_of_an_earlier_version_are_known_again(first: Messenger, database: Path, btmsg: Btmsg) -> None:
    """Before, a copy was known by its id alone."""
    note(first, "a")
    first.close(note(first, "b"))
    before = btmsg.get_feed("shop", None)
    btmsg.close()
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executescript("""
            CREATE TABLE old (source TEXT NOT NULL, external_id TEXT NOT NULL, agent_id TEXT NOT NULL,
              message_id TEXT NOT NULL, carried INTEGER NOT NULL DEFAULT 0,
              PRIMARY KEY (source, external_id, agent_id));
            INSERT INTO old SELECT source, external_id, agent_id, message_id, carried FROM btmsg_mirrored;
            DROP TABLE btmsg_mirrored; ALTER TABLE old RENAME TO btmsg_mirrored;
            DELETE FROM btmsg_migrations WHERE name = '0006_copies_by_time';
        """)

    later = Messenger.open(first.project.root)
    assert list(later.sync()) == []
    later.sync(rebuild=True)
    assert btmsg.get_feed("shop", None) == before
