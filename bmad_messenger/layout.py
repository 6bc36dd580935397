"""The files that the messenger's folder starts with."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from bmad_messenger.config import Project
from bmad_messenger.errors import StorageError
from bmad_messenger.files import make_folder, publish

SCHEMA_NAME: Final = "queue.schema.json"
IGNORE_NAME: Final = ".gitignore"

_QUEUE: Final = f"""\
# yaml-language-server: $schema={SCHEMA_NAME}
# What the agents of this project hand to each other. Edit it freely: a message needs type, from, to and payload;
# its id, date, status and priority are filled in by the next command.
messages: []
"""

LOCAL_FILES: Final = (".*.lock", ".*.lock.holder", ".*.journal", ".*.tmp")
"""The names of files that are local to a clone."""

_IGNORED: Final = "\n".join(("# Local to this clone: locks, half-written files, what was seen.", *LOCAL_FILES, ""))


def ignore_local(project: Project) -> bool:
    """Make the file that keeps what is local to this clone out of git, unless there is one; whether it was made.

    Raises:
        OSError: where the file system refuses.
    """
    path = project.folder / IGNORE_NAME
    return not os.path.lexists(path) and publish(path, _IGNORED.encode(), replace=False)


def not_ignored(text: str) -> list[str]:
    """The lines that a `.gitignore` of the messenger's folder lacks."""
    lines = {line.strip() for line in text.splitlines()}
    return [line for line in LOCAL_FILES if line not in lines]


def schema_text() -> str:
    """The schema of the queue, for editors, as this version of the program has it."""
    from bmad_messenger.schemas import read_schema

    return json.dumps(read_schema("queue"), indent=2, ensure_ascii=False) + "\n"


def make_layout(project: Project) -> Sequence[Path]:
    """Make the messenger's folder and files; one that exists stays as it is. Returns what was made.

    Raises:
        StorageError, NotPermittedError: where the file system refuses.
    """
    made = []
    try:
        for folder in (project.folder, project.archive):
            if not folder.is_dir():
                make_folder(folder)
                made.append(folder)
        if ignore_local(project):
            made.append(project.folder / IGNORE_NAME)
        contents: dict[Path, Callable[[], str]] = {
            project.folder / SCHEMA_NAME: schema_text,
            project.queue: lambda: _QUEUE,
        }
        for path, content in contents.items():
            if not path.exists() and publish(path, content().encode(), replace=False):
                made.append(path)
    except OSError as error:
        raise StorageError.of_os(error, "write", project.name(project.folder)) from error
    return made
