"""Files are whole or not there: written aside, made durable, named in one step; and never written through a trap."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger.errors import DamagedError, NotPermittedError, StorageError
from bmad_messenger.files import make_folder, open_own, open_regular, publish, read_text, refusals, sweep


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def temporary(path: Path) -> Path:
    """Where this thread writes aside what `path` shall hold."""
    return path.with_name(f".{path.name}.{threading.get_native_id()}.{os.getpid()}.tmp")


def test_a_file_is_made_and_replaced(target: Path) -> None:
    assert publish(target, b"one")
    assert publish(target, b"two")
    assert target.read_bytes() == b"two"
    assert names(target.parent) == {"file"}


def test_bytes_are_on_the_disk_before_the_name_and_the_name_before_the_return(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power failure may take is what no `fsync` has made safe."""
    calls: list[str] = []
    for name in ("write", "fsync", "replace"):
        call = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, call=call: (calls.append(name), call(*args))[1])
    publish(target, b"bytes")

    assert calls == ["write", "fsync", "replace", "fsync"]


def test_bytes_that_the_system_takes_in_parts_all_arrive(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, bytes(content)[:3]))
    publish(target, b"0123456789")

    assert target.read_bytes() == b"0123456789"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_the_mode_is_kept(target: Path, mode: int) -> None:
    target.write_bytes(b"old")
    target.chmod(mode)
    publish(target, b"new")

    assert stat.S_IMODE(target.stat().st_mode) == mode


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path, target: Path) -> None:
    (tmp_path / "real").mkdir()
    target.symlink_to("real/there")
    publish(target, b"first")
    publish(target, b"second")

    assert target.is_symlink()
    assert (tmp_path / "real" / "there").read_bytes() == b"second"
    assert names(tmp_path / "real") == {"there"}


def test_a_link_that_is_not_followed_is_replaced_and_its_target_left_alone(tmp_path: Path, target: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    target.symlink_to("precious")
    publish(target, b"new", follow=False)

    assert not target.is_symlink()
    assert (tmp_path / "precious").read_bytes() == b"precious"


@pytest.mark.parametrize("follow", [True, False])
def test_what_exists_is_left_alone_where_it_is_not_to_be_replaced(target: Path, follow: bool) -> None:
    target.write_bytes(b"old")

    assert not publish(target, b"new", replace=False, follow=follow)
    assert target.read_bytes() == b"old"
    assert names(target.parent) == {"file"}


def test_a_file_system_without_hard_links_serves_too(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise OSError(errno.EPERM, "not here")

    monkeypatch.setattr(os, "link", refuse)

    assert publish(target, b"one", replace=False)
    assert not publish(target, b"two", replace=False)
    assert target.read_bytes() == b"one"
    assert names(target.parent) == {"file"}


def test_a_change_of_mind_at_the_last_moment_writes_nothing(target: Path) -> None:
    target.write_bytes(b"old")

    assert not publish(target, b"new", still=lambda: False)
    assert target.read_bytes() == b"old"
    assert names(target.parent) == {"file"}


def test_the_last_moment_is_after_the_slow_part(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: calls.append("fsync"))
    publish(target, b"new", still=lambda: bool(calls.append("still") or True))

    assert calls == ["fsync", "still", "fsync"]


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_a_refusal_leaves_the_old_file_and_nothing_else(
    target: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    target.write_bytes(b"old")

    def refuse(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(OSError, match="No space"):
            publish(target, b"new")

    assert target.read_bytes() == b"old"
    assert names(target.parent) == {"file"}


def failing_for_folders(number: int) -> Callable[[int], None]:
    fsync = os.fsync

    def fail(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    return fail


def test_a_name_that_is_not_durable_is_not_called_unchanged(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", failing_for_folders(errno.EIO))
    with pytest.raises(StorageError, match="file was written, but may not outlive a power failure"):
        publish(target, b"new")

    assert target.read_bytes() == b"new"


def test_a_file_system_that_can_t_sync_folders_serves_too(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", failing_for_folders(errno.EINVAL))

    assert publish(target, b"new")


@pytest.mark.parametrize("trap", ["symlink", "hard link", "dangling"])
def test_a_trap_at_the_temporary_name_is_never_written_through(tmp_path: Path, target: Path, trap: str) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    if trap == "hard link":
        temporary(target).hardlink_to(precious)
    else:
        temporary(target).symlink_to(precious if trap == "symlink" else tmp_path / "absent")

    assert publish(target, b"new")
    assert precious.read_bytes() == b"precious"
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == {"file", "precious"}


def test_a_folder_at_the_temporary_name_is_a_refusal(target: Path) -> None:
    temporary(target).mkdir()
    with pytest.raises(OSError, match=r"directory|permitted"):
        publish(target, b"new")

    assert not target.exists()


def test_what_dead_processes_left_is_swept_and_what_the_living_write_is_not(tmp_path: Path) -> None:
    kept = {".queue.1.tmp", f".queue.{os.getpid()}.tmp", "queue.99999999.tmp", ".queue.tmp", ".queue.x.tmp", "file"}
    for name in (*kept, ".queue.99999999.tmp", ".b.c.99999998.tmp"):
        (tmp_path / name).write_text("")

    assert [path.name for path in sweep(tmp_path)] == [".b.c.99999998.tmp", ".queue.99999999.tmp"]
    assert names(tmp_path) == kept


@pytest.mark.parametrize("name", ["absent", "file"])
def test_where_there_is_no_folder_there_is_nothing_to_sweep(target: Path, name: str) -> None:
    target.write_text("")

    assert sweep(target.with_name(name)) == []


def test_folders_are_made_with_those_above_them(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")

    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize(
    ("content", "text"), [(b"a\r\nb", "a\r\nb"), (b"\xef\xbb\xbfa", "a"), (b"", ""), (b"\0", "\0")]
)
def test_a_text_is_read_as_it_is_but_for_its_mark(target: Path, content: bytes, text: str) -> None:
    target.write_bytes(content)

    assert read_text(target, "file") == text


def test_a_text_that_is_not_there_is_none(target: Path) -> None:
    assert read_text(target, "file") is None


def test_bytes_that_are_no_text_are_refused_with_their_place(target: Path) -> None:
    target.write_bytes(b"ok\nw\xc3\xa9\xff")
    with pytest.raises(DamagedError) as caught:
        read_text(target, "some/file")

    assert str(caught.value).startswith("some/file:2:3: byte 0xff is not UTF-8")


def test_a_file_over_its_limit_is_refused(target: Path) -> None:
    target.write_bytes(b"12345")

    assert read_text(target, "file", 5) == "12345"
    with pytest.raises(DamagedError, match="larger than 4 bytes"):
        read_text(target, "file", 4)


@pytest.mark.parametrize("kind", ["device", "pipe", "folder"])
def test_only_files_are_read(target: Path, kind: str) -> None:
    """A device would be read without end, a pipe waited for without end."""
    if kind == "device":
        target.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(target)
    else:
        target.mkdir()
    with pytest.raises(DamagedError):
        read_text(target, "file")


def test_a_file_of_our_own_is_not_written_through_a_link(tmp_path: Path, target: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    target.symlink_to("precious")
    with pytest.raises(OSError, match="symbolic links"):
        open_own(target, os.O_WRONLY | os.O_TRUNC)

    assert (tmp_path / "precious").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), StorageError, 7),
        (OSError(errno.EIO, "Input/output error"), StorageError, 7),
        (PermissionError(errno.EACCES, "Permission denied"), NotPermittedError, 6),
        (OSError(errno.EROFS, "Read-only file system"), NotPermittedError, 6),
    ],
)
def test_what_the_system_refuses_is_said_in_our_words(error: OSError, kind: type[Any], code: int) -> None:
    with (
        pytest.raises(kind, match=f"can't write q.yaml: {error.strerror}; nothing was changed") as caught,
        refusals("write", "q.yaml"),
    ):
        raise error

    assert caught.value.exit_code == code


def test_a_file_whose_kind_can_t_be_told_is_closed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("text")
    opened: list[int] = []

    def refuse(descriptor: int) -> os.stat_result:
        opened.append(descriptor)
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", refuse)
        with pytest.raises(OSError, match="broken"):
            open_regular(path)

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])
