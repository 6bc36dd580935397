"""Clones of one project around a bare remote, each with its messenger."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bmad_messenger import Message, Messenger, Problem
from bmad_messenger.config import Project
from bmad_messenger.git.syncing import Synced, sync
from tests.git.real_git import git

MESSENGER = "_bmad-output/messenger"


@dataclass(frozen=True)
class Clone:
    """One clone, in `folder`; its project is in the folder `within` of it."""

    folder: Path
    within: str = "."

    @property
    def project(self) -> Project:
        return Project(self.folder / self.within)

    @property
    def messenger(self) -> Messenger:
        return Messenger(self.project)

    def send(self, text: str = "text", to: str = "dev", **fields: Any) -> Message:
        payload = {"message": text}
        return self.messenger.send(type="notify", from_agent="pm", to_agent=to, payload=payload, **fields)

    def open_texts(self) -> list[str]:
        """What the open messages say, in their order."""
        return [message.payload["message"] for message in self.messenger.list()]

    def sync(self, subject: str | None = None, *, pushes: bool = True, warnings: list[Problem] | None = None) -> Synced:
        report = None if warnings is None else warnings.append
        return sync(self.project, subject=subject, pushes=pushes, report=report)

    def git(self, *arguments: str, check: bool = True) -> str:
        return git(self.folder, *arguments, check=check)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def head(self) -> str:
        return self.git("rev-parse", "HEAD").strip()

    def committed(self) -> list[str]:
        """The files of the last commit."""
        return self.git("ls-tree", "-r", "--name-only", "HEAD").splitlines()

    def is_clean(self) -> bool:
        return self.git("status", "--porcelain") == ""


def empty_remote(folder: Path) -> Path:
    """A bare repository without a commit."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", "--template=")
    return folder


def clone_of(remote: Path, folder: Path, within: str = ".") -> Clone:
    """A clone of a remote."""
    git(remote, "clone", "--quiet", "--template=", str(remote), str(folder))
    return Clone(folder, within)


def first_clone_of(remote: Path, folder: Path, within: str = ".", *, ignores_queue: bool = False) -> Clone:
    """The clone that starts the project: its set-up, some code of the user's, pushed."""
    clone = clone_of(remote, folder, within)
    clone.project.root.mkdir(parents=True, exist_ok=True)
    clone.messenger.init()
    clone.write("code.py", "print(1)\n")
    if ignores_queue:
        clone.write(".gitignore", "message-queue.yaml\n")
    clone.git("add", ".")
    clone.git("commit", "--quiet", "-m", "Start")
    clone.git("push", "--quiet")
    return clone
