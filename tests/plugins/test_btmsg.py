"""Every message appears in btmsg, once for each recipient, and reads go both ways."""

from __future__ import annotations

import gc
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import Draft, InvalidError, Message, Messenger, Problem, Status
from bmad_messenger.btmsg import Btmsg, waiting
from bmad_messenger.plugins import btmsg as plugin

HANDOFF: dict[str, Any] = {
    "type": "handoff",
    "from_agent": "pm",
    "to_agent": "architect",
    "payload": {
        "artifact_path": "prd.md",
        "context_summary": "PRD complete",
        "next_actions": ["Review requirements", "Design architecture"],
    },
}
NOTE: dict[str, Any] = {"type": "notify", "from_agent": "pm", "to_agent": "dev", "payload": {"message": "news"}}
TO_ALL: dict[str, Any] = {"type": "notify", "from_agent": "sm", "to_agents": "all", "payload": {"message": "news"}}


@pytest.fixture
def messenger(database: Path, shop: Path, problems: list[Problem]) -> Messenger:
    return Messenger.open(shop, report=problems.append)


def configure(messenger: Messenger, text: str) -> Messenger:
    messenger.init()
    messenger.project.config.write_text(f"plugins:\n  btmsg: {text}\n")
    return Messenger.open(messenger.project.root)


def queue_status(messenger: Messenger, message: Message) -> Status:
    return messenger.get(message.message_id).status


class TestSending:
    """What a send leaves in btmsg."""

    def test_the_recipient_has_a_message_that_a_person_can_read(self, messenger: Messenger, btmsg: Btmsg) -> None:
        sent = messenger.send(**HANDOFF)

        (copy,) = btmsg.unread_messages("architect")
        assert (copy.from_agent, copy.to_agent, copy.group_id) == ("pm", "architect", "shop")
        assert copy.content.splitlines() == [
            "Handoff (high): PRD complete",
            "Artifact: prd.md",
            "Next actions:",
            "  - Review requirements",
            "  - Design architecture",
            f"Message: {sent.message_id}",
        ]

    def test_the_payload_is_kept_beside_it(self, messenger: Messenger, btmsg: Btmsg) -> None:
        messenger.send(**HANDOFF)

        assert btmsg.unread_messages("architect")[0].payload == HANDOFF["payload"]

    def test_each_of_several_recipients_has_one(self, messenger: Messenger, btmsg: Btmsg) -> None:
        messenger.send(**{**TO_ALL, "to_agents": ["dev", "tea"]})

        assert [btmsg.unread_count(agent) for agent in ("dev", "tea", "pm")] == [1, 1, 0]

    def test_all_is_everyone_on_the_roster_but_the_sender(self, messenger: Messenger, btmsg: Btmsg) -> None:
        messenger.send(**TO_ALL)

        unread = {agent: btmsg.unread_count(agent) for agent in messenger.config.agents}
        assert unread == {agent: int(agent != "sm") for agent in messenger.config.agents}

    def test_who_joins_the_roster_later_gets_nothing_of_it(self, messenger: Messenger, btmsg: Btmsg) -> None:
        messenger.send(**TO_ALL)
        messenger.project.config.write_text("agents: {add: [newcomer]}\n")
        joined = Messenger.open(messenger.project.root)
        joined.mark_read("dev", [one.message_id for one in joined.list()])
        joined.sync()

        assert [btmsg.unread_count(agent) for agent in ("dev", "tea", "newcomer")] == [0, 1, 0]

    def test_an_answer_answers_in_btmsg_too(self, messenger: Messenger, btmsg: Btmsg) -> None:
        sent = messenger.send(**NOTE)
        messenger.reply(sent.message_id, "thanks")

        assert btmsg.unread_messages("pm")[0].reply_to == btmsg.unread_messages("dev")[0].id

    def test_many_are_one_transaction(
        self, messenger: Messenger, btmsg: Btmsg, database: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        messenger.send(**NOTE)
        begun: list[None] = []
        begin = waiting.begin
        monkeypatch.setattr(waiting, "begin", lambda connection: (begun.append(None), begin(connection)))
        messenger.send_many([Draft(**NOTE)] * 100)

        assert (len(begun), btmsg.unread_count("dev")) == (1, 101)

    def test_what_was_typed_in_by_hand_is_copied_when_it_is_adopted(self, messenger: Messenger, btmsg: Btmsg) -> None:
        messenger.init()
        typed = 'messages:\n  - type: notify\n    from: pm\n    to: dev\n    payload:\n      message: "typed"\n'
        messenger.project.queue.write_text(typed)
        messenger.list()

        assert btmsg.unread_messages("dev")[0].content.startswith("Notify (low): typed\n")

    def test_switched_off_it_writes_nothing(self, messenger: Messenger, database: Path) -> None:
        messenger.init()
        messenger.project.config.write_text("plugins: {disable: [btmsg]}\n")
        Messenger.open(messenger.project.root).send(**NOTE)

        assert not database.parent.exists()

    def test_the_environment_switches_it_off_too(
        self, messenger: Messenger, database: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BMAD_MESSENGER_DISABLE", "other, btmsg")
        messenger.send(**NOTE)

        assert not database.parent.exists()

    def test_threads_may_share_a_messenger(self, messenger: Messenger, btmsg: Btmsg, problems: list[Problem]) -> None:
        threads = [threading.Thread(target=lambda: messenger.send(**NOTE)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert (btmsg.unread_count("dev"), problems) == (4, [])

    def test_a_messenger_that_is_gone_leaves_no_connection_open(
        self, shop: Path, database: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        messenger = Messenger.open(shop)
        messenger.send(**NOTE)
        mirror = plugin._link(messenger)._mirror
        del messenger
        gc.collect()

        assert mirror.database._writer is None


class TestAgents:
    """Who is registered, as what, where."""

    def test_the_roster_is_registered_with_its_roles(self, messenger: Messenger, btmsg: Btmsg) -> None:
        messenger.send(**NOTE)

        agents = {agent.id: (agent.role, agent.group_id) for agent in btmsg.get_agents()}
        assert agents == {
            "analyst": ("project", "shop"),
            "pm": ("manager", "shop"),
            "architect": ("architect", "shop"),
            "ux-designer": ("project", "shop"),
            "sm": ("manager", "shop"),
            "dev": ("project", "shop"),
            "tea": ("tester", "shop"),
            "user": ("admin", "shop"),
        }

    def test_the_config_names_group_roles_and_database(self, messenger: Messenger) -> None:
        configured = configure(messenger, "{group: web, roles: {dev: architect, pm: project}, database: local/b.db}")
        configured.send(**NOTE)

        with Btmsg(messenger.project.root / "local" / "b.db") as btmsg:
            agents = {agent.id: (agent.role, agent.group_id) for agent in btmsg.get_agents()}
        assert (agents["dev"], agents["pm"], agents["sm"]) == (
            ("architect", "web"),
            ("project", "web"),
            ("manager", "web"),
        )

    def test_who_is_registered_already_stays_as_it_is(self, messenger: Messenger, btmsg: Btmsg) -> None:
        btmsg.register("dev", group_id="shop", role="reviewer", name="Dee")
        messenger.send(**NOTE)

        (dev,) = (agent for agent in btmsg.get_agents() if agent.id == "dev")
        assert (dev.role, dev.name) == ("reviewer", "Dee")

    def test_two_projects_keep_apart_but_share_the_person(
        self, messenger: Messenger, tmp_path: Path, btmsg: Btmsg
    ) -> None:
        messenger.send(**NOTE)
        (tmp_path / "bank").mkdir()
        other = Messenger.open(tmp_path / "bank")
        other.send(**NOTE)
        other.send(**{**NOTE, "to_agent": "user"})

        unread = [btmsg.unread_count(agent) for agent in ("dev", "bank/dev", "user")]
        assert unread == [1, 1, 1]

    @pytest.mark.parametrize(
        "settings", ["{group: ''}", "{roles: {pm: boss}}", "{databse: x}", "{group: 'a\tb'}", "{roles: [pm]}"]
    )
    def test_settings_are_checked(self, settings: str, messenger: Messenger) -> None:
        with pytest.raises(InvalidError, match=r"config\.yaml"):
            configure(messenger, settings).send(**NOTE)


class TestReading:
    """Reads and closes, from either side."""

    def test_a_read_in_the_queue_is_one_in_btmsg(self, messenger: Messenger, btmsg: Btmsg) -> None:
        messenger.send(**NOTE)
        messenger.receive("dev")

        assert btmsg.unread_count("dev") == 0

    def test_a_close_is_a_read_by_all(self, messenger: Messenger, btmsg: Btmsg) -> None:
        sent = messenger.send(**TO_ALL)
        messenger.close(sent.message_id)

        assert [btmsg.unread_count(agent) for agent in messenger.config.agents] == [0] * 8

    def test_one_s_read_is_not_another_s(self, messenger: Messenger, btmsg: Btmsg) -> None:
        messenger.send(**TO_ALL)
        messenger.receive("dev")

        assert [btmsg.unread_count(agent) for agent in ("dev", "tea")] == [0, 1]

    def test_sync_marks_read_what_was_read_in_btmsg(self, messenger: Messenger, database: Path, btmsg: Btmsg) -> None:
        sent = messenger.send(**NOTE)
        Btmsg(database, agent="dev").mark_read([btmsg.unread_messages("dev")[0].id])

        assert list(messenger.sync()) == [f"marked {sent.message_id} read: dev read it in btmsg"]
        assert queue_status(messenger, sent) is Status.READ
        assert list(messenger.sync()) == []

    def test_what_was_read_in_btmsg_is_not_received(self, messenger: Messenger, database: Path, btmsg: Btmsg) -> None:
        first, second = messenger.send(**NOTE), messenger.send(**NOTE)
        Btmsg(database, agent="dev").mark_read([btmsg.unread_messages("dev")[0].id])

        assert [one.message_id for one in messenger.receive("dev", limit=1, peek=True)] == [second.message_id]
        assert queue_status(messenger, first) is Status.READ
        assert queue_status(messenger, second) is Status.PENDING

    def test_an_acknowledgement_counts_as_a_read(self, messenger: Messenger, database: Path) -> None:
        sent = messenger.send(**TO_ALL)
        Btmsg(database, agent="tea").ack(session="s")
        messenger.sync()

        assert [*messenger.get(sent.message_id).read_by] == ["tea"]

    def test_what_another_clone_sent_is_left_to_that_clone(
        self, messenger: Messenger, database: Path, btmsg: Btmsg, tmp_path: Path
    ) -> None:
        sent = messenger.send(**NOTE)
        Btmsg(database, agent="dev").mark_read([btmsg.unread_messages("dev")[0].id])
        clone = tmp_path / "clone" / "shop"
        clone.mkdir(parents=True)

        assert list(Messenger.open(clone).sync()) == []
        messenger.sync()
        assert queue_status(messenger, sent) is Status.READ


class TestSync:
    """`sync`, and `sync --rebuild`."""

    def test_where_nothing_was_ever_sent_no_database_is_made(self, messenger: Messenger, database: Path) -> None:
        messenger.init()

        assert list(messenger.sync()) == []
        assert not database.exists()

    def test_where_all_is_well_it_has_nothing_to_do(self, messenger: Messenger) -> None:
        messenger.send(**TO_ALL)
        messenger.close(messenger.send(**NOTE).message_id)
        messenger.receive("dev")

        assert list(messenger.sync()) == []

    def test_a_history_from_before_the_plugin_is_copied(self, messenger: Messenger, btmsg: Btmsg) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BMAD_MESSENGER_DISABLE", "btmsg")
            older = Messenger.open(messenger.project.root)
            older.close(older.send(**HANDOFF).message_id)
            older.send(**NOTE)

        assert list(messenger.sync()) == ["brought btmsg up to date: 2 new, 0 read"]
        assert [btmsg.unread_count(agent) for agent in ("architect", "dev")] == [0, 1]

    def test_a_rebuild_puts_right_what_others_changed(self, messenger: Messenger, database: Path, btmsg: Btmsg) -> None:
        messenger.send(**HANDOFF)
        messenger.close(messenger.send(**NOTE).message_id)
        before = {(one.id, one.content) for one in btmsg.get_feed("shop", None)}
        with closing(sqlite3.connect(database)) as other, other:
            other.execute("UPDATE messages SET content = 'changed' WHERE to_agent = 'architect'")
            other.execute("DELETE FROM messages WHERE to_agent = 'dev'")

        done = list(messenger.sync(rebuild=True))

        assert done == ["rebuilt the btmsg messages from queue and archive: 2"]
        assert {(one.id, one.content) for one in btmsg.get_feed("shop", None)} == before
        assert [btmsg.unread_count(agent) for agent in ("architect", "dev")] == [1, 0]

    def test_the_command_line_rebuilds(self, messenger: Messenger, capsys: pytest.CaptureFixture[str]) -> None:
        from bmad_messenger.cli.main import main

        messenger.send(**NOTE)

        assert main(["sync", "--rebuild", "--project", str(messenger.project.root)]) == 0
        assert capsys.readouterr().out == "rebuilt the btmsg messages from queue and archive: 1\n"
