"""What git knows of the messenger's folder, asked in ways in which git writes nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bmad_messenger.config import Project
from bmad_messenger.errors import GitError, NotFoundError
from bmad_messenger.git.left_out import left_out
from bmad_messenger.git.repository import Repository

_UNDER_WAY: Final = {
    "MERGE_HEAD": "merge",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}
"""What git keeps in its folder while something is under way."""


@dataclass(frozen=True, slots=True)
class WorkTree:
    """The messenger's files in git, each by its name from the top folder.

    `tracked` are those that git holds; of them, `unmerged` wait for somebody to resolve a conflict, `deleted` are gone
    from the disk, and `modified` differ from what git holds. `left_out` are not on the disk either, as the checkout is
    a sparse one. `untracked` are others that git does not ignore.
    """

    repository: Repository
    tracked: frozenset[str]
    unmerged: frozenset[str]
    deleted: frozenset[str]
    modified: frozenset[str]
    left_out: Sequence[str]
    untracked: frozenset[str]

    def name(self, path: Path) -> str:
        """What git calls a file."""
        return self.repository.name(path)

    def path(self, name: str) -> Path:
        """The file that git calls so."""
        return self.repository.root / name

    @property
    def under_way(self) -> str | None:
        """What git is in the middle of."""
        folder = self.repository.git_folder
        return next((what for name, what in _UNDER_WAY.items() if (folder / name).exists()), None)

    def rule(self, path: Path) -> tuple[str, int, str] | None:
        """The file, the line and the text of the rule by which git ignores a path; None where it does not."""
        name = os.fsencode(self.name(path)) + b"\0"
        answer = self.repository.ask("check-ignore", "-z", "-v", "--stdin", content=name)
        if answer.code > 1:
            raise GitError.of_git(("check-ignore",), answer.errors)
        if not answer.names:
            return None
        file, line, rule, _ = answer.names[:4]
        return None if rule.startswith("!") else (file, int(line or 0), rule)


def read_work_tree(project: Project) -> WorkTree | None:
    """What git knows of the messenger's folder; None where there is no git, or no repository around the project.

    Raises:
        NotPermittedError: where git does not trust the repository.
        GitError: where git refuses it for something else.
    """
    try:
        repository = Repository.around(project.folder if project.folder.is_dir() else project.root)
    except NotFoundError:
        _require_trust(project)
        return None
    listing = repository.ask(  # which, unlike `git status`, does not write the index
        *("--literal-pathspecs", "ls-files", "-z", "-t"),
        *("--cached", "--deleted", "--modified", "--others", "--exclude-standard", "--"),
        repository.name(project.folder),
    )
    if listing.code:
        raise GitError.of_git(("ls-files",), listing.errors)
    return WorkTree(
        repository,
        tracked=_tagged(listing.names, "HSMK"),
        unmerged=_tagged(listing.names, "M"),
        deleted=_tagged(listing.names, "R"),
        modified=_tagged(listing.names, "C") - _tagged(listing.names, "RM"),
        left_out=left_out(repository, listing.names),
        untracked=_tagged(listing.names, "?"),
    )


def _require_trust(project: Project) -> None:
    """Raise what git says of a repository that is there, and that it does not take for one, as its parts are gone."""
    if any((folder / ".git").exists() for folder in (project.root, *project.root.parents)):
        try:
            answer = Repository(project.root).ask("rev-parse", "--git-dir")
        except NotFoundError:  # there is no git
            return
        if answer.code:
            raise GitError.of_git(("rev-parse",), answer.errors)


def _tagged(entries: Sequence[str], tags: str) -> frozenset[str]:
    """The names that `git ls-files -t` marks with one of these letters."""
    return frozenset(name for tag, _, name in (entry.partition(" ") for entry in entries) if tag in tags)
