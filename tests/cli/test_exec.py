"""`exec`: what runs, what is shown, and what is refused before anything ran."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Cli = Callable[..., Any]

SEND = """
<exec task="send-message">
  <param name="type">handoff</param>
  <param name="from_agent">pm</param>
  <param name="to_agent">architect</param>
  <param name="payload">
    artifact_path: "prd.md"
    context_summary: "{{summary}}"
    next_actions:
      - Design system architecture
  </param>
</exec>
"""
RECEIVE = """
<exec task="receive-message">
  <param name="agent">architect</param>
  <param name="type_filter">handoff</param>
</exec>
"""
VAR = ("--var", "summary=PRD complete")


def test_steps_run_in_order(cli: Cli, project: Path) -> None:
    (project / "task.md").write_text(SEND + RECEIVE, encoding="utf-8")
    run = cli("exec", "task.md", *VAR)
    lines = run.out.splitlines()

    assert (run.code, run.err) == (0, "")
    assert lines[0] == "task.md:2: send-message"
    assert lines[2:4] == ["task.md:14: receive-message", f"  message {lines[1].strip()}"]
    assert '      context_summary: "PRD complete"' in lines


def test_what_was_received_is_read(cli: Cli) -> None:
    steps = cli("exec", "-", "--json", *VAR, stdin=SEND + RECEIVE).document["steps"]

    assert [(step["task"], step["path"], step["line"]) for step in steps] == [
        ("send-message", "stdin", 2),
        ("receive-message", "stdin", 14),
    ]
    assert steps[1]["value"]["messages"][0]["message_id"] == steps[0]["value"]["message_id"]
    assert cli("list", "--json").document["messages"][0]["status"] == "read"


def test_nothing_received_is_said(cli: Cli) -> None:
    assert cli("exec", "-", stdin=RECEIVE).out == "stdin:2: receive-message\n  No messages wait for architect.\n"


def test_dry_run_shows_and_sends_nothing(cli: Cli) -> None:
    run = cli("exec", "-", "--dry-run", *VAR, stdin=SEND + RECEIVE)

    assert "  message (not sent)\n    type: handoff" in run.out
    assert cli("list", "--json").document["messages"] == []


def test_unknown_variable_stops_everything(cli: Cli) -> None:
    run = cli("exec", "-", "--json", stdin=SEND.replace("{{summary}}", "fine") + SEND)

    assert (run.code, run.out) == (3, "")
    assert (run.error["error"]["path"], run.error["error"]["line"]) == ("stdin", 20)
    assert cli("list", "--json").document["messages"] == []


def test_paths_are_relative_to_the_project(cli: Cli) -> None:
    text = SEND.replace("prd.md", "{output_folder}/prd.md").replace("{{summary}}", "in {project-root}")
    payload = cli("exec", "-", "--json", stdin=text).document["steps"][0]["value"]["payload"]

    assert payload["artifact_path"] == "_bmad-output/prd.md"
    assert payload["context_summary"] == "in ."


def test_config_sets_variables_and_an_option_overrules_it(cli: Cli, project: Path) -> None:
    cli("init")
    config = project / "_bmad-output/messenger/config.yaml"
    config.write_text("variables: {summary: from config}\n", encoding="utf-8")

    def summary(*options: str) -> Any:
        return cli("exec", "-", "--json", *options, stdin=SEND).document["steps"][0]["value"]["payload"][
            "context_summary"
        ]

    assert (summary(), summary("--var", "summary=from option")) == ("from config", "from option")


def test_fenced_elements_run_on_request(cli: Cli) -> None:
    fenced = f"```xml\n{RECEIVE}```\n"

    assert cli("exec", "-", stdin=fenced).out == "No <exec> elements in stdin.\n"
    assert cli("exec", "-", "--json", stdin=fenced).document == {"steps": []}
    assert cli("exec", "-", "--fenced", stdin=fenced).out.startswith("stdin:3: receive-message")


def test_missing_file_is_wrong_usage(cli: Cli) -> None:
    run = cli("exec", "nowhere.md")

    assert run.code == 2
    assert "can't read 'nowhere.md'" in run.err


def test_var_needs_a_value(cli: Cli) -> None:
    assert cli("exec", "-", "--var", "summary").code == 2
