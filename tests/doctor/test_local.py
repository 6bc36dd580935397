"""What is wrong with one machine: its lock, its clock, its permissions, its disk, what dead processes left on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from bmad_messenger import Message, Messenger
from bmad_messenger import message as messages
from bmad_messenger.doctor.examination import examine
from bmad_messenger.queue.file import host_name
from tests.doctor.visiting import codes, found, visit

HOLD = "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_EX); print(flush=True); input()"


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


def test_lock_held_long_is_found_with_its_holder(messenger: Messenger, holder: subprocess.Popen[bytes]) -> None:
    sign(messenger, pid=holder.pid)

    finding = found(messenger, "locked")

    assert finding.problem.severity == "error"
    assert finding.problem.message.startswith("the queue's lock is held for 1 hour, since ")
    assert f"process {holder.pid} (agent send-message) has it" in finding.problem.hint
    assert finding.mend == f"kill {holder.pid}"


def test_lock_just_taken_is_no_finding(messenger: Messenger, holder: subprocess.Popen[bytes]) -> None:
    sign(messenger, pid=holder.pid, since=messages.format_time(messages.now()))

    assert visit(messenger).findings == ()


def test_lock_of_another_machine_is_for_people_there(messenger: Messenger, holder: subprocess.Popen[bytes]) -> None:
    sign(messenger, host="elsewhere")

    finding = found(messenger, "locked")

    assert (finding.mend, finding.problem.hint.endswith("on elsewhere took it: end it there")) == ("", True)


def test_lock_whose_taker_is_gone_is_another_s(messenger: Messenger, holder: subprocess.Popen[bytes]) -> None:
    dead = subprocess.Popen((sys.executable, "-c", ""))
    dead.wait()
    sign(messenger, pid=dead.pid)

    finding = found(messenger, "locked")

    assert "another process that it started still holds it" in finding.problem.hint
    assert finding.mend == "fuser -v _bmad-output/messenger/.queue.lock"


@pytest.mark.parametrize("word", ["", "garbage", '{"pid": 1}'])
def test_lock_that_nobody_signed_is_found(word: str, messenger: Messenger, holder: subprocess.Popen[bytes]) -> None:
    (messenger.project.folder / ".queue.lock.holder").write_text(word)

    assert found(messenger, "locked").problem.message == "the queue's lock is held, and nobody says by whom"


def test_word_of_a_lock_that_is_free_is_no_finding(messenger: Messenger, sent: Message) -> None:
    sign(messenger)

    assert visit(messenger).findings == ()


def test_files_of_dead_processes_are_found_and_removed(messenger: Messenger, sent: Message) -> None:
    month = messenger.archive.path(sent.message_id).parent
    left = [folder / f".a b.yaml.1.{2**22 + 1}.tmp" for folder in (messenger.project.folder, month)]
    ours = messenger.project.folder / f".a.yaml.1.{os.getpid()}.tmp"
    for path in (*left, ours):
        path.write_text("half")

    finding = found(messenger, "leftover")
    report = examine(messenger.project, fix=True)

    assert finding.problem.message.startswith("2 temporary files of processes that died")
    assert report.findings == ()
    assert len(report.fixed) == 2
    assert [path.exists() for path in (*left, ours)] == [False, False, True]


def test_message_from_the_future_is_found(messenger: Messenger, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = messages.now() + timedelta(days=2, hours=1)
    with monkeypatch.context() as clock:
        clock.setattr(messages, "now", lambda: ahead)
        sent = messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "news"})

    finding = found(messenger, "clock")

    assert finding.problem.severity == "warning"
    assert f"{sent.message_id} says {messages.format_time(ahead)}, 2 days from now" in finding.problem.message


def test_message_may_expire_in_the_future(messenger: Messenger) -> None:
    messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "news"}, expires="2d")

    assert visit(messenger).findings == ()


@pytest.mark.parametrize("ahead", [3_600.0, 1e11])
def test_file_from_the_future_is_found(ahead: float, messenger: Messenger, sent: Message) -> None:
    future = time.time() + ahead
    os.utime(messenger.project.folder / ".queue.journal", (future, future))

    finding = found(messenger, "clock")

    assert finding.problem.path == "_bmad-output/messenger/.queue.journal"


def test_clock_a_minute_off_is_no_finding(messenger: Messenger, sent: Message) -> None:
    future = time.time() + 60
    os.utime(messenger.project.queue, (future, future))

    assert visit(messenger).findings == ()


def test_folder_that_can_not_be_written_is_found(
    messenger: Messenger, sent: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    month = messenger.archive.path(sent.message_id).parent
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != month and access(path, mode))

    finding = found(messenger, "not-permitted")

    name = messenger.project.name(month)
    assert (finding.problem.path, finding.problem.severity, finding.mend) == (name, "error", f"chmod u+rwX {name}")


def test_lock_file_of_another_user_is_found(
    messenger: Messenger, sent: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, access = messenger.project.folder / ".queue.lock", os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != lock and access(path, mode))
    monkeypatch.setattr(os, "geteuid", lambda: 4321)

    assert found(messenger, "not-permitted").mend == 'sudo chown -R "$(id -u)" _bmad-output/messenger/.queue.lock'


def test_disk_that_is_nearly_full_is_found(messenger: Messenger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=5_300_000))

    assert found(messenger, "disk").problem.message == "5 MB are free on the disk"


@pytest.mark.parametrize("place", ["folder", "archive"])
def test_file_in_the_place_of_a_folder_is_set_aside(
    place: str, messenger: Messenger, run: Callable[[str], None]
) -> None:
    path = getattr(messenger.project, place)
    shutil.rmtree(path)
    path.write_text("something")

    run(found(messenger, "no-folder").mend)

    assert codes(visit(messenger)) == []
    assert path.with_name(f"{path.name}.old").read_text() == "something"
