"""Tests of `bmad_messenger.command_task`: programs that a project allows, run without a shell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import InvalidError, Messenger, MessengerError, NotFoundError, NotPermittedError, UsageError
from bmad_messenger.command_task import CommandError, run_command, stopped_when

PYTHON = sys.executable


@pytest.fixture
def messenger(tmp_path: Path) -> Messenger:
    messenger = Messenger.open(tmp_path)
    messenger.init()
    messenger.project.config.write_text(f"commands: {{allow: ['{PYTHON} -c', echo, sleep, git status, no-such]}}\n")
    return Messenger.open(tmp_path)


def run(messenger: Messenger, *words: str, **options: Any) -> dict[str, Any]:
    return run_command(messenger, command=[PYTHON, "-c", *words], **options)


def is_running(process: int) -> bool:
    """Whether a process is there and no zombie."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False)
    return state.stdout.strip()[:1] not in ("", "Z")


def until(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


def test_what_it_prints_is_kept(messenger: Messenger) -> None:
    found = run(messenger, "import sys; print('out'); print('err', file=sys.stderr)")

    assert found == {"exit_code": 0, "stdout": "out\n", "stderr": "err\n"}


def test_only_the_end_of_much_is_kept(messenger: Messenger) -> None:
    found = run(messenger, "print('x' * 5_000_000 + 'end')")

    assert (len(found["stdout"]), found["stdout"][:2], found["stdout"][-4:]) == (65_536, "…x", "end\n")


def test_what_is_no_text_is_kept_as_far_as_it_is(messenger: Messenger) -> None:
    assert run(messenger, "import os; os.write(1, b'a\\xffb')")["stdout"] == "a\ufffdb"


def test_a_text_is_cut_at_its_spaces(messenger: Messenger) -> None:
    assert run_command(messenger, command="echo 'a b'  c")["stdout"] == "a b c\n"


def test_no_shell_reads_it(messenger: Messenger) -> None:
    assert run_command(messenger, command="echo $HOME; echo `id` && x | y > z")["stdout"].startswith("$HOME; echo `id`")


def test_it_runs_in_the_project(messenger: Messenger, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    where = "import os; print(os.getcwd())"

    assert run(messenger, where)["stdout"].strip() == str(tmp_path)
    assert run(messenger, where, folder="sub")["stdout"].strip() == str(tmp_path / "sub")


def test_it_has_the_variables_that_are_set_for_it(messenger: Messenger) -> None:
    found = run(messenger, "import os; print(os.environ['LEVEL'])", environment={"LEVEL": 5})

    assert found["stdout"] == "5\n"


def test_it_reads_nothing(messenger: Messenger) -> None:
    assert run(messenger, "import sys; print(repr(sys.stdin.read()))")["stdout"] == "''\n"


def test_a_failure_is_an_error_unless_it_is_not_checked(messenger: Messenger) -> None:
    broken = "import sys; print('first'); sys.exit('it broke')"

    with pytest.raises(InvalidError, match="ended with 1: it broke"):
        run(messenger, broken)
    assert run(messenger, broken, check=False)["exit_code"] == 1


def test_a_failure_has_all_that_was_printed(messenger: Messenger) -> None:
    with pytest.raises(CommandError) as raised:
        run(messenger, "import sys; print('first'); sys.exit('it broke')")

    assert raised.value.outputs == {"exit_code": 1, "stdout": "first\n", "stderr": "it broke\n"}


def test_a_failure_without_a_word_says_so(messenger: Messenger) -> None:
    with pytest.raises(InvalidError) as raised:
        run(messenger, "import sys; sys.exit(1)")

    assert raised.value.problem.message == f"{PYTHON} ended with 1 and printed nothing"


def test_a_failure_with_a_long_last_line_shows_where_it_is_cut(messenger: Messenger) -> None:
    with pytest.raises(InvalidError) as raised:
        run(messenger, "import sys; sys.exit('x' * 300)")

    assert raised.value.problem.message.endswith(f": {'x' * 200}…")


def test_what_takes_too_long_has_what_was_printed_until_then(messenger: Messenger) -> None:
    with pytest.raises(CommandError, match=r"took longer than 1\.5 s: begun") as raised:
        run(messenger, "import time; print('begun', flush=True); time.sleep(60)", timeout=1.5)

    assert raised.value.outputs == {"exit_code": None, "stdout": "begun\n", "stderr": ""}


@pytest.mark.parametrize("closing", ["", "import os; os.close(1); os.close(2); "])
def test_what_is_unwanted_is_stopped(messenger: Messenger, tmp_path: Path, closing: str) -> None:
    program = f"{closing}import time; open('begun', 'w').close(); time.sleep(60)"

    with pytest.raises(CommandError, match="was stopped"), stopped_when((tmp_path / "begun").exists):
        run(messenger, program, timeout=50)


@pytest.mark.parametrize("command", ["ls", "git push", ["git"], ["echoo"], "/bin/echo x", "./echo x"])
def test_what_is_not_allowed_is_refused(messenger: Messenger, command: Any) -> None:
    with pytest.raises(NotPermittedError, match="the project does not allow the command"):
        run_command(messenger, command=command)


def test_nothing_is_allowed_until_the_project_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotPermittedError, match="allowed now: none"):
        run_command(Messenger.open(tmp_path), command="echo x")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"command": "no-such"}, NotFoundError),
        ({"command": ""}, UsageError),
        ({"command": []}, UsageError),
        ({"command": "echo 'open"}, UsageError),
        ({"command": ["echo", "a\0b"]}, NotFoundError),
        ({"command": "echo", "folder": ".."}, NotPermittedError),
        ({"command": "echo", "folder": "/"}, NotPermittedError),
        ({"command": "echo", "folder": "nowhere"}, NotFoundError),
        ({"command": "echo", "environment": {"A=B": "c"}}, NotFoundError),
    ],
)
def test_what_makes_no_sense_is_refused(
    messenger: Messenger, options: dict[str, Any], error: type[MessengerError]
) -> None:
    with pytest.raises(error):
        run_command(messenger, **options)


def test_neither_folder_nor_variables_put_another_program_in_its_place(messenger: Messenger, tmp_path: Path) -> None:
    other = tmp_path / "bin" / "echo"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\nprintf trap\n")
    other.chmod(0o755)

    assert run_command(messenger, command="echo x", folder="bin", environment={"PATH": "."})["stdout"] == "x\n"


SPAWNING = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, file=open("pids", "w"), flush=True)
time.sleep({})
"""


def test_what_takes_too_long_is_killed_with_all_that_it_started(messenger: Messenger, tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(InvalidError, match=r"took longer than 1\.5 s"):
        run(messenger, SPAWNING.format(60), timeout=1.5)

    assert time.monotonic() - start < 20
    child = int((tmp_path / "pids").read_text())
    until(lambda: not is_running(child))


def test_what_it_leaves_running_is_not_waited_for(messenger: Messenger, tmp_path: Path) -> None:
    start = time.monotonic()

    assert run(messenger, SPAWNING.format(0))["exit_code"] == 0

    assert time.monotonic() - start < 20
    os.kill(int((tmp_path / "pids").read_text()), signal.SIGKILL)


def test_it_dies_with_who_has_started_it(messenger: Messenger, tmp_path: Path) -> None:
    code = (
        "import sys; from bmad_messenger import Messenger; from bmad_messenger.command_task import run_command; "
        "run_command(Messenger.open(sys.argv[1]), command=[sys.executable, '-c', sys.argv[2]])"
    )
    root = str(Path(__file__).resolve().parents[1])
    starter = subprocess.Popen(
        [PYTHON, "-c", code, str(tmp_path), SPAWNING.format(60)], env={**os.environ, "PYTHONPATH": root}
    )
    until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text())
    child = int((tmp_path / "pids").read_text())
    assert is_running(child)

    starter.kill()
    starter.wait()

    until(lambda: not is_running(child))
