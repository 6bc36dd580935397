"""The permission table, exhaustively: each capability through the API as each role; a refusal is audited."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bmad_messenger.btmsg import Btmsg, RefusedError
from bmad_messenger.btmsg.roles import MAY, ROLES
from tests.btmsg.team import TEAM, As

MANAGERS = {"manager", "admin"}
EVERYONE = {*TEAM.values()}


def a_message(team: As, sender: str = "boss", recipient: str = "mgr") -> str:
    return team(sender).send(recipient, "text").message.id


def a_task(team: As) -> str:
    return team("mgr").board.add("task").id


def another(me: Btmsg) -> str:
    return "rev" if me.session.agent != "rev" else "arch"


def post_outside(team: As, me: Btmsg) -> object:
    name = team("boss" if me.session.agent != "boss" else "mgr").channel_create(f"without-{me.session.agent}").name
    return me.channel_post(name, "text")


def change_role(team: As, me: Btmsg) -> object:
    other = team(None).register(f"for-{me.session.agent}", group_id="g").id
    return me.register(other, group_id="g", role="tester")


ACTS: dict[str, tuple[set[str], Callable[[As, Btmsg], object]]] = {
    "send": (EVERYONE, lambda _, me: me.send("boss", "text")),
    "read own": (EVERYONE, lambda _, me: me.unread_messages()),
    "read others'": (MANAGERS, lambda _, me: me.unread_messages(another(me))),
    "history of others": (MANAGERS, lambda _, me: me.history("mgr", agent_id=another(me))),
    "unseen of others": (MANAGERS, lambda _, me: me.unseen("s", another(me))),
    "show others'": (MANAGERS, lambda team, me: me.get_message(a_message(team))),
    "post": (EVERYONE, lambda _, me: me.channel_post("review-queue", "text")),
    "post outside": (MANAGERS, post_outside),
    "create channel": (MANAGERS, lambda _, me: me.channel_create(f"of-{me.session.agent}")),
    "delete message": (MANAGERS, lambda team, me: me.delete_message(a_message(team))),
    "list agents": (EVERYONE, lambda _, me: me.get_agents("g")),
    "set status": (MANAGERS, lambda _, me: me.set_status("dev", "sleeping")),
    "allow": (MANAGERS, lambda _, me: me.allow("dev", "ops")),
    "deny": (MANAGERS, lambda _, me: me.deny("dev", "mgr")),
    "change role": (MANAGERS, change_role),
    "clear dead letters": (MANAGERS, lambda _, me: me.clear_dead_letters()),
    "task add": (MANAGERS | {"architect"}, lambda _, me: me.board.add("task")),
    "task assign": (MANAGERS, lambda team, me: me.board.assign(a_task(team), "dev")),
    "task priority": (MANAGERS | {"architect"}, lambda team, me: me.board.set_priority(a_task(team), "high")),
    "task status": (EVERYONE - {"project"}, lambda team, me: me.board.set_status(a_task(team), "review")),
    "task comment": (EVERYONE - {"project"}, lambda team, me: me.board.comment(a_task(team), "text")),
    "task delete": (MANAGERS, lambda team, me: me.board.delete(a_task(team))),
    "task list": (EVERYONE, lambda _, me: me.board.tasks()),
}  # fmt: skip


@pytest.mark.parametrize("act", ACTS)
def test_each_role_may_what_the_table_says(team: As, act: str) -> None:
    roles, use = ACTS[act]
    for agent_id, role in TEAM.items():
        if role in roles:
            use(team, team(agent_id))
            continue
        with pytest.raises(RefusedError, match="only ") as caught:
            use(team, team(agent_id))
        assert caught.value.exit_code == 6
        (entry,) = team(agent_id).audit(event_type="refusal", limit=1)
        assert (entry.agent_id, entry.detail) == (agent_id, caught.value.problem.message)


def test_the_table_is_the_reference_s() -> None:
    everyone, managers = set(ROLES), {"manager", "admin"}

    assert {MAY[one] == everyone for one in ("send messages", "read their own messages", "post to channels")} == {True}
    assert MAY["list agents"] == everyone
    for one in ("create channels", "delete messages", "update the status of an agent"):
        assert MAY[one] == managers


def test_a_refusal_names_the_roles_that_may(team: As) -> None:
    with pytest.raises(RefusedError, match="only manager, architect or admin may"):
        team("dev").board.add("task")


def test_an_unknown_role_has_the_rights_of_a_project(team: As, path: object) -> None:
    with team("mgr").database.writing() as connection:
        connection.execute("INSERT INTO agents (id, name, role, group_id, tier) VALUES ('x', 'X', 'wizard', 'g', 1)")

    with pytest.raises(RefusedError):
        team("x").channel_create("mine")
