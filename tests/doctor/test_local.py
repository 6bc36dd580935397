"""What is wrong with one machine: its clock, its permissions, its disk, what processes and people left on it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from bmad_messenger import Message, Messenger
from bmad_messenger import message as messages
from bmad_messenger.doctor.examination import examine
from bmad_messenger.editing import Draft
from tests.doctor.visiting import codes, found, visit


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


@pytest.mark.parametrize(
    "place", ["", "archive", "archive/2025-01", "archive/2025-01/below", "runs", "runs/a", ".drafts"]
)
def test_file_of_a_dead_process_is_found_wherever_one_writes(place: str, messenger: Messenger) -> None:
    folder = messenger.project.folder / place
    folder.mkdir(parents=True, exist_ok=True)
    left, ours = (folder / f".a b.yaml.1.{process}.tmp" for process in (2**22 + 1, os.getpid()))
    mine = folder / "notes.tmp"
    for path in (left, ours, mine):
        path.write_text("half")

    assert found(messenger, "leftover").problem.path == messenger.project.name(left)
    report = examine(messenger.project, fix=True)

    assert report.fixed == (f"removed the leftover {messenger.project.name(left)}",)
    assert [path.exists() for path in (left, ours, mine)] == [False, True, True]


def test_folder_that_the_drafts_are_led_to_is_not_cleared(messenger: Messenger, tmp_path: Path) -> None:
    other = tmp_path / "somebody else's"
    other.mkdir()
    (other / f".a.yaml.1.{2**22 + 1}.tmp").touch()
    (messenger.project.folder / ".drafts").symlink_to(other)

    assert codes(visit(messenger)) == []


@pytest.fixture
def draft(messenger: Messenger, sent: Message, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What an edit left that died."""
    with monkeypatch.context() as dead:
        dead.setattr(os, "getpid", lambda: 2**22 + 1)
        draft = Draft.new(messenger.project, messenger.project.queue.read_text(), None)
    draft.write(draft.base.replace("news", "old news"))
    return draft.path


def test_draft_of_an_edit_is_found_and_gone_on_with(
    messenger: Messenger, draft: Path, run: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "true")

    finding = found(messenger, "draft")
    run(finding.mend)

    name = messenger.project.name(draft)
    assert (finding.problem.severity, finding.problem.path) == ("warning", name)
    assert finding.mend == f"bmad-messenger edit --draft {name}"
    assert [message.payload["message"] for message in messenger.list()] == ["old news"]
    assert codes(visit(messenger)) == []


def test_draft_is_kept_by_the_fix_and_thrown_away_by_the_hint(
    messenger: Messenger, draft: Path, run: Callable[[str], None]
) -> None:
    report = examine(messenger.project, fix=True)
    assert (codes(report), draft.is_file()) == (["draft"], True)

    (finding,) = report.findings
    run(finding.problem.hint.split("`")[1])

    assert codes(visit(messenger)) == []
    assert not draft.exists()


def test_draft_that_somebody_is_at_is_no_finding(messenger: Messenger, sent: Message) -> None:
    Draft.new(messenger.project, messenger.project.queue.read_text(), None)

    assert codes(visit(messenger)) == []


def test_message_from_the_future_is_found(messenger: Messenger, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = messages.now() + timedelta(days=2, hours=1)
    with monkeypatch.context() as clock:
        clock.setattr(messages, "now", lambda: ahead)
        sent = messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "news"})

    finding = found(messenger, "clock")

    assert finding.problem.severity == "warning"
    assert f"{sent.message_id} says {messages.format_time(ahead)}, 2 days from now" in finding.problem.message


def test_time_of_an_open_message_is_corrected_as_the_doctor_says(
    messenger: Messenger, sent: Message, run: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, now = messenger.project.queue, messages.format_time(sent.created)
    queue.write_text(queue.read_text().replace(f'created: "{now}"', 'created: "2999-01-01T00:00:00Z"'))
    monkeypatch.setenv("EDITOR", f"sed -i 's/2999-01-01T00:00:00Z/{now}/'")

    told = found(messenger, "clock").problem.hint.split("`")
    run(next(part for part in told if part.startswith("bmad-messenger ")))

    assert codes(visit(messenger)) == []


def test_time_of_a_closed_message_is_nobody_s_to_correct(
    messenger: Messenger, sent: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as clock:
        clock.setattr(messages, "now", lambda: sent.created + timedelta(days=2))
        messenger.close(sent.message_id)

    assert "bmad-messenger" not in found(messenger, "clock").problem.hint


@pytest.mark.parametrize(
    ("program", "platform", "mend"),
    [
        ("timedatectl", "linux", "sudo timedatectl set-ntp true"),
        ("", "darwin", "sudo sntp -sS time.apple.com"),
        ("", "linux", "date -u"),
    ],
)
def test_clock_is_set_by_what_the_system_has(
    program: str, platform: str, mend: str, messenger: Messenger, sent: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = messenger.project.queue
    queue.write_text(queue.read_text().replace(messages.format_time(sent.created), "2999-01-01T00:00:00Z"))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}" if name == program else None)
    monkeypatch.setattr(sys, "platform", platform)

    assert found(messenger, "clock").mend == mend


def test_message_may_expire_in_the_future(messenger: Messenger) -> None:
    messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "news"}, expires="2d")

    assert visit(messenger).findings == ()


@pytest.mark.parametrize("ahead", [3_600.0, 1e11])
def test_file_from_the_future_is_found(
    ahead: float,
    messenger: Messenger,
    sent: Message,
    run: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    future = time.time() + ahead
    os.utime(messenger.project.folder / ".queue.journal", (future, future))

    finding = found(messenger, "clock")

    assert finding.problem.path == "_bmad-output/messenger/.queue.journal"
    run(finding.mend)
    assert codes(visit(messenger)) == []


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
