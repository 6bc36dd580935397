"""Who sees whom: each caller its contacts, a manager its group, the operator and nobody in particular everyone."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from bmad_messenger.btmsg import Btmsg
from tests.btmsg.plain_sql import AGENT, as_they_do
from tests.btmsg.team import TEAM, As

OTHERS = {"chief": "manager", "temp": "project"}
EVERYONE = {*TEAM, *OTHERS}


@pytest.fixture
def teams(team: As) -> As:
    """Beside the team a second group `h`, of a manager and a project agent."""
    for agent_id, role in OTHERS.items():
        team(None).register(agent_id, group_id="h", role=role)
    return team


SEEN = {
    None: EVERYONE,
    "boss": EVERYONE,
    "mgr": {*TEAM},
    "arch": {"arch", "mgr", "test", "rev", "boss"},
    "dev": {"dev", "mgr", "boss"},
    "chief": {"chief", "temp", "boss"},
}


@pytest.mark.parametrize("caller", SEEN)
def test_caller_sees_itself_and_its_contacts_a_manager_its_group_and_the_operator_all(
    teams: As, caller: str | None
) -> None:
    btmsg = teams(caller)

    assert {one.id for one in btmsg.visible_agents()} == SEEN[caller]
    assert {one.agent_id for one in btmsg.health()} == SEEN[caller]
    assert {one.id for one in btmsg.graph()} == SEEN[caller]


@pytest.mark.parametrize("caller", SEEN)
def test_group_narrows_what_is_seen(teams: As, caller: str | None) -> None:
    of_h = SEEN[caller] & {*OTHERS}

    assert {one.id for one in teams(caller).visible_agents("h")} == of_h
    assert {one.agent_id for one in teams(caller).health("h")} == of_h
    assert {one.id for one in teams(caller).graph("h")} == of_h


def test_graph_names_nobody_who_is_out_of_sight(teams: As) -> None:
    ways = {one.id: set(one.contacts) for one in teams("dev").graph()}

    assert ways == {"dev": {"mgr", "boss"}, "mgr": {"dev", "boss"}, "boss": {"dev", "mgr"}}


def test_graph_of_a_group_has_its_ways_out(teams: As) -> None:
    assert {one.id: set(one.contacts) for one in teams("chief").graph("h")} == {
        "chief": {"temp", "boss"},
        "temp": {"chief", "boss"},
    }


def test_manager_sees_whom_of_its_group_it_may_not_message(teams: As) -> None:
    teams("boss").deny("mgr", "dev")

    assert "dev" in {one.id for one in teams("mgr").visible_agents()}
    assert "dev" not in {one.id for one in teams("mgr").contacts()}


def test_contacts_are_what_allow_and_deny_made_them(teams: As) -> None:
    teams("mgr").allow("dev", "ops")
    teams("mgr").deny("dev", "boss")

    assert {one.id for one in teams("dev").visible_agents()} == {"dev", "mgr", "ops"}


def test_all_agents_of_a_group_are_given_by_the_function_of_the_reference(teams: As) -> None:
    assert {one.id for one in teams("dev").get_agents()} == EVERYONE
    assert {one.id for one in teams("dev").get_agents("h")} == {*OTHERS}


def test_agents_have_their_unread_counts(teams: As) -> None:
    teams("mgr").send("dev", "text")

    assert {one.id: one.unread_count for one in teams("dev").visible_agents()} == {"mgr": 0, "boss": 0, "dev": 1}
    assert {one.id: one.unread_count for one in teams("arch").contacts()} == dict.fromkeys(SEEN["arch"] - {"arch"}, 0)


def test_an_agent_started_elsewhere_and_stopped_here_is_stopped(team: As, path: Path) -> None:
    with closing(as_they_do(path)) as theirs:
        theirs.execute(AGENT, ("rust", "Rust", "project", "g", 2))
    team("mgr").set_status("rust", "stopped")

    assert states(team)["rust"] == "stopped"


def test_health_tells_the_states_apart(team: As, path: Path) -> None:
    team("dev").heartbeat()
    team("test").heartbeat()
    team("mgr").set_status("ops", "stopped")
    team("mgr").set_status("rev", "sleeping")
    with closing(as_they_do(path)) as theirs:
        theirs.execute(AGENT, ("rust", "Rust", "project", "g", 2))
        theirs.execute("UPDATE heartbeats SET timestamp = timestamp - 16 * 60 WHERE agent_id = 'test'")

    assert states(team) == {
        "boss": "silent",
        "mgr": "silent",
        "arch": "silent",
        "test": "stalled",
        "rev": "sleeping",
        "dev": "healthy",
        "ops": "stopped",
        "rust": "not-started",
    }


def test_empty_database_shows_nobody(path: Path) -> None:
    with Btmsg(path) as btmsg:
        assert (btmsg.visible_agents(), btmsg.health(), btmsg.graph()) == ([], [], [])


def states(team: As) -> dict[str, str]:
    return {one.agent_id: one.state for one in team("mgr").health("g")}
