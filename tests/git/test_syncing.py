"""Tests of `bmad_messenger.git.syncing`: clones of one project, kept in step through a bare remote."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmad_messenger import Problem
from bmad_messenger.errors import GitError, InvalidError, LockTimeoutError, NotFoundError, UsageError
from bmad_messenger.git import syncing
from tests.git.clones import MESSENGER, Clone, clone_of, empty_remote, first_clone_of
from tests.git.real_git import git


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return empty_remote(tmp_path / "remote.git")


@pytest.fixture
def ann(remote: Path, tmp_path: Path) -> Clone:
    return first_clone_of(remote, tmp_path / "ann")


@pytest.fixture
def ben(ann: Clone, remote: Path, tmp_path: Path) -> Clone:
    return clone_of(remote, tmp_path / "ben")


def test_what_one_sends_the_other_has(ann: Clone, ben: Clone) -> None:
    sent = ann.send()
    first, second = ann.sync(), ben.sync()

    assert ben.messenger.list() == [sent]
    assert ann.is_clean()
    assert ben.is_clean()
    assert ann.head() == ben.head() == first.commits[0]
    assert first.actions == [f"committed {ann.head()[:9]}: 1 sent", "pushed 1 commit to origin/main"]
    assert second.actions == ["merged 1 commit from origin/main"]


def test_what_both_send_both_have(ann: Clone, ben: Clone) -> None:
    ann.send("from ann")
    ben.send("from ben")
    ann.sync()
    done = ben.sync()
    ann.sync()

    assert sorted(ann.open_texts()) == sorted(ben.open_texts()) == ["from ann", "from ben"]
    assert ann.head() == ben.head()
    assert (done.merged, done.pushed) == (1, 2)
    assert ben.git("log", "-1", "--format=%s").strip() == "Merge origin/main into main"
    assert ann.is_clean()
    assert ben.is_clean()


def test_what_one_closes_is_closed_for_the_other(ann: Clone, ben: Clone) -> None:
    sent = ann.send()
    ann.sync()
    ben.sync()
    ann.messenger.receive("dev")
    ben.messenger.close(sent.message_id, note="enough")
    ben.sync()
    ann.sync()
    ben.sync()

    assert ann.messenger.list() == ben.messenger.list() == []
    assert ann.messenger.get(sent.message_id).note == "enough"
    assert ann.head() == ben.head()


def test_a_correction_of_what_another_closed_is_in_its_record_everywhere(ann: Clone, ben: Clone) -> None:
    sent = ann.send("the text")
    ann.sync()
    ben.sync()
    edit(ann, "the text", "the CORRECTED text")
    ben.messenger.mark_read("dev", [sent.message_id])
    ben.messenger.close(sent.message_id)
    ben.sync()

    done = ann.sync()
    ben.sync()

    assert any(line.endswith("with another text: kept as a comment in its record") for line in done.actions)
    for clone in (ann, ben):
        assert "the CORRECTED text" in clone.messenger.archive.path(sent.message_id).read_text("utf-8")
        assert (clone.open_texts(), clone.is_clean()) == ([], True)


def test_two_corrections_of_what_a_third_closed_are_both_kept(
    ann: Clone, ben: Clone, remote: Path, tmp_path: Path
) -> None:
    sent = ann.send("the text")
    ann.sync()
    ben.sync()
    cem = clone_of(remote, tmp_path / "cem")
    for clone, text in ((ann, "by ann"), (ben, "by ben")):
        edit(clone, "the text", text)
    cem.messenger.close(sent.message_id)
    cem.sync()
    for clone in (ann, ben):  # who each gets the closed record before the other's comment
        clone.sync(pushes=False)

    for clone in (ann, ben, ann):
        clone.sync()

    for clone in (ann, ben):
        record = clone.messenger.archive.path(sent.message_id).read_text("utf-8")
        assert [record.count(text) for text in ("by ann", "by ben")] == [1, 1]
        assert clone.is_clean()
    assert ann.head() == ben.head()


def edit(clone: Clone, old: str, new: str) -> None:
    queue = clone.project.queue
    text = queue.read_text("utf-8")
    assert old in text
    queue.write_text(text.replace(old, new), "utf-8")


def test_where_nothing_happened_nothing_is_done(ann: Clone) -> None:
    before = ann.head()

    assert ann.sync().actions == ["main and origin/main are in step"]
    assert ann.head() == before


def test_a_sync_tells_what_it_did_as_a_document(ann: Clone) -> None:
    sent = ann.send()

    assert ann.sync().to_mapping() == {
        "branch": "main",
        "upstream": "origin/main",
        "committed": ann.head(),
        "handoffs": {"sent": [sent.message_id]},
        "merged": 0,
        "pushed": 1,
        "actions": [f"committed {ann.head()[:9]}: 1 sent", "pushed 1 commit to origin/main"],
    }


def test_a_commit_lists_the_handoffs_below_the_subject_that_was_given(ann: Clone) -> None:
    sent = ann.send("hello")
    ann.sync("Say hello")

    body = f"Say hello\n\nsent {sent.message_id} pm → dev: notify, hello"
    assert ann.git("log", "-1", "--format=%B").strip() == body


def test_a_push_can_be_left_out(ann: Clone, ben: Clone) -> None:
    ben.send("from ben")
    ben.sync()
    ann.send("from ann")
    done = ann.sync(pushes=False)

    assert sorted(ann.open_texts()) == ["from ann", "from ben"]
    assert done.actions[-1] == "left 2 commits to push to origin/main"
    assert ann.git("ls-remote", "origin", "refs/heads/main").split()[0] == ben.head()


def test_commits_of_the_user_s_own_are_pushed_with_it_and_counted(ann: Clone) -> None:
    ann.write("code.py", "print(2)\n")
    ann.git("commit", "--quiet", "--all", "-m", "mine")
    ann.send()

    assert ann.sync().actions[-1] == "pushed 2 commits to origin/main, 1 of them with other files"


def test_unfinished_work_stays_as_it_is(ann: Clone, ben: Clone) -> None:
    ann.write("more.py", "print(1)\n")
    ann.git("add", "more.py")
    ann.git("commit", "--quiet", "-m", "more code")
    ann.send("from ann")
    ann.sync()
    ben.send("from ben")
    ben.write("staged.py", "staged\n")
    ben.write("code.py", "staged\n")
    ben.git("add", "staged.py", "code.py", MESSENGER)
    ben.write("code.py", "changed\n")
    ben.write("intended.py", "")
    ben.git("add", "--intent-to-add", "intended.py")
    ben.write("untracked.py", "untracked\n")
    ben.send("from ben again")
    before = (ben.git("status", "--porcelain=v2", "--", f":(exclude){MESSENGER}"), ben.git("diff", "--", "code.py"))
    done = ben.sync()

    assert (ben.git("status", "--porcelain=v2"), ben.git("diff", "--", "code.py")) == before
    assert done.merged == 2
    assert (ben.folder / "more.py").exists()
    assert sorted(ben.open_texts()) == ["from ann", "from ben", "from ben again"]


def test_a_branch_that_follows_none_is_only_committed(repository: Path) -> None:
    clone = Clone(repository)
    clone.send()
    done = clone.sync()

    assert done.upstream is None
    assert len(done.commits) == 1
    branch = clone.git("symbolic-ref", "--short", "HEAD").strip()
    assert done.actions[-1] == (
        f"{branch} follows no branch of a remote, so nothing was fetched or pushed; "
        f"`git push --set-upstream REMOTE {branch}` lets it follow one"
    )


def test_a_feature_gets_what_is_new_and_is_not_pushed_elsewhere(ann: Clone, ben: Clone) -> None:
    ann.send("from ann")
    ann.sync()
    ben.git("switch", "--quiet", "--create", "feature", "--track", "origin/main")
    ben.send("from ben")
    done = ben.sync()

    assert sorted(ben.open_texts()) == ["from ann", "from ben"]
    assert done.actions[-1].startswith("pushed nothing: feature follows origin/main")
    assert ann.sync().merged == 0


def test_clones_of_an_empty_remote_begin_at_the_same_time(remote: Path, tmp_path: Path) -> None:
    clones = [clone_of(remote, tmp_path / name) for name in ("one", "two", "three")]
    for clone in clones:
        clone.messenger.init()
        clone.send(clone.folder.name)
        clone.sync()
    for clone in clones:
        clone.sync()

    assert {tuple(sorted(clone.open_texts())) for clone in clones} == {("one", "three", "two")}
    assert len({clone.head() for clone in clones}) == 1


def test_a_remote_that_is_away_leaves_the_commit(ann: Clone) -> None:
    ann.send()
    ann.git("remote", "set-url", "origin", "../away.git")

    with pytest.raises(GitError, match=r"`git fetch` failed: '\.\./away\.git' does not appear to be a git repository"):
        ann.sync()
    assert ann.git("log", "-1", "--format=%s").strip() == "Handoffs: 1 sent"
    assert ann.is_clean()


def test_what_both_changed_differently_is_named_and_nothing_is_changed(ann: Clone, ben: Clone) -> None:
    sent = ann.send()
    ann.sync()
    ben.sync()
    for clone, text in ((ann, "ours"), (ben, "theirs")):
        queue = clone.project.queue
        queue.write_text(queue.read_text().replace('"text"', f'"{text}"'))
    ann.sync()
    before = ben.project.queue.read_bytes()

    with pytest.raises(InvalidError) as raised:
        ben.sync()
    assert raised.value.exit_code == 3
    assert f"both sides changed the field 'message' of {sent.message_id}" in str(raised.value)
    assert "`bmad-messenger git install`, `git pull --no-rebase`" in raised.value.problem.hint
    assert raised.value.problem.path == f"{MESSENGER}/message-queue.yaml"
    assert ben.project.queue.read_bytes() == before
    assert ben.git("log", "-1", "--format=%s").strip() == "Handoffs: 1 changed"
    assert ben.is_clean()


def test_files_of_the_user_s_that_both_changed_are_named(ann: Clone, ben: Clone) -> None:
    for clone, text in ((ann, "print(2)\n"), (ben, "print(3)\n")):
        clone.write("code.py", text)
        clone.git("commit", "--quiet", "--all", "-m", "mine")
        clone.send()
    ann.sync()
    with pytest.raises(InvalidError, match=r"code\.py: can't merge origin/main: both sides changed it"):
        ben.sync()

    assert (ben.folder / "code.py").read_text() == "print(3)\n"
    assert ben.is_clean()


def test_a_queue_that_was_broken_elsewhere_can_be_mended_elsewhere(ann: Clone, ben: Clone) -> None:
    ann.send()
    mended = ann.project.queue.read_text()
    ann.project.queue.write_text("<<<<<<< ours\n=======\n>>>>>>> theirs\n")
    ann.git("commit", "--quiet", "--all", "-m", "careless")
    ann.git("push", "--quiet")
    warnings: list[Problem] = []
    ben.sync(warnings=warnings)
    assert "conflict" in warnings[0].message

    ann.project.queue.write_text(mended)
    ann.sync()
    ben.sync(warnings=warnings)
    assert ben.open_texts() == ["text"]


def test_a_queue_that_others_stop_sharing_stays_here(ann: Clone, ben: Clone) -> None:
    ann.send()
    ann.sync()
    ben.sync()
    ann.git("rm", "--quiet", "--cached", f"{MESSENGER}/message-queue.yaml")
    ann.write(".gitignore", "message-queue.yaml\n")
    ann.git("add", ".gitignore")
    ann.git("commit", "--quiet", "-m", "each has a queue of their own")
    ann.sync()
    ben.sync()

    assert ben.open_texts() == ["text"]
    assert ben.is_clean()


def test_clones_with_queues_of_their_own_share_the_history(remote: Path, tmp_path: Path) -> None:
    ann = first_clone_of(remote, tmp_path / "ann", ignores_queue=True)
    ben = clone_of(remote, tmp_path / "ben")
    first = ann.send("from ann")
    ben.send("from ben")
    ann.sync()
    ben.sync()
    ann.sync()
    assert sorted(ann.open_texts()) == sorted(ben.open_texts()) == ["from ann", "from ben"]

    ben.messenger.close(first.message_id)
    ben.sync()
    done = ann.sync()
    assert ann.open_texts() == ben.open_texts() == ["from ben"]
    assert f"took {first.message_id} from the queue: the archive has it closed" in done.actions


@pytest.mark.parametrize("ignores_queue", [True, False])
def test_after_a_pull_the_queue_holds_what_is_open(remote: Path, tmp_path: Path, ignores_queue: bool) -> None:
    ann = first_clone_of(remote, tmp_path / "ann", ignores_queue=ignores_queue)
    ben = clone_of(remote, tmp_path / "ben")
    kept, closed = ann.send("kept"), ann.send("closed")
    ann.sync()
    ben.git("pull", "--quiet")
    ben.messenger.sync()
    assert {one.message_id for one in ben.messenger.list()} == {kept.message_id, closed.message_id}

    ann.messenger.close(closed.message_id)
    ann.sync()
    ben.git("pull", "--quiet")
    ben.messenger.sync()
    assert ben.messenger.list() == [kept]
    assert ben.messenger.get(closed.message_id).status.value == "done"


def test_the_repository_may_begin_above_the_project(remote: Path, tmp_path: Path) -> None:
    ann = first_clone_of(remote, tmp_path / "ann", "a [b] c")
    ben = clone_of(remote, tmp_path / "ben", "a [b] c")
    ann.send("from ann")
    ben.send("from ben")
    ann.sync()
    ben.sync()
    ann.sync()

    assert sorted(ann.open_texts()) == sorted(ben.open_texts()) == ["from ann", "from ben"]


@pytest.mark.parametrize("top", ["_bmad-output", MESSENGER])
def test_the_repository_may_begin_below_the_project(tmp_path: Path, top: str) -> None:
    remote = empty_remote(tmp_path / "inner.git")
    clones = [clone_of(remote, tmp_path / name / top, within=top.count("/") * "../" + "..") for name in ("one", "two")]
    for clone in clones:
        clone.messenger.init()
        clone.send(str(clone.folder))
        clone.sync()
    clones[0].sync()

    assert len(clones[0].open_texts()) == 2
    assert clones[0].messenger.list() == clones[1].messenger.list()
    assert all(clone.is_clean() for clone in clones)


def test_work_trees_of_one_repository_are_in_step(ann: Clone, tmp_path: Path) -> None:
    ann.git("worktree", "add", "--quiet", "-b", "other", str(tmp_path / "other"), "--track", "origin/main")
    other = Clone(tmp_path / "other")
    other.git("config", "push.default", "upstream")
    ann.send("from ann")
    other.send("from the other")
    ann.sync()
    other.sync()
    ann.sync()

    assert sorted(ann.open_texts()) == sorted(other.open_texts()) == ["from ann", "from the other"]


def test_a_commit_that_is_checked_out_stays_as_it_is(ann: Clone) -> None:
    ann.git("checkout", "--quiet", "--detach")
    ann.send()
    before = ann.head()

    with pytest.raises(UsageError, match="no branch is checked out"):
        ann.sync()
    assert ann.head() == before


def test_a_conflict_of_the_user_s_is_left_alone(ann: Clone) -> None:
    ann.write("code.py", "print(2)\n")
    ann.git("stash", "--quiet")
    ann.write("code.py", "print(3)\n")
    ann.git("commit", "--quiet", "--all", "-m", "mine")
    ann.git("stash", "pop", "--quiet", check=False)
    ann.send()

    with pytest.raises(UsageError, match=r"there are conflicts in code\.py"):
        ann.sync()


def test_an_old_git_is_told(ann: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "bin" / "git"
    old.parent.mkdir()
    old.write_text('#!/bin/sh\n[ "$3" = version ] && echo git version 2.30.2 && exit\necho /\n')
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent))

    with pytest.raises(UsageError, match=r"this is git version 2\.30\.2.*; install git 2\.38 or newer"):
        ann.sync()


def test_a_project_in_no_repository_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    clone = Clone(tmp_path)
    clone.messenger.init()

    with pytest.raises(NotFoundError, match="no git repository"):
        clone.sync()


def test_who_was_second_tries_again(ann: Clone, ben: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncing, "_LONGEST_PAUSE", 0.0)
    push, others = syncing.push, ["one", "two"]

    def late(*arguments: object) -> bool:
        if others:
            ben.send(others.pop())
            with monkeypatch.context() as usual:
                usual.setattr(syncing, "push", push)
                ben.sync()
        return push(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(syncing, "push", late)
    ann.send("from ann")
    done = ann.sync()

    assert sorted(ann.open_texts()) == ["from ann", "one", "two"]
    assert done.actions[-1].startswith("pushed ")
    assert ann.git("ls-remote", "origin", "refs/heads/main").split()[0] == ann.head()


def test_who_is_always_second_gives_up(ann: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncing, "_LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(syncing, "push", lambda *arguments: False)
    ann.send()

    with pytest.raises(LockTimeoutError, match="first, 8 times in a row; run it again"):
        ann.sync()
    assert ann.is_clean()


def test_another_sync_of_the_same_clone_is_waited_for(ann: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    import filelock

    monkeypatch.setattr("bmad_messenger.git.readiness._PATIENCE", 0.05)
    lock = filelock.FileLock(ann.folder / ".git" / "bmad-messenger-sync.lock")
    with lock, pytest.raises(LockTimeoutError, match="another sync has been at work"):
        ann.sync()

    assert ann.sync().merged == 0


def test_a_remote_without_the_branch_gets_it(ann: Clone, remote: Path) -> None:
    git(remote, "update-ref", "-d", "refs/heads/main")
    ann.send()
    ann.sync()

    assert git(remote, "rev-parse", "main").strip() == ann.head()
