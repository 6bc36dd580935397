"""Brings a work tree and its branch to another commit, without touching what the user has not committed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bmad_messenger.errors import GitError
from bmad_messenger.files import make_folder, publish, refusals
from bmad_messenger.git.branch import Branch
from bmad_messenger.git.committing import LITERALLY, Locked, OwnFiles, ask_patiently
from bmad_messenger.git.repository import Repository

SYNC_VARIABLE: Final = "BMAD_MESSENGER_GIT_SYNC"
"""Set for the hooks that git runs during a sync, which does itself what they are there for."""

_PROGRAM: Final = "100755"
_NO_FILE: Final = "000000"


@dataclass(frozen=True)
class Entry:
    """What becomes of one file between two commits; `blob` is its new content, None where it is deleted."""

    path: str
    mode_before: str
    mode: str
    blob: str | None


def require_room(files: OwnFiles, old: str, new: str) -> None:
    """See that nothing of the user's is in the way between two commits.

    Raises:
        GitError: naming each file that stands where the new commit has another; nothing was changed.
    """
    repository = files.repository
    tracked = {*repository.run("ls-files", "-z").names}
    changed = {*repository.run("diff", "--name-only", "-z", "--no-renames", "--ignore-submodules", old).names}
    changed |= {*repository.run("diff", "--name-only", "-z", "--no-renames", "--cached", old).names}
    in_the_way = [
        entry.path
        for entry in _changes(repository, old, new)
        if (entry.path in changed and not files.holds(entry.path))
        or (entry.mode_before == _NO_FILE and entry.path not in tracked and _is_taken(repository, entry.path))
    ]
    if in_the_way:
        some = ", ".join(in_the_way[:5]) + (", …" if len(in_the_way) > 5 else "")
        raise GitError(
            f"what was pushed would overwrite what is not committed: {some}",
            hint="commit, stash or move them, and sync again; nothing was merged",
        )


def place(files: OwnFiles, old: str, new: str, still: Callable[[], bool]) -> bool:
    """Bring the messenger's files from one commit to another, each at once: the archive's first, the queue last.

    The caller holds the queue's lock, and the files are as the old commit has them.

    Args:
        files: the files.
        old: the commit that they are at.
        new: the commit that they come to.
        still: whether the queue still is as the old commit has it.

    Returns:
        Whether nobody saved the queue by hand meanwhile.
    """
    entries = sorted(_changes(files.repository, old, new, files.folder), key=lambda one: one.path == files.queue)
    if not entries:
        return True
    with tempfile.TemporaryDirectory(prefix="bmad-messenger-") as folder:
        with files.own_index(new) as environment:
            files.write_out([one.path for one in entries if one.blob is not None], folder, environment)
        for entry in entries:
            target = files.repository.root / entry.path
            is_queue = entry.path == files.queue
            with refusals("write", entry.path):
                if entry.blob is not None:
                    if not _put(Path(folder, entry.path), target, entry, still if is_queue else None):
                        return False
                elif not is_queue:  # who stops sharing the queue does not take it from others
                    target.unlink(missing_ok=True)
    return True


def advance(files: OwnFiles, branch: Branch, old: str, new: str, locked: Locked) -> bool:
    """Bring the branch, and everything in the work tree but the messenger's files, from one commit to another.

    Args:
        files: the messenger's files, which `place` has brought there already.
        branch: the branch.
        old: the commit that it is at.
        new: the commit that it comes to.
        locked: holds the queue's lock, which is needed where the new commit has no queue.

    Returns:
        Whether the branch still was at the old commit.

    Raises:
        GitError: where git refuses; then only the messenger's files are ahead of the branch.
    """
    repository = files.repository
    files.stage(new)
    arguments = ("merge", "--ff-only", "--no-autostash", "--no-overwrite-ignore", "--quiet", new)
    answer = None
    if branch.is_checked_out() and branch.tip() == old:
        with _kept_queue(files, old, new, locked):
            answer = ask_patiently(repository, *arguments, environment={SYNC_VARIABLE: "1"})
        if answer.code == 0:
            return True
    files.stage("HEAD")
    if answer is not None and branch.is_checked_out() and branch.tip() == old:
        raise GitError.of_git(arguments, answer.errors)
    return False


def _is_taken(repository: Repository, path: str) -> bool:
    """Whether something that git does not know stands where a new file goes: a file, or a folder of such files."""
    place = repository.root / path
    if place.is_dir() and not place.is_symlink():
        return bool(repository.run("ls-files", "--others", "-z", "--", path, environment=LITERALLY).names)
    return os.path.lexists(place)


def _changes(repository: Repository, old: str, new: str, *folder: str) -> Iterable[Entry]:
    arguments = ("diff-tree", "-r", "-z", "--no-renames", "--raw", "--no-abbrev", old, new, "--", *folder)
    words = iter(repository.run(*arguments, environment=LITERALLY).names)
    for header, path in zip(words, words, strict=True):
        mode_before, mode, _, blob, letter = header[1:].split(" ")
        yield Entry(path, mode_before, mode, None if letter == "D" else blob)


@contextmanager
def _kept_queue(files: OwnFiles, old: str, new: str, locked: Locked) -> Iterator[None]:
    """Keep a queue that is shared no more: git would remove it, or stop at it."""
    path = files.project.queue
    if not os.path.exists(path) or files.is_in(new, files.queue) or not files.is_in(old, files.queue):
        yield
        return
    with locked(), refusals("keep", files.queue):
        content = path.read_bytes()
        path.unlink()
        try:
            yield
        finally:
            publish(path, content)


def _put(source: Path, target: Path, entry: Entry, still: Callable[[], bool] | None) -> bool:
    """Give a file the content and the kind that it has in a commit; whether it was done.

    A file that has to be as it was, `still`, is the queue, which must outlive a power failure; git does the others so.
    """
    make_folder(target.parent)
    if source.is_symlink():
        target.unlink(missing_ok=True)
        target.symlink_to(os.readlink(source))
    elif not publish(target, source.read_bytes(), follow=False, lasting=still is not None, still=still):
        return False
    elif _PROGRAM in (entry.mode, entry.mode_before):
        shutil.copymode(source, target)
    return True
