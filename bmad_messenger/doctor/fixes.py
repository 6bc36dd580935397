"""What `doctor --fix` does: nothing that could lose a byte anybody wrote, and nothing to git."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bmad_messenger.config import Project
from bmad_messenger.editing.draft import FOLDER as DRAFTS
from bmad_messenger.files import publish, read_text, refusals, sweep
from bmad_messenger.layout import IGNORE_NAME, SCHEMA_NAME, not_ignored, schema_text

_RUNS: Final = "runs"


def settle(project: Project) -> Sequence[str]:
    """Let queue and archive agree, and the copies in btmsg, as `sync` does."""
    from bmad_messenger.messenger import Messenger

    return Messenger(project).sync()


def clear(project: Project) -> Sequence[str]:
    """Remove the temporary files of processes that died."""
    swept: list[Path] = []
    for folder in folders_written(project):
        with refusals("clear", project.name(folder)):
            swept += sweep(folder)
    return [f"removed the leftover {project.name(path)}" for path in swept]


def folders_written(project: Project) -> Iterator[Path]:
    """The folders in which files are written aside first; a link in place of the drafts leads to nobody's of ours."""
    yield project.folder
    drafts = project.folder / DRAFTS
    for top in (project.archive, project.folder / _RUNS, *([] if drafts.is_symlink() else [drafts])):
        yield from (Path(folder) for folder, _, _ in os.walk(top))


def ignore_local(project: Project) -> Sequence[str]:
    """Add to `.gitignore` the lines that it lacks."""
    path = project.folder / IGNORE_NAME
    name = project.name(path)
    text = read_text(path, name) or ""
    lacking = not_ignored(text)
    if not lacking:
        return []
    whole = text if not text or text.endswith("\n") else f"{text}\n"
    with refusals("write", name):
        publish(path, "\n".join((whole + lacking[0], *lacking[1:], "")).encode())
    return [f"added {' '.join(lacking)} to {name}"]


def renew_schema(project: Project) -> Sequence[str]:
    """Write the schema that editors check the queue with, as this version has it."""
    path = project.folder / SCHEMA_NAME
    name = project.name(path)
    with refusals("write", name):
        publish(path, schema_text().encode())
    return [f"wrote {name}"]
