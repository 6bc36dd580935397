"""Runs `git`: one repository's work tree, asked and changed through the command that the user has."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

from bmad_messenger.errors import GitError, MessengerError, NotFoundError, NotPermittedError

_FOREIGN: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_LITERAL_PATHSPECS")
"""What git sets for the hooks it runs, and what would lead a git started elsewhere to the wrong place."""

_NONE: Final = re.compile(r"\Afatal: not a git repository \(or any ")
_TRUST: Final = re.compile(r"git config --global --add safe\.directory .+")


class Answer(NamedTuple):
    """What one run of git printed, and its exit code."""

    code: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        """The output, without the last line end."""
        return self.output.decode(errors="surrogateescape").removesuffix("\n")

    @property
    def names(self) -> list[str]:
        """The output of a command run with `-z`: its parts."""
        return self.output.decode(errors="surrogateescape").split("\0")[:-1]


@dataclass(frozen=True)
class Repository:
    """A work tree of git, at `root`, its top folder."""

    root: Path

    @classmethod
    def around(cls, folder: Path) -> Repository:
        """The work tree that `folder` is in.

        Raises:
            NotFoundError: where there is no git, or no repository around the folder.
            NotPermittedError: where git does not trust the repository, as it is another user's.
            GitError: where git refuses it for something else.
        """
        if not folder.is_dir():
            raise NotFoundError(f"there is no folder {folder}", hint="`bmad-messenger init` makes it")
        found = _run(folder, ("rev-parse", "--show-toplevel"))
        if found.code:
            raise _refusal(found.errors)
        return cls(Path(found.text))

    @cached_property
    def git_folder(self) -> Path:
        """Where git keeps what belongs to this work tree alone: its HEAD and its index."""
        return self.root / self.text("rev-parse", "--git-dir")

    def name(self, path: Path) -> str:
        """The path as git writes it: from the top folder, with slashes."""
        return Path(os.path.realpath(path.parent), path.name).relative_to(os.path.realpath(self.root)).as_posix()

    def ask(self, *arguments: str, content: bytes = b"", environment: Mapping[str, str] | None = None) -> Answer:
        """Run git in the top folder; any exit code is an answer. `content` is its input."""
        return _run(self.root, arguments, content, environment)

    def run(self, *arguments: str, content: bytes = b"", environment: Mapping[str, str] | None = None) -> Answer:
        """Run git in the top folder.

        Raises:
            GitError: where git refuses, with its own words.
        """
        answer = self.ask(*arguments, content=content, environment=environment)
        if answer.code:
            raise GitError.of_git(arguments, answer.errors)
        return answer

    def text(self, *arguments: str) -> str:
        """What git prints, as a text; raises what `run` does."""
        return self.run(*arguments).text


def _refusal(errors: str) -> MessengerError:
    """Why git finds no work tree, by its own words."""
    if _NONE.search(errors):
        return NotFoundError("this project is in no git repository", hint="run `git init` first")
    if "must be run in a work tree" in errors:
        return NotFoundError("this git repository has no work tree", hint="run this in a clone of it")
    trust = _TRUST.search(errors)
    if trust is None:
        return GitError.of_git(("rev-parse",), errors)
    reason = errors.partition("\n")[0].removeprefix("fatal: ")
    hint = f"if you trust all that it holds, its config and its hooks too, run `{trust[0]}`"
    return NotPermittedError(f"git does not open this repository: {reason}", hint=hint)


def _run(
    folder: Path, arguments: tuple[str, ...], content: bytes = b"", environment: Mapping[str, str] | None = None
) -> Answer:
    own = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    own |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true"} | dict(environment or {})
    command = ("git", "-c", "core.quotePath=false", *arguments)
    try:
        done = subprocess.run(command, cwd=folder, input=content, capture_output=True, env=own, check=False)
    except FileNotFoundError as error:
        raise NotFoundError("there is no `git` on the path", hint="install git") from error
    return Answer(done.returncode, done.stdout, done.stderr.decode(errors="replace").strip())
