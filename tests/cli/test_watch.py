"""`watch`: its lines and documents, what it begins and ends with, and that it ends quietly however it is ended."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import COMMAND, Terminal, environment

Cli = Callable[..., Any]

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
WATCH = (*COMMAND, "watch")


@pytest.fixture
def start(project: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `watch` as a process of its own in the project, and waits for its first line."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*WATCH, *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
        )
        started.append(process)
        assert process.stdout is not None
        assert "clarify" in process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_open_messages_come_first_a_line_each(cli: Cli, sent: str) -> None:
    cli("receive-message", "--agent", "architect")
    run = cli("watch", "--for", "0")

    assert (run.code, run.err) == (0, "")
    sending, reading = run.out.splitlines()
    assert re.fullmatch(rf"{TIME}  {sent}  dev → architect  clarify  high  JWT or cookies\?", sending)
    assert re.fullmatch(rf"{TIME}  {sent}  read by architect", reading)


def test_with_new_what_is_open_is_left_out(cli: Cli, sent: str) -> None:
    assert cli("watch", "--new", "--for", "0").out == ""


def test_json_is_one_document_a_line(cli: Cli, sent: str) -> None:
    cli("receive-message", "--agent", "architect")
    lines = [json.loads(line) for line in cli("watch", "--for", "0", "--json").out.splitlines()]

    assert [(line["event"], line.get("by"), line["message"]["message_id"]) for line in lines] == [
        ("sent", None, sent),
        ("read", "architect", sent),
    ]
    assert all(re.fullmatch(TIME, line["time"]) for line in lines)


def test_what_happens_later_is_shown_until_there_is_enough(cli: Cli, sent: str) -> None:
    def work() -> None:
        time.sleep(0.3)
        for command in (["receive-message", "--agent", "architect"], ["done", sent, "--note", "JWT"]):
            subprocess.run([*COMMAND, *command], env=environment(), check=True, capture_output=True)

    worker = threading.Thread(target=work)
    worker.start()
    run = cli("watch", "--new", "--count", "2", "--for", "60")
    worker.join()

    assert run.code == 0
    assert [line.split("  ")[2] for line in run.out.splitlines()] == ["read by architect", "done: JWT"]


def test_where_less_comes_than_was_wanted_the_exit_code_tells(cli: Cli, sent: str) -> None:
    run = cli("watch", "--count", "2", "--for", "0.01", "--json")

    assert run.code == 8
    assert len(run.out.splitlines()) == 1
    assert run.error["error"]["message"] == "1 of 2 came in 0.01 s"


@pytest.mark.parametrize(
    ("filters", "lines"),
    [
        (["--agent", "architect"], 1),
        (["--agent", "dev"], 2),
        (["--agent", "tea"], 1),
        (["--type", "clarify"], 1),
        (["--priority", "low", "--agent", "architect"], 0),
    ],
)
def test_filters_choose(cli: Cli, sent: str, filters: list[str], lines: int) -> None:
    cli("send-message", "--type", "notify", "--from", "dev", "--to", "tea", "--set", "message=built")

    assert len(cli("watch", "--for", "0", *filters).out.splitlines()) == lines


@pytest.mark.parametrize(("filters", "code"), [(["--agent", "dave"], 4), (["--type", "notfy"], 3)])
def test_a_name_that_nothing_has_is_an_error_and_no_endless_wait(cli: Cli, filters: list[str], code: int) -> None:
    assert cli("watch", *filters).code == code


def test_what_is_wrong_with_the_queue_is_told_beside_the_messages(cli: Cli, project: Path, sent: str) -> None:
    queue = project / "_bmad-output" / "messenger" / "message-queue.yaml"
    queue.write_text(f"{queue.read_text()}  - just words\n")
    run = cli("watch", "--for", "0")
    documents = [json.loads(line) for line in cli("watch", "--for", "0", "--json").out.splitlines()]

    assert sent in run.out
    assert re.search(r"^warning: .*message-queue\.yaml:\d+:3: this item is no message", run.err, re.M)
    assert [document["event"] for document in documents] == ["problem", "sent"]
    assert documents[0]["problem"]["message"] == "this item is no message"


def test_text_of_a_message_can_not_steer_the_terminal_or_fake_a_line(cli: Cli) -> None:
    cli("send-message", "--type", "notify", "--from", "pm", "--to", "dev", "--payload", r'message: "a\e[2J\nb"')
    run = cli("watch", "--for", "0")

    assert "\x1b" not in run.out
    assert run.out.endswith("  notify  low  a\\x1b[2J b\n")
    assert len(run.out.splitlines()) == 1


def test_nothing_is_marked_read_and_no_lock_is_taken(cli: Cli, project: Path, sent: str) -> None:
    folder = project / "_bmad-output" / "messenger"
    (folder / ".queue.lock").unlink()
    before = (folder / "message-queue.yaml").read_bytes()
    cli("watch", "--agent", "architect", "--for", "0")

    assert (folder / "message-queue.yaml").read_bytes() == before
    assert not (folder / ".queue.lock").exists()


def test_control_c_ends_it_quietly_and_well(start: Callable[..., subprocess.Popen[str]], sent: str) -> None:
    process = start()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)

    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0


def test_sigterm_ends_it_quietly(start: Callable[..., subprocess.Popen[str]], sent: str) -> None:
    process = start()
    process.terminate()

    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == -signal.SIGTERM


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_it_ends_soon_after_nobody_reads_any_more_and_be_it_that_nothing_comes(
    start: Callable[..., subprocess.Popen[str]], sent: str, as_json: list[str]
) -> None:
    process = start(*as_json)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()

    assert process.wait(timeout=30) == 141
    assert process.stderr.read() == ""


def test_waiting_costs_next_to_no_time_of_the_processor(start: Callable[..., subprocess.Popen[str]], sent: str) -> None:
    process = start("--for", "2.5")

    def used() -> int:
        """The ticks (of 10 ms) that the process has worked."""
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    if not os.path.exists("/proc/self/stat"):
        pytest.skip("no /proc")
    time.sleep(0.5)
    before = used()
    time.sleep(1.5)

    assert used() - before <= 5


def test_a_terminal_shows_urgency_in_colour_and_a_line_a_message(cli: Cli) -> None:
    text = "the build fails " * 20
    cli("send-message", "--type", "escalate", "--from", "dev", "--set", f"issue={text}", "--set", "severity=blocker")
    terminal = Terminal([*WATCH, "--for", "0"], columns=110)

    assert terminal.end() == 0
    assert "\x1b[1;31mcritical\x1b[0m" in terminal.shown
    (line,) = terminal.text.splitlines()
    assert line.endswith("…")
    assert len(line) == 110
