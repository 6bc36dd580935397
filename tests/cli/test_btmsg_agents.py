"""The commands about agents: registration, contacts, status, heartbeat."""

from collections.abc import Callable
from typing import Any

import pytest

Program = Callable[..., Any]


def test_register_prints_the_agent(btmsg: Program) -> None:
    arguments = ("register", "--id", "mgr-1", "--name", "Manager", "--role", "manager", "--group", "my-team")

    assert btmsg(*arguments).out == "mgr-1 (Manager, manager) of my-team, tier 1\n"
    assert btmsg(*arguments, "--json").document["status"] == "active"


def test_caller_registers_itself(btmsg: Program) -> None:
    assert btmsg("register", "--group", "my-team", agent="dev-1").out == "dev-1 (project) of my-team, tier 2\n"


def test_unknown_role_is_invalid(btmsg: Program) -> None:
    run = btmsg("register", "--id", "x", "--role", "king", "--group", "my-team")

    assert run.code == 3
    assert "one of manager, architect" in run.err


def test_agents_have_their_unread_count(team: Program) -> None:
    team("send", "--to", "dev-1", "--content", "Start", agent="mgr-1")
    agents = team("agents", "--group", "my-team", "--json").document["agents"]

    assert {agent["id"]: agent["unreadCount"] for agent in agents}["dev-1"] == 1
    assert {agent["groupId"] for agent in agents} == {"my-team"}


def test_agents_graph_and_health_are_those_that_the_caller_sees(team: Program) -> None:
    for command, key in (("agents", "id"), ("graph", "id"), ("health", "agentId")):
        assert {one[key] for one in team(command, "--json", agent="dev-1").document["agents"]} == {
            *("boss", "mgr-1", "dev-1")
        }
        assert len(team(command, "--json").document["agents"]) == 6


@pytest.mark.parametrize("agent", ["", "dev-1", "dev-2", "dev-9"], ids=["nobody", "itself", "another", "unregistered"])
def test_role_of_a_registered_agent_is_not_anyone_s_to_change(team: Program, agent: str) -> None:
    run = team("register", "--id", "dev-1", "--role", "manager", "--group", "my-team", agent=agent)

    assert run.code == 6
    assert run.err.endswith("may not change the role, tier or group of dev-1; only admin or a manager of my-team may\n")
    assert team("audit", "--event", "refusal", agent="boss").out.count("of dev-1") == 1


def test_manager_changes_a_role(team: Program) -> None:
    run = team("register", "--id", "dev-1", "--role", "tester", "--group", "my-team", agent="mgr-1")

    assert run.out == "dev-1 (tester) of my-team, tier 1\n"


def test_registering_again_needs_no_role(team: Program) -> None:
    assert team("register", "--group", "my-team", agent="mgr-1").out == "mgr-1 (manager) of my-team, tier 1\n"


def test_whoami_is_one_line(team: Program) -> None:
    assert team("whoami", agent="dev-1").out == "dev-1 (project) of my-team, tier 2, active, 0 unread\n"


@pytest.mark.parametrize(("options", "way_back"), [((), 6), (("--both",), 0)], ids=["one way", "both ways"])
def test_allow_opens_a_way(team: Program, options: tuple[str, ...], way_back: int) -> None:
    team("allow", "dev-1", "dev-2", *options, agent="mgr-1")

    assert team("send", "--to", "dev-2", "--content", "Hello", agent="dev-1").code == 0
    assert team("send", "--to", "dev-1", "--content", "Hello", agent="dev-2").code == way_back


def test_deny_closes_a_way(team: Program) -> None:
    assert team("deny", "dev-1", "mgr-1", agent="mgr-1").out == "dev-1 may not message mgr-1\n"
    assert team("send", "--to", "mgr-1", "--content", "Hello", agent="dev-1").code == 6


def test_contacts_are_whom_the_caller_may_message(team: Program) -> None:
    contacts = team("contacts", "--json", agent="dev-1").document["contacts"]

    assert [contact["id"] for contact in contacts] == ["boss", "mgr-1"]


def test_manager_sets_a_status(team: Program) -> None:
    assert team("status", "dev-1", "stopped", agent="mgr-1").out == "dev-1: stopped\n"
    assert team("send", "--to", "dev-1", "--content", "Hello", agent="mgr-1").code == 4


def test_others_set_no_status(team: Program) -> None:
    assert team("status", "dev-1", "stopped", agent="tester-1").code == 6


def test_heartbeat_prints_its_time(team: Program) -> None:
    document = team("heartbeat", "--json", agent="dev-1").document

    assert document["agentId"] == "dev-1"
    assert document["timestamp"] > 1_700_000_000
