"""Files of the messenger that git holds, and that a sparse checkout leaves out of the work tree."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from bmad_messenger.config import Project
from bmad_messenger.errors import UsageError
from bmad_messenger.git.repository import Repository

_LEFT_OUT: Final = "S "  # as `git ls-files -t` marks them
_PATTERN: Final = re.compile(r"[][*?\\]")  # what git takes for a part of a pattern


def require_all(repository: Repository, project: Project) -> None:
    """Refuse a work tree in which files of the messenger's folder are left out: they would be taken for gone.

    Raises:
        UsageError: telling how many, and the command that brings them.
    """
    try:
        folder = repository.name(project.folder)
    except ValueError:  # outside of the repository, which is told where it matters
        return
    entries = repository.run("--literal-pathspecs", "ls-files", "-z", "-t", "--", folder).names
    if names := left_out(repository, entries):
        raise UsageError(what_is_left_out(project, names), hint=f"`{way_back(repository, project)}` brings them")


def left_out(repository: Repository, entries: Iterable[str]) -> list[str]:
    """Those files among the entries of `git ls-files -z -t` that are left out."""
    marked = (entry.removeprefix(_LEFT_OUT) for entry in entries if entry.startswith(_LEFT_OUT))
    return [name for name in marked if not os.path.lexists(repository.root / name)]


def what_is_left_out(project: Project, names: Sequence[str]) -> str:
    """It in a sentence."""
    files = "1 file" if len(names) == 1 else f"{len(names)} files"
    return f"the sparse checkout leaves out {files} of {project.name(project.folder)} that git holds"


def way_back(repository: Repository, project: Project) -> str:
    """The command that brings the files, for the project's folder."""
    top = os.path.relpath(os.path.realpath(repository.root), os.path.realpath(project.root))
    git = ("git",) if top == os.curdir else ("git", "-C", top)
    return shlex.join((*git, "sparse-checkout", *_widening(repository, project.folder)))


def _widening(repository: Repository, folder: Path) -> tuple[str, ...]:
    name = repository.name(folder)
    settings = repository.ask("config", "--type=bool", "--get-regexp", r"^core\.sparsecheckout").text.splitlines()
    if "core.sparsecheckout true" not in settings:
        return ("disable",)
    if "core.sparsecheckoutcone true" in settings:
        return ("add", *(("--skip-checks",) if _PATTERN.search(name) else ()), name)
    pattern = _PATTERN.sub(r"\\\g<0>", name)
    return ("add", f"/{pattern}/**")
