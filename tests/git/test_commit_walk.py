"""The commits of a range that touch the messenger's files, and the files of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bmad_messenger.config import Project
from bmad_messenger.git.commit_range import commit_range
from bmad_messenger.git.commit_walk import CommitWalk, walk
from bmad_messenger.git.repository import Repository
from bmad_messenger.git.versions import Tree, read_tree
from tests.git.real_git import git
from tests.git.reviewing import FOLDER


def write(folder: Path, name: str, text: str, *arguments: str) -> str:
    """Commit a file; the commit's name."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, "utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "More", *arguments)
    return git(folder, "rev-parse", "HEAD").strip()


def walked(folder: Path, commits: str) -> CommitWalk:
    repository = Repository.around(folder)
    found = commit_range(repository, commits)
    return walk(repository, found, read_tree(repository, Project(folder), found.base))


def trees(folder: Path, found: CommitWalk) -> dict[str, Tree]:
    """The files of each step, as the walk has them."""
    known = dict(found.edges)
    for step in found.steps:
        known[step.commit] = found.tree(step, known[step.parents[0]] if step.parents else Tree(found.folder))
    return known


def as_git_has_them(folder: Path, names: Sequence[str]) -> dict[str, Tree]:
    return {name: read_tree(Repository.around(folder), Project(folder), name) for name in names}


def test_only_commits_that_touch_the_folder_are_steps(repository: Path) -> None:
    write(repository, "code.py", "0")
    first = write(repository, f"{FOLDER}/archive/2025-01/MSG-20250115-a1b2.yaml", "1")
    write(repository, "code.py", "2")
    second = write(repository, f"{FOLDER}/message-queue.yaml", "3")
    write(repository, "code.py", "4")

    assert [step.commit for step in walked(repository, "HEAD~5..HEAD").steps] == [first, second]


def test_each_step_has_the_files_that_git_has(repository: Path) -> None:
    base = git(repository, "rev-parse", "HEAD").strip()
    write(repository, f"{FOLDER}/archive/2025-01/MSG-20250115-a1b2.yaml", "1")
    git(repository, "switch", "--quiet", "--create", "side", base)
    write(repository, f"{FOLDER}/archive/2025-01/MSG-20250115-c3d4.yaml", "2")
    (repository / FOLDER / "message-queue.yaml").unlink()
    write(repository, f"{FOLDER}/with space ä\n.txt", "3")
    git(repository, "merge", "--quiet", "--no-edit", "main")
    git(repository, "rm", "-r", "--quiet", FOLDER)
    write(repository, "_bmad-output/messenger", "a file")

    found = walked(repository, f"{base}..HEAD")

    assert len(found.steps) == 5
    assert trees(repository, found) == as_git_has_them(repository, [base, *(step.commit for step in found.steps)])


def test_a_branch_of_which_its_merge_kept_nothing_is_walked(repository: Path) -> None:
    git(repository, "switch", "--quiet", "--create", "side")
    lost = write(repository, f"{FOLDER}/message-queue.yaml", "1")
    git(repository, "switch", "--quiet", "main")
    write(repository, "code.py", "2")
    git(repository, "merge", "--quiet", "--no-edit", "--strategy", "ours", "side")

    assert lost in [step.commit for step in walked(repository, "HEAD~2..HEAD").steps]


def test_a_step_without_a_parent_begins_with_nothing(repository: Path) -> None:
    git(repository, "switch", "--quiet", "--orphan", "other")
    first = write(repository, f"{FOLDER}/message-queue.yaml", "1")
    second = write(repository, f"{FOLDER}/archive/2025-01/MSG-20250115-a1b2.yaml", "2")

    found = walked(repository, "main..other")

    assert trees(repository, found) == as_git_has_them(repository, [first, second])


def test_a_branch_from_before_the_range_begins_where_it_left(repository: Path) -> None:
    base = git(repository, "rev-parse", "HEAD").strip()
    git(repository, "branch", "side")
    write(repository, f"{FOLDER}/message-queue.yaml", "1")
    git(repository, "switch", "--quiet", "side")
    own = write(repository, f"{FOLDER}/archive/2025-01/MSG-20250115-a1b2.yaml", "2")

    found = walked(repository, "main..side")

    assert trees(repository, found) == as_git_has_them(repository, [base, own])


@pytest.mark.parametrize("format", ["sha1", "sha256"])
def test_names_of_either_length_are_read(format: str, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--object-format", format)
    write(tmp_path, "code.py", "0")
    git(tmp_path, "switch", "--quiet", "--orphan", "other")
    first = write(tmp_path, f"{FOLDER}/message-queue.yaml", "1")

    found = walked(tmp_path, "main..other")

    assert trees(tmp_path, found) == as_git_has_them(tmp_path, [first])


def test_a_shallow_clone_is_walked_as_far_as_it_goes(repository: Path, tmp_path: Path) -> None:
    for number in range(4):
        write(repository, f"{FOLDER}/message-queue.yaml", f"{number}")
    git(tmp_path, "clone", "--quiet", "--depth", "3", repository.as_uri(), "clone")

    assert len(walked(tmp_path / "clone", "HEAD~2..HEAD").steps) == 2
