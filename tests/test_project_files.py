"""A project's config, routes and types are checked, each problem with its place in the file."""

from __future__ import annotations

from typing import Any

import pytest

from bmad_messenger.config import Config
from bmad_messenger.project_files import Kind, check_document
from bmad_messenger.yaml.parse import Document, parse, parse_located

FULL = """
agents:
  add: [bmad-agent-pm]
  remove: [sm]
routes:
  policy: strict
  add:
    - id: hotfix
      from: user
      to: dev
      trigger: Hotfix wanted
      types: [handoff, notify]
      payload:
        log_path: { type: string, format: artifact-path }
limits: { thread_length: 10, payload_bytes: 1000, queue_bytes: 10000, lock_timeout: 0.5 }
plugins:
  disable: [btmsg]
  archive: { months: 3 }
variables: { output_folder: _bmad-output, sprint: 4, draft: true }
"""


def check(text: str, kind: Kind = "config", path: str = "config.yaml", **options: Any) -> list[str]:
    return [str(problem) for problem in check_document(kind, parse_located(text), path, **options)]


@pytest.mark.parametrize(
    "text", [FULL, "", "# nothing", "agents:\nroutes:\nlimits:\nplugins:\nvariables:", "routes: warn"]
)
def test_a_valid_config_is_valid_and_can_be_read(text: str) -> None:
    assert check(text) == []
    assert Config.from_mapping(parse(text) or {}).agents


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("varables: {}", "config.yaml:1:1: unknown key `varables`: did you mean `variables`?"),
        ("x", 'config.yaml:1:1: wanted a mapping or nothing, found "x"'),
        (
            "routes: strickt",
            'config.yaml:1:1: routes: wanted "warn" or "strict" or a mapping or nothing, found "strickt"',
        ),
        ("routes:\n  polcy: warn", "config.yaml:2:3: routes: unknown key `polcy`: did you mean `policy`?"),
        ("limits:\n  thread_length: 0", "config.yaml:2:3: limits.thread_length: wanted at least 1, found 0"),
        ("limits:\n  lock_timeout: soon", 'config.yaml:2:3: limits.lock_timeout: wanted a number, found "soon"'),
        ("plugins:\n  disable: a", 'config.yaml:2:3: plugins.disable: wanted a list or nothing, found "a"'),
        ("agents: []", "config.yaml:1:1: agents: wanted a list that is not empty, found an empty list"),
        (
            "variables:\n  a: [1]",
            "config.yaml:2:3: variables.a: wanted text, a number or true or false, found a list of 1",
        ),
        (
            "agents:\n  - pm\n  - ../x",
            (
                "config.yaml:3:5: agents[1]: wanted a name of letters, digits, `.`, `_` and `-` "
                'that begins with a letter or digit, found "../x"'
            ),
        ),
        (
            "agents: { remove: [analyst, pm, architect, ux-designer, sm, dev, tea, user] }",
            "config.yaml:1:1: config.yaml leaves the project without agents; name at least one under `agents:`",
        ),
    ],
)
def test_a_wrong_config_is_reported_with_its_place(text: str, problem: str) -> None:
    assert check(text) == [problem]


def test_all_problems_of_a_config_are_reported_together() -> None:
    assert len(check("limits: { thread_length: 0, payload_bytes: x }\nroutes: 5\n")) == 3


def test_a_route_of_a_config_is_checked() -> None:
    text = """
routes:
  add:
    - { id: Hot fix, from: pm, to: dev, trigger: x }
    - { id: b, from: pm, triger: x }
"""
    assert check(text) == [
        (
            "config.yaml:4:9: routes.add[0].id: wanted words of lower-case letters and digits, joined by `-`, "
            'found "Hot fix"'
        ),
        "config.yaml:5:7: routes.add[1].to: required, but missing; add `to` (The agent that takes over)",
        "config.yaml:5:26: routes.add[1]: unknown key `triger`: did you mean `trigger`?",
    ]


ROUTES = """
routes:
  - { id: a, from: pm, to: dev, trigger: x }
  - { id: a, from: pm, to: tester, trigger: y }
"""


def test_two_routes_of_one_id_are_an_error() -> None:
    first, *_ = check_document("routes", parse_located(ROUTES), "routes.yaml")

    assert (first.message, first.line, first.severity) == ("the route id 'a' is taken", 4, "error")


def test_a_route_to_a_stranger_is_a_warning() -> None:
    *_, last = check_document("routes", parse_located(ROUTES), "routes.yaml")

    assert (last.message, last.where) == ("the agent 'tester' is not on the roster", "routes.yaml:4:24")
    assert last.severity == "warning"


def test_the_roster_of_the_config_counts_for_its_routes() -> None:
    route = "{ id: a, from: pm, to: tester, trigger: y }"

    assert check(f"agents: {{ add: [tester] }}\nroutes: {{ add: [{route}] }}") == []
    assert check(f"routes: [{route}]", "routes", agents=["pm", "tester"]) == []


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ("{ type: strng }", "routes[0].payload.f.type: wanted"),
        ("{ $ref: 'http://example.com/x' }", 'routes[0].payload.f.$ref: "http://example.com/x" is not here'),
        ("text", "routes[0].payload.f: wanted a mapping"),
    ],
)
def test_a_payload_field_of_a_route_has_a_schema(schema: str, problem: str) -> None:
    text = f"routes:\n  - {{ id: a, from: pm, to: dev, trigger: x, payload: {{ f: {schema} }} }}"
    (found,) = check(text, "routes", "routes.yaml")

    assert problem in found


@pytest.mark.parametrize("text", ["routes:", "routes: []"])
def test_a_file_may_have_no_routes(text: str) -> None:
    assert check(text, "routes") == []


def test_a_value_that_no_file_holds_is_reported_without_a_place() -> None:
    (problem,) = check_document("routes", Document({"routes": 5}), "the plugin acme")

    assert problem.where == "the plugin acme"


TYPE = "schemas/estimate.schema.json"


def test_a_type_s_schema_is_valid() -> None:
    text = '{"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "#/$defs/a", "$defs": {"a": {}}}'

    assert check(text, "type", TYPE) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", f"{TYPE}:1:1: wanted a mapping with the rules of a JSON Schema, found an empty list"),
        (
            '{\n "default_priority": "urgent"}',
            f'{TYPE}:2:2: default_priority: wanted one of critical, high, medium, low, found "urgent"',
        ),
        (
            '{"properties": {\n "a": {"pattern": "("}}}',
            f'{TYPE}:2:8: properties.a.pattern: wanted text of the format "regex", found "("',
        ),
    ],
)
def test_a_wrong_type_is_reported_with_its_place(text: str, problem: str) -> None:
    assert check(text, "type", TYPE) == [problem]


@pytest.mark.parametrize("priority", ["[]", "{}", "5"])
def test_a_priority_is_a_word(priority: str) -> None:
    (problem,) = check(f'{{"default_priority": {priority}}}', "type", TYPE)

    assert "default_priority: wanted one of" in problem


def test_a_type_is_called_by_its_file() -> None:
    (problem,) = check("{}", "type", "schemas/My Type.schema.json")

    assert '"My Type" can\'t be the name of a message type' in problem
