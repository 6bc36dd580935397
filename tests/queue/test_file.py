"""The queue's file: nothing that people save meanwhile is lost, and what can't be read is left as it was."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bmad_messenger.config import Limits, Project
from bmad_messenger.errors import DamagedError, LockTimeoutError, MessengerError, StorageError
from bmad_messenger.queue.file import HOLDER_NAME, JOURNAL_NAME, LOCK_NAME, Change, QueueFile, Snapshot

TEXT = "messages: []\n"


@pytest.fixture
def queue(tmp_path: Path) -> QueueFile:
    project = Project(tmp_path)
    project.folder.mkdir(parents=True)
    project.queue.write_text(TEXT)
    return QueueFile(project, Limits(lock_timeout=0.05), "flavour")


def add(line: str) -> Callable[[Snapshot], Change[str]]:
    return lambda before: Change(line, f"{before.text}{line}\n", is_clean=True)


def save_in_place(path: Path, text: str) -> None:
    path.write_text(text)


def save_by_rename(path: Path, text: str) -> None:
    aside = path.with_name("editor-backup~")
    aside.write_text(text)
    aside.replace(path)


def save_anew(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


@pytest.mark.parametrize("save", [save_in_place, save_by_rename, save_anew])
def test_what_a_human_saves_after_our_read_is_kept(queue: QueueFile, save: Callable[[Path, str], None]) -> None:
    seen: list[str] = []

    def edit(before: Snapshot) -> Change[None]:
        seen.append(before.text)
        if len(seen) == 1:
            save(queue.path, f"{TEXT}# by hand\n")
        return Change(None, f"{before.text}# by us\n")

    queue.update(edit)

    assert seen == [TEXT, f"{TEXT}# by hand\n"]
    assert queue.path.read_text() == f"{TEXT}# by hand\n# by us\n"


@pytest.mark.parametrize("save", [save_in_place, save_by_rename, save_anew])
def test_what_a_human_saves_while_we_write_is_kept(
    queue: QueueFile, save: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, saved = os.fsync, []

    def slow_fsync(descriptor: int) -> None:
        fsync(descriptor)
        if not saved:
            saved.append(save(queue.path, f"{TEXT}# by hand\n"))

    monkeypatch.setattr(os, "fsync", slow_fsync)
    queue.update(add("# by us"))

    assert queue.path.read_text() == f"{TEXT}# by hand\n# by us\n"


def test_a_file_that_never_rests_is_left_alone(queue: QueueFile) -> None:
    def edit(before: Snapshot) -> Change[None]:
        save_in_place(queue.path, f"{before.text}# again\n")
        return Change(None, "messages: [] # ours\n")

    with pytest.raises(DamagedError, match="keeps being saved by another program"):
        queue.update(edit)

    assert "ours" not in queue.path.read_text()


def test_a_file_deleted_meanwhile_is_noticed(queue: QueueFile) -> None:
    seen: list[str] = []

    def edit(before: Snapshot) -> Change[None]:
        seen.append(before.text)
        queue.path.unlink(missing_ok=True)
        return Change(None, "messages: [] # new\n")

    queue.update(edit)

    assert seen == [TEXT, ""]


def test_an_edit_that_changes_nothing_writes_nothing(queue: QueueFile) -> None:
    before = queue.path.stat()

    assert queue.update(lambda _: Change("result")) == "result"
    assert queue.update(lambda snapshot: Change("same", snapshot.text)) == "same"
    assert queue.path.stat().st_mtime_ns == before.st_mtime_ns
    assert queue.path.stat().st_ino == before.st_ino


def test_an_edit_that_fails_leaves_file_and_lock_as_they_were(queue: QueueFile) -> None:
    def fail(before: Snapshot) -> Change[None]:
        raise DamagedError("no")

    with pytest.raises(DamagedError, match="no"):
        queue.update(fail)

    assert queue.update(add("# next")) == "# next"


def test_mode_link_and_mark_are_kept(queue: QueueFile, tmp_path: Path) -> None:
    real = tmp_path / "shared" / "queue.yaml"
    real.parent.mkdir()
    real.write_bytes(b"\xef\xbb\xbfmessages: []\r\n")
    real.chmod(0o600)
    queue.path.unlink()
    queue.path.symlink_to(real)
    queue.update(add("# more"))

    assert queue.path.is_symlink()
    assert real.read_bytes() == b"\xef\xbb\xbfmessages: []\r\n# more\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert os.listdir(real.parent) == ["queue.yaml"]


def test_a_queue_that_is_not_there_is_empty_and_made_on_demand(queue: QueueFile) -> None:
    queue.path.unlink()

    assert queue.read() == replace(queue.read(), text="", stamp=None)
    queue.update(add("messages: []"))
    assert queue.path.read_text() == TEXT


def test_the_journal_knows_a_clean_text_by_its_rules(queue: QueueFile) -> None:
    queue.update(add("# clean"))

    assert queue.journal.recall(queue.read().digest) == (True, True)
    other = QueueFile(queue.project, queue.limits, "another flavour")
    assert queue.journal.recall(other.read().digest) == (False, False)


@pytest.mark.parametrize("kind", ["folder", "device", "pipe"])
def test_a_queue_that_is_no_file_is_refused(queue: QueueFile, kind: str) -> None:
    queue.path.unlink()
    if kind == "folder":
        queue.path.mkdir()
    elif kind == "device":
        queue.path.symlink_to("/dev/zero")
    else:
        os.mkfifo(queue.path)

    with pytest.raises(DamagedError, match=r"message-queue\.yaml"):
        queue.read()
    with pytest.raises(DamagedError):
        queue.update(add("x"))


def test_a_queue_over_its_limit_is_refused(queue: QueueFile) -> None:
    small = QueueFile(queue.project, Limits(queue_bytes=5), "")
    with pytest.raises(DamagedError, match=r"larger than 5 bytes.*limits\.queue_bytes"):
        small.read()


def test_bytes_that_are_no_text_are_refused_with_their_place(queue: QueueFile) -> None:
    queue.path.write_bytes(b"messages:\n  - \xff\n")
    with pytest.raises(DamagedError, match=r"message-queue\.yaml:2:5: byte 0xff is not UTF-8"):
        queue.read()


@pytest.mark.parametrize("name", [LOCK_NAME, HOLDER_NAME, JOURNAL_NAME])
def test_local_files_are_never_written_through_a_link(queue: QueueFile, tmp_path: Path, name: str) -> None:
    """A repository may come with links that lead to the files of whoever clones it."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (queue.project.folder / name).symlink_to(precious)
    if name == LOCK_NAME:
        with pytest.raises(MessengerError, match="can't lock"):
            queue.update(add("# more"))
    else:
        queue.update(add("# more"))

    assert precious.read_text() == "precious"


@pytest.mark.parametrize("content", [b"", b"\xff\0", b"null", b"{}", b"[]", b'{"pid": []}', b"x" * 100_000])
def test_a_lock_whose_holder_left_garbage_is_still_reported(queue: QueueFile, content: bytes) -> None:
    with queue.locked():
        (queue.project.folder / HOLDER_NAME).write_bytes(content)
        with pytest.raises(LockTimeoutError, match="who holds it is not known"), queue.locked():
            pass


def test_a_lock_times_out_and_says_where(queue: QueueFile) -> None:
    wanted = r"not free in 0\.02 s; process \d+ \(.+\) on .+ holds it"
    with queue.locked(), pytest.raises(LockTimeoutError, match=wanted) as caught:
        queue.update(add("x"), timeout=0.02)

    assert caught.value.problem.path == os.path.join("_bmad-output", "messenger", LOCK_NAME)


def test_a_folder_that_can_t_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "_bmad-output").write_text("a file")
    queue = QueueFile(Project(tmp_path), Limits(), "")
    with pytest.raises(StorageError, match="can't lock"):
        queue.update(add("x"))


@pytest.mark.parametrize("content", [b"", b"\xff\0\xff", b"a" * 32 + b" +MSG-x\n", b"\n" * 50_000, b"no end"])
def test_a_journal_full_of_garbage_costs_nothing(queue: QueueFile, content: bytes) -> None:
    queue.journal.path.write_bytes(content)
    queue.update(lambda before: Change(None, f"{before.text}#\n", entered=("MSG-20250115-a1b2",), is_clean=True))

    assert queue.journal.held() == {"MSG-20250115-a1b2"}
    assert queue.journal.recall(queue.read().digest) == (True, True)


@pytest.mark.parametrize("kind", ["folder", "device", "loop"])
def test_a_journal_that_is_no_file_costs_nothing(queue: QueueFile, kind: str) -> None:
    if kind == "folder":
        queue.journal.path.mkdir()
    else:
        queue.journal.path.symlink_to("/dev/zero" if kind == "device" else queue.journal.path)
    queue.update(add("# more"))

    assert queue.journal.recall(queue.read().digest) == (False, False)
    assert queue.journal.held() == set()
    queue.journal.compact()
