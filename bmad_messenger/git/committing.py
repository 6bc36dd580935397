"""Commits the messenger's own files, and nothing else: what the user has staged or changed elsewhere stays as it is."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from bmad_messenger.comparison import Version, compare
from bmad_messenger.config import Project
from bmad_messenger.errors import DamagedError, GitError, InvalidError, NotFoundError, UsageError
from bmad_messenger.git.branch import Branch
from bmad_messenger.git.commit_message import Handoff, commit_message, handoffs_in
from bmad_messenger.git.hooks import has_pre_commit
from bmad_messenger.git.judging import judge
from bmad_messenger.git.repository import Answer, Repository
from bmad_messenger.git.versions import Tree, read_tree, versions_of

LITERALLY: Final = {"GIT_LITERAL_PATHSPECS": "1"}
"""For commands that are given paths: a folder's name may hold what else is a pattern."""

Locked = Callable[[], AbstractContextManager[None]]
"""Holds the queue's lock."""

_ATTEMPTS: Final = 5
_INDEX_IS_LOCKED: Final = re.compile(r"Unable to create '([^\n]*\.lock)': File exists")
_PAUSES: Final = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds


@dataclass(frozen=True)
class Commit:
    """A commit that was made, and what is in it."""

    name: str
    handoffs: tuple[Handoff, ...]


@dataclass(frozen=True)
class OwnFiles:
    """The messenger's files in a repository; `folder` is theirs as git writes it."""

    repository: Repository
    project: Project
    folder: str

    @classmethod
    def of(cls, repository: Repository, project: Project) -> OwnFiles:
        """The files of a project.

        Raises:
            NotFoundError: where they are outside of the repository.
            UsageError: where git ignores all of them.
        """
        where = project.name(project.folder)
        if os.path.islink(project.folder):
            raise NotFoundError(f"{where} is a link, which git does not follow", hint="keep the folder itself there")
        folder = repository.name(project.folder)
        if folder != "." and repository.ask("check-ignore", "--quiet", "--no-index", "--", f"{folder}/").code == 0:
            hint = f"`git check-ignore -v {where}/` names the line that says so: take it out"
            raise UsageError(f"git ignores {where}, so nothing in it can be shared", hint=hint)
        return cls(repository, project, folder)

    @property
    def queue(self) -> str:
        """The queue's path as git writes it."""
        return self.path(self.project.queue)

    def path(self, file: Path) -> str:
        """The path of a file in the folder, as git writes it."""
        return (PurePosixPath(self.folder) / file.name).as_posix()

    def holds(self, path: str) -> bool:
        """Whether a path, as git writes it, is that of one of these files."""
        return self.folder == "." or path.startswith(f"{self.folder}/")

    def tree_now(self, base: str | None) -> str:
        """The tree of the commit `base` with these files as they are now; the caller holds the queue's lock.

        Raises:
            DamagedError: where the queue is gone that `base` has.
        """
        if base is not None and not os.path.lexists(self.project.queue) and self.is_in(base, self.queue):
            name = self.project.name(self.project.queue)
            raise DamagedError(f"{name} is gone", hint=f"bring it back: `git checkout -- {name}`", path=name)
        with self.own_index(base) as environment:
            self.repository.run("add", "--all", "--", self.folder, environment=environment)
            return self.repository.run("write-tree", environment=environment).text

    def tree_in(self, commit: str | None) -> str | None:
        """The tree of a commit."""
        return None if commit is None else self.repository.text("rev-parse", "--verify", f"{commit}^{{tree}}")

    def is_in(self, commit: str, path: str) -> bool:
        """Whether a commit has a file."""
        return bool(
            self.repository.run("ls-tree", "-z", "--full-tree", commit, "--", path, environment=LITERALLY).names
        )

    @contextmanager
    def own_index(self, base: str | None) -> Iterator[dict[str, str]]:
        """An index that holds the commit `base`, and the environment in which git uses it in place of the user's."""
        with tempfile.TemporaryDirectory(prefix="bmad-messenger-") as folder:
            index = Path(folder, "index")
            environment = {**LITERALLY, "GIT_INDEX_FILE": str(index)}
            theirs = self.repository.git_folder / "index"
            if (
                base is not None and theirs.exists()
            ):  # it knows, by its own time too, which files need not be read again
                shutil.copy2(theirs, index)
            self.repository.run("read-tree", *(("--reset", base) if base else ("--empty",)), environment=environment)
            yield environment

    def write_out(self, paths: Sequence[str], folder: str, environment: Mapping[str, str]) -> None:
        """Write files of an index, which `environment` names, below a folder as git would into the work tree."""
        content = "".join(f"{path}\0" for path in paths).encode(errors="surrogateescape")
        arguments = ("checkout-index", "-z", "--stdin", f"--prefix={folder}/")
        self.repository.run(*arguments, content=content, environment=environment)

    def stage(self, commit: str) -> None:
        """Let the user's index have these files as a commit has them."""
        arguments = ("reset", "--quiet", commit, "--", self.folder)
        answer = ask_patiently(self.repository, *arguments, environment=LITERALLY)
        if answer.code:
            raise GitError.of_git(arguments, answer.errors)


def commit_own(files: OwnFiles, branch: Branch, subject: str | None, locked: Locked) -> Commit | None:
    """Commit what is new in the messenger's files; None where nothing is.

    Args:
        files: the files.
        branch: the branch that the commit is added to.
        subject: what its message begins with, where somebody gave that.
        locked: holds the queue's lock, which is needed only while the files are read.

    Raises:
        InvalidError: where a file was made unreadable since the last commit, or invalid, and our pre-commit hook is
            there, which git does not run here.
        GitError: where git refuses.
    """
    for _ in range(_ATTEMPTS):
        base = branch.tip()
        with locked():
            tree = files.tree_now(base)
        if tree == (files.tree_in(base) or _empty_tree(files.repository)):
            if base is not None and _is_staged_otherwise(files, base):
                files.stage(base)
            return None
        old, new = (read_tree(files.repository, files.project, name) for name in (base, tree))
        before, after = versions_of(files.repository, old, new)
        _require_readable(before, after)
        if has_pre_commit(files.repository):
            _require_valid(files.repository, old, new)
        handoffs = tuple(handoffs_in(compare(before, after)))
        commit = record(files.repository, tree, (base,) if base else (), commit_message(subject, handoffs))
        # First the index, then the branch: a crash between the two leaves the files staged, and never staged backwards.
        files.stage(commit)
        if branch.move(base, commit, "bmad-messenger git sync: commit"):
            return Commit(commit, handoffs)
    raise GitError(f"somebody else keeps committing to {branch.name}", hint="run it again when they are done")


def record(repository: Repository, tree: str, parents: tuple[str, ...], message: str) -> str:
    """Make a commit, signed where the user's settings say so; no branch has it yet."""
    signs = repository.ask("config", "--type=bool", "--get", "commit.gpgSign").text == "true"
    arguments = ("commit-tree", *(("-S",) if signs else ()), *(word for one in parents for word in ("-p", one)), tree)
    encoding = settings({"i18n.commitEncoding": "UTF-8"})
    return repository.run(*arguments, content=message.encode(errors="replace"), environment=encoding).text


def settings(values: Mapping[str, str]) -> dict[str, str]:
    """The environment that gives one run of git these settings beside those that the user's environment has."""
    first = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    environment = {"GIT_CONFIG_COUNT": str(first + len(values))}
    for number, (key, value) in enumerate(values.items(), first):
        environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return environment


def ask_patiently(repository: Repository, *arguments: str, environment: Mapping[str, str] | None = None) -> Answer:
    """Run a command that changes the user's index, and wait a little while another git does so.

    Raises:
        GitError: where it keeps at it.
    """
    file = ""
    for pause in _PAUSES:
        answer = repository.ask(*arguments, environment=environment)
        lock = _INDEX_IS_LOCKED.search(answer.errors) if answer.code else None
        if lock is None:
            return answer
        file = lock[1]
        time.sleep(pause)
    hint = "wait until it is done; where none runs, one was killed: delete that file, and sync again"
    raise GitError(f"another git is at work: {file} exists", hint=hint)


def _empty_tree(repository: Repository) -> str:
    return repository.text("mktree")


def _is_staged_otherwise(files: OwnFiles, commit: str) -> bool:
    arguments = ("diff-index", "--cached", "--quiet", commit, "--", files.folder)
    return files.repository.ask(*arguments, environment=LITERALLY).code != 0


def _require_readable(before: Version, after: Version) -> None:
    known = {(problem.path, problem.message) for problem in before.problems}
    errors = [problem for problem in after.problems if problem.severity == "error"]
    new = tuple(problem for problem in errors if (problem.path, problem.message) not in known)
    if new:
        raise InvalidError.of(new, "not committed")


def _require_valid(repository: Repository, before: Tree, after: Tree) -> None:
    problems = judge(repository, before, after, ()).problems
    if problems:
        why = "not committed, as the pre-commit hook would refuse it"
        raise InvalidError.of(tuple(one._replace(message=f"{why}: {one.message}") for one in problems), "")
