"""Agents: registration and the links it makes, statuses, health, the graph."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from bmad_messenger.btmsg import Btmsg, RefusedError
from bmad_messenger.errors import InvalidError, NotFoundError
from tests.btmsg.plain_sql import AGENT, as_they_do
from tests.btmsg.team import TEAM, As


def links(team: As) -> dict[str, set[str]]:
    return {node.id: set(node.contacts) for node in team(None).graph("g")}


def test_registration_links_by_tier_and_role(team: As) -> None:
    everyone = set(TEAM)
    tier_1 = {"mgr", "arch", "test", "rev"}

    assert links(team) == {
        "boss": everyone - {"boss"},
        "mgr": everyone - {"mgr"},
        **{one: tier_1 - {one} | {"boss"} for one in ("arch", "test", "rev")},
        **{one: {"mgr", "boss"} for one in ("dev", "ops")},
    }


def test_groups_are_not_linked_but_by_the_operator(team: As) -> None:
    team(None).register("other", group_id="h", role="manager")

    assert [one.id for one in team("other").contacts()] == ["boss"]


def test_what_was_denied_stays_denied_when_an_agent_registers_again(team: As) -> None:
    team("mgr").deny("dev", "mgr", both=True)
    team("dev").register("dev", group_id="g")
    assert links(team)["dev"] == {"boss"}

    team("mgr").register("dev", group_id="g", role="tester")
    assert "arch" in links(team)["dev"]


def test_registering_again_renews_and_keeps_what_is_not_given(team: As) -> None:
    team(None).register("x", group_id="g", name="X", model="m", cwd="/x")
    team("mgr").set_status("x", "stopped")
    agent = team("x").register("x", group_id="g", name="Y")

    assert (agent.name, agent.model, agent.cwd, agent.status) == ("Y", "m", "/x", "active")


def test_tiers_follow_from_roles(team: As) -> None:
    assert [(one.id, one.tier) for one in team(None).get_agents("g")][:2] == [("boss", 0), ("arch", 1)]
    assert team(None).register("high", group_id="g", tier=1).tier == 1


@pytest.mark.parametrize("wrong", [{"role": "king"}, {"tier": 0}, {"tier": 3}, {"group_id": " "}, {"agent_id": "a\n"}])
def test_what_can_t_be_registered_is_refused(path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidError):
        Btmsg(path).register(**{"agent_id": "a", "group_id": "g"} | wrong)  # type: ignore[arg-type]
    assert Btmsg(path).get_agents() == []


def test_a_member_can_t_raise_itself(team: As) -> None:
    with pytest.raises(RefusedError, match="only manager or admin may"):
        team("dev").register("dev", group_id="g", role="manager")


def test_registration_joins_the_review_channels(team: As) -> None:
    assert [(one.name, one.member_count) for one in team("dev").get_channels()] == [
        ("review-log", len(TEAM)),
        ("review-queue", len(TEAM)),
    ]


def test_statuses_are_three(team: As) -> None:
    for status in ("sleeping", "stopped", "active"):
        assert team("mgr").set_status("dev", status).status == status
    with pytest.raises(InvalidError, match="active, sleeping, stopped"):
        team("mgr").set_status("dev", "dead")
    with pytest.raises(NotFoundError):
        team("mgr").set_status("nobody", "active")
    assert [one.detail for one in team("mgr").audit(event_type="status", limit=1)] == ["dev: stopped to active"]


def test_an_agent_started_elsewhere_and_stopped_here_is_stopped(team: As, path: Path) -> None:
    with closing(as_they_do(path)) as theirs:
        theirs.execute(AGENT, ("rust", "Rust", "project", "g", 2))
    team("mgr").set_status("rust", "stopped")

    assert {one.agent_id: one.state for one in team("mgr").health("g")}["rust"] == "stopped"


def test_health_tells_the_states_apart(team: As) -> None:
    team("dev").heartbeat()
    team("mgr").set_status("ops", "stopped")
    team("mgr").set_status("rev", "sleeping")

    states = {one.agent_id: one.state for one in team("mgr").health("g")}
    assert {states[one] for one in ("mgr", "arch")} == {"silent"}
    assert (states["dev"], states["ops"], states["rev"]) == ("healthy", "stopped", "sleeping")


def test_contacts_are_changed_by_the_manager_and_audited(team: As) -> None:
    team("mgr").allow("dev", "ops", both=True)
    assert "ops" in links(team)["dev"]
    assert "dev" in links(team)["ops"]

    team("mgr").deny("dev", "ops")
    assert "ops" not in links(team)["dev"]
    assert [one.event_type for one in team("mgr").audit(limit=3)] == ["deny", "allow", "allow"]
    with pytest.raises(NotFoundError):
        team("mgr").allow("dev", "nobody")
    with pytest.raises(InvalidError):
        team("mgr").allow("dev", "dev")


def test_the_audit_log_is_the_manager_s_or_one_s_own(team: As) -> None:
    team("dev").send("mgr", "text")

    assert {one.agent_id for one in team("dev").audit()} == {"dev"}
    assert {one.agent_id for one in team("mgr").audit()} == set(TEAM)
