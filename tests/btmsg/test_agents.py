"""Agents: registration and the links it makes, who may change whom, contacts, statuses."""

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


CHANGES = ({"role": "manager"}, {"tier": 1}, {"group_id": "h"})


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("caller", [None, "dev", "ops", "rev", "other", "unregistered"])
def test_who_is_registered_is_changed_by_the_manager_of_its_group_alone(
    team: As, caller: str | None, change: dict[str, str]
) -> None:
    team(None).register("other", group_id="h", role="manager")
    before = team("dev").whoami()

    with pytest.raises(RefusedError, match="only admin or a manager of g may") as caught:
        team(caller).register("dev", **{"group_id": "g", "role": "project"} | change)  # type: ignore[arg-type]
    assert team("dev").whoami() == before
    (entry,) = team(None).audit(event_type="refusal")
    assert (entry.agent_id, entry.detail) == (caller or "nobody", caught.value.problem.message)


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("caller", ["mgr", "boss"])
def test_manager_and_operator_change_who_is_registered(team: As, caller: str, change: dict[str, str]) -> None:
    arguments = {"group_id": "g", "role": "project"} | change
    agent = team(caller).register("dev", **arguments)  # type: ignore[arg-type]

    assert {name: getattr(agent, name) for name in change} == change


@pytest.mark.parametrize(("agent_id", "role"), [("boss", "project"), ("dev", "admin"), ("mgr", "admin")])
def test_only_the_operator_makes_and_unmakes_an_operator(team: As, agent_id: str, role: str) -> None:
    with pytest.raises(RefusedError, match="only admin may"):
        team("mgr").register(agent_id, group_id="g", role=role)
    assert team("boss").register(agent_id, group_id="g", role=role).role == role


def test_registering_again_keeps_role_and_tier_that_are_not_given(team: As) -> None:
    team(None).register("x", group_id="g", role="tester", tier=2)
    agent = team(None).register("x", group_id="g")

    assert (agent.role, agent.tier) == ("tester", 2)
    assert team("mgr").register("x", group_id="g", role="architect").tier == 1


@pytest.mark.parametrize("tier", [0, 7])
def test_tier_of_another_program_stays_when_its_agent_registers(team: As, path: Path, tier: int) -> None:
    with closing(as_they_do(path)) as theirs:
        theirs.execute(AGENT, ("rust", "Rust", "project", "g", tier))

    assert team("rust").register("rust", group_id="g", role="project").tier == tier


def test_renewing_another_is_for_those_who_may_change_it(team: As) -> None:
    assert team("dev").register("ops", group_id="g").status == "active"  # as it is
    team("mgr").set_status("ops", "stopped")

    for change in ({}, {"name": "Other"}, {"model": "m"}):
        with pytest.raises(RefusedError):
            team("dev").register("ops", group_id="g", **change)  # type: ignore[arg-type]
    assert team("mgr").register("ops", group_id="g").status == "active"


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
