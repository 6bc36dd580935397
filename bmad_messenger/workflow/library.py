"""Where workflows are: the project's own, in `workflows/` of the messenger's folder, and those that come with us."""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from bmad_messenger.config import Project
from bmad_messenger.errors import NotFoundError
from bmad_messenger.files import read_text
from bmad_messenger.findings import Source
from bmad_messenger.shipped import shipped
from bmad_messenger.workflow.model import Workflow
from bmad_messenger.workflow.reading import read_workflow

_SUFFIXES: Final = (".yaml", ".yml")
_NO_WORKFLOWS: Final = ("routes",)  # the shipped folder's other file


class Library:
    """The workflows that a project can run; its own stand before shipped ones of the same name."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._read: dict[str, tuple[Workflow, Source]] = {}

    def files(self) -> dict[str, Path]:
        """The file of each workflow, by name."""
        shipped_folder = shipped("workflows")
        return {**dict(_in_folder(shipped_folder)), **dict(_in_folder(self.project.folder / "workflows"))}

    def path(self, name: str) -> Path:
        """The file of the workflow called `name`, or the file that `name` is.

        Raises:
            NotFoundError: where there is none; it names the nearest.
        """
        if name.endswith(_SUFFIXES) or os.sep in name:
            path = self.project.root / name
            if path.is_file():
                return path
            raise NotFoundError(f"there is no file {name}", hint="name a workflow, or its file")
        files = self.files()
        if name in files:
            return files[name]
        near = get_close_matches(name, files, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else "`bmad-messenger workflow list` shows them"
        raise NotFoundError(f"there is no workflow {name!r}", hint=hint)

    def path_of(self, name: str) -> Path:
        """The file that `name` gave for a run; the opposite of `name`."""
        folder, _, file = name.rpartition(":")
        return shipped("workflows") / file if folder == "shipped" else self.project.root / name

    def read(self, name: str) -> tuple[Workflow, Source]:
        """The workflow, and where its parts stand in its file.

        Raises:
            NotFoundError: where there is none.
            InvalidError: with all that is wrong with it.
        """
        if name not in self._read:
            self._read[name] = self.read_file(self.path(name))
        return self._read[name]

    def read_file(self, path: Path) -> tuple[Workflow, Source]:
        """The workflow in a file; raises what `read` does."""
        text = read_text(path, self.name(path))
        if text is None:
            raise NotFoundError(f"there is no file {self.name(path)}", hint="bring it back, or start a new run")
        return read_workflow(text, self.name(path))

    def name(self, path: Path) -> str:
        """What a workflow's file is called in runs and errors: the same on every machine."""
        folder = shipped("workflows")
        return f"shipped:{path.name}" if path.parent == folder else self.project.name(path)


def _in_folder(folder: Path) -> Iterator[tuple[str, Path]]:
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.suffix in _SUFFIXES and path.stem not in _NO_WORKFLOWS:
                yield path.stem, path
