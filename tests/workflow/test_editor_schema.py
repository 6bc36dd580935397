"""Tests of `bmad_messenger.workflow.editor_schema` and `starting_point`: help for who writes a workflow."""

from __future__ import annotations

from typing import Any

import pytest

from bmad_messenger import InvalidError, Messenger, UsageError, task
from bmad_messenger.schemas import schema_violations, validator_of, violations
from bmad_messenger.shipped import shipped
from bmad_messenger.workflow.editor_schema import schema_for
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import State
from bmad_messenger.workflow.starting_point import write_new
from bmad_messenger.yaml.parse import parse
from tests.workflow.conftest import AddTasks

FILES = [path for path in sorted(shipped("workflows").glob("*.yaml")) if path.stem != "routes"]


def steps(**step: Any) -> dict[str, Any]:
    return {"name": "x", "steps": [{"id": "a", **step}]}


@pytest.fixture
def schema(messenger: Messenger, add_tasks: AddTasks) -> dict[str, Any]:
    def work(messenger: Messenger, *, times: int) -> None:
        """Work."""

    @task(schema={"type": "object", "properties": {"env": {"enum": ["prod", "test"]}}, "required": ["env"]})
    def deploy(messenger: Messenger, **params: Any) -> None:
        """Deploy."""

    def record(messenger: Messenger, **params: Any) -> None:
        """Record."""

    add_tasks(work=work, deploy=deploy, record=record)
    return schema_for(messenger)


def test_it_is_a_schema(schema: dict[str, Any]) -> None:
    assert schema_violations(schema) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_accepts_the_shipped_workflows(schema: dict[str, Any], path: Any) -> None:
    assert violations(validator_of(schema), parse(path.read_text("utf-8"))) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_shipped_workflows_name_their_schema_for_editors(path: Any) -> None:
    assert path.read_text("utf-8").startswith("# yaml-language-server: $schema=../schemas/workflow.schema.json\n")


@pytest.mark.parametrize(
    ("document", "is_valid"),
    [
        (steps(exec="work", **{"with": {"times": 5}}), True),
        (steps(exec="work", **{"with": {"times": "{{ params.x }}"}}), True),
        (steps(exec="work", **{"with": {"times": "often"}}), False),
        (steps(exec="work", **{"with": {"tmies": 5}}), False),
        (steps(exec="work"), False),
        (steps(exec="deploy", **{"with": {"env": "prod"}}), True),
        (steps(exec="deploy", **{"with": {"env": "{{ params.x }}"}}), True),
        (steps(exec="deploy", **{"with": {"env": "stage"}}), False),
        (steps(exec="deploy", **{"with": {"env": "prod", "more": 1}}), False),
        (steps(exec="deploy"), False),
        (steps(exec="record", **{"with": {"anything": 1}}), True),
        (steps(exec="no-such-task"), False),
        (steps(exec="receive-message", **{"with": {"agent": "pm"}}), True),
        (steps(exec="receive-message", **{"with": {"agent": "pmm"}}), False),
        (steps(ask={"question": "x", "of": "pmm"}), False),
    ],
)
def test_it_knows_tasks_and_agents(schema: dict[str, Any], document: Any, is_valid: bool) -> None:
    assert (violations(validator_of(schema), document) == []) is is_valid


def test_a_new_workflow_runs_as_it_is(messenger: Messenger, engine: Engine) -> None:
    path = write_new(messenger, "release")

    run = engine.advance(engine.start("release", {}).run_id)

    assert path == messenger.project.folder / "workflows" / "release.yaml"
    assert (run.state, run.waits[0]["step"]) == (State.WAITING, "ask")


@pytest.mark.parametrize(
    ("name", "error"),
    [("full-cycle", UsageError), ("Release", InvalidError), ("../x", InvalidError), ("", InvalidError)],
)
def test_a_name_that_can_t_be_is_refused(messenger: Messenger, name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        write_new(messenger, name)


def test_a_new_workflow_takes_no_other_s_place(messenger: Messenger) -> None:
    write_new(messenger, "release")

    with pytest.raises(UsageError, match="there is a workflow 'release'"):
        write_new(messenger, "release")
