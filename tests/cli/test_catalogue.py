"""`routes`, `types` and `agents`: lists, single ones, and examples that can be sent as they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger.message import SHIPPED_TYPES
from bmad_messenger.routes import Routes

Cli = Callable[..., Any]


def test_routes_are_listed_with_their_payload(cli: Cli) -> None:
    rows = cli("routes").out.splitlines()

    assert len(rows) == 1 + len(Routes.shipped())
    assert rows[2].split()[:4] == ["prd-complete", "1-2", "pm", "architect"]
    assert rows[2].endswith("prd_path, priority_features")


def test_one_route_shows_its_fields(cli: Cli) -> None:
    assert "prd_path           string           yes" in cli("routes", "prd-complete").out
    assert cli("routes", "prd-complete", "--json").document["from"] == "pm"


def test_types_are_listed_with_their_priority(cli: Cli) -> None:
    documents = cli("types", "--json").document["types"]

    assert [one["name"] for one in documents] == [*SHIPPED_TYPES]
    assert documents[0]["priority"] == "high"
    assert cli("types").out.splitlines()[1].startswith("handoff      high")


def test_one_type_shows_its_fields(cli: Cli) -> None:
    assert "question  string" in cli("types", "clarify").out
    assert cli("types", "clarify", "--json").document["schema"]["required"]


def test_types_of_the_project_are_listed(cli: Cli, project: Path) -> None:
    folder = project / "_bmad-output/messenger/schemas"
    folder.mkdir(parents=True)
    (folder / "standup.schema.json").write_text('{"description": "Daily.", "type": "object"}', encoding="utf-8")

    assert "standup" in cli("types").out
    assert cli("types", "standup").out == "standup: Daily.\n\nAny payload.\n"


@pytest.mark.parametrize("name", SHIPPED_TYPES)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_example_of_a_type_can_be_sent(cli: Cli, name: str, form: tuple[str, ...]) -> None:
    example = cli("types", name, "--example", *form).out
    arguments = ("send-message", "--type", name, "--from", "pm", "--to", "dev", "--payload", "-", "--dry-run")

    assert cli(*arguments, stdin=example).code == 0


@pytest.mark.parametrize("name", Routes.shipped().by_id)
def test_example_of_a_route_can_be_sent(cli: Cli, name: str) -> None:
    example = cli("routes", name, "--example").out

    assert cli("send-message", "--route", name, "--payload", "-", "--dry-run", stdin=example).code == 0


@pytest.mark.parametrize("command", ["routes", "types"])
def test_example_needs_a_name(cli: Cli, command: str) -> None:
    assert cli(command, "--example").code == 2


@pytest.mark.parametrize(("command", "near"), [("routes", "prd-complete"), ("types", "handoff")])
def test_unknown_name_is_an_error(cli: Cli, command: str, near: str) -> None:
    run = cli(command, near[:-1])

    assert run.code == 3
    assert near in run.err


def test_agents_are_listed_with_their_routes(cli: Cli) -> None:
    documents = {one["name"]: one for one in cli("agents", "--json").document["agents"]}

    assert documents["architect"]["receives"] == ["prd-complete"]
    assert documents["user"] == {"name": "user", "sends": [], "receives": []}
    assert cli("agents").out.startswith("AGENT")
