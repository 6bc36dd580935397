"""Tests of `bmad_messenger.git.committing`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from bmad_messenger.errors import DamagedError, GitError, InvalidError, NotFoundError, UsageError
from bmad_messenger.git.branch import Branch
from bmad_messenger.git.committing import Commit, OwnFiles, commit_own
from bmad_messenger.git.install import install
from bmad_messenger.git.repository import Repository
from tests.git.clones import MESSENGER, Clone
from tests.git.real_git import git


@pytest.fixture
def clone(repository: Path) -> Clone:
    clone = Clone(repository)
    for name in ("kept.py", "staged.py", "changed.py", "both.py", "deleted.py", "renamed.py"):
        clone.write(name, f"# {name}\n" * 9)
    clone.git("add", ".")
    clone.git("commit", "--quiet", "-m", "code")
    return clone


def commit(clone: Clone, subject: str | None = None) -> Commit | None:
    repository = Repository.around(clone.project.folder)
    files = OwnFiles.of(repository, clone.project)
    return commit_own(files, Branch.checked_out(repository), subject, nullcontext)


def work_as_a_user(clone: Clone) -> None:
    """Leave every kind of unfinished work that git can tell."""
    clone.write("staged.py", "staged\n")
    clone.write("both.py", "staged\n")
    clone.write("new.py", "new\n")
    clone.git("add", "staged.py", "both.py", "new.py")
    clone.write("both.py", "changed\n")
    clone.write("changed.py", "changed\n")
    clone.git("rm", "--quiet", "--cached", "deleted.py")
    clone.git("mv", "renamed.py", "moved.py")
    clone.write("intended.py", "intended\n")
    clone.git("add", "--intent-to-add", "intended.py")
    clone.write("untracked.py", "untracked\n")


def unfinished(clone: Clone) -> tuple[str, str, str]:
    """All that git knows of the user's unfinished work."""
    own = f":(exclude){MESSENGER}"
    return (
        clone.git("status", "--porcelain=v2", "--", own),
        clone.git("ls-files", "--stage", "-t", "--", own),
        clone.git("diff", "--", own),
    )


def test_only_the_messenger_s_files_are_committed(clone: Clone) -> None:
    work_as_a_user(clone)
    before = unfinished(clone)
    sent = clone.send()
    made = commit(clone)

    changed = clone.git("diff", "--name-only", "HEAD^", "HEAD").splitlines()
    assert made is not None
    assert made.name == clone.head()
    assert {name.removeprefix(f"{MESSENGER}/").partition("/")[0] for name in changed} == {
        "archive",
        "message-queue.yaml",
    }
    assert unfinished(clone) == before
    assert [one.message for one in made.handoffs] == [sent]
    assert clone.git("status", "--porcelain", MESSENGER) == ""


def test_a_version_of_the_queue_that_was_staged_gives_way_to_the_newer_one(clone: Clone) -> None:
    clone.send("one")
    clone.git("add", MESSENGER)
    clone.send("two")
    commit(clone)

    assert clone.git("status", "--porcelain", MESSENGER) == ""
    assert "two" in clone.git("show", f"HEAD:{MESSENGER}/message-queue.yaml")


def test_a_conflict_that_was_decided_in_the_queue_is_committed(clone: Clone) -> None:
    queue = clone.project.queue
    queue.write_text(queue.read_text() + "# mine\n")
    clone.git("stash", "--quiet")
    queue.write_text(queue.read_text() + "# theirs\n")
    clone.git("commit", "--quiet", "--all", "-m", "theirs")
    clone.git("stash", "pop", "--quiet", check=False)
    with pytest.raises(InvalidError, match="a merge left its conflict"):
        commit(clone)

    queue.write_text("messages: []\n# both\n")
    assert commit(clone) is not None
    assert clone.is_clean()


def test_where_nothing_is_new_nothing_is_committed(clone: Clone) -> None:
    before = clone.head()

    assert commit(clone) is None
    assert clone.head() == before


def test_an_index_that_a_crash_left_behind_is_brought_up_to_date(clone: Clone) -> None:
    clone.git("read-tree", "HEAD")
    old = clone.git("write-tree").strip()
    clone.send()
    commit(clone)
    clone.git("read-tree", old)

    assert commit(clone) is None
    assert clone.is_clean()


def test_what_git_ignores_is_not_committed(clone: Clone) -> None:
    clone.write(f"{MESSENGER}/notes.bak", "a copy of an editor\n")
    clone.write(".git/info/exclude", "*.bak\nmessage-queue.yaml\n")
    clone.git("rm", "--quiet", "--cached", f"{MESSENGER}/message-queue.yaml")
    clone.git("commit", "--quiet", "-m", "the queue is ours alone")
    sent = clone.send()
    commit(clone)

    names = [name for name in clone.committed() if name.startswith(MESSENGER)]
    assert not [name for name in names if name.endswith((".bak", "message-queue.yaml", ".lock", ".journal"))]
    assert any(sent.message_id in name for name in names)


def test_config_types_and_runs_are_committed(clone: Clone) -> None:
    for name in ("config.yaml", "schemas/demo.schema.json", "runs/run-1.yaml", ".gitattributes"):
        clone.write(f"{MESSENGER}/{name}", "# nothing\n" if name.endswith("yaml") else "")
    made = commit(clone)

    assert made is not None
    assert made.handoffs == ()
    assert len(clone.git("diff", "--name-only", "HEAD^", "HEAD").splitlines()) == 4
    assert clone.git("log", "-1", "--format=%B").strip() == "Update the messenger's files"


def test_the_first_commit_of_a_branch_holds_the_messenger_s_files_alone(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "new")
    clone = Clone(tmp_path / "new")
    clone.messenger.init()
    clone.write("code.py", "print(1)\n")
    clone.git("add", "code.py")
    sent = clone.send()
    made = commit(clone, "Begin")

    assert made is not None
    assert all(name.startswith(MESSENGER) for name in clone.committed())
    assert clone.git("log", "--format=%B").split("\n")[0] == "Begin"
    assert [one.message for one in made.handoffs] == [sent]
    assert clone.git("status", "--porcelain") == "A  code.py\n"


@pytest.mark.parametrize("within", ["a project", "[a] *?", "-x", "ä"])
def test_the_repository_may_begin_above_the_project(tmp_path: Path, within: str) -> None:
    git(tmp_path, "init", "--quiet", "all of it")
    clone = Clone(tmp_path / "all of it", within)
    clone.project.root.mkdir()
    clone.messenger.init()
    clone.write("a/code.py", "print(1)\n")
    clone.git("add", ".")
    clone.git("commit", "--quiet", "-m", "Start")
    clone.write("a/code.py", "print(2)\n")
    clone.send()

    assert commit(clone) is not None
    assert clone.git("status", "--porcelain") == " M a/code.py\n"


def test_a_work_tree_of_its_own_has_an_index_of_its_own(clone: Clone, tmp_path: Path) -> None:
    clone.git("worktree", "add", "--quiet", "-b", "other", str(tmp_path / "other"))
    other = Clone(tmp_path / "other")
    work_as_a_user(clone)
    before = (clone.head(), unfinished(clone))
    other.send()

    assert commit(other) is not None
    assert other.is_clean()
    assert (clone.head(), unfinished(clone)) == before


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ("<<<<<<< ours\n=======\n>>>>>>> theirs\n", "a merge left its conflict"),
        ("messages:\n  - {type: [\n", "not committed"),
        ("messages:\n  - just a text\n", "this item is no message"),
    ],
)
def test_a_queue_that_can_t_be_read_is_not_committed(clone: Clone, broken: str, error: str) -> None:
    before = clone.head()
    clone.project.queue.write_text(broken)

    with pytest.raises(InvalidError, match=error) as raised:
        commit(clone)
    assert raised.value.problem.path == f"{MESSENGER}/message-queue.yaml"
    assert clone.head() == before
    assert clone.git("diff", "--cached", "--name-only") == ""


def test_a_file_of_the_archive_that_can_t_be_read_is_not_committed(clone: Clone) -> None:
    sent = clone.send()
    clone.messenger.close(sent.message_id)
    clone.messenger.archive.path(sent.message_id).write_text("<<<<<<< ours\n")

    with pytest.raises(InvalidError, match="not committed"):
        commit(clone)


def test_what_was_committed_unreadable_does_not_stand_in_the_way(clone: Clone) -> None:
    clone.project.queue.write_text("messages:\n  - just a text\n")
    clone.git("commit", "--quiet", "--all", "-m", "careless")
    clone.write(f"{MESSENGER}/config.yaml", "# nothing\n")

    assert commit(clone) is not None


@pytest.mark.parametrize("is_checked", [False, True])
def test_an_invalid_message_is_committed_but_where_the_hook_would_refuse_it(clone: Clone, is_checked: bool) -> None:
    install(clone.project, pre_commit=is_checked)
    commit(clone)
    clone.send()
    text = clone.project.queue.read_text("utf-8")
    clone.project.queue.write_text(text.replace('to: "dev"', 'to: "nobody"'), "utf-8")

    if is_checked:
        with pytest.raises(InvalidError, match=r"not committed, as the pre-commit hook would .* no agent") as raised:
            commit(clone)
        assert raised.value.problem.path == f"{MESSENGER}/message-queue.yaml"
    else:
        assert commit(clone) is not None


def test_what_was_committed_invalid_does_not_stand_in_the_way_of_the_hook_s_check(clone: Clone) -> None:
    clone.send()
    text = clone.project.queue.read_text("utf-8")
    clone.project.queue.write_text(text.replace('to: "dev"', 'to: "nobody"'), "utf-8")
    commit(clone)
    install(clone.project, pre_commit=True)
    clone.send()

    assert commit(clone) is not None


def test_a_queue_that_is_gone_is_not_committed(clone: Clone) -> None:
    clone.project.queue.unlink()

    with pytest.raises(DamagedError, match=r"message-queue\.yaml is gone; bring it back: `git checkout"):
        commit(clone)


@pytest.mark.parametrize("is_tracked", [True, False])
def test_a_folder_that_git_ignores_is_an_error(clone: Clone, is_tracked: bool) -> None:
    clone.write(".gitignore", "_bmad-output/\n")
    if not is_tracked:
        clone.git("rm", "-r", "--quiet", "--cached", MESSENGER)
        clone.git("commit", "--quiet", "-m", "no")
    clone.send()

    with pytest.raises(UsageError, match="git ignores _bmad-output/messenger"):
        commit(clone)


def test_a_folder_that_is_a_link_is_an_error(clone: Clone, tmp_path: Path) -> None:
    clone.project.folder.rename(clone.folder / "elsewhere")
    clone.project.folder.symlink_to(clone.folder / "elsewhere")

    with pytest.raises(NotFoundError, match="is a link"):
        commit(clone)


def test_a_user_whom_git_does_not_know_is_told_in_its_words(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(name)
    clone.git("config", "user.useConfigOnly", "true")
    clone.send()

    with pytest.raises(GitError, match="Please tell me who you are"):
        commit(clone)
    assert clone.git("diff", "--cached", "--name-only") == ""


def test_a_commit_is_signed_where_the_user_signs(clone: Clone, tmp_path: Path) -> None:
    signer = tmp_path / "signer"
    signer.write_text('#!/bin/sh\ncat >/dev/null\nprintf "[GNUPG:] SIG_CREATED \\n" >&2\necho "a signature"\n')
    signer.chmod(0o755)
    clone.git("config", "gpg.program", str(signer))
    clone.git("config", "commit.gpgSign", "true")
    clone.send()
    commit(clone)

    assert "gpgsig a signature" in clone.git("cat-file", "commit", "HEAD")


def test_a_commit_of_the_user_s_in_between_is_kept(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    work_as_a_user(clone)
    clone.send()
    _before_the_first(monkeypatch, "commit-tree", lambda: clone.git("commit", "--quiet", "-m", "mine"))
    made = commit(clone)

    assert made is not None
    assert clone.git("log", "-2", "--format=%s").splitlines() == ["Handoffs: 1 sent", "mine"]
    assert clone.git("diff", "--name-only", "HEAD^", "HEAD", "--", f":(exclude){MESSENGER}") == ""
    assert clone.git("diff", "--cached", "--name-only") == ""


def test_a_commit_of_the_user_s_at_the_last_moment_holds_what_is_ours(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = clone.send()
    _before_the_first(monkeypatch, "update-ref", lambda: clone.git("commit", "--quiet", "-m", "mine"))

    assert commit(clone) is None
    assert sent.message_id in clone.git("show", f"HEAD:{MESSENGER}/message-queue.yaml")
    assert clone.is_clean()


def test_an_index_that_another_git_has_for_a_moment_is_waited_for(clone: Clone) -> None:
    lock = clone.write(".git/index.lock", "")
    clone.send()
    timer = threading.Timer(0.1, lock.unlink)
    timer.start()

    assert commit(clone) is not None
    timer.join()
    assert clone.is_clean()


def test_an_index_that_another_git_keeps_is_an_error(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bmad_messenger.git.committing._PAUSES", (0.0,))
    clone.write(".git/index.lock", "")
    clone.send()
    before = clone.head()

    with pytest.raises(GitError, match=r"another git is at work: .*index\.lock exists; .*delete that file"):
        commit(clone)
    assert clone.head() == before


def test_settings_in_the_user_s_environment_count(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "2")
    for number, key in enumerate(("user.name", "user.email")):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", "ci@example.com")
    clone.send()
    commit(clone)

    assert clone.git("log", "-1", "--format=%cn %ce").strip() == "ci@example.com ci@example.com"


def _before_the_first(monkeypatch: pytest.MonkeyPatch, command: str, act: Callable[[], object]) -> None:
    """Do something just before the first git of this name is run."""
    ask, acts = Repository.ask, [act]

    def slow(self: Repository, *arguments: str, **options: object) -> object:
        if arguments[0] == command and acts:
            acts.pop()()
        return ask(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Repository, "ask", slow)
