"""The queue's lock as the doctor sees it: who has it, for how long, and that nobody is blamed who may not have it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bmad_messenger import Message, Messenger
from bmad_messenger import message as messages
from bmad_messenger.doctor.examination import examine
from bmad_messenger.queue.file import host_name
from tests.doctor.visiting import codes, found, visit

HOLD = "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_EX); print(flush=True); input()"
on_linux = pytest.mark.skipif(not Path("/proc/self/fdinfo").is_dir(), reason="only Linux tells who holds a lock")


@pytest.fixture
def holder(messenger: Messenger, sent: Message) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the queue's lock."""
    command = (sys.executable, "-c", HOLD, str(messenger.project.folder / ".queue.lock"))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def sign(messenger: Messenger, **word: object) -> None:
    """Leave word who holds the lock, for an hour."""
    since = messages.format_time(messages.now() - timedelta(hours=1))
    said = {"pid": os.getpid(), "host": host_name(), "command": "agent send-message", "since": since, **word}
    (messenger.project.folder / ".queue.lock.holder").write_text(json.dumps(said) + "\n")


@on_linux
def test_lock_held_long_is_found_with_its_holder(messenger: Messenger, holder: subprocess.Popen[bytes]) -> None:
    sign(messenger, pid=holder.pid)

    finding = found(messenger, "locked")

    assert finding.problem.severity == "error"
    assert finding.problem.message.startswith("the queue's lock is held for 1 hour, since ")
    assert f"process {holder.pid} (agent send-message) has it" in finding.problem.hint
    assert finding.mend == f"kill {holder.pid}"


@on_linux
def test_lock_held_for_a_moment_is_told_at_once(messenger: Messenger, holder: subprocess.Popen[bytes]) -> None:
    sign(messenger, pid=holder.pid, since=messages.format_time(messages.now() - timedelta(seconds=3)))

    finding = found(messenger, "locked")

    assert (finding.problem.severity, finding.mend) == ("note", "")
    assert finding.problem.message.startswith("the queue's lock is held for ")
    assert f"process {holder.pid} (agent send-message) has it" in finding.problem.hint


def test_lock_that_goes_from_hand_to_hand_is_no_finding(
    messenger: Messenger, holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(messenger, pid=holder.pid)
    monkeypatch.setattr("time.sleep", lambda _: sign(messenger, pid=holder.pid, command="agent done"))

    assert codes(examine(messenger.project)) == []


def test_lock_that_is_let_go_is_no_finding(
    messenger: Messenger, holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(messenger, pid=holder.pid)
    monkeypatch.setattr("time.sleep", lambda _: (holder.kill(), holder.wait()))

    assert codes(examine(messenger.project)) == []


def test_lock_is_not_laid_at_the_door_of_another_process(messenger: Messenger, holder: subprocess.Popen[bytes]) -> None:
    """The word is that of a process that lives, and has let go of the lock; who took it since has signed nothing."""
    with (messenger.project.folder / ".queue.lock").open():  # having the file open is not holding it
        sign(messenger)

        finding = found(messenger, "locked")

    assert finding.problem.message == "the queue's lock is held, and it is not known by whom"
    assert (finding.problem.severity, finding.mend) == ("warning", "fuser -v _bmad-output/messenger/.queue.lock")
    assert f"process {os.getpid()} (agent send-message) was the last to say that it had it" in finding.problem.hint


def test_lock_signed_for_on_another_machine_is_nobody_s_here(
    messenger: Messenger, holder: subprocess.Popen[bytes]
) -> None:
    sign(messenger, host="elsewhere", pid=holder.pid)

    finding = found(messenger, "locked")

    assert finding.problem.message == "the queue's lock is held, and it is not known by whom"
    assert f"process {holder.pid} (agent send-message) on elsewhere" in finding.problem.hint


def test_lock_whose_taker_is_gone_is_another_s(messenger: Messenger, holder: subprocess.Popen[bytes]) -> None:
    dead = subprocess.Popen((sys.executable, "-c", ""))
    dead.wait()
    sign(messenger, pid=dead.pid)

    finding = found(messenger, "locked")

    assert "is gone; what it started may hold it" in finding.problem.hint
    assert finding.mend == "fuser -v _bmad-output/messenger/.queue.lock"


@on_linux
def test_lock_held_since_nobody_knows_when_is_an_error(messenger: Messenger, holder: subprocess.Popen[bytes]) -> None:
    sign(messenger, pid=holder.pid, since="never")

    problem = found(messenger, "locked").problem

    assert (problem.severity, problem.message) == ("error", "the queue's lock is held")


@pytest.mark.parametrize("word", ["", "garbage", '{"pid": 1}'])
def test_lock_that_nobody_signed_is_found(word: str, messenger: Messenger, holder: subprocess.Popen[bytes]) -> None:
    (messenger.project.folder / ".queue.lock.holder").write_text(word)

    finding = found(messenger, "locked")

    assert finding.problem.message == "the queue's lock is held, and it is not known by whom"
    assert finding.mend == "fuser -v _bmad-output/messenger/.queue.lock"


def test_word_of_a_lock_that_is_free_is_no_finding(messenger: Messenger, sent: Message) -> None:
    sign(messenger)

    assert visit(messenger).findings == ()
