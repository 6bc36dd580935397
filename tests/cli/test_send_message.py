"""`send-message`: what it prints, and how each option arrives in the message."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger.message import now, parse_time

Cli = Callable[..., Any]

NOTIFY = ("send-message", "--type", "notify", "--from", "pm", "--set", "message=go")
HANDOFF = ("send-message", "--type", "handoff", "--from", "pm", "--to", "architect", "--set", "artifact_path=prd.md")


def test_id_stands_alone_on_stdout(cli: Cli) -> None:
    run = cli(*NOTIFY, "--to", "dev")

    assert (run.code, run.err) == (0, "")
    assert re.fullmatch(r"MSG-\d{8}-[0-9a-f]{4}\n", run.out)


def test_json_is_the_whole_message(cli: Cli) -> None:
    message = cli(*NOTIFY, "--to", "dev", "--json").document

    assert message["message_id"].startswith("MSG-")
    assert message["payload"] == {"message": "go"}
    assert cli("show", message["message_id"], "--json").document == message


def test_task_names_of_the_options_work_too(cli: Cli) -> None:
    run = cli(
        *("send-message", "--type", "notify", "--from_agent".replace("_", "-"), "pm", "--to-agent", "dev"),
        *("--payload", "message: go", "--json"),
    )

    assert (run.document["from"], run.document["to"]) == ("pm", "dev")


@pytest.mark.parametrize(("names", "stored"), [("all", "all"), ("dev, tea", ["dev", "tea"]), ("dev", ["dev"])])
def test_several_recipients(cli: Cli, names: str, stored: Any) -> None:
    assert cli(*NOTIFY, "--to-agents", names, "--json").document["to_agents"] == stored


def test_payload_comes_from_stdin(cli: Cli) -> None:
    run = cli(
        *("send-message", "--type", "notify", "--from", "pm", "--to", "dev", "--payload", "-", "--json"),
        stdin="message: |\n  two\n  lines\n",
    )

    assert run.document["payload"] == {"message": "two\nlines\n"}


def test_route_tells_type_sender_and_recipient(cli: Cli) -> None:
    payload = "{prd_path: prd.md, priority_features: [login]}"
    message = cli("send-message", "--route", "prd-complete", "--payload", payload, "--json").document

    assert (message["type"], message["from"], message["to"]) == ("handoff", "pm", "architect")


def test_trigger_sends_on_each_route(cli: Cli) -> None:
    payload = "{prd_path: prd.md, priority_features: [login], user_personas: [lead]}"
    arguments = ("send-message", "--route", "PRD complete, with UI", "--payload", payload)

    assert len(cli(*arguments).out.split()) == 2
    assert {message["to"] for message in cli(*arguments, "--json").document["messages"]} == {"architect", "ux-designer"}


def test_duration_counts_from_now(cli: Cli) -> None:
    expires = parse_time(cli(*NOTIFY, "--to", "dev", "--expires", "3h", "--json").document["expires"])

    assert abs(expires - now() - timedelta(hours=3)) < timedelta(minutes=1)


def test_time_is_kept_in_utc(cli: Cli) -> None:
    run = cli(*NOTIFY, "--to", "dev", "--expires", "2999-01-16T17:00:00+02:00", "--json")

    assert run.document["expires"] == "2999-01-16T15:00:00Z"


def test_text_that_is_no_time_is_an_error(cli: Cli) -> None:
    run = cli(*NOTIFY, "--to", "dev", "--expires", "soon")

    assert run.code == 3
    assert "'soon' is no time" in run.err


def test_same_key_gives_the_first_message(cli: Cli) -> None:
    first, second = (cli(*NOTIFY, "--to", "dev", "--idempotency-key", "k").out for _ in range(2))

    assert first == second


def test_dry_run_sends_nothing(cli: Cli) -> None:
    run = cli(*NOTIFY, "--to", "dev", "--dry-run")

    assert (run.code, run.out) == (0, "Valid, and not sent: notify from pm to dev.\n")
    assert cli("list", "--json").document == {"messages": []}


def test_dry_run_finds_what_is_wrong(cli: Cli) -> None:
    assert cli("send-message", "--type", "notify", "--from", "pm", "--to", "dev", "--dry-run").code == 3


def test_broken_best_practice_is_a_warning(cli: Cli) -> None:
    run = cli(*HANDOFF)

    assert run.code == 0
    assert run.err.startswith("warning: best practice")


def test_strict_makes_it_an_error_for_each(cli: Cli) -> None:
    run = cli(*HANDOFF, "--strict")

    assert (run.code, run.out) == (3, "")
    assert all(line.startswith("error: best practice") for line in run.err.splitlines())


def test_all_errors_of_a_payload_are_reported(cli: Cli) -> None:
    run = cli("send-message", "--type", "clarify", "--from", "dev", "--to", "pm", "--payload", "question: 3", "--json")
    messages = [problem["message"] for problem in run.error.get("problems", [run.error["error"]])]

    assert run.code == 3
    assert any("question" in message for message in messages)


def test_reply_to_names_the_message_in_full(cli: Cli, sent: str) -> None:
    assert cli(*NOTIFY, "--to", "dev", "--reply-to", sent[-4:], "--json").document["reply_to"] == sent


def test_project_may_be_anywhere(cli: Cli, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert cli(*NOTIFY, "--to", "dev", "--project", str(project)).code == 0
    assert (project / "_bmad-output/messenger/message-queue.yaml").exists()
