"""`health`, `graph`, `dead-letters` and `audit`."""

from collections.abc import Callable
from typing import Any

import pytest

Program = Callable[..., Any]


def test_health_tells_the_living_from_the_silent(team: Program) -> None:
    team("heartbeat", agent="dev-1")
    agents = team("health", "--json").document["agents"]

    assert {agent["agentId"]: agent["state"] for agent in agents} == {
        "boss": "silent",
        "mgr-1": "silent",
        "architect-1": "silent",
        "tester-1": "silent",
        "dev-1": "healthy",
        "dev-2": "silent",
    }
    assert "never" in team("health").out


def test_graph_shows_tiers_and_who_may_talk_to_whom(team: Program) -> None:
    team("send", "--to", "dev-1", "--content", "Start", agent="mgr-1")
    lines = team("graph").out.splitlines()

    assert [line for line in lines if line.startswith("tier")] == ["tier 0", "tier 1", "tier 2"]
    assert "  dev-1 (project), active, 1 unread -> boss, mgr-1" in lines


@pytest.mark.usefixtures("team")
def test_dead_letter_is_delivered_once_its_recipient_is_there(btmsg: Program) -> None:
    btmsg("send", "--to", "dev-3", "--content", "Welcome", agent="mgr-1")
    assert btmsg("dead-letters", "--retry", agent="mgr-1").out == "1: there is no agent dev-3\n"

    btmsg("register", "--id", "dev-3", "--group", "my-team")
    (retried,) = btmsg("dead-letters", "--retry", "--json", agent="mgr-1").document["retried"]

    assert btmsg("show", retried["messageId"], "--json", agent="dev-3").document["content"] == "Welcome"
    assert btmsg("dead-letters", "--retry", agent="mgr-1").out == "No dead letters.\n"


def test_dead_letters_are_listed_and_cleared_by_number(team: Program) -> None:
    for ghost in ("ghost", "spook"):
        team("send", "--to", ghost, "--content", "Boo", agent="mgr-1")

    assert team("dead-letters", "--clear", "1", agent="mgr-1").out == "cleared 1 dead letter\n"
    (letter,) = team("dead-letters", "--json", agent="mgr-1").document["deadLetters"]
    assert (letter["id"], letter["toAgent"], letter["error"]) == (2, "spook", "there is no agent spook")


@pytest.mark.parametrize("arguments", [("--retry", "--clear"), ("1",)])
def test_dead_letters_are_either_retried_or_cleared(team: Program, arguments: tuple[str, ...]) -> None:
    assert team("dead-letters", *arguments, agent="mgr-1").code == 2


def test_audit_has_refusals(team: Program) -> None:
    team("delete", "x", agent="dev-1")
    (entry,) = team("audit", "--event", "refusal", "--json", agent="mgr-1").document["entries"]

    assert (entry["agentId"], entry["detail"]) == ("dev-1", "dev-1 (project) may not delete messages")
    assert "refusal" in team("audit", agent="dev-1").out
