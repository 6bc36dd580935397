"""What `btmsg read` could not print to the end stays unread, whatever was in the way."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bmad_messenger.btmsg import Btmsg

LONG = "long " * 50_000  # more than a pipe holds


@pytest.fixture
def unread(database: Path) -> Iterator[Callable[[], int]]:
    """Two messages wait for dev-1; how many still do."""
    with Btmsg(database, agent="mgr-1") as btmsg:
        for agent, role in (("mgr-1", "manager"), ("dev-1", "project")):
            btmsg.register(agent, group_id="my-team", role=role)
        for text in (LONG, "short"):
            btmsg.send("dev-1", text)
        yield lambda: btmsg.unread_count("dev-1")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("option", ["", "--json"])
def test_reader_that_stops_in_the_middle(unread: Callable[[], int], option: str, unbuffered: str) -> None:
    with _reading(*option.split(), unbuffered=unbuffered) as process:
        assert process.stdout
        os.read(process.stdout.fileno(), 5)
        process.stdout.close()

    assert process.returncode == 141
    assert unread() == 2


def test_reader_that_was_never_there(unread: Callable[[], int]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with _reading(stdout=writer) as process:
        os.close(writer)

    assert process.returncode == 141
    assert unread() == 2


def test_process_that_is_killed_while_it_prints(unread: Callable[[], int]) -> None:
    with _reading() as process:
        assert process.stdout
        os.read(process.stdout.fileno(), 5)
        process.kill()

    assert unread() == 2


@pytest.mark.parametrize("target", [">&-", "> /dev/full"], ids=["closed", "full"])
def test_stdout_that_takes_nothing(unread: Callable[[], int], target: str) -> None:
    line = f'exec "{sys.executable}" -m bmad_messenger.cli.btmsg read {target}'
    run = subprocess.run(["sh", "-c", line], env=_environment(), capture_output=True, text=True, check=False)

    assert run.returncode == 7
    assert run.stderr.startswith("error: can't write to stdout: ")
    assert unread() == 2


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_reader_that_takes_its_time(unread: Callable[[], int], unbuffered: str) -> None:
    with _reading(unbuffered=unbuffered) as process:
        out, _ = process.communicate()

    assert process.returncode == 0
    assert LONG.rstrip() in out.decode()
    assert unread() == 0


def _reading(*options: str, stdout: int = subprocess.PIPE, unbuffered: str = "") -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "bmad_messenger.cli.btmsg", "read", *options]
    return subprocess.Popen(command, env=_environment(unbuffered), stdout=stdout)


def _environment(unbuffered: str = "") -> dict[str, str]:
    own = {"BTMSG_AGENT_ID": "dev-1", "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": unbuffered}
    return {**os.environ, **own}
