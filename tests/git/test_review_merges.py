"""What a review finds where the branches of a range were merged."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmad_messenger import Messenger
from bmad_messenger.git.install import install
from tests.git.real_git import git
from tests.git.reviewing import FOLDER, QUEUE, Commit, ask, codes_of, commit_name, edit, record, reviewed, the_finding

OLD, NEW = 'question: "JWT or cookies?"', 'question: "Which cookies?"'


@pytest.fixture
def sent(repository: Path, messenger: Messenger, commit: Commit) -> str:
    """The id of a question on the main branch, nobody has read it; `begun..HEAD` and the branch `side` begin there."""
    message_id = ask(messenger)
    commit()
    git(repository, "tag", "begun")
    git(repository, "branch", "side")
    return message_id


def switch(folder: Path, branch: str) -> None:
    git(folder, "switch", "--quiet", branch)


def merge(folder: Path, files: str | None = None, branch: str = "side") -> None:
    """Merge a branch, the messenger's files being those of a commit, or what stands there by then."""
    git(folder, "merge", "--quiet", "--no-commit", "--no-ff", "--strategy", "ours", branch)
    if files is not None:
        git(folder, "rm", "-r", "--quiet", FOLDER)
        git(folder, "checkout", "--quiet", files, "--", FOLDER)
    git(folder, "commit", "--quiet", "-m", "Merge")


def test_what_came_in_through_the_other_parent_is_not_deleted(
    repository: Path, messenger: Messenger, commit: Commit, sent: str
) -> None:
    (repository / "code.py").write_text("x = 1\n", "utf-8")
    commit()
    switch(repository, "side")
    ask(messenger, "Another?")
    commit()
    messenger.receive("architect")
    commit()
    switch(repository, "main")
    merge(repository, "side")

    assert codes_of(repository) == []


def test_what_the_merge_lost_of_a_side_is_deleted_in_the_merge(
    repository: Path, messenger: Messenger, commit: Commit, sent: str
) -> None:
    switch(repository, "side")
    other = ask(messenger, "Another?")
    commit()
    switch(repository, "main")
    messenger.receive("architect")
    commit()
    merge(repository)

    found = the_finding(repository, "begun..HEAD")

    assert (found.code, other in found.message, commit_name(repository) in found.message) == ("deleted", True, True)
    assert commit_name(repository, "HEAD^2") in found.hint


def test_what_one_side_deleted_is_told_of_its_own_commit(
    repository: Path, messenger: Messenger, commit: Commit, sent: str
) -> None:
    other = ask(messenger, "Another?")
    commit()
    git(repository, "branch", "--force", "side")
    whole = (repository / QUEUE).read_text("utf-8")
    (repository / QUEUE).write_text(whole[: whole.index(f'  - message_id: "{other}"')], "utf-8")
    record(messenger, other).unlink()
    commit()
    culprit = commit_name(repository)
    switch(repository, "side")
    messenger.mark_read("architect", [sent])
    commit()
    switch(repository, "main")
    merge(repository, "HEAD")

    found = reviewed(repository, "begun..HEAD").findings

    assert [one.code for one in found if culprit in one.message] == ["deleted"]
    assert [one.code for one in found if commit_name(repository) in one.message] == ["turned-back"]


def test_a_deletion_from_before_the_range_is_not_told_of_the_merge_that_brings_it_in(
    repository: Path, messenger: Messenger, commit: Commit, sent: str
) -> None:
    (repository / QUEUE).write_text("messages: []\n", "utf-8")
    record(messenger, sent).unlink()
    commit()
    switch(repository, "side")
    (repository / "code.py").write_text("x = 1\n", "utf-8")
    commit()
    messenger.receive("architect")
    commit()
    merge(repository, "main", branch="main")
    ask(messenger, "Another?")
    commit()

    assert codes_of(repository, "main..side") == []


def test_an_edit_on_one_side_and_a_reading_on_the_other_are_nobodys_fault(
    repository: Path, messenger: Messenger, commit: Commit, sent: str
) -> None:
    messenger.receive("architect")
    commit()
    switch(repository, "side")
    edit(repository, OLD, NEW)
    commit()
    switch(repository, "main")
    git(repository, "merge", "--quiet", "--no-commit", "--no-ff", "--strategy", "ours", "side")
    edit(repository, OLD, NEW)
    git(repository, "commit", "--quiet", "--all", "-m", "Merge")

    assert codes_of(repository) == []


def test_an_edit_that_the_merge_makes_itself_is_its_own(
    repository: Path, messenger: Messenger, commit: Commit, sent: str
) -> None:
    messenger.receive("architect")
    commit()
    switch(repository, "side")
    ask(messenger, "Another?")
    commit()
    switch(repository, "main")
    git(repository, "merge", "--quiet", "--no-commit", "--no-ff", "--strategy", "ours", "side")
    git(repository, "checkout", "--quiet", "side", "--", FOLDER)
    messenger.receive("architect")
    edit(repository, OLD, NEW)
    git(repository, "commit", "--quiet", "--all", "-m", "Merge")

    found = the_finding(repository, "begun..HEAD")

    assert (found.code, commit_name(repository) in found.message) == ("edited-after-read", True)


def test_a_reading_that_the_merge_lost_is_turned_back_in_the_merge(
    repository: Path, messenger: Messenger, commit: Commit, sent: str
) -> None:
    switch(repository, "side")
    messenger.receive("architect")
    commit()
    switch(repository, "main")
    ask(messenger, "Another?")
    commit()
    merge(repository)

    found = the_finding(repository, "begun..HEAD")

    assert (found.code, commit_name(repository) in found.message) == ("turned-back", True)


def test_a_fault_of_one_side_that_the_merge_did_not_take_is_none(
    repository: Path, messenger: Messenger, commit: Commit, sent: str
) -> None:
    messenger.receive("architect")
    commit()
    git(repository, "branch", "--force", "side")
    switch(repository, "side")
    edit(repository, OLD, NEW)
    commit()
    switch(repository, "main")
    ask(messenger, "Another?")
    commit()
    merge(repository)

    assert codes_of(repository) == []


def test_a_fault_of_one_side_is_not_mended_by_the_other_that_never_had_it(
    repository: Path, messenger: Messenger, commit: Commit, sent: str
) -> None:
    messenger.receive("architect")
    commit()
    git(repository, "branch", "--force", "side")
    edit(repository, OLD, NEW)
    commit()
    culprit = commit_name(repository)
    switch(repository, "side")
    edit(repository, 'priority: "high"', 'priority: "low"')
    commit()
    switch(repository, "main")
    git(repository, "merge", "--quiet", "--no-commit", "--no-ff", "--strategy", "ours", "side")
    edit(repository, 'priority: "high"', 'priority: "low"')
    git(repository, "commit", "--quiet", "--all", "-m", "Merge")

    assert culprit in the_finding(repository, "begun..HEAD").message


def test_both_sides_closed_it_and_one_closing_is_kept(
    repository: Path, messenger: Messenger, commit: Commit, sent: str
) -> None:
    messenger.close(sent, note="ours")
    commit()
    switch(repository, "side")
    messenger.close(sent, note="theirs")
    commit()
    switch(repository, "main")
    merge(repository, "side")

    assert codes_of(repository) == []


def test_branches_that_share_no_commit_are_merged(
    repository: Path, messenger: Messenger, commit: Commit, sent: str
) -> None:
    messenger.receive("architect")
    commit()
    git(repository, "switch", "--quiet", "--orphan", "side2")
    other = Messenger.open(repository)
    other.init()
    ask(other, "Another?")
    commit()
    git(repository, "switch", "--quiet", "main")
    git(repository, "merge", "--quiet", "--allow-unrelated-histories", "--strategy", "ours", "--no-edit", "side2")

    assert codes_of(repository) == ["deleted"]


@pytest.mark.parametrize("lost", ["queue", "record"])
def test_a_file_lost_before_the_range_is_not_told_of_the_merge_that_brings_it_in(
    lost: str, repository: Path, messenger: Messenger, commit: Commit, sent: str
) -> None:
    (repository / QUEUE if lost == "queue" else record(messenger, sent)).unlink()
    commit()
    switch(repository, "side")
    (repository / "code.py").write_text("x = 1\n", "utf-8")
    commit()
    edit(repository, 'priority: "high"', 'priority: "low"')
    commit()
    merge(repository, "main", branch="main")

    assert codes_of(repository, "main..side") == []


def test_a_message_with_a_conflict_left_in_one_field_is_one_finding(
    repository: Path, messenger: Messenger, commit: Commit, sent: str
) -> None:
    """It is still there: its record in the archive alone does not make it deleted."""
    install(messenger.project)
    commit()
    change_priority(repository, commit, "side", "low")
    change_priority(repository, commit, "main", "medium")
    git(repository, "merge", "--quiet", "side", check=False)
    assert "<<<<<<<" in (repository / QUEUE).read_text("utf-8")
    commit()

    for commits in ("begun..HEAD", "HEAD~1..HEAD", "side..HEAD"):
        assert codes_of(repository, commits) == ["conflict"]

    ask(messenger, "Another?")
    commit()
    assert codes_of(repository) == ["conflict"]


def test_a_message_that_is_deleted_with_its_conflict_is_found(
    repository: Path, messenger: Messenger, commit: Commit, sent: str
) -> None:
    edit(repository, 'priority: "high"', '<<<<<<< ours\n    priority: "low"\n=======\n    priority: a\n>>>>>>> theirs')
    commit()
    (repository / QUEUE).write_text("messages: []\n", "utf-8")
    commit()

    assert codes_of(repository) == ["deleted"]
    assert the_finding(repository, "begun..HEAD").message.startswith(sent)


def change_priority(folder: Path, commit: Commit, branch: str, priority: str) -> None:
    switch(folder, branch)
    edit(folder, 'priority: "high"', f'priority: "{priority}"')
    commit()
