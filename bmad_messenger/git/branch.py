"""The branch that is checked out: where it stands, what it follows, fetching that and pushing to it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from bmad_messenger.errors import GitError, UsageError
from bmad_messenger.git.repository import Answer, Repository

_HEADS: Final = "refs/heads/"
_FETCHED: Final = "refs/bmad-messenger/fetched"
"""Where a fetch keeps what it got until it is known: FETCH_HEAD belongs to everybody."""

_FIRST_CAME_ANOTHER: Final = re.compile(
    r"\[rejected\]|cannot lock ref|failed to update ref|incorrect old value|reference already exists"
)
"""What a push is refused with, by git or the other side, where somebody else pushed at the same time."""

_UNDER_WAY: Final = {
    "MERGE_HEAD": "merge",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}
"""What git keeps in its folder while it waits for a person to go on."""

_SSH_SETTINGS: Final = ("GIT_SSH", "GIT_SSH_COMMAND")


@dataclass(frozen=True)
class Remote:
    """A branch of a remote: `name` is the remote's name or address, `ref` the branch's full name there."""

    name: str
    ref: str

    @property
    def label(self) -> str:
        """What people call it: `origin/main`. An address, which may hold a password, is left out."""
        branch = self.ref.removeprefix(_HEADS)
        return branch if self.name == "." or set(":/") & set(self.name) else f"{self.name}/{branch}"


@dataclass(frozen=True)
class Branch:
    """A branch of a repository, by its full name `ref`."""

    repository: Repository
    ref: str

    @classmethod
    def checked_out(cls, repository: Repository) -> Branch:
        """The branch that is checked out, which may have no commit yet.

        Raises:
            UsageError: where there is none, or git waits for a person to end a merge or the like.
        """
        for file, name in _UNDER_WAY.items():
            if os.path.lexists(repository.git_folder / file):
                hint = f"end it with `git {name} --continue` or `git {name} --abort`"
                raise UsageError(f"a {name} is under way in this work tree", hint=hint)
        head = repository.ask("symbolic-ref", "--quiet", "HEAD")
        if head.code or not head.text.startswith(_HEADS):
            raise UsageError("no branch is checked out here", hint="check one out: `git switch BRANCH`")
        return cls(repository, head.text)

    @property
    def name(self) -> str:
        """Its name as people write it."""
        return self.ref.removeprefix(_HEADS)

    def tip(self) -> str | None:
        """Its last commit; None where it has none yet."""
        answer = self.repository.ask("rev-parse", "--verify", "--quiet", f"{self.ref}^{{commit}}")
        return answer.text if answer.code == 0 else None

    def is_checked_out(self) -> bool:
        """Whether it still is the branch of this work tree."""
        return self.repository.ask("symbolic-ref", "--quiet", "HEAD").text == self.ref

    def move(self, old: str | None, new: str, why: str) -> bool:
        """Make `new` its last commit, if `old` still is; whether it was."""
        arguments = ("update-ref", "--create-reflog", "-m", why, self.ref, new, old or "")
        answer = self.repository.ask(*arguments)
        if answer.code and self.tip() == old:
            raise GitError.of_git(arguments, answer.errors)
        return answer.code == 0

    def upstream(self) -> Remote | None:
        """The branch that it follows, which `git pull` would merge; None where it follows none."""
        name, ref = self._own("remote"), self._own("merge")
        return Remote(name, ref) if name and ref else None

    def destination(self, upstream: Remote) -> Remote | None:
        """The branch that it may be pushed to; None where that would put it under another name.

        A branch that follows one of another name, as a feature branch follows `main`, is pushed there only where
        `push.default` says so.
        """
        name = self._own("pushremote") or self._settings.get("remote.pushdefault") or upstream.name
        if name != upstream.name:
            return Remote(name, self.ref)
        follows = upstream.ref == self.ref or self._settings.get("push.default") in ("upstream", "tracking")
        return upstream if follows else None

    def _own(self, key: str) -> str | None:
        return self._settings.get(f"branch.{self.name}.{key}")

    @cached_property
    def _settings(self) -> Mapping[str, str]:
        """What the user's config says of branches and pushes; the last word for a key counts."""
        entries = self.repository.ask("config", "-z", "--get-regexp", r"^(branch|remote|push)\.").names
        return {key: value for key, _, value in (entry.partition("\n") for entry in entries)}


def fetch(repository: Repository, upstream: Remote) -> str | None:
    """The last commit of a branch of a remote, which is then here; None where the remote has no such branch yet.

    Raises:
        GitError: where the remote can't be reached.
    """
    environment = _unasking(repository)
    refspec = f"+{upstream.ref}:{_FETCHED}"
    arguments = ("fetch", "--quiet", "--no-write-fetch-head", upstream.name, refspec)
    answer = repository.ask(*arguments, environment=environment)
    if answer.code:
        exists = repository.ask("ls-remote", "--exit-code", upstream.name, upstream.ref, environment=environment)
        if exists.code == 2:
            return None
        raise GitError.of_git(arguments, answer.errors)
    tip = repository.text("rev-parse", "--verify", f"{_FETCHED}^{{commit}}")
    repository.run("update-ref", "-d", _FETCHED)
    return tip


def push(repository: Repository, commit: str, destination: Remote) -> bool:
    """Make `commit` the last of a branch of a remote; False where somebody else was first.

    Raises:
        GitError: where the remote can't be reached, or refuses.
    """
    arguments = ("push", "--porcelain", destination.name, f"{commit}:{destination.ref}")
    answer = repository.ask(*arguments, environment=_unasking(repository))
    if answer.code and not _FIRST_CAME_ANOTHER.search(f"{answer.text}\n{answer.errors}"):
        raise GitError.of_git(arguments, _refusal(answer))
    return answer.code == 0


def _refusal(answer: Answer) -> str:
    """Why a push was refused: what the other side says, or else what git does."""
    said = [line.rstrip() for line in answer.errors.splitlines() if line.startswith("remote:") and line[7:].strip()]
    reasons = [line.split("\t")[-1] for line in answer.text.splitlines() if line.startswith("!")]
    return "\n".join([*said[:2], *reasons]) or answer.errors


def _unasking(repository: Repository) -> Mapping[str, str]:
    """The environment of a git that talks to others and asks nobody: for a password, whether to trust a host."""
    is_set = any(os.environ.get(name) for name in _SSH_SETTINGS)
    is_set = is_set or repository.ask("config", "--get", "core.sshCommand").code == 0
    return {} if is_set else {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}
