"""A visit: every check is asked, one that fails hides none of the others, and nothing changes without `fix`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bmad_messenger import Message, Messenger
from bmad_messenger.doctor import examination
from bmad_messenger.doctor.diagnosis import Check, Diagnosis
from bmad_messenger.doctor.examination import CHECKS, examine
from bmad_messenger.doctor.subject import Subject
from bmad_messenger.errors import Problem, StorageError
from bmad_messenger.git.install import install
from tests.doctor.visiting import codes, visit
from tests.git.real_git import git


def test_sound_project_has_no_findings(messenger: Messenger, root: Path, send: Callable[[], Message]) -> None:
    messenger.close(send().message_id)
    install(messenger.project)
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "More")

    report = visit(messenger)

    assert (report.findings, report.fixed, report.is_ill) == ((), (), False)
    assert len(report.sound) == len(CHECKS) - 2  # btmsg is switched off, and there are no runs


def test_project_before_its_first_message_is_sound(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()

    report = visit(Messenger.open(tmp_path / "new"))

    assert [(one.problem.severity, one.mend) for one in report.findings] == [("note", "bmad-messenger init")]
    assert not report.is_ill


def test_without_a_repository_nothing_is_said_of_git(messenger: Messenger, sent: Message) -> None:
    report = visit(messenger)

    assert report.findings == ()
    assert not [line for line in report.sound if "git" in line]


def test_without_git_the_rest_is_looked_at(messenger: Messenger, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    report = visit(messenger)

    assert report.findings == ()
    assert report.about["git"] == "not installed"


def test_versions_are_told(messenger: Messenger) -> None:
    assert list(visit(messenger).about) == ["project", "bmad-messenger", "python", "git", "sqlite"]


def test_check_that_fails_is_a_finding_and_hides_nothing(
    messenger: Messenger, sent: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(subject: Subject) -> Iterator[Diagnosis]:
        yield Diagnosis(Problem("first"))
        raise KeyError("x")

    monkeypatch.setattr(examination, "CHECKS", (Check("all is well", bug), *CHECKS))
    messenger.archive.path(sent.message_id).unlink()

    report = visit(messenger)

    assert [one.problem.message for one in report.findings[:2]] == [
        "first",
        "whether all is well can't be told: KeyError: 'x'",
    ]
    assert codes(report)[2:] == ["unrecorded"]


def test_what_many_checks_stumble_on_is_told_once(messenger: Messenger, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(subject: Subject) -> Iterator[Diagnosis]:
        raise PermissionError(13, "Permission denied", "/archive")
        yield

    monkeypatch.setattr(examination, "CHECKS", (Check("a", refused), Check("b", refused)))

    report = visit(messenger)

    assert [one.problem.message for one in report.findings] == [
        "can't read /archive: Permission denied; nothing was changed"
    ]
    assert report.is_ill


def test_findings_of_one_kind_are_not_without_end(messenger: Messenger, monkeypatch: pytest.MonkeyPatch) -> None:
    def many(subject: Subject) -> Iterator[Diagnosis]:
        return (Diagnosis(Problem(str(number))) for number in range(1_000))

    monkeypatch.setattr(examination, "CHECKS", (Check("a", many),))

    findings = visit(messenger).findings

    assert len(findings) == 101
    assert findings[-1].problem.message == "and 900 more of this kind"


def damaged(messenger: Messenger) -> None:
    project = messenger.project
    project.queue.write_bytes(b"\x00\xff not a queue")
    shutil.rmtree(project.archive)
    project.archive.write_text("not a folder")
    project.config.write_text("limits: [\n")
    (project.folder / ".gitignore").write_text("")
    (project.folder / "queue.schema.json").write_text("{}")
    (project.folder / ".queue.lock.holder").write_text("garbage")
    (project.folder / ".queue.journal").write_bytes(os.urandom(100))


def test_everything_is_looked_at_where_everything_is_damaged(messenger: Messenger, root: Path) -> None:
    damaged(messenger)

    found = codes(visit(messenger))

    assert {"no-folder", "invalid", "damaged", "outdated", "deleted", "driver"} == {*found}
    assert found.count("outdated") == 2


def test_fix_of_what_is_damaged_mends_what_it_can_and_says_what_it_could_not(messenger: Messenger, root: Path) -> None:
    damaged(messenger)
    queue = messenger.project.queue.read_bytes()

    report = examine(messenger.project, fix=True)

    assert len(report.fixed) == 2
    assert "outdated" not in codes(report)
    assert messenger.project.queue.read_bytes() == queue
    assert messenger.project.archive.read_text() == "not a folder"


def test_fix_that_fails_is_a_finding(messenger: Messenger, sent: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Messenger) -> None:
        raise StorageError("the disk is full")

    messenger.archive.path(sent.message_id).unlink()
    monkeypatch.setattr(Messenger, "sync", full)

    report = examine(messenger.project, fix=True)

    assert codes(report) == ["unrecorded", "storage"]
    assert report.findings[1].problem.message.startswith("--fix could not let queue and archive agree")
    assert report.is_ill


def test_one_fix_serves_all_that_need_it(
    messenger: Messenger, send: Callable[[], Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, closed = send(), send()
    text = messenger.project.queue.read_text()
    messenger.close(closed.message_id)
    messenger.project.queue.write_text(text)
    messenger.archive.path(gone.message_id).unlink()
    calls = []
    settle = Messenger.sync
    monkeypatch.setattr(Messenger, "sync", lambda self: calls.append(1) or settle(self))

    report = examine(messenger.project, fix=True)

    assert calls == [1]
    assert report.findings == ()
    assert report.fixed == (
        f"took {closed.message_id} from the queue: the archive has it closed",
        f"recorded {gone.message_id} in the archive",
    )


def test_work_tree_of_its_own_is_visited(messenger: Messenger, root: Path, tmp_path: Path) -> None:
    install(messenger.project)
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Driver")
    git(root, "worktree", "add", "--quiet", "--detach", str(tmp_path / "other tree"))
    other = Messenger.open(tmp_path / "other tree")
    other.list()

    assert visit(other).findings == ()
