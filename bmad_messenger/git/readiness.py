"""What has to hold before a sync begins, and that one sync at a time is at work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from bmad_messenger.config import Project
from bmad_messenger.errors import LockTimeoutError, NotFoundError, StorageError, UsageError
from bmad_messenger.git.committing import OwnFiles
from bmad_messenger.git.left_out import require_all
from bmad_messenger.git.repository import Repository

_OLDEST_GIT: Final = (2, 38)
"""The first git that merges without a work tree."""

_PATIENCE: Final = 60.0  # seconds
_LOCK_NAME: Final = "bmad-messenger-sync.lock"


def repository_of(project: Project) -> Repository:
    """The repository around the messenger's folder.

    Raises:
        NotFoundError: where there is no git, no repository, or no such folder.
        UsageError: where a sparse checkout leaves out some of the folder, or all of it.
    """
    if not project.folder.is_dir():
        with suppress(NotFoundError):  # then there is no folder in the first place
            require_all(Repository.around(project.root), project)
    repository = Repository.around(project.folder)
    require_all(repository, project)
    return repository


def require_new_git(repository: Repository) -> None:
    """Refuse a git that is too old.

    Raises:
        UsageError: telling which one it has to be.
    """
    text = repository.text("version")
    found = re.search(r"(\d+)\.(\d+)", text)
    if found is None or (int(found[1]), int(found[2])) < _OLDEST_GIT:
        oldest = ".".join(map(str, _OLDEST_GIT))
        raise UsageError(
            f"this is {text}, which can't merge beside the work tree", hint=f"install git {oldest} or newer"
        )


def require_no_conflict(files: OwnFiles) -> None:
    """Refuse where files of the user's wait for somebody to decide a conflict, as after `git stash pop`.

    Raises:
        UsageError: naming the files.
    """
    names = files.repository.run("diff", "--name-only", "--diff-filter=U", "-z").names
    others = [name for name in names if not files.holds(name)]
    if others:
        hint = "decide them, and `git add` the files"
        raise UsageError(f"there are conflicts in {', '.join(others[:5])}", hint=hint)


@contextmanager
def alone(repository: Repository) -> Iterator[None]:
    """Let one sync at a time work on a repository: several would only get into each other's way.

    Raises:
        LockTimeoutError: where another one takes too long.
    """
    import filelock

    path = repository.root / repository.text("rev-parse", "--git-common-dir") / _LOCK_NAME
    lock = filelock.FileLock(path, timeout=_PATIENCE, poll_interval=0.02)
    try:
        lock.acquire()
    except filelock.Timeout:
        hint = "wait until it is done, or end it"
        raise LockTimeoutError(f"another sync has been at work here for {_PATIENCE:g} s", hint=hint) from None
    except OSError as error:
        raise StorageError.of_os(error, "lock", str(path)) from error
    try:
        yield
    finally:
        lock.release()
