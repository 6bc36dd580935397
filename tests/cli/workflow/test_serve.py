"""`workflow serve`, `run --wait`, and many at once: processes as they are in life."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import COMMAND, environment
from tests.cli.workflow.conftest import ASKING, WAITING

Cli = Callable[..., Any]
Write = Callable[[str, str], Path]
Start = Callable[..., subprocess.Popen[str]]

SLOW = f"""\
steps:
  - id: slow
    exec: run-command
    with: {{command: ["{sys.executable}", slow.py]}}
  - id: never
    wait: {{message: {{to: pm, type: notify}}}}
"""
SLOW_PROGRAM = "import pathlib, time\npathlib.Path('begun').touch()\ntime.sleep({})\nprint('done')\n"


@pytest.fixture
def start(project: Path) -> Iterator[Start]:
    """Starts a command of the group as a process of its own in the project."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [*COMMAND, "workflow", *arguments]
        process = subprocess.Popen(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(PYTHONUNBUFFERED="1")
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_it_takes_runs_on_as_messages_come(start: Start, workflow: Cli, write: Write, news: Callable[[], str]) -> None:
    write("waiting", WAITING)
    run_id = workflow("run", "waiting", "--json").document["run"]
    server = start("serve", "--json")
    news()

    assert (json.loads(line_of(server))["run"], workflow("resume", run_id).code) == (run_id, 0)
    server.terminate()
    assert server.wait(60) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_finishes_the_step_in_hand(
    start: Start, workflow: Cli, write: Write, project: Path, number: signal.Signals
) -> None:
    (project / "slow.py").write_text(SLOW_PROGRAM.format(1))
    config = project / "_bmad-output" / "messenger" / "config.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f"commands: {{allow: ['{sys.executable}']}}\n")
    write("slow", f"on: {{message: {{type: notify, to: pm}}}}\n{SLOW}")
    server = start("serve")
    command = ["send-message", "--type", "notify", "--from", "dev", "--to", "pm", "--set", "message=go"]
    subprocess.run([*COMMAND, *command], env=environment(), check=True, capture_output=True)
    until((project / "begun").exists)

    server.send_signal(number)

    assert server.wait(60) == 0
    (run,) = workflow("runs", "--json").document["runs"]
    assert (run["steps"]["slow"]["outputs"]["stdout"], "never" in run["steps"]) == ("done\n", False)


def test_a_step_dies_with_the_process_and_is_done_again(
    start: Start, workflow: Cli, write: Write, project: Path
) -> None:
    (project / "slow.py").write_text(SLOW_PROGRAM.format(60))
    config = project / "_bmad-output" / "messenger" / "config.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f"commands: {{allow: ['{sys.executable}']}}\n")
    write("slow", SLOW)
    process = start("run", "slow")
    until((project / "begun").exists)

    process.kill()
    process.wait()
    (project / "slow.py").write_text(SLOW_PROGRAM.format(0))
    workflow("tick")

    (run,) = workflow("runs", "--json").document["runs"]
    assert run["steps"]["slow"]["outputs"]["stdout"] == "done\n"
    assert len(run["steps"]["slow"]["attempts"]) == 2


def test_broken_files_are_survived(start: Start, workflow: Cli, write: Write, project: Path, cli: Cli) -> None:
    write("waiting", WAITING)
    run_id = workflow("run", "waiting", "--json").document["run"]
    queue = project / "_bmad-output" / "messenger" / "message-queue.yaml"
    text = queue.read_bytes() if queue.exists() else b"messages: []\n"
    queue.write_bytes(b"messages: {\n")
    server = start("serve", "--json")
    assert "problem" in json.loads(line_of(server))

    queue.write_bytes(text)
    cli("send-message", "--type", "notify", "--from", "dev", "--to", "pm", "--set", "message=go")

    until(lambda: workflow("status", run_id, "--json").document["state"] == "done")
    server.terminate()
    assert server.wait(60) == 0


def test_it_ends_when_nobody_reads_it_any_more(start: Start, write: Write, cli: Cli) -> None:
    write("waiting", f"on: {{message: {{type: notify, to: pm}}}}\n{ASKING}")
    server = start("serve")
    cli("send-message", "--type", "notify", "--from", "dev", "--to", "pm", "--set", "message=go")
    assert "waiting: a for the answer of user" in line_of(server)

    assert server.stdout is not None
    server.stdout.close()
    cli("send-message", "--type", "notify", "--from", "dev", "--to", "pm", "--set", "message=go")

    assert server.wait(60) == 141


def test_run_may_stay_until_it_is_over(start: Start, write: Write, workflow: Cli, news: Callable[[], str]) -> None:
    write("waiting", WAITING)
    process = start("run", "waiting", "--wait")
    until(lambda: workflow("runs", "--state", "waiting", "--json").document["runs"])

    news()

    assert process.wait(60) == 0
    assert line_of(process).endswith(" done\n")


def test_eight_at_once_do_no_step_twice(write: Write, workflow: Cli, cli: Cli, project: Path) -> None:
    write(
        "answer",
        """\
on: {message: {type: clarify, to: pm}}
steps:
  - id: first
    exec: send-message
    with: {type: notify, from_agent: pm, to_agent: dev, payload: {message: "{{ trigger.message_id }} first"}}
  - id: second
    exec: send-message
    with: {type: notify, from_agent: pm, to_agent: dev, payload: {message: "{{ trigger.message_id }} second"}}
""",
    )
    code = (
        "from bmad_messenger import Draft, Messenger; Messenger.open().send_many([Draft('clarify', 'dev', 'pm', "
        "payload={'question': f'{n}?', 'context': 'x'}) for n in range(50)])"
    )
    subprocess.run([sys.executable, "-c", code], env=environment(), check=True)
    ticks = [
        subprocess.Popen([*COMMAND, "workflow", "tick"], env=environment(), stdout=subprocess.DEVNULL) for _ in range(8)
    ]
    assert {process.wait(120) for process in ticks} == {0}
    workflow("tick")

    runs = workflow("runs", "--json").document["runs"]
    told = [message["payload"]["message"] for message in cli("list", "--type", "notify", "--json").document["messages"]]
    assert [run["state"] for run in runs] == ["done"] * 50
    assert len(told) == len(set(told)) == 100
    assert not [name for name in os.listdir(project / "_bmad-output" / "messenger" / "runs") if name.endswith(".tmp")]
