"""The repository: what git ignores, does not hold, holds by mistake or has not merged, and its merge driver."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bmad_messenger import Message, Messenger
from bmad_messenger.git.install import install
from tests.doctor.visiting import codes, found, visit
from tests.git.real_git import git

QUEUE = "_bmad-output/messenger/message-queue.yaml"
ARCHIVE = "_bmad-output/messenger/archive"


@pytest.fixture
def fresh(messenger: Messenger) -> Path:
    """A repository without a commit."""
    git(messenger.project.root, "init", "--quiet")
    return messenger.project.root


@pytest.mark.parametrize(
    ("rule", "what"),
    [("_bmad-output/", "the queue and the archive"), ("*queue.yaml", "the queue"), ("archive/", "the archive")],
)
def test_rule_that_hides_our_files_is_found_with_its_line_and_taken_out(
    rule: str, what: str, messenger: Messenger, fresh: Path, run: Callable[[str], None]
) -> None:
    (fresh / ".gitignore").write_text(f"# ours\n{rule}\n*.pyc\n")

    finding = found(messenger, "ignored")
    run(finding.mend)

    assert (finding.problem.path, finding.problem.line) == (".gitignore", 2)
    assert finding.mend == "sed -i.old -e 2d -- .gitignore"
    assert (fresh / ".gitignore").read_text() == "# ours\n*.pyc\n"
    assert "ignored" not in codes(visit(messenger))
    assert finding.problem.message.startswith(f"git ignores {what} by the rule `{rule}`")


def test_several_rules_of_one_file_are_taken_out_at_once(
    messenger: Messenger, fresh: Path, run: Callable[[str], None]
) -> None:
    exclude = fresh / ".git/info/exclude"
    exclude.write_text("*queue.yaml\n*.pyc\narchive/\n*.log\n")

    finding = found(messenger, "ignored")
    run(finding.mend)

    assert "the queue by the rule `*queue.yaml` and the archive by the rule `archive/`" in finding.problem.message
    assert exclude.read_text() == "*.pyc\n*.log\n"
    assert "ignored" not in codes(visit(messenger))


def test_exception_to_a_rule_is_no_finding(messenger: Messenger, fresh: Path) -> None:
    (fresh / ".gitignore").write_text("*.yaml\n!*.yaml\n")

    assert "ignored" not in codes(visit(messenger))


def test_rule_for_what_git_holds_all_the_same_is_no_finding_of_the_queue(messenger: Messenger, root: Path) -> None:
    (root / ".gitignore").write_text("*queue.yaml\n")

    assert "ignored" not in codes(visit(messenger))


def test_queue_and_archive_that_git_does_not_hold_are_found(
    messenger: Messenger, fresh: Path, sent: Message, run: Callable[[str], None]
) -> None:
    findings = [finding for finding in visit(messenger).findings if finding.problem.code == "untracked"]

    assert [(finding.problem.path, finding.problem.severity) for finding in findings] == [
        (QUEUE, "warning"),
        (ARCHIVE, "warning"),
    ]
    for finding in findings:
        run(finding.mend)
    assert "untracked" not in codes(visit(messenger))


@pytest.mark.parametrize(("age", "severity"), [(0, "note"), (2 * 24 * 3600, "warning")])
def test_record_that_is_not_committed_is_told_and_after_a_day_warned_of(
    age: int, severity: str, messenger: Messenger, root: Path, send: Callable[[], Message]
) -> None:
    message = send()
    then = time.time() - age
    os.utime(messenger.archive.path(message.message_id), (then, then))

    finding = found(messenger, "untracked")

    assert (finding.problem.severity, finding.mend) == (severity, "bmad-messenger git sync --no-push")
    assert finding.problem.message == f"1 record is not committed yet: {message.message_id}"


def test_records_that_the_disk_lost_are_brought_back_and_no_other_is_touched(
    messenger: Messenger, root: Path, sent: Message, send: Callable[[], Message], run: Callable[[str], None]
) -> None:
    more = [send(), send()]
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "More")
    messenger.close(more[0].message_id)
    for message in (sent, more[1]):
        messenger.archive.path(message.message_id).unlink()

    run(found(messenger, "deleted").mend)

    assert {"deleted", "unrecorded", "unsettled"}.isdisjoint(codes(visit(messenger)))
    closed = messenger.archive.read(more[0].message_id)
    assert closed is not None
    assert closed.status.is_closed


def test_local_files_that_git_holds_are_found_and_let_go(
    messenger: Messenger, root: Path, run: Callable[[str], None]
) -> None:
    git(root, "add", "--force", f"{messenger.project.folder}/.queue.journal", f"{messenger.project.folder}/.queue.lock")

    finding = found(messenger, "tracked")
    run(finding.mend)

    assert finding.problem.severity == "warning"
    assert "tracked" not in codes(visit(messenger))
    assert (messenger.project.folder / ".queue.journal").is_file()


def test_driver_that_is_not_installed_is_found(messenger: Messenger, root: Path, run: Callable[[str], None]) -> None:
    finding = found(messenger, "driver")
    run(finding.mend)

    assert (finding.problem.severity, finding.mend) == ("warning", "bmad-messenger git install")
    assert "driver" not in codes(visit(messenger))


def test_driver_that_this_clone_lacks_is_found(messenger: Messenger, root: Path, tmp_path: Path) -> None:
    install(messenger.project)
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Driver")
    git(tmp_path, "clone", "--quiet", str(root), "clone of it")

    finding = found(Messenger.open(tmp_path / "clone of it"), "driver")

    assert "this clone has no merge driver" in finding.problem.message


def test_driver_that_leads_nowhere_is_found(messenger: Messenger, root: Path) -> None:
    install(messenger.project)
    git(root, "config", "merge.bmad-messenger.driver", "/gone/python -m bmad_messenger.git.drivers merge %O %A %B")

    assert "does not run" in found(messenger, "driver").problem.message


@pytest.mark.parametrize("gone", [True, False])
def test_file_that_is_resolved_and_not_added_is_found(
    gone: bool, messenger: Messenger, root: Path, run: Callable[[str], None]
) -> None:
    queue = messenger.project.queue
    git(root, "branch", "other")
    queue.write_text(f"# ours\n{queue.read_text()}")
    git(root, "commit", "--quiet", "-a", "-m", "Ours")
    git(root, "checkout", "--quiet", "other")
    if gone:
        git(root, "rm", "--quiet", QUEUE)
    else:
        queue.write_text(f"# theirs\n{queue.read_text()}")
    git(root, "commit", "--quiet", "-a", "-m", "Theirs")
    git(root, "rebase", "main", check=False)
    if gone:
        queue.unlink(missing_ok=True)
    else:
        git(root, "checkout", "--ours", QUEUE)

    finding = found(messenger, "unmerged")
    run(finding.mend)

    assert finding.problem.message.startswith("the rebase waits for this file")
    assert (finding.problem.path, finding.problem.severity) == (QUEUE, "error")
    assert "unmerged" not in codes(visit(messenger))


def test_conflict_by_lines_is_merged_by_message_as_the_doctor_says(
    messenger: Messenger, root: Path, sent: Message, send: Callable[[], Message], run: Callable[[str], None]
) -> None:
    ids = {sent.message_id}
    git(root, "branch", "other")
    for branch in ("other", None):
        ids.add(send().message_id)
        git(root, "add", ".")
        git(root, "commit", "--quiet", "-m", "Sent")
        if branch:
            git(root, "checkout", "--quiet", branch)
    git(root, "merge", "main", check=False)

    run(found(messenger, "conflict").mend)
    run(found(messenger, "unmerged").mend)

    assert {message.message_id for message in messenger.list()} == ids
    assert messenger.validate() == []


def test_repository_above_the_project_is_the_project_s(messenger: Messenger, tmp_path: Path, sent: Message) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("my project/\n")

    finding = found(messenger, "ignored")

    assert (finding.problem.path, finding.problem.line) == (str(tmp_path / ".gitignore"), 1)


def test_repository_that_git_refuses_is_found(messenger: Messenger, root: Path) -> None:
    shutil.rmtree(root / ".git" / "refs")

    (finding,) = visit(messenger).findings

    assert finding.problem.message.startswith("`git rev-parse` failed: not a git repository")


def test_repository_of_another_user_is_found(messenger: Messenger, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    (finding,) = visit(messenger).findings

    assert "detected dubious ownership" in finding.problem.message
    assert "git config --global --add safe.directory" in finding.problem.hint


def test_files_that_a_sparse_checkout_leaves_out_are_told_first_and_brought_back(
    messenger: Messenger, root: Path, run: Callable[[str], None]
) -> None:
    """Nothing that only follows from it is told: a `sync` would write over the records."""
    install(messenger.project)
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "More")
    git(root, "sparse-checkout", "set", "--no-cone", "/*", f"!/{ARCHIVE}/")

    (finding,) = visit(messenger).findings
    run(finding.mend)

    assert finding.problem.message.startswith("the sparse checkout leaves out 1 file of _bmad-output/messenger")
    assert visit(messenger).findings == ()


def test_a_folder_that_a_sparse_checkout_leaves_out_is_no_case_for_init(
    messenger: Messenger, root: Path, run: Callable[[str], None]
) -> None:
    (root / "src").mkdir()
    (root / "src" / "code.py").touch()
    git(root, "add", "src")
    git(root, "commit", "--quiet", "-m", "More")
    git(root, "sparse-checkout", "set", "--cone", "src")

    (finding,) = visit(messenger).findings
    run(finding.mend)

    assert finding.mend == "git sparse-checkout add _bmad-output/messenger"
    assert len(messenger.list()) == 1
