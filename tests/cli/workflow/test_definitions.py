"""`workflow list`, `show`, `graph`, `tasks`, `validate`, `schema` and `new`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bmad_messenger import Messenger, hookimpl, task
from tests.cli.workflow.conftest import BROKEN, TELLING, WAITING

Cli = Callable[..., Any]
Write = Callable[[str, str], Path]


def test_list_names_the_project_s_own_and_the_shipped_ones(workflow: Cli, write: Write) -> None:
    write("mine", f"description: Say something\n{TELLING}")
    write("broken", "steps: 5\n")

    run = workflow("list", "--json")

    found = {one["name"]: one for one in run.document["workflows"]}
    assert run.code == 0
    assert found["mine"] == {
        "name": "mine",
        "file": "_bmad-output/messenger/workflows/mine.yaml",
        "description": "Say something",
    }
    assert found["full-cycle"]["file"] == "shipped:full-cycle.yaml"
    assert "mine" in workflow("list").out
    assert "broken.yaml:2:1: steps: wanted a list" in workflow("list").err


def test_list_warns_of_everything_that_is_wrong_with_a_file(workflow: Cli, write: Write) -> None:
    write("broken", "steps: 5\nparams: 5\n")

    warnings = workflow("list").err.splitlines()

    assert {line.partition("broken.yaml:")[2].partition(": wanted ")[0] for line in warnings} == {
        "3:1: params",
        "2:1: steps",
    }


def test_show_tells_parameters_and_steps(workflow: Cli, write: Write) -> None:
    write("tell", TELLING)

    out = workflow("show", "tell").out

    assert "--text     string  (needed)  What to say" in out
    assert "tell  send-message" in out
    assert workflow("show", "tell", "--json").document["params"]["to"] == {"type": "string", "default": "dev"}


@pytest.mark.parametrize("command", ["show", "graph"])
def test_what_there_is_not_ends_with_four(workflow: Cli, command: str) -> None:
    run = workflow(command, "nosuch")

    assert (run.code, "there is no workflow 'nosuch'" in run.err) == (4, True)


class TestGraph:
    def test_draws_a_workflow(self, workflow: Cli) -> None:
        assert workflow("graph", "morning-inbox").out == "● inbox: receive-message\n"

    def test_writes_a_flowchart(self, workflow: Cli) -> None:
        run = workflow("graph", "morning-inbox", "--format", "mermaid")

        assert run.out == 'flowchart TD\n    s0["inbox: receive-message"]\n'

    def test_of_a_run_shows_how_it_stands(self, workflow: Cli, write: Write) -> None:
        write("waiting", WAITING)
        run_id = workflow("run", "waiting", "--json").document["run"]

        assert workflow("graph", run_id).out == "… a: wait\n"
        assert workflow("graph", run_id[-8:], "--json").document["steps"] == [
            {"id": "a", "kind": "wait", "needs": [], "state": "waiting"}
        ]


class TestTasks:
    @pytest.fixture(autouse=True)
    def _plugin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def count(messenger: Messenger, *, agent: str, limits: list[int] | None = None) -> None:
            """Count the open messages of an agent."""

        def record(messenger: Messenger, *, what: str, **more: Any) -> None:
            """Record."""

        @task(schema={"type": "object", "properties": {"env": {"enum": ["prod", "test"]}}, "required": ["env"]})
        def deploy(messenger: Messenger, **params: Any) -> None:
            """Deploy."""

        plugin = ModuleType("extra")
        vars(plugin)["tasks"] = hookimpl(lambda: {"count": count, "deploy": deploy, "record": record})
        vars(plugin)["tasks"].__name__ = "tasks"
        entry = SimpleNamespace(name="extra", load=lambda: plugin, dist=None)
        monkeypatch.setattr("bmad_messenger.plugins.loading._entry_points", lambda: [entry])

    def test_are_listed_with_their_parameters(self, workflow: Cli) -> None:
        out = workflow("tasks").out

        assert "agent* (string), limits (array)" in out
        assert "env* (prod or test)" in out
        assert "what* (string), any others" in out

    def test_have_their_schemas_in_json(self, workflow: Cli) -> None:
        found = {one["name"]: one for one in workflow("tasks", "--json").document["tasks"]}

        assert found["count"]["description"] == "Count the open messages of an agent"
        assert found["count"]["parameters"][1] == {
            "name": "limits",
            "required": False,
            "schema": {"type": "array", "items": {"type": "integer"}},
        }
        assert {name: one["takes_others"] for name, one in found.items()} == {
            **dict.fromkeys(found, False),
            "record": True,
        }
        assert found["deploy"]["parameters"] == [
            {"name": "env", "required": True, "schema": {"enum": ["prod", "test"]}}
        ]


class TestValidate:
    def test_of_everything_is_silent_about_what_is_right(self, workflow: Cli, write: Write) -> None:
        write("tell", TELLING)

        run = workflow("validate")

        assert (run.code, run.err) == (0, "")
        assert run.out.endswith(" workflows are valid.\n")

    def test_tells_every_error_with_its_place(self, workflow: Cli, write: Write) -> None:
        path = write("broken", f"{BROKEN}  - id: b\n    wait: {{for: long}}\n")
        write("other", BROKEN)

        run = workflow("validate")

        folder = "_bmad-output/messenger/workflows"
        assert run.code == 3
        assert [line.partition(": ")[0] for line in run.out.splitlines()] == [
            f"{folder}/broken.yaml:4:5",
            f"{folder}/broken.yaml:6:12",
            f"{folder}/other.yaml:4:5",
        ]
        assert workflow("validate", str(path)).out.count("\n") == 2

    def test_takes_files_from_where_one_is(
        self, workflow: Cli, write: Write, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write("tell", TELLING)
        monkeypatch.chdir(project / "_bmad-output" / "messenger" / "workflows")

        assert workflow("validate", "tell.yaml").out == "1 workflow is valid.\n"
        assert workflow("validate", "nosuch.yaml").code == 3

    def test_takes_names(self, workflow: Cli, write: Write) -> None:
        write("broken", BROKEN)

        assert workflow("validate", "architecture-approved").out == "1 workflow is valid.\n"
        assert workflow("validate", "broken").code == 3
        assert "did you mean 'architecture-approved'?" in workflow("validate", "architecture-aproved").out

    def test_tells_of_each_part_of_a_file(self, workflow: Cli, write: Write) -> None:
        write("broken", f"bogus: 1\n{BROKEN}    when: steps.x.state\n")

        assert [line.split(":")[1] for line in workflow("validate", "broken").out.splitlines()] == ["2", "5", "6"]

    def test_with_json_gives_the_problems(self, workflow: Cli, write: Write) -> None:
        write("broken", BROKEN)

        run = workflow("validate", "--json")

        (problem,) = run.document["problems"]
        assert (run.code, problem["line"], problem["column"]) == (3, 4, 5)
        assert problem["hint"] == "did you mean 'send-message'?"


def test_schema_is_one_json_document(workflow: Cli) -> None:
    assert workflow("schema").document == workflow("schema", "--json").document
    assert workflow("schema").document["title"] == "Workflow"


def test_new_writes_a_workflow_that_is_valid(workflow: Cli) -> None:
    run = workflow("new", "release")

    assert (run.code, run.out) == (0, "_bmad-output/messenger/workflows/release.yaml\n")
    assert workflow("validate", run.out.strip()).code == 0
    assert workflow("new", "release").code == 2
    assert workflow("new", "Bad Name").code == 3
    assert workflow("new", "other", "--json").document["name"] == "other"
