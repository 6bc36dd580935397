"""Tests of `bmad_messenger.git.branch`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmad_messenger.errors import GitError, UsageError
from bmad_messenger.git.branch import Branch, Remote, fetch, push
from bmad_messenger.git.repository import Repository
from tests.git.clones import Clone, clone_of, empty_remote, first_clone_of


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return empty_remote(tmp_path / "remote.git")


@pytest.fixture
def clone(remote: Path, tmp_path: Path) -> Clone:
    return first_clone_of(remote, tmp_path / "clone")


def checked_out(clone: Clone) -> Branch:
    return Branch.checked_out(Repository(clone.folder))


def test_a_branch_has_a_tip_and_an_upstream(clone: Clone) -> None:
    branch = checked_out(clone)

    assert (branch.name, branch.tip()) == ("main", clone.head())
    assert branch.upstream() == Remote("origin", "refs/heads/main")
    assert branch.upstream() == branch.destination(Remote("origin", "refs/heads/main"))


def test_a_branch_without_a_commit_has_no_tip(remote: Path, tmp_path: Path) -> None:
    branch = checked_out(clone_of(remote, tmp_path / "empty"))

    assert branch.tip() is None
    assert branch.upstream() == Remote("origin", "refs/heads/main")


def test_a_commit_that_is_checked_out_is_no_branch(clone: Clone) -> None:
    clone.git("checkout", "--quiet", "--detach")

    with pytest.raises(UsageError, match="no branch is checked out"):
        checked_out(clone)


@pytest.mark.parametrize("command", ["merge", "rebase", "cherry-pick", "revert"])
def test_what_waits_for_a_person_is_named(clone: Clone, command: str) -> None:
    clone.git("switch", "--quiet", "--create", "other")
    clone.write("code.py", "print(2)\n")
    clone.git("commit", "--quiet", "--all", "-m", "two")
    clone.git("switch", "--quiet", "main")
    clone.write("code.py", "print(3)\n")
    clone.git("commit", "--quiet", "--all", "-m", "three")
    clone.git(command, "other", check=False)

    with pytest.raises(UsageError, match=f"a {command} is under way"):
        checked_out(clone)


def test_a_branch_moves_only_from_where_it_was_thought_to_be(clone: Clone) -> None:
    branch, first = checked_out(clone), clone.head()
    second = clone.git("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "two").strip()

    assert branch.move(first, second, "test")
    assert not branch.move(first, second, "test")
    assert (branch.tip(), clone.git("reflog", "-1", "--format=%gs").strip()) == (second, "test")


def test_an_invalid_move_is_told_in_git_s_words(clone: Clone) -> None:
    with pytest.raises(GitError, match="update-ref"):
        checked_out(clone).move(clone.head(), "f" * 40, "test")


@pytest.mark.parametrize(
    ("default", "destination"),
    [("simple", None), ("current", None), ("upstream", Remote("origin", "refs/heads/main"))],
)
def test_a_feature_is_not_pushed_to_the_branch_it_comes_from(
    clone: Clone, default: str, destination: Remote | None
) -> None:
    clone.git("switch", "--quiet", "--create", "feature", "--track", "origin/main")
    clone.git("config", "push.default", default)
    branch = checked_out(clone)
    upstream = branch.upstream()

    assert upstream == Remote("origin", "refs/heads/main")
    assert branch.destination(upstream) == destination


@pytest.mark.parametrize("key", ["branch.main.pushRemote", "remote.pushDefault"])
def test_a_fork_is_pushed_to_where_the_user_says(clone: Clone, key: str) -> None:
    clone.git("config", key, "fork")

    assert checked_out(clone).destination(Remote("origin", "refs/heads/main")) == Remote("fork", "refs/heads/main")


def test_an_address_is_not_told(clone: Clone) -> None:
    assert Remote("https://me:secret@example.com/x.git", "refs/heads/a/b").label == "a/b"
    assert Remote("origin", "refs/heads/a/b").label == "origin/a/b"


def test_a_fetch_brings_the_last_commit_and_leaves_nothing_behind(clone: Clone, remote: Path, tmp_path: Path) -> None:
    other = clone_of(remote, tmp_path / "other")
    other.write("code.py", "print(2)\n")
    other.git("commit", "--quiet", "--all", "-m", "two")
    other.git("push", "--quiet")
    before = clone.git("for-each-ref", "--format=%(refname)")

    assert fetch(Repository(clone.folder), Remote("origin", "refs/heads/main")) == other.head()
    assert clone.git("rev-parse", "origin/main").strip() == other.head()
    assert clone.git("for-each-ref", "--format=%(refname)") == before
    assert not (clone.folder / ".git/FETCH_HEAD").exists()


def test_a_branch_that_the_remote_lacks_is_none(clone: Clone) -> None:
    assert fetch(Repository(clone.folder), Remote("origin", "refs/heads/nowhere")) is None


def test_a_remote_that_is_away_is_told_in_git_s_words(clone: Clone) -> None:
    away = Remote("../away.git", "refs/heads/main")

    with pytest.raises(GitError, match=r"`git fetch` failed: '\.\./away\.git' does not appear to be a git repository"):
        fetch(Repository(clone.folder), away)
    with pytest.raises(GitError, match="`git push` failed"):
        push(Repository(clone.folder), clone.head(), away)


def test_a_push_tells_whether_somebody_was_first(clone: Clone, remote: Path, tmp_path: Path) -> None:
    other = clone_of(remote, tmp_path / "other")
    main = Remote("origin", "refs/heads/main")
    for one, code in ((clone, "print(2)\n"), (other, "print(3)\n")):
        one.write("code.py", code)
        one.git("commit", "--quiet", "--all", "-m", "change")

    assert push(Repository(clone.folder), clone.head(), main)
    assert not push(Repository(other.folder), other.head(), main)


def test_a_remote_that_another_push_has_locked_is_as_one_that_was_changed(clone: Clone, remote: Path) -> None:
    (remote / "refs/heads/new.lock").touch()

    assert not push(Repository(clone.folder), clone.head(), Remote("origin", "refs/heads/new"))


def test_what_a_remote_refuses_is_told_in_its_words(clone: Clone, remote: Path) -> None:
    hook = remote / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho main is protected >&2\nexit 1\n")
    hook.chmod(0o755)

    with pytest.raises(GitError, match=r"remote: main is protected; \[remote rejected\] \(pre-receive hook declined\)"):
        push(Repository(clone.folder), clone.head(), Remote("origin", "refs/heads/new"))


@pytest.mark.parametrize("own", [{}, {"GIT_SSH_COMMAND": "my-ssh"}, {"GIT_SSH": "my-ssh"}])
def test_nobody_is_asked_for_a_password(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: dict[str, str]
) -> None:
    for name in ("ssh", "my-ssh"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "{name} $1 said no" >&2\nexit 255\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    for key, value in own.items():
        monkeypatch.setenv(key, value)

    said = "my-ssh" if own else "ssh -oBatchMode=yes said no"
    with pytest.raises(GitError, match=said):
        fetch(Repository(clone.folder), Remote("ssh://example.com/x.git", "refs/heads/main"))
