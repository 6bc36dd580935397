"""How errors look: one line each, or one line of JSON; and no traceback unless it is asked for."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger.cli import errors
from bmad_messenger.cli.errors import exit_code_of, warn
from bmad_messenger.errors import (
    DamagedError,
    InvalidError,
    LockTimeoutError,
    MessengerError,
    NotFoundError,
    NotPermittedError,
    Problem,
    UsageError,
    WaitTimeoutError,
)

Cli = Callable[..., Any]
Capture = pytest.CaptureFixture[str]


def _failing(error: BaseException) -> Callable[[], int]:
    def run() -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (UsageError, 2),
        (InvalidError, 3),
        (NotFoundError, 4),
        (LockTimeoutError, 5),
        (NotPermittedError, 6),
        (DamagedError, 7),
        (WaitTimeoutError, 8),
    ],
)
def test_exit_code_is_that_of_the_error(kind: type[MessengerError], code: int, capsys: Capture) -> None:
    assert exit_code_of(_failing(kind("no")), as_json=False) == code
    assert capsys.readouterr() == ("", "error: no\n")


def test_error_says_where_what_and_what_to_do(capsys: Capture) -> None:
    error = InvalidError("bad", hint="mend it", path="queue.yaml", line=3, column=5)
    exit_code_of(_failing(error), as_json=False)

    assert capsys.readouterr().err == "error: queue.yaml:3:5: bad; mend it\n"


def test_several_problems_are_a_line_each(capsys: Capture) -> None:
    problems = (Problem("one", path="a.yaml", line=1), Problem("two", "mend it"))
    exit_code_of(_failing(InvalidError.of(problems, "this handoff")), as_json=False)

    assert capsys.readouterr().err == "error: a.yaml:1: one\nerror: two; mend it\n"


def test_several_problems_are_one_json_document(capsys: Capture) -> None:
    problems = (Problem("one", path="a.yaml", line=1), Problem("two", "mend it"))
    exit_code_of(_failing(InvalidError.of(problems, "this handoff")), as_json=True)
    document = json.loads(capsys.readouterr().err)

    assert document["error"]["message"] == "this handoff: 2 problems"
    assert [problem["message"] for problem in document["problems"]] == ["one", "two"]


def test_json_error_has_every_key(cli: Cli) -> None:
    run = cli("show", "ffff", "--json")

    assert (run.code, run.out) == (4, "")
    assert set(run.error["error"]) == {"code", "message", "hint", "path", "line", "column"}
    assert run.error["error"]["code"] == "not-found"


def test_control_characters_do_not_reach_the_terminal(capsys: Capture) -> None:
    exit_code_of(_failing(InvalidError("a\x1b[2Jb\nc\u202e")), as_json=False)

    assert capsys.readouterr().err == "error: a\\x1b[2Jb\\x0ac\\u202e\n"


def test_warning_is_one_line(capsys: Capture) -> None:
    warn(Problem("no next\nactions", "list them", severity="warning"))

    assert capsys.readouterr() == ("", "warning: no next\\x0aactions; list them\n")


def test_warnings_are_in_the_json_error(cli: Cli) -> None:
    payload = "{artifact_path: nowhere.md, next_actions: [go]}"
    message = ("send-message", "--type", "handoff", "--from", "pm", "--to", "dev", "--payload", payload, "--json")
    cli(*message, "--idempotency-key", "k")
    run = cli(*message, "--idempotency-key", "k", "--priority", "low")

    assert run.code == 3
    document = json.loads(run.err)
    assert document["error"]["code"] == "invalid"
    assert "no route" in document["warnings"][0]["message"]


def test_warnings_alone_are_one_json_document(capsys: Capture) -> None:
    def run() -> int:
        warn(Problem("one", severity="warning"))
        warn(Problem("two", severity="warning"))
        return 0

    assert exit_code_of(run, as_json=True) == 0
    assert [problem["message"] for problem in json.loads(capsys.readouterr().err)["warnings"]] == ["one", "two"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("list", "--prioritty", "low"), "there is no option --prioritty; did you mean --priority"),
        (("list", "--zzz"), "there is no option --zzz"),
        (("list", "--priority", "hi"), "invalid value for '--priority': 'hi' is not one of 'critical'"),
        (("list", "--agent"), "option '--agent' requires an argument"),
        (("receive-message",), "missing option '--agent'; see `bmad-messenger receive-message --help`"),
        (("done",), "missing argument 'ID...'"),
        (("agents", "more"), "got unexpected extra argument"),
        (("receive-message", "--agent", "dev", "--limit", "0"), "invalid value for '--limit': 0 is not"),
    ],
)
def test_wrong_usage_is_one_line(cli: Cli, arguments: tuple[str, ...], message: str) -> None:
    run = cli(*arguments)

    assert (run.code, run.out) == (2, "")
    assert run.err.startswith(f"error: {message}")
    assert run.err.count("\n") == 1


def test_wrong_usage_can_be_json(cli: Cli) -> None:
    error = cli("list", "--prioritty", "low", "--json").error["error"]

    assert error["code"] == "usage"
    assert error["hint"].startswith("did you mean --priority")


def test_unforeseen_error_is_called_a_bug(capsys: Capture) -> None:
    assert exit_code_of(_failing(KeyError("x")), as_json=False) == 1

    message = capsys.readouterr().err
    assert message.startswith("error: this is a bug in bmad-messenger")
    assert "KeyError: 'x'; set BMAD_MESSENGER_DEBUG=1" in message
    assert message.count("\n") == 1


def test_traceback_is_shown_on_request(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BMAD_MESSENGER_DEBUG", "1")
    exit_code_of(_failing(KeyError("x")), as_json=True)
    *traceback, last = capsys.readouterr().err.splitlines()

    assert traceback[0] == "Traceback (most recent call last):"
    assert json.loads(last)["error"]["code"] == "internal"


def test_interrupt_ends_quietly(capsys: Capture) -> None:
    assert exit_code_of(_failing(KeyboardInterrupt()), as_json=False) == 130
    assert capsys.readouterr() == ("", "")


def test_closed_stderr_leaves_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)

    assert exit_code_of(_failing(InvalidError("no")), as_json=False) == 3


def test_colour_is_for_terminals_alone(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(errors, "wants_colour", lambda _: True)
    exit_code_of(_failing(InvalidError("no")), as_json=False)

    assert capsys.readouterr().err == "\x1b[31merror:\x1b[0m no\n"


def test_exit_code_reaches_the_shell(project: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "bmad_messenger", "show", "ffff"]
    run = subprocess.run(
        command, cwd=project, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False
    )

    assert run.returncode == 4
    assert run.stderr.startswith("error: ")
