"""Which two commits a range means."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmad_messenger.errors import NotFoundError
from bmad_messenger.git.commit_range import CommitRange, commit_range
from bmad_messenger.git.repository import Repository
from tests.git.real_git import git


def commit(folder: Path, subject: str = "More") -> str:
    git(folder, "commit", "--quiet", "--allow-empty", "-m", subject)
    return git(folder, "rev-parse", "HEAD").strip()


@pytest.fixture
def parted(repository: Path) -> dict[str, str]:
    """A branch `feature`, checked out, and `main`, which went on: the commits of both, and where they parted."""
    start = git(repository, "rev-parse", "HEAD").strip()
    main = commit(repository)
    git(repository, "checkout", "--quiet", "-b", "feature", start)
    return {"start": start, "main": main, "feature": commit(repository, "Feature")}


def found(folder: Path, text: str | None) -> CommitRange:
    return commit_range(Repository(folder), text)


def test_two_dots_are_the_two_commits(repository: Path, parted: dict[str, str]) -> None:
    assert found(repository, "main..feature") == CommitRange(parted["main"], parted["feature"], is_straight=False)


@pytest.mark.parametrize("text", ["main...feature", "main...", "main", None])
def test_a_branch_is_compared_with_where_it_parted(text: str | None, repository: Path, parted: dict[str, str]) -> None:
    assert found(repository, text) == CommitRange(parted["start"], parted["feature"], is_straight=True)


@pytest.mark.parametrize(("text", "base", "head"), [("main..", "main", "feature"), ("..main", "feature", "main")])
def test_a_side_that_is_left_out_is_the_current_commit(
    text: str, base: str, head: str, repository: Path, parted: dict[str, str]
) -> None:
    commits = found(repository, text)

    assert (commits.base, commits.head) == (parted[base], parted[head])


def test_an_annotated_tag_names_its_commit(repository: Path, parted: dict[str, str]) -> None:
    git(repository, "tag", "-a", "-m", "One", "v1", "main")

    assert found(repository, "v1..feature").base == parted["main"]


def test_the_main_branch_of_the_remote_comes_first(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(repository), "clone")
    first = git(tmp_path / "clone", "rev-parse", "HEAD").strip()
    second = commit(tmp_path / "clone")

    assert found(tmp_path / "clone", None) == CommitRange(first, second, is_straight=True)


def test_without_a_main_branch_the_commits_must_be_named(repository: Path) -> None:
    git(repository, "branch", "-m", "trunk")

    with pytest.raises(NotFoundError, match="no main branch to compare with; name the commits"):
        found(repository, None)


@pytest.mark.parametrize("text", ["nope..HEAD", "HEAD..nope", "nope", "nope...HEAD", "--all", "HEAD:_bmad-output"])
def test_an_unknown_commit_is_an_error_that_names_it(text: str, repository: Path) -> None:
    name = text.replace("HEAD..", "").removesuffix("..HEAD").removesuffix(".")

    with pytest.raises(NotFoundError, match=f"git knows no commit '{name}'"):
        found(repository, text)


def test_branches_that_share_nothing_are_an_error(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "--orphan", "island")
    commit(repository)

    with pytest.raises(NotFoundError, match="share no commit"):
        found(repository, "main...island")


@pytest.mark.parametrize("text", ["HEAD~2..HEAD", "origin/old...HEAD"])
def test_a_shallow_clone_says_how_to_get_more(text: str, repository: Path, tmp_path: Path) -> None:
    git(repository, "branch", "old")
    commit(repository)
    commit(repository)
    source = repository.as_uri()
    git(tmp_path, "clone", "--quiet", "--depth", "1", "--no-single-branch", source, "clone")

    with pytest.raises(NotFoundError, match=r"--deepen.*fetch-depth: 0"):
        found(tmp_path / "clone", text)
