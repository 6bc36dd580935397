"""The shipped routes are the reference's tables, and a route is found by its id, its trigger or its ends."""

from __future__ import annotations

from typing import Any

import pytest

from bmad_messenger.errors import InvalidError
from bmad_messenger.message_types import MessageTypes
from bmad_messenger.project_files import check_document
from bmad_messenger.routes import Route, Routes, slug
from bmad_messenger.shipped import shipped
from bmad_messenger.yaml.parse import parse_located

TABLES = """
1-2 | analyst     | pm          | Product brief complete  | brief_path, key_insights
1-2 | pm          | architect   | PRD complete            | prd_path, priority_features
1-2 | pm          | ux-designer | PRD with UI complete    | prd_path, user_personas
2-3 | architect   | sm          | Architecture approved   | architecture_path, tech_decisions
2-3 | ux-designer | sm          | UX design complete      | ux_path, component_library
3-4 | sm          | dev         | Story ready             | story_path, acceptance_criteria
3-4 | dev         | tea         | Implementation complete | story_path, files_changed
3-4 | tea         | dev         | Review with issues      | review_findings, required_actions
"""

OWN: dict[str, Any] = {"id": "hotfix", "from": "user", "to": "dev", "trigger": "Hotfix wanted"}


@pytest.fixture(scope="module")
def routes() -> Routes:
    return Routes.shipped()


def test_the_shipped_routes_are_the_reference_s(routes: Routes) -> None:
    rows = [[cell.strip() for cell in line.split("|")] for line in TABLES.strip().splitlines()]

    assert [[r.phase, r.from_agent, r.to_agent, r.trigger, ", ".join(r.payload)] for r in routes] == rows


def test_the_id_of_a_shipped_route_is_its_trigger_s_slug(routes: Routes) -> None:
    assert [route.id for route in routes] == [slug(route.trigger) for route in routes]


def test_the_shipped_file_is_valid() -> None:
    text = shipped("workflows/routes.yaml").read_text(encoding="utf-8")

    assert check_document("routes", parse_located(text), "routes.yaml") == ()


def test_every_phase_has_a_title(routes: Routes) -> None:
    assert {route.phase for route in routes} == set(routes.phases)


def test_the_example_of_a_route_is_valid(routes: Routes) -> None:
    types = MessageTypes.load()

    for route in routes:
        assert types.check_payload("handoff", route.example(), route) == ()


@pytest.mark.parametrize("field", ["key_insights", "component_library", "required_actions"])
@pytest.mark.parametrize(("value", "is_valid"), [("x", True), (["x"], True), ("", False), ([], False), ([1], False)])
def test_a_field_that_the_reference_leaves_open_is_text_or_a_list(
    routes: Routes, field: str, value: Any, is_valid: bool
) -> None:
    route = next(route for route in routes if field in route.payload)
    problems = MessageTypes.load().check_payload("handoff", {**route.example(), field: value}, route)

    assert (problems == ()) == is_valid


def test_a_review_may_travel_from_dev_to_tea(routes: Routes) -> None:
    assert [route.id for route in routes if "review" in route.types] == ["implementation-complete"]


def test_an_id_selects_its_route_alone(routes: Routes) -> None:
    assert [route.id for route in routes.select("prd-complete")] == ["prd-complete"]


@pytest.mark.parametrize("name", ["prd-complete-with-ui", "PRD complete, with UI"])
def test_a_shared_trigger_selects_each_of_its_routes(routes: Routes, name: str) -> None:
    assert [route.to_agent for route in routes.select(name)] == ["architect", "ux-designer"]


def test_an_unknown_name_is_answered_with_the_nearest(routes: Routes) -> None:
    with pytest.raises(InvalidError, match='there is no route "prd-complet"; did you mean `prd-complete`'):
        routes.select("prd-complet")


def test_a_hostile_name_is_shown_cut_and_visible(routes: Routes) -> None:
    with pytest.raises(InvalidError) as caught:
        routes.select("\x1b[31m" + "x" * 1_000_000)

    assert "\x1b" not in str(caught.value)
    assert len(caught.value.problem.message) < 100


@pytest.mark.parametrize("name", ["", "!!"])
def test_a_name_of_no_letters_selects_nothing(routes: Routes, name: str) -> None:
    with pytest.raises(InvalidError):
        routes.select(name)


def test_get_takes_ids_only(routes: Routes) -> None:
    assert routes.get("story-ready").from_agent == "sm"
    with pytest.raises(InvalidError):
        routes.get("prd-complete-with-ui")


def test_between_goes_by_direction_and_type(routes: Routes) -> None:
    assert [route.id for route in routes.between("dev", "tea", "review")] == ["implementation-complete"]
    assert routes.between("tea", "dev", "review") == ()
    assert routes.between("pm", "dev", "handoff") == ()


def test_a_project_adds_a_route() -> None:
    route = Routes.load([OWN]).get("hotfix")

    assert route == Route("hotfix", "user", "dev", "Hotfix wanted")
    assert route.types == ("handoff",)


def test_the_last_of_one_id_replaces_the_others_in_their_place() -> None:
    routes = Routes.load([{**OWN, "id": "prd-complete"}], [{**OWN, "id": "prd-complete", "to": "tea"}])

    assert len(routes) == 8
    assert next(iter(routes.select("prd-complete"))).to_agent == "tea"
    assert [*routes][1].id == "prd-complete"


def test_a_route_goes_back_to_the_file_s_keys(routes: Routes) -> None:
    for route in routes:
        assert Route.from_mapping(route.to_mapping()) == route


def test_a_field_without_an_example_has_a_word_in_its_place() -> None:
    assert Route.from_mapping({**OWN, "payload": {"log": {"type": "string"}}}).example() == {"log": "<log>"}


@pytest.mark.parametrize(
    ("trigger", "name"), [("PRD complete, with UI", "prd-complete-with-ui"), (" Über_gabe! ", "über-gabe"), ("!!", "")]
)
def test_slug(trigger: str, name: str) -> None:
    assert slug(trigger) == name
