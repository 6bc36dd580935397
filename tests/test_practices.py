"""The reference's best practices are warnings, a wrong route is named, and no artifact path leaves the project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger.config import Config
from bmad_messenger.errors import Problem
from bmad_messenger.message import SHIPPED_TYPES, Message, Priority, Status, parse_time
from bmad_messenger.message_types import MessageTypes
from bmad_messenger.practices import check_artifact_paths, check_practices, check_route
from bmad_messenger.routes import Routes

TYPES = MessageTypes.load()
ROUTES = Routes.shipped()
ENDS: dict[str, tuple[str, str | None, Any]] = {
    "handoff": ("pm", "architect", None),
    "review": ("dev", "tea", None),
    "clarify": ("dev", "architect", None),
    "escalate": ("dev", "user", None),
    "notify": ("architect", None, "all"),
    "collaborate": ("pm", None, ("architect", "ux-designer", "tea")),
}


def message(type: str = "handoff", payload: dict[str, Any] | None = None, **changes: Any) -> Message:
    """The reference's example of that type, with this payload and these changes."""
    sender, recipient, recipients = ENDS[type]
    example = Message(
        message_id="MSG-20250115-a1b2",
        type=type,
        from_agent=sender,
        to_agent=recipient,
        to_agents=recipients,
        priority=TYPES.default_priority(type),
        created=parse_time("2025-01-15T10:30:00Z"),
        status=Status.PENDING,
        payload=TYPES.example(type) if payload is None else payload,
    )
    return replace(example, **changes)


def routed(route: str) -> Message:
    """A handoff on that route, with the route's example."""
    on = ROUTES.get(route)
    return message(payload=on.example(), route=route, from_agent=on.from_agent, to_agent=on.to_agent)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project that has the artifacts of the examples."""
    folder = tmp_path / "project"
    for name in (
        "planning-artifacts/prd.md",
        "planning-artifacts/architecture.md",
        "planning-artifacts/product-brief.md",
        "planning-artifacts/ux-design.md",
        "implementation-artifacts/stories/1-2-user-login.md",
    ):
        path = folder / "_bmad-output" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def practices(sent: Message, root: Path) -> list[str]:
    problems = check_practices(sent, root, TYPES, ROUTES)
    assert all(problem.severity == "warning" for problem in problems)
    return [problem.code for problem in problems]


def path_errors(text: Any, root: Path, type: str = "handoff", field: str = "artifact_path") -> tuple[Problem, ...]:
    problems = check_artifact_paths(message(type, {field: text}), root, TYPES, ROUTES)
    assert all(problem.severity == "error" for problem in problems)
    return problems


@pytest.mark.parametrize("type", SHIPPED_TYPES)
def test_an_example_of_the_reference_breaks_no_practice(type: str, root: Path) -> None:
    assert practices(message(type), root) == []
    assert check_artifact_paths(message(type), root, TYPES, ROUTES) == ()
    assert check_route(message(type), ROUTES, Config(strict_routes=True)) == ()


@pytest.mark.parametrize("type", SHIPPED_TYPES)
def test_an_example_of_the_reference_may_warn_of_missing_artifacts_alone(type: str, tmp_path: Path) -> None:
    assert set(practices(message(type), tmp_path)) <= {"best-practice-3"}


@pytest.mark.parametrize("route", [route.id for route in ROUTES])
def test_the_example_of_a_route_breaks_no_practice(route: str, root: Path) -> None:
    assert practices(routed(route), root) == []
    assert check_route(routed(route), ROUTES, Config(strict_routes=True)) == ()


@pytest.mark.parametrize(
    ("type", "field"), [("handoff", "context_summary"), ("clarify", "context"), ("collaborate", "context")]
)
@pytest.mark.parametrize("blank", [{}, {"x": " \n"}], ids=["missing", "blank"])
def test_practice_1_context_is_included(type: str, field: str, blank: dict[str, str], root: Path) -> None:
    payload = {key: value for key, value in TYPES.example(type).items() if key != field}
    payload |= dict.fromkeys([field] if blank else [], " \n")

    (problem,) = check_practices(message(type, payload), root, TYPES, ROUTES)

    assert problem.message == f"best practice 1: a {type} without `{field}`"
    assert problem.code == "best-practice-1"


@pytest.mark.parametrize("type", SHIPPED_TYPES)
def test_practice_2_critical_is_for_true_blockers(type: str, root: Path) -> None:
    broken = practices(message(type, priority=Priority.CRITICAL), root)

    assert broken == (["best-practice-2"] if type in ("notify", "collaborate", "review") else [])


@pytest.mark.parametrize("text", ["prd.md", "_bmad-output/none.md#part", "#/x/y", "C#/x.md", "a\x1b[31m.md", "x" * 200])
def test_practice_3_a_document_that_is_not_there(text: str, root: Path) -> None:
    (problem,) = check_practices(message("notify", {"message": "x", "decision_doc": text}), root, TYPES, ROUTES)

    assert problem.code == "best-practice-3"
    assert problem.message.startswith("best practice 3: payload.decision_doc: there is no file")
    assert problem.message.isprintable()


@pytest.mark.parametrize("text", ["https://example.com/prd", "ftp://example.com/a b"])
def test_practice_3_a_url_is_not_looked_up(text: str, root: Path) -> None:
    assert practices(message("notify", {"message": "x", "decision_doc": text}), root) == []
    assert path_errors(text, root) == ()


@pytest.mark.parametrize("name", ["C# notes.md", "a#b", "plan (draft).md"])
def test_practice_3_a_file_of_that_very_name_will_do(name: str, root: Path) -> None:
    (root / name).touch()

    assert practices(message("notify", {"message": "x", "decision_doc": name}), root) == []


@pytest.mark.parametrize("text", ["# PRD\n\nText", "x" * 201, "we have decided to use a database for all of it"])
def test_practice_3_a_body_where_a_path_belongs(text: str, root: Path) -> None:
    (problem,) = check_practices(message("notify", {"message": "x", "decision_doc": text}), root, TYPES, ROUTES)

    assert problem.message == "best practice 3: payload.decision_doc: a text stands where a path belongs"


def test_practice_3_counts_for_the_path_of_a_route(root: Path) -> None:
    sent = routed("prd-complete")

    assert practices(replace(sent, payload={**sent.payload, "prd_path": "none.md"}), root) == ["best-practice-3"]


def test_practice_3_counts_for_lists_and_parts_of_a_project_s_type(root: Path) -> None:
    path = {"type": "string", "format": "artifact-path"}
    schema = {
        "properties": {
            "files": {"type": "array", "items": path},
            "report": {"type": "object", "properties": {"at": path}},
        }
    }
    types = MessageTypes.load(added={"audit": schema})
    payload = {"files": ["a.md", 5, "../b.md"], "report": {"at": "c.md"}}
    sent = replace(message("notify", payload), type="audit")

    assert [problem.message for problem in check_practices(sent, root, types, ROUTES)] == [
        'best practice 3: payload.files[0]: there is no file "a.md"',
        'best practice 3: payload.report.at: there is no file "c.md"',
    ]
    assert [problem.message for problem in check_artifact_paths(sent, root, types, ROUTES)] == [
        'payload.files[2]: "../b.md" leads out of the project'
    ]


def test_practice_4_next_actions_are_named(root: Path) -> None:
    payload = TYPES.example("handoff")
    del payload["next_actions"]

    assert practices(message(payload=payload), root) == ["best-practice-4"]


@pytest.mark.parametrize(
    "text",
    [
        "../secret.md",
        "_bmad-output/../../secret.md",
        "/etc/passwd",
        "../secret.md#part",
        "..\\secret.md",
        "a/..\\../../secret.md",
        "x\x00.md",
        "a#/../../../secret.md",
        pytest.param("../" * 80 + "etc/passwd", id="deep"),
        pytest.param("../" * 5000 + "etc/passwd", id="deeper than any system goes"),
        pytest.param("x" * 5000 + "\x00", id="long, with NUL"),
        pytest.param("file.md\ud800", id="half a surrogate pair"),
    ],
)
def test_a_path_out_of_the_project_is_an_error(text: str, root: Path) -> None:
    (problem,) = path_errors(text, root)

    assert problem.message.endswith("leads out of the project")
    assert problem.message.isprintable()


def test_a_link_out_of_the_project_is_an_error(root: Path) -> None:
    (root / "out").symlink_to(root.parent)
    (root / "in").symlink_to(root / "_bmad-output")

    assert len(path_errors("out/secret.md", root)) == 1
    assert path_errors("in/planning-artifacts/prd.md", root) == ()


def test_links_that_go_in_a_circle_lead_nowhere(root: Path) -> None:
    (root / "a").symlink_to(root / "b")
    (root / "b").symlink_to(root / "a")

    assert path_errors("a/x.md", root) == ()


@pytest.mark.parametrize("text", ["docs/../prd.md", "./prd.md", "..prd.md", "a..b/c.md", "{root}/prd.md"])
def test_a_path_in_the_project_is_none(text: str, root: Path) -> None:
    assert path_errors(text.replace("{root}", str(root)), root) == ()


def test_a_folder_beside_the_project_is_outside(root: Path) -> None:
    assert len(path_errors(f"{root}-other/x.md", root)) == 1


def test_a_body_of_a_million_slashes_is_quickly_told(root: Path) -> None:
    assert path_errors("a/" * 500_000, root) == ()


def test_a_project_that_is_itself_a_link_is_no_escape(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)

    assert path_errors("_bmad-output/planning-artifacts/prd.md", link) == ()


def test_a_handoff_that_no_route_joins_is_a_warning() -> None:
    (problem,) = check_route(message(to_agent="tea"), ROUTES, Config())

    assert (problem.code, problem.severity) == ("no-route", "warning")
    assert problem.message == "no route joins pm to tea for a handoff"
    assert problem.hint == "pm hands over to architect, ux-designer; config.yaml can add a route"


def test_a_handoff_that_no_route_joins_is_an_error_in_a_strict_project() -> None:
    (problem,) = check_route(message(to_agent="tea"), ROUTES, Config(strict_routes=True))

    assert problem.severity == "error"


@pytest.mark.parametrize(
    "sent",
    [
        message(to_agent="user"),
        message(from_agent="user", to_agent="dev"),
        message("review", from_agent="pm"),
        message("notify"),
    ],
    ids=["to user", "from user", "no handoff", "broadcast"],
)
def test_no_route_is_asked_of_other_messages(sent: Message) -> None:
    assert check_route(sent, ROUTES, Config(strict_routes=True)) == ()


def test_a_message_that_leaves_its_route_is_an_error() -> None:
    sent = replace(routed("prd-complete"), type="review", from_agent="dev", to_agent="tea")

    problems = check_route(sent, ROUTES, Config())

    assert [problem.message for problem in problems] == [
        "the route prd-complete goes from pm, not from dev",
        "the route prd-complete goes to architect, not to tea",
        "a review can't go on the route prd-complete",
    ]
    assert {problem.severity for problem in problems} == {"error"}


def test_a_route_takes_each_of_its_types() -> None:
    assert check_route(replace(routed("implementation-complete"), type="review"), ROUTES, Config()) == ()


def test_a_route_goes_to_one_agent() -> None:
    sent = replace(routed("prd-complete"), to_agent=None, to_agents=("architect",))

    (problem,) = check_route(sent, ROUTES, Config())

    assert problem.message == "the route prd-complete goes to architect, not to several agents"


def test_an_unknown_route_is_an_error_that_names_the_nearest() -> None:
    (problem,) = check_route(replace(routed("prd-complete"), route="prd-complet"), ROUTES, Config())

    assert problem.message == 'there is no route "prd-complet"'
    assert "did you mean `prd-complete`?" in problem.hint
