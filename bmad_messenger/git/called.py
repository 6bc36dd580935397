"""What git's hooks call: the check of what is about to be committed, and the settling after a merge."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from bmad_messenger.config import Project, project_of
from bmad_messenger.errors import InvalidError, MessengerError, Problem
from bmad_messenger.git.advancing import SYNC_VARIABLE
from bmad_messenger.git.repository import Repository
from bmad_messenger.message import ID_PATTERN
from bmad_messenger.messenger import Messenger

_FROM_GIT: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
"""What git tells a hook; the index is one of its own where only some files are committed."""

_OWN: Final = (":(glob)**/messenger/**", ":(glob)archive/**", "message-queue.yaml", "config.yaml", ":(glob)schemas/**")
"""Where the messenger's files may be, from the top of a work tree, which may also lie within the project."""

_AUTOSTASHES: Final = ("MERGE_AUTOSTASH", "rebase-merge/autostash", "rebase-apply/autostash")


def check_staged() -> list[Problem]:
    """The errors in what is about to be committed of queues, archives and settings, as `validate` finds them.

    Raises:
        NotFoundError: where there is no repository around the working directory.
        GitError: where git refuses.
    """
    repository, told = _repository_of_hook()
    options = ("--cached", "--name-only", "--no-renames", "--diff-filter=d", "-z")
    staged = repository.run("diff", *options, "--", *_OWN, environment=told).names
    found: list[Problem] = []
    for project, names in _by_project(repository, staged).items():
        checked = [name for name in names if _is_checked(repository.root / name, project)]
        if checked:
            found += _errors(repository, project, checked, told)
    return found


def settle_after_merge(report: Callable[[Problem], None]) -> Iterator[str]:
    """Settle queue and archive of every project in the work tree, now that git has brought what others did.

    Nothing is done in a sync, which does it itself, nor while git still holds back changes that it will put back.

    Args:
        report: takes what can't be done.

    Yields:
        What was done, a line each.
    """
    if os.environ.get(SYNC_VARIABLE):
        return
    repository, told = _repository_of_hook()
    folder = repository.root / repository.run("rev-parse", "--git-dir", environment=told).text
    if any((folder / name).exists() for name in _AUTOSTASHES):
        yield "your own changes come back in a moment: run `bmad-messenger sync` then"
        return
    names = repository.run("ls-files", "-z", "--", *_OWN, environment=told).names
    projects = [*_by_project(repository, names)]
    for project in projects:
        prefix = f"{os.path.relpath(project.root, repository.root)}: " if len(projects) > 1 else ""
        try:
            for line in Messenger(project, report).sync():
                yield f"{prefix}{line}"
        except MessengerError as error:
            report(error.problem._replace(message=f"{prefix}{error.problem.message}"))


def _repository_of_hook() -> tuple[Repository, dict[str, str]]:
    """The work tree that git runs the hook for, and what git has to be told to see it as the hook's git does."""
    told = {name: os.environ[name] for name in _FROM_GIT if name in os.environ}
    if "GIT_WORK_TREE" not in told and "GIT_DIR" not in told:
        return Repository.around(Path.cwd()), told
    root = Repository(Path.cwd()).run("rev-parse", "--show-toplevel", environment=told).text
    return Repository(Path(root)), told


def _by_project(repository: Repository, names: Iterable[str]) -> dict[Project, list[str]]:
    """The files of each project, as git writes them."""
    projects: dict[Project, list[str]] = {}
    for name in names:
        project = project_of(repository.root / name)
        if project is not None:
            projects.setdefault(project, []).append(name)
    return projects


def _is_checked(path: Path, project: Project) -> bool:
    """Whether it is one of the files that `validate` has something to say of."""
    if path.is_relative_to(project.archive):
        return ID_PATTERN.fullmatch(path.stem) is not None and path.suffix == ".yaml"
    return path in (project.queue, project.config) or path.parent == project.schemas


def _errors(repository: Repository, project: Project, names: list[str], told: dict[str, str]) -> list[Problem]:
    """The errors in these files as they are staged, judged by the settings as they are staged."""
    folder = Path(os.path.relpath(project.folder, repository.root)).as_posix()
    settings = (f"{folder}/config.yaml", f"{folder}/schemas")
    needed = repository.run("ls-files", "-z", "--", *settings, environment=told).names
    with tempfile.TemporaryDirectory(prefix="bmad-messenger-") as copy:
        # A work tree that lies within the project is copied to where it lies there.
        is_within = repository.root.is_relative_to(project.root)
        top = Path(copy, repository.root.relative_to(project.root)) if is_within else Path(copy)
        paths = "".join(f"{name}\0" for name in {*names, *needed}).encode(errors="surrogateescape")
        repository.run("checkout-index", "-z", "--stdin", f"--prefix={top}/", content=paths, environment=told)
        twin = Project(Path(copy) if is_within else top / project.root.relative_to(repository.root))
        try:
            problems = Messenger(twin).validate([top / name for name in names])
        except InvalidError as error:  # of the settings, without which nothing else can be judged
            problems = error.problems or (error.problem,)
    return [_named(problem, twin, top) for problem in problems if problem.severity == "error"]


def _named(problem: Problem, twin: Project, top: Path) -> Problem:
    """The problem with its file as git writes it."""
    if problem.path is None:
        return problem
    return problem._replace(path=os.path.relpath(twin.root / problem.path, top))
