"""A payload keeps to its type and route, a message to its envelope; a project and plugins add types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bmad_messenger.config import Project
from bmad_messenger.errors import InvalidError, StorageError
from bmad_messenger.findings import Source
from bmad_messenger.message import SHIPPED_TYPES, Priority
from bmad_messenger.message_types import MessageTypes, check_message
from bmad_messenger.routes import Routes
from bmad_messenger.yaml.parse import parse, parse_located

REFERENCE = """
- type: handoff
  from: pm
  to: architect
  payload:
    artifact_path: "_bmad-output/planning-artifacts/prd.md"
    context_summary: "PRD complete for user auth feature"
    next_actions:
      - Review technical requirements
      - Identify infrastructure needs
      - Propose architecture patterns
- type: review
  from: dev
  to: tea
  payload:
    artifact_path: "_bmad-output/implementation-artifacts/stories/1-2-user-login.md"
    review_type: "code-review"
    files_changed:
      - src/auth/login.ts
      - src/auth/login.test.ts
- type: clarify
  from: dev
  to: architect
  payload:
    question: "Should authentication use JWT or session cookies?"
    context: "Story 1-2 requires user login but auth method not specified in architecture"
- type: escalate
  from: dev
  to: user
  payload:
    issue: "Blocking dependency conflict between React 18 and legacy charting library"
    severity: "blocker"
    recommendation: "Either upgrade charting library or downgrade to React 17"
    impact: "Cannot proceed with Epic 2 until resolved"
- type: notify
  from: architect
  to_agents: "all"
  payload:
    message: "Architecture decision: Using PostgreSQL with Prisma ORM"
    decision_doc: "_bmad-output/planning-artifacts/architecture.md#database"
- type: collaborate
  from: pm
  to_agents:
    - architect
    - ux-designer
    - tea
  payload:
    topic: "Feature complexity assessment for real-time collaboration"
    deadline: "2025-01-16T17:00:00Z"
    context: "Client requesting WebSocket-based real-time editing"
"""
EXAMPLES = parse(REFERENCE)

QUEUE = """
messages:
  - message_id: "MSG-20250115-a1b2"
    type: "handoff"
    from: "pm"
    to: "architect"
    priority: "high"
    created: "2025-01-15T10:30:00Z"
    status: "pending"
    payload:
      artifact_path: "_bmad-output/planning-artifacts/prd.md"
      context_summary: "PRD complete"
      next_actions:
        - Review requirements
        - Design architecture

  - message_id: "MSG-20250115-c3d4"
    type: "notify"
    from: "architect"
    to_agents: "all"
    priority: "low"
    created: "2025-01-15T11:00:00Z"
    status: "read"
    payload:
      message: "Using PostgreSQL with Prisma"
"""
STORED = parse(QUEUE)["messages"][0]

TYPES = MessageTypes.load()
ROUTES = Routes.shipped()


def problems_of(message: Any, *, complete: bool = True) -> list[str]:
    return [problem.message for problem in check_message(message, TYPES, ROUTES, complete=complete)]


def changed(**keys: Any) -> dict[str, Any]:
    """The stored message with these keys; a key given as None is left out."""
    return {key: value for key, value in {**STORED, **keys}.items() if value is not None}


@pytest.mark.parametrize("message", EXAMPLES, ids=SHIPPED_TYPES)
def test_an_example_of_the_reference_is_valid_as_typed(message: dict[str, Any]) -> None:
    assert problems_of(message, complete=False) == []


@pytest.mark.parametrize("message", parse(QUEUE)["messages"], ids=["handoff", "notify"])
def test_the_queue_of_the_reference_is_valid(message: dict[str, Any]) -> None:
    assert problems_of(message) == []


def test_the_example_of_a_type_is_the_reference_s() -> None:
    assert [TYPES.example(type) for type in SHIPPED_TYPES] == [message["payload"] for message in EXAMPLES]


def test_priorities_are_the_reference_s() -> None:
    assert {type: TYPES.default_priority(type).label for type in TYPES.names} == {
        "escalate": "critical",
        "handoff": "high",
        "clarify": "high",
        "review": "medium",
        "collaborate": "medium",
        "notify": "low",
    }


def test_all_problems_of_a_payload_are_reported_together() -> None:
    payload = {"artifact_path": 3, "next_action": ["x"], "context_summary": "", "links": ["example"]}

    assert [problem.message for problem in TYPES.check_payload("handoff", payload)] == [
        "payload: unknown key `next_action`: did you mean `next_actions`?",
        "payload.artifact_path: wanted text, found 3",
        'payload.context_summary: wanted text that is not empty, found ""',
        'payload.links[0]: wanted a URI such as https://example.com, found "example"',
    ]


def test_a_misspelt_required_key_is_reported_once() -> None:
    (problem,) = TYPES.check_payload("handoff", {"artefact_path": "x.md"})

    assert problem.message == "payload: unknown key `artefact_path`: did you mean `artifact_path`?"


def test_a_payload_may_hold_facts_of_the_project() -> None:
    assert TYPES.check_payload("notify", {"message": "x", "sprint": 12, "nested": {"a": [1]}}) == ()


@pytest.mark.parametrize("type", SHIPPED_TYPES)
def test_an_empty_payload_lacks_one_thing(type: str) -> None:
    (problem,) = TYPES.check_payload(type, {})

    assert problem.message.endswith(": required, but missing")


@pytest.mark.parametrize("payload", [None, [], "artifact_path: x", 5])
def test_a_payload_is_a_mapping(payload: Any) -> None:
    (problem,) = TYPES.check_payload("handoff", payload)

    assert problem.message.startswith("payload: wanted a mapping, found ")


def test_a_payload_s_keys_are_text() -> None:
    (problem,) = TYPES.check_payload("handoff", {1: "x"})

    assert problem.message == "payload: wanted keys that are text, found 1"


def test_a_payload_of_a_hundred_thousand_keys_is_checked() -> None:
    assert TYPES.check_payload("notify", {"message": "x", **{f"key{n}": n for n in range(100_000)}}) == ()


def test_severity_and_deadline_are_checked() -> None:
    (severity,) = TYPES.check_payload("escalate", {"issue": "x", "severity": "huge\x1b[31m"})
    (deadline,) = TYPES.check_payload("collaborate", {"topic": "x", "deadline": "tomorrow"})

    assert severity.message == (
        'payload.severity: wanted "blocker", "critical", "major" or "minor", found "huge\\u001b[31m"'
    )
    assert deadline.message == (
        'payload.deadline: wanted a date and time with its zone, such as 2025-01-15T10:30:00Z, found "tomorrow"'
    )


def test_a_routed_payload_needs_the_route_s_fields_and_not_the_type_s() -> None:
    route = ROUTES.get("prd-complete")

    assert TYPES.check_payload("handoff", {"prd_path": "prd.md", "priority_features": "login"}, route) == ()
    assert [problem.message for problem in TYPES.check_payload("handoff", {"artifact_path": "prd.md"}, route)] == [
        "payload.prd_path: required, but missing",
        "payload.priority_features: required, but missing",
    ]


def test_the_type_s_fields_keep_their_kind_on_a_route() -> None:
    route = ROUTES.get("prd-complete")
    payload = {"prd_path": "prd.md", "priority_features": 5, "next_actions": "x"}

    assert [problem.message for problem in TYPES.check_payload("handoff", payload, route)] == [
        'payload.next_actions: wanted a list, found "x"',
        "payload.priority_features: wanted text or a list, found 5",
    ]


def test_a_misspelt_field_of_a_route_is_recognized() -> None:
    payload = {"prd_paht": "prd.md", "priority_features": "x"}

    (problem,) = TYPES.check_payload("handoff", payload, ROUTES.get("prd-complete"))

    assert problem.message == "payload: unknown key `prd_paht`: did you mean `prd_path`?"


def test_a_route_without_fields_leaves_the_type_s_in_force() -> None:
    route = Routes.load([{"id": "hotfix", "from": "user", "to": "dev", "trigger": "Hotfix"}]).get("hotfix")

    assert TYPES.check_payload("handoff", {}, route) != ()


def test_an_unknown_type_is_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidError, match='there is no message type "handof"; did you mean `handoff`'):
        TYPES.check_payload("handof", {})


@pytest.mark.parametrize(
    "type", ["../x", "", "handoff\n", "payload/handoff", pytest.param("x" * 100_000, id="long"), "\x00"]
)
def test_a_hostile_type_is_unknown(type: str) -> None:
    with pytest.raises(InvalidError) as caught:
        TYPES.schema_of(type)

    assert len(caught.value.problem.message) < 200


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"status": None, "statuss": "read"}, "unknown key `statuss`: did you mean `status`?"),
        ({"colour": "red"}, "unknown key `colour`"),
        ({"status": None}, "status: required, but missing"),
        ({"status": "open"}, 'status: wanted "pending", "read", "done", "cancelled" or "expired", found "open"'),
        ({"priority": "High"}, 'priority: wanted "critical", "high", "medium" or "low", found "High"'),
        ({"message_id": "MSG-1"}, 'message_id: wanted an id such as MSG-20250115-a1b2, found "MSG-1"'),
        ({"to": None}, "wanted either `to` or `to_agents`, found neither"),
        ({"type": "handof"}, 'type: there is no message type "handof"'),
        ({"route": "prd-complet"}, 'route: there is no route "prd-complet"'),
        ({"payload": []}, "payload: wanted a mapping, found an empty list"),
        ({"note": 5}, "note: wanted text, found 5"),
        (
            {"created": "yesterday"},
            'created: wanted a date and time with its zone, such as 2025-01-15T10:30:00Z, found "yesterday"',
        ),
        ({"read_by": {"dev": 5}}, "read_by.dev: wanted text, found 5"),
    ],
)
def test_a_wrong_envelope_is_reported(keys: dict[str, Any], message: str) -> None:
    assert problems_of(changed(**keys)) == [message]


@pytest.mark.parametrize("name", ["../x", "pm\n", "", "-pm", ".pm", "a" * 65, "a b", "\x1b[31m", "pm\x00"])
def test_a_hostile_agent_is_refused(name: str) -> None:
    problems = problems_of(changed(**{"from": name}))

    assert problems
    assert all(problem.startswith("from: wanted") and problem.isprintable() for problem in problems)


@pytest.mark.parametrize(
    "recipients", [{"to": "pm"}, {"to_agents": "all"}, {"to_agents": ["pm"]}, {"to_agents": ["pm", "user"]}]
)
@pytest.mark.parametrize("type", ["notify", "collaborate"])
def test_a_broadcast_goes_to_one_or_many(type: str, recipients: dict[str, Any]) -> None:
    message = {"type": type, "from": "dev", **recipients, "payload": TYPES.example(type)}

    assert problems_of(message, complete=False) == []


@pytest.mark.parametrize(
    ("recipients", "message"),
    [
        ("pm,dev", 'to_agents: wanted "all" or a list, found "pm,dev"'),
        ([], "to_agents: wanted a list that is not empty, found an empty list"),
        (["pm", "pm"], 'to_agents: wanted nothing twice, found "pm" again'),
        (["pm", 5], "to_agents[1]: wanted text, found 5"),
        ({}, 'to_agents: wanted "all" or a list, found an empty mapping'),
    ],
)
def test_wrong_recipients_are_reported(recipients: Any, message: str) -> None:
    typed = {"type": "notify", "from": "dev", "to_agents": recipients, "payload": {"message": "x"}}

    assert problems_of(typed, complete=False) == [message]


@pytest.mark.parametrize("type", ["handoff", "review", "clarify", "escalate"])
def test_a_message_to_one_agent_goes_to_one(type: str) -> None:
    message = {"type": type, "from": "dev", "to_agents": ["pm"], "payload": TYPES.example(type)}

    (problem,) = check_message(message, TYPES, ROUTES, complete=False)

    assert problem.message == "to_agents: not allowed here"
    assert problem.hint == "a handoff, review, clarify or escalate goes to one agent: name it under `to`"


def test_a_message_has_one_kind_of_recipient() -> None:
    message = {"type": "notify", "from": "dev", "to": "pm", "to_agents": ["pm"], "payload": {"message": "x"}}

    assert problems_of(message, complete=False) == ["wanted either `to` or `to_agents`, found both"]


def test_keys_of_the_project_are_free() -> None:
    assert problems_of(changed(**{"x-ticket": {"id": [1]}})) == []


def test_a_typed_message_may_leave_out_what_is_filled_in() -> None:
    typed = changed(message_id=None, priority=None, created=None, status=None)

    assert problems_of(typed, complete=False) == []
    assert len(problems_of(typed)) == 4


@pytest.mark.parametrize("message", [None, [], "x", 5])
def test_a_message_is_a_mapping(message: Any) -> None:
    (problem,) = problems_of(message)

    assert problem.startswith("a message is a mapping of keys, this is ")


def test_a_routed_message_is_held_to_its_route() -> None:
    assert problems_of(changed(route="prd-complete")) == [
        "payload.prd_path: required, but missing",
        "payload.priority_features: required, but missing",
    ]


def test_a_problem_of_a_message_has_its_place() -> None:
    text = QUEUE.replace("- Review requirements", "- 7").replace('"pending"', '"open"')
    document = parse_located(text)
    source = Source("message-queue.yaml", document, ("messages", 0))

    problems = check_message(document.value["messages"][0], TYPES, ROUTES, source=source)

    assert [problem.where for problem in problems] == ["message-queue.yaml:9:5", "message-queue.yaml:14:11"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.schemas.mkdir(parents=True)
    return made


def test_a_project_adds_a_type(project: Project) -> None:
    schema = '{"required": ["story"], "properties": {"story": {"type": "string"}}, "default_priority": "low"}'
    (project.schemas / "estimate.schema.json").write_text(schema)
    types = MessageTypes.load(project)

    assert types.names == (*SHIPPED_TYPES, "estimate")
    assert types.default_priority("estimate") is Priority.LOW
    assert [problem.message for problem in types.check_payload("estimate", {"story": 5})] == [
        "payload.story: wanted text, found 5"
    ]


def test_a_plugin_adds_a_type_which_a_project_replaces(project: Project) -> None:
    added = {"estimate": {"required": ["a"]}, "retro": {}}
    (project.schemas / "estimate.schema.json").write_text('{"required": ["b"]}')
    types = MessageTypes.load(project, added)

    assert types.names == (*SHIPPED_TYPES, "estimate", "retro")
    assert types.schema_of("estimate") == {"required": ["b"]}
    assert types.default_priority("retro") is Priority.MEDIUM
    assert types.example("retro") == {}


def test_a_broken_type_costs_nothing_until_it_is_used(project: Project) -> None:
    (project.schemas / "estimate.schema.json").write_text("{")
    types = MessageTypes.load(project)

    assert types.check_payload("notify", {"message": "x"}) == ()
    with pytest.raises(InvalidError) as caught:
        types.schema_of("estimate")
    assert caught.value.problem.path == "_bmad-output/messenger/schemas/estimate.schema.json"


def test_a_type_whose_schema_is_none_is_reported_with_its_place(project: Project) -> None:
    (project.schemas / "estimate.schema.json").write_text('{\n  "type": "objekt"\n}\n')

    with pytest.raises(InvalidError) as caught:
        MessageTypes.load(project).schema_of("estimate")

    assert caught.value.problem.where.endswith("estimate.schema.json:2:3")


def test_a_type_that_refers_to_the_network_is_refused(project: Project) -> None:
    (project.schemas / "estimate.schema.json").write_text('{"$ref": "https://example.com/x.json"}')

    with pytest.raises(InvalidError, match="nothing is fetched from the network"):
        MessageTypes.load(project).schema_of("estimate")


def test_a_message_of_a_broken_type_is_reported_and_nothing_raised(project: Project) -> None:
    (project.schemas / "estimate.schema.json").write_text('{"type": 5}')

    (problem,) = check_message(changed(type="estimate"), MessageTypes.load(project), ROUTES)

    assert problem.message.startswith("type: the schema of the type 'estimate'")


def test_a_plugin_s_schema_is_checked() -> None:
    with pytest.raises(InvalidError, match="wanted"):
        MessageTypes.load(added={"estimate": {"type": "objekt"}}).schema_of("estimate")


def test_a_type_s_file_that_is_not_text_is_refused(project: Project) -> None:
    (project.schemas / "estimate.schema.json").write_bytes(b'{"title": "\xff"}')

    with pytest.raises(InvalidError, match="not UTF-8"):
        MessageTypes.load(project).schema_of("estimate")


def test_a_type_s_file_that_can_t_be_read_is_refused(project: Project) -> None:
    (project.schemas / "estimate.schema.json").mkdir()

    with pytest.raises(StorageError, match="can't read"):
        MessageTypes.load(project).schema_of("estimate")
