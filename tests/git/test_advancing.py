"""Tests of `bmad_messenger.git.advancing`."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bmad_messenger.errors import GitError
from bmad_messenger.git.advancing import place, require_room
from bmad_messenger.git.committing import OwnFiles
from bmad_messenger.git.repository import Repository
from bmad_messenger.queue.file import stamp_of
from tests.git.clones import MESSENGER, Clone, clone_of, empty_remote, first_clone_of


@pytest.fixture
def ann(tmp_path: Path) -> Clone:
    return first_clone_of(empty_remote(tmp_path / "remote.git"), tmp_path / "ann")


@pytest.fixture
def ben(ann: Clone, tmp_path: Path) -> Clone:
    return clone_of(tmp_path / "remote.git", tmp_path / "ben")


def files_of(clone: Clone) -> OwnFiles:
    return OwnFiles.of(Repository(clone.folder), clone.project)


@pytest.mark.parametrize("kind", ["changed", "staged", "untracked", "ignored", "intended", "folder"])
def test_work_that_is_in_the_way_is_named_and_nothing_is_changed(ann: Clone, ben: Clone, kind: str) -> None:
    name = "code.py" if kind in ("changed", "staged") else "new.py"
    ann.write(name, "print('ann')\n")
    ann.git("add", ".")
    ann.git("commit", "--quiet", "-m", "theirs")
    ann.send("from ann")
    ann.sync()
    if kind == "folder":
        ben.write("new.py/mine.py", "")
    else:
        ben.write(name, "print('ben')\n")
    if kind == "staged":
        ben.git("add", name)
    if kind == "intended":
        ben.git("add", "--intent-to-add", name)
    if kind == "ignored":
        ben.write(".git/info/exclude", "new.py\n")
    ben.send("from ben")
    before = (ben.git("status", "--porcelain=v2", "--", f":(exclude){MESSENGER}"), ben.project.queue.read_bytes())

    with pytest.raises(GitError, match=rf"would overwrite what is not committed: {name}; .*nothing was merged"):
        ben.sync()
    assert (ben.git("status", "--porcelain=v2"), ben.project.queue.read_bytes()) == before
    assert ben.open_texts() == ["from ben"]


def test_a_queue_of_one_s_own_is_not_overwritten_by_one_that_is_shared(ann: Clone, ben: Clone) -> None:
    ben.git("rm", "--quiet", "--cached", f"{MESSENGER}/message-queue.yaml")
    ben.write(".gitignore", "message-queue.yaml\n")
    ben.git("add", ".gitignore")
    ben.git("commit", "--quiet", "-m", "not shared")
    ben.git("push", "--quiet")
    ann.sync()
    ann.send("from ann")
    ann.write(".gitignore", "")
    ann.sync()
    ann.git("add", "--force", f"{MESSENGER}/message-queue.yaml")
    ann.git("commit", "--quiet", "--all", "-m", "shared")
    ann.git("push", "--quiet")
    ben.send("from ben")

    with pytest.raises(GitError, match=rf"not committed: {MESSENGER}/message-queue\.yaml"):
        ben.sync()
    assert ben.open_texts() == ["from ben"]


def test_hooks_can_tell_a_sync(ann: Clone, ben: Clone) -> None:
    hook = ben.write(".git/hooks/post-merge", '#!/bin/sh\necho "sync: $BMAD_MESSENGER_GIT_SYNC" >>.git/said\n')
    hook.chmod(0o755)
    ann.send()
    ann.sync()
    ben.sync()

    assert (ben.folder / ".git/said").read_text() == "sync: 1\n"


def test_files_get_the_content_and_the_kind_that_they_have_in_the_commit(ann: Clone, ben: Clone) -> None:
    ann.write(f"{MESSENGER}/notes.txt", "a\nb\n")
    ann.write(f"{MESSENGER}/.gitattributes", "*.txt text eol=crlf\n")
    ann.write(f"{MESSENGER}/run.sh", "#!/bin/sh\n").chmod(0o755)
    (ann.folder / MESSENGER / "link").symlink_to("notes.txt")
    (ann.folder / MESSENGER / "queue.schema.json").unlink()
    ann.sync()
    ben.sync()

    folder = ben.folder / MESSENGER
    assert (folder / "notes.txt").read_bytes() == b"a\r\nb\r\n"
    assert (folder / "run.sh").stat().st_mode & stat.S_IXUSR
    assert os.readlink(folder / "link") == "notes.txt"
    assert not (folder / "queue.schema.json").exists()
    assert ben.is_clean()

    (ann.folder / MESSENGER / "run.sh").chmod(0o644)
    (ann.folder / MESSENGER / "link").unlink()
    ann.write(f"{MESSENGER}/link", "a file\n")
    ann.sync()
    ben.sync()
    assert not (folder / "run.sh").stat().st_mode & stat.S_IXUSR
    assert (folder / "link").read_text() == "a file\n"
    assert (folder / "notes.txt").read_bytes() == b"a\r\nb\r\n"
    assert ben.is_clean()


def test_a_queue_that_is_saved_by_hand_meanwhile_is_not_replaced(ann: Clone, ben: Clone) -> None:
    ann.send()
    ann.sync()
    ben.git("fetch", "--quiet")
    before = stamp_of(ben.project.queue)
    ben.project.queue.write_text("# by hand\nmessages: []\n")

    assert not place(files_of(ben), ben.head(), ann.head(), lambda: stamp_of(ben.project.queue) == before)
    assert ben.project.queue.read_text() == "# by hand\nmessages: []\n"


def test_room_is_looked_for_only_where_something_changes(ann: Clone, ben: Clone) -> None:
    ann.send()
    ann.sync()
    ben.git("fetch", "--quiet")
    ben.write("code.py", "print('ben')\n")

    require_room(files_of(ben), ben.head(), ann.head())
