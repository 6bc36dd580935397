"""Tests of `bmad_messenger.git.repository`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmad_messenger.errors import GitError, NotFoundError, NotPermittedError
from bmad_messenger.git.repository import Repository
from tests.git.real_git import git


def test_the_top_folder_is_found_from_below(repository: Path) -> None:
    below = repository / "a folder" / "deep"
    below.mkdir(parents=True)

    assert Repository.around(below).root == repository


def test_a_folder_outside_of_git_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    with pytest.raises(NotFoundError, match="no git repository"):
        Repository.around(tmp_path)


def test_a_repository_of_another_user_is_told_as_git_tells_it(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    with pytest.raises(NotPermittedError, match="detected dubious ownership in repository at") as caught:
        Repository.around(repository)
    assert f"`git config --global --add safe.directory {repository}`" in caught.value.problem.hint


def test_a_repository_that_leads_nowhere_is_told_as_git_tells_it(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: gone\n")

    with pytest.raises(GitError, match=f"not a git repository: {tmp_path}/gone"):
        Repository.around(tmp_path)


def test_a_repository_without_a_work_tree_is_no_place_for_a_project(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare")

    with pytest.raises(NotFoundError, match="no work tree"):
        Repository.around(tmp_path)


def test_a_missing_git_is_an_error(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(NotFoundError, match="no `git`"):
        Repository.around(repository)


def test_the_variables_of_a_hook_lead_nowhere_else(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", ".git")

    assert Repository.around(repository / "_bmad-output").root == repository


def test_what_git_refuses_is_told_in_its_words(repository: Path) -> None:
    with pytest.raises(GitError, match=r"`git rev-parse` failed: Needed a single revision"):
        Repository(repository).run("rev-parse", "--verify", "no-such-branch")


def test_each_work_tree_has_a_git_folder_of_its_own(repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "other tree"
    git(repository, "worktree", "add", "--quiet", "--detach", str(other))

    folders = {Repository.around(folder).git_folder for folder in (repository, other)}

    assert len(folders) == 2
    assert all((folder / "HEAD").is_file() for folder in folders)


def test_a_path_is_named_as_git_names_it(repository: Path) -> None:
    assert Repository(repository).name(repository / "a folder" / "ä.yaml") == "a folder/ä.yaml"
