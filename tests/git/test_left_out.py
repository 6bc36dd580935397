"""Files of the messenger that a sparse checkout leaves out: told, with the way back, before anything is written."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from bmad_messenger.errors import UsageError
from bmad_messenger.git.syncing import sync
from tests.git.clones import MESSENGER, Clone, empty_remote, first_clone_of
from tests.git.real_git import git


@pytest.fixture(params=[".", "a [p]roject"])
def ann(request: pytest.FixtureRequest, tmp_path: Path) -> Clone:
    """A clone with a message that is committed."""
    clone = first_clone_of(empty_remote(tmp_path / "remote.git"), tmp_path / "ann", request.param)
    clone.send()
    clone.sync()
    return clone


def folder_of(clone: Clone) -> str:
    return (Path(clone.within) / MESSENGER).as_posix()


def refused(clone: Clone) -> str:
    """Why a sync refuses; it leaves everything as it was."""
    before = clone.git("status", "--porcelain"), clone.head()
    with pytest.raises(UsageError) as caught:
        clone.sync()
    assert (clone.git("status", "--porcelain"), clone.head()) == before
    return str(caught.value)


def mend(clone: Clone, refusal: str) -> None:
    """Run the command that a refusal names, in the project's folder."""
    words = shlex.split(refusal.partition("`")[2].partition("`")[0])
    subprocess.run(words, cwd=clone.project.root, check=True, capture_output=True)


def test_an_archive_that_patterns_leave_out_is_told_and_comes_back(ann: Clone) -> None:
    escaped = folder_of(ann).replace("[", "\\[")
    ann.git("sparse-checkout", "set", "--no-cone", "/*", f"!/{escaped}/archive/")
    sent = ann.send()

    refusal = refused(ann)
    mend(ann, refusal)

    assert refusal.startswith(f"the sparse checkout leaves out 1 file of {MESSENGER} that git holds")
    assert ann.sync().pushed == 1
    assert f"{folder_of(ann)}/archive/{sent.created:%Y-%m}/{sent.message_id}.yaml" in ann.committed()


def test_a_folder_that_is_left_out_is_told_and_comes_back(ann: Clone) -> None:
    ann.write("src/code.py", "")
    ann.git("add", "src")
    ann.git("commit", "--quiet", "-m", "More")
    ann.git("sparse-checkout", "set", "--cone", "src")
    ann.project.root.mkdir(exist_ok=True)
    assert not ann.project.folder.exists()

    mend(ann, refused(ann))

    assert [*ann.open_texts()] == ["text"]
    ann.sync()
    assert ann.is_clean()


def test_a_file_that_is_hidden_without_a_sparse_checkout_comes_back(ann: Clone) -> None:
    ann.git("update-index", "--skip-worktree", f"{folder_of(ann)}/message-queue.yaml")
    ann.project.queue.unlink()

    mend(ann, refused(ann))

    assert ann.open_texts() == ["text"]


def test_a_sparse_checkout_that_holds_the_folder_is_none_of_our_business(ann: Clone) -> None:
    ann.git("sparse-checkout", "set", "--cone", "--skip-checks", folder_of(ann))
    ann.send()

    assert ann.sync().pushed == 1
    assert ann.is_clean()


def test_a_work_tree_of_a_sparse_repository_has_its_own_way_back(ann: Clone, tmp_path: Path) -> None:
    ann.git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    side = Clone(tmp_path / "side", ann.within)
    git(side.folder, "sparse-checkout", "set", "--cone", "src")
    side.project.root.mkdir(exist_ok=True)

    with pytest.raises(UsageError) as caught:
        sync(side.project)
    mend(side, str(caught.value))

    assert side.open_texts() == ["text"]
