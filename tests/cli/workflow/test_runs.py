"""`workflow runs`, `status`, `logs` and `prune`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import COMMAND, environment
from tests.cli.workflow.conftest import FAILING, TELLING, WAITING

Cli = Callable[..., Any]
Write = Callable[[str, str], Path]

ROUNDS = """\
steps:
  - id: tell
    foreach: [one, two]
    exec: send-message
    with: {type: notify, from_agent: pm, to_agent: dev, payload: {message: "{{ item }}"}}
"""


@pytest.fixture
def three(workflow: Cli, write: Write) -> dict[str, str]:
    """The ids of three runs: one that is done, one that waits, one that failed."""
    write("tell", TELLING)
    write("waiting", WAITING)
    write("failing", FAILING)
    found = {
        "done": workflow("run", "tell", "--text", "x", "--json"),
        "waiting": workflow("run", "waiting", "--json"),
        "failed": workflow("run", "failing", "--json"),
    }
    return {state: run.document["run"] for state, run in found.items()}


class TestRuns:
    def test_lists_them_with_what_they_wait_for(self, workflow: Cli, three: dict[str, str]) -> None:
        run = workflow("runs")

        assert run.code == 0
        assert run.out.splitlines()[0].split() == ["RUN", "STATE", "STARTED", "WAITS", "FOR"]
        (line,) = [line for line in run.out.splitlines() if three["waiting"] in line]
        assert line.endswith("a for a message to pm, type notify")

    @pytest.mark.parametrize("state", ["done", "waiting", "failed"])
    def test_by_state(self, workflow: Cli, three: dict[str, str], state: str) -> None:
        runs = workflow("runs", "--state", state, "--json").document["runs"]

        assert [run["run"] for run in runs] == [three[state]]

    def test_by_workflow(self, workflow: Cli, three: dict[str, str]) -> None:
        runs = workflow("runs", "--workflow", "tell", "--json").document["runs"]

        assert [run["run"] for run in runs] == [three["done"]]

    def test_of_a_state_there_is_not_are_refused(self, workflow: Cli) -> None:
        assert workflow("runs", "--state", "resting").code == 4

    def test_of_a_state_that_only_a_step_has_are_refused(self, workflow: Cli) -> None:
        run = workflow("runs", "--state", "skipped")

        assert run.code == 4
        assert run.err.endswith("; a run is running, waiting, done, failed, cancelled\n")

    def test_are_none_in_a_project_without_runs(self, workflow: Cli) -> None:
        assert workflow("runs").out == "No runs.\n"
        assert workflow("runs", "--json").document == {"runs": []}

    def test_that_can_t_be_read_are_warned_of(self, workflow: Cli, three: dict[str, str], project: Path) -> None:
        (project / "_bmad-output/messenger/runs/broken-20250115-abcd.yaml").write_text("run: [\n")

        run = workflow("runs", "--json")

        assert (run.code, len(run.document["runs"])) == (0, 3)
        assert "broken-20250115-abcd.yaml" in run.err


class TestStatus:
    def test_tells_steps_times_and_waits(self, workflow: Cli, three: dict[str, str]) -> None:
        out = workflow("status", three["waiting"]).out

        assert out.splitlines()[0] == f"{three['waiting']} waiting"
        assert "waits for a message to pm, type notify" in out

    @pytest.fixture
    def begun(self, workflow: Cli, write: Write) -> str:
        """A run that waits at the first of its steps."""
        write("long", f"{WAITING}  - id: b\n    wait: {{for: 1h}}\nfinally:\n  - id: c\n    wait: {{for: 1h}}\n")
        run_id: str = workflow("run", "long", "--json").document["run"]
        return run_id

    def test_tells_the_steps_that_have_not_begun(self, workflow: Cli, begun: str) -> None:
        rows = [line.split()[:2] for line in workflow("status", begun).out.splitlines()[-3:]]

        assert rows == [["a", "waiting"], ["b", "pending"], ["c", "pending"]]
        steps = workflow("status", begun, "--json").document["steps"]
        assert [(name, step["state"]) for name, step in steps.items()][1:] == [("b", "pending"), ("c", "pending")]

    def test_leaves_out_what_may_not_come_as_the_workflow_has_changed(
        self, workflow: Cli, write: Write, begun: str
    ) -> None:
        write("long", WAITING)

        assert [*workflow("status", begun, "--json").document["steps"]] == ["a"]

    def test_tells_why_a_run_failed(self, workflow: Cli, three: dict[str, str]) -> None:
        assert "failed: b: there is no message 'dev'" in workflow("status", three["failed"]).out

    def test_of_what_there_is_not_ends_with_four(self, workflow: Cli) -> None:
        assert workflow("status", "nosuch").code == 4

    def test_of_a_damaged_file_ends_with_seven(self, workflow: Cli, three: dict[str, str], project: Path) -> None:
        path = project / f"_bmad-output/messenger/runs/{three['waiting']}.yaml"
        path.write_text(f"<<<<<<< HEAD\n{path.read_text()}")

        run = workflow("status", three["waiting"], "--json")

        assert (run.code, run.error["error"]["code"], run.error["error"]["line"]) == (7, "damaged", 4)

    def test_followed_tells_each_change_until_the_end(
        self, workflow: Cli, three: dict[str, str], news: Callable[[], str], project: Path
    ) -> None:
        command = [*COMMAND, "workflow", "status", three["waiting"], "--follow", "--json"]
        process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, env=environment())
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["state"] == "waiting"

        news()
        workflow("tick")

        out, _ = process.communicate(timeout=60)
        assert [json.loads(line)["state"] for line in out.splitlines()][-1] == "done"
        assert process.returncode == 0

    def test_followed_of_a_run_that_is_over_ends_at_once(self, workflow: Cli, three: dict[str, str]) -> None:
        assert workflow("status", three["done"], "--follow").out == workflow("status", three["done"]).out


class TestLogs:
    def test_tell_what_each_step_did(self, workflow: Cli, three: dict[str, str]) -> None:
        lines = workflow("logs", three["failed"]).out.splitlines()

        assert lines[0].endswith(" a done")
        assert any("b failed: there is no message 'dev'" in line for line in lines)

    def test_tell_what_a_command_that_failed_has_printed(self, workflow: Cli, write: Write, project: Path) -> None:
        config = project / "_bmad-output" / "messenger" / "config.yaml"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(f"commands: {{allow: ['{sys.executable}']}}\n")
        program = "print('out\\\\nput'); import sys; sys.exit('it broke')"
        command = f'[{sys.executable}, -c, "{program}"]'
        write("command", f"steps:\n  - id: a\n    exec: run-command\n    with: {{command: {command}}}\n")
        run_id = workflow("run", "command", "--json").document["run"]

        lines = workflow("logs", run_id).out.splitlines()

        assert " ended with 1: it broke; " in lines[0]
        assert lines[1:] == ["    exit_code: 1", "    stdout:", "      out", "      put", "    stderr: it broke"]

    def test_of_one_step_with_its_rounds(self, workflow: Cli, write: Write) -> None:
        write("rounds", ROUNDS)
        run_id = workflow("run", "rounds", "--json").document["run"]

        entries = workflow("logs", run_id, "tell", "--json").document["entries"]

        assert [(one["step"], one["outputs"]["payload"]["message"]) for one in entries] == [
            ("tell[0]", "one"),
            ("tell[1]", "two"),
        ]

    def test_of_a_step_there_is_not_ends_with_four(self, workflow: Cli, three: dict[str, str]) -> None:
        run = workflow("logs", three["done"], "nosuch")

        assert (run.code, "has no step 'nosuch'; it has tell" in run.err) == (4, True)


class TestPrune:
    def test_removes_old_runs_that_are_over(self, workflow: Cli, three: dict[str, str]) -> None:
        assert workflow("prune").out == "Nothing to remove.\n"
        assert set(workflow("prune", "--older-than", "0s", "--dry-run", "--json").document["runs"]) == {
            three["done"],
            three["failed"],
        }
        assert len(workflow("runs", "--json").document["runs"]) == 3

        assert workflow("prune", "--older-than", "0s").code == 0

        assert [run["run"] for run in workflow("runs", "--json").document["runs"]] == [three["waiting"]]

    def test_keeps_the_last(self, workflow: Cli, three: dict[str, str]) -> None:
        assert workflow("prune", "--older-than", "0s", "--keep", "1", "--json").document == {"runs": []}

    @pytest.mark.parametrize(("option", "value", "code"), [("--older-than", "soon", 3), ("--keep", "-1", 2)])
    def test_refuses_what_makes_no_sense(self, workflow: Cli, option: str, value: str, code: int) -> None:
        assert workflow("prune", option, value).code == code
