"""`git install`: tells a repository how to merge and show the messenger's files, and when to check and settle them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bmad_messenger.config import Project
from bmad_messenger.conflict import SHORTEST
from bmad_messenger.errors import GitError, InvalidError, Problem
from bmad_messenger.files import refusals
from bmad_messenger.git import hooks, shell
from bmad_messenger.git.block import block_in, read_bytes_as_text, with_block, without_block, write_text_as_bytes
from bmad_messenger.git.repository import Repository

DRIVER: Final = "bmad-messenger"
"""What the attributes call the drivers."""

_ATTRIBUTES_NAME: Final = ".gitattributes"
_MARKER_SIZE: Final = "conflict-marker-size"
# A file of the archive is read as it is: git starts the diff driver once a file, which takes minutes for thousands.
# This file is nearer than the user's, so git marks the conflicts of all that is below it with markers of this size.
_ATTRIBUTES: Final = (
    f"* {_MARKER_SIZE}={SHORTEST}",
    f"message-queue.yaml merge={DRIVER} diff={DRIVER}",
    f"archive/**/*.yaml merge={DRIVER}",
    f"runs/*.yaml merge={DRIVER}",
    "runs/*.on merge=union",
)
_QUEUE: Final = "message-queue.yaml"
_RECORD: Final = "archive/2025-01/MSG-20250115-a1b2.yaml"
_RUN: Final = "runs/prd-complete-20250115-a1b2c3d4.yaml"
_RECORD_HAS: Final = {"merge": DRIVER, _MARKER_SIZE: f"{SHORTEST}"}
_QUEUE_HAS: Final = {**_RECORD_HAS, "diff": DRIVER}
_MERGE: Final = f"merge.{DRIVER}.driver"
_BASE: Final = f"merge.{DRIVER}-base.driver"
_TEXT: Final = f"diff.{DRIVER}.textconv"
_KEYS: Final = (f"merge.{DRIVER}.name", _MERGE, f"merge.{DRIVER}.recursive", _BASE, _TEXT)
_CURE: Final = "run `bmad-messenger git install`"
_TRIES: Final = 100
_PAUSE: Final = 0.05  # seconds; another git that changes the config needs a moment alone


def install(project: Project, *, pre_commit: bool = False, post_merge: bool = False) -> list[str]:
    """Let git merge and show this project's messages one by one; what is there already stays as it is.

    Args:
        project: the project; its messenger's folder exists.
        pre_commit: also check what is about to be committed.
        post_merge: also settle queue and archive after a merge, a pull and a rebase.

    Returns:
        What was done, a line each.

    Raises:
        NotFoundError: where there is no git, or no repository around the project.
        InvalidError, NotPermittedError: where a hook can't be put in; nothing is changed then.
        GitError: where git refuses.
    """
    repository = Repository.around(project.folder)
    attributes, path = _attributes(project), project.folder / _ATTRIBUTES_NAME
    wanted = with_block(attributes or "", _ATTRIBUTES, project.name(path))
    names = (*(hooks.BEFORE_COMMIT if pre_commit else ()), *(hooks.AFTER_MERGE if post_merge else ()))
    planned = hooks.with_hooks(repository, names, project.folder)
    done = []
    if wanted != attributes:
        write_text_as_bytes(path, wanted, project.name(path))
        done.append(f"wrote {project.name(path)}: commit it, so that every clone has it")
    done += [f"set {key}" for key, value in driver_settings().items() if _set(repository, key, value)]
    return [*done, *filter(None, map(hooks.write, planned))]


def uninstall(project: Project) -> list[str]:
    """Take out what `install` put in; what it is used for by another project in this repository stays.

    Returns:
        What was done, a line each.

    Raises:
        as `install` does.
    """
    repository = Repository.around(project.folder)
    attributes, path = _attributes(project), project.folder / _ATTRIBUTES_NAME
    rest = without_block(attributes or "", project.name(path))
    planned = hooks.without_hooks(repository)
    done = []
    if attributes is not None and rest != attributes:
        if rest:
            write_text_as_bytes(path, rest, project.name(path))
        else:
            with refusals("remove", project.name(path)):
                os.unlink(path)
        done.append(f"{'changed' if rest else 'removed'} {project.name(path)}")
    others = _other_users(repository, path)
    if others:
        return [*done, f"left drivers and hooks in place, since {', '.join(others)} needs them"]
    shared = [f"unset {key}" for key in _KEYS if _unset(repository, key)]
    shared += filter(None, map(hooks.write, planned))
    if shared and (trees := _other_work_trees(repository)):
        cure = "`bmad-messenger git install` there brings them back"
        shared.append(f"the drivers and hooks were those of {', '.join(trees)} too: {cure}")
    return [*done, *shared]


def missing(project: Project, *, pre_commit: bool = False, post_merge: bool = False) -> list[Problem]:
    """What of `install` is not there, or does not work any more; raises what `install` does."""
    repository = Repository.around(project.folder)
    found = [*_missing_attributes(repository, project), *_missing_drivers(repository)]
    wanted = {*(hooks.BEFORE_COMMIT if pre_commit else ()), *(hooks.AFTER_MERGE if post_merge else ())}
    present = {hook.path.name: hooks.runs(hook) for hook in hooks.hooks_of_ours(repository)}
    for name in hooks.HOOKS:
        option = "--pre-commit" if name in hooks.BEFORE_COMMIT else "--post-merge"
        cure = f"run `bmad-messenger git install {option}`"
        if name in present and not present[name]:
            found.append(Problem(f"the hook {name} does not run", cure))
        elif name in wanted and name not in present:
            found.append(Problem(f"there is no hook {name} of bmad-messenger", cure))
    return found


def driver_settings() -> dict[str, str]:
    """What the config of a repository says of the drivers, by key."""
    values = (
        "messages of bmad-messenger, one by one",
        shell.merge_command(),
        f"{DRIVER}-base",
        shell.base_command(),
        shell.text_command(),
    )
    return dict(zip(_KEYS, values, strict=True))


def _attributes(project: Project) -> str | None:
    """What the project's file of attributes holds."""
    path = project.folder / _ATTRIBUTES_NAME
    name = project.name(path)
    if path.is_symlink():
        raise InvalidError("git does not follow a link here", hint="make it a file", path=name)
    return read_bytes_as_text(path, name)


def _set(repository: Repository, key: str, value: str) -> bool:
    """Set a key of the repository's own config; whether it was not so before."""
    if repository.ask("config", "--local", "--get-all", key).text == value:
        return False
    _configure(repository, "--replace-all", key, value)
    return True


def _unset(repository: Repository, key: str) -> bool:
    """Unset a key of the repository's own config; whether it was set."""
    if repository.ask("config", "--local", "--get-all", key).code:
        return False
    _configure(repository, "--unset-all", key)
    return True


def _configure(repository: Repository, *arguments: str) -> None:
    """Change the repository's config, once no other git is at it."""
    for _ in range(_TRIES):
        answer = repository.ask("config", "--local", *arguments)
        if not answer.code or "could not lock config file" not in answer.errors:
            break
        time.sleep(_PAUSE)
    if answer.code:
        raise GitError.of_git(("config", *arguments), answer.errors)


def _missing_attributes(repository: Repository, project: Project) -> Iterator[Problem]:
    name = project.name(project.folder / _ATTRIBUTES_NAME)
    is_whole = (block_in(_attributes(project) or "") or "").splitlines() == [*_ATTRIBUTES]
    samples = (
        ("the queue", _QUEUE, _QUEUE_HAS),
        ("the archive", _RECORD, _RECORD_HAS),
        ("the runs", _RUN, _RECORD_HAS),
    )
    for what, sample, wanted in samples:
        path = repository.name(project.folder / sample)
        told = repository.run("check-attr", "-z", *wanted, "--", path).names
        if dict(zip(told[1::3], told[2::3], strict=True)) == wanted:
            continue
        if is_whole:
            yield Problem(f"other attributes stand above those of {name} for {what}", f"see `git check-attr -a {path}`")
        else:
            yield Problem(f"{name} does not say how git merges {what}", _CURE)


def _missing_drivers(repository: Repository) -> Iterator[Problem]:
    for key, what, works in ((_MERGE, "merge", shell.merges), (_TEXT, "diff", shell.shows)):
        command = repository.ask("config", "--get", key).text
        if not command:
            yield Problem(f"this clone has no {what} driver: {key} is not set", _CURE)
        elif not works(command):
            yield Problem(f"the {what} driver does not run: {key} leads nowhere", _CURE)


def _other_work_trees(repository: Repository) -> list[str]:
    """The repository's other work trees, which have its config and its hooks in common with this one."""
    entries = (entry.splitlines() for entry in repository.text("worktree", "list", "--porcelain").split("\n\n"))
    own = os.path.realpath(repository.root)
    trees = [
        path
        for path, *facts in entries
        if "bare" not in facts and not any(fact.startswith("prunable") for fact in facts)
    ]
    paths = [path.removeprefix("worktree ") for path in trees]
    return [path for path in paths if os.path.realpath(path) != own]


def _other_users(repository: Repository, own: Path) -> list[str]:
    """The other files of attributes in the work tree that name the drivers."""
    listing = repository.run(
        "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", f":(glob)**/{_ATTRIBUTES_NAME}"
    )
    ours = repository.name(own)
    names = (name for name in dict.fromkeys(listing.names) if name != ours)
    return [name for name in names if block_in(read_bytes_as_text(repository.root / name, name) or "") is not None]
