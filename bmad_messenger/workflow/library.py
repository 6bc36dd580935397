"""Where workflows are: the project's own, in `workflows/` of the messenger's folder, and those that come with us."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from bmad_messenger.config import Project
from bmad_messenger.errors import InvalidError, MessengerError, NotFoundError
from bmad_messenger.files import read_text
from bmad_messenger.findings import Finding, Source
from bmad_messenger.shipped import shipped
from bmad_messenger.workflow.bmad.recognising import is_bmad
from bmad_messenger.workflow.model import QUICK_TASKS, Step, Workflow
from bmad_messenger.workflow.reading import Reading, read_as_far_as_possible

SUFFIXES: Final = (".yaml", ".yml")
"""How the name of a workflow's file ends."""

_NO_WORKFLOWS: Final = ("routes",)  # the shipped folder's other file
_ON: Final = re.compile(r"""\bon["']?\s*:""")


class Library:
    """The workflows that a project can run; its own stand before shipped ones of the same name."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._read: dict[Path, tuple[str, Reading]] = {}

    def files(self) -> dict[str, Path]:
        """The file of each workflow, by name."""
        shipped_folder = shipped("workflows")
        return {**dict(_in_folder(shipped_folder)), **dict(_in_folder(self.project.folder / "workflows"))}

    def path(self, name: str) -> Path:
        """The file of the workflow called `name`, or the file that `name` is.

        Raises:
            NotFoundError: where there is none; it names the nearest.
        """
        if name.endswith(SUFFIXES) or os.sep in name:
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
        return self.read_file(self.path(name))

    def read_file(self, path: Path) -> tuple[Workflow, Source]:
        """The workflow in a file; raises what `read` does."""
        found = self.examine(path)
        if problems := found.problems():
            raise InvalidError.of(problems, "")
        return found.workflow, found.source

    def examine(self, path: Path) -> Reading:
        """What of a workflow's file can be read, and what is wrong with it by itself.

        Raises:
            NotFoundError: where there is none.
            InvalidError: where it is no YAML, or one of BMAD's own.
        """
        text = read_text(path, self.name(path))
        if text is None:
            raise NotFoundError(f"there is no file {self.name(path)}", hint="bring it back, or start a new run")
        if is_bmad(text):
            hint = "`bmad-messenger workflow show` and `run` take it by its file"
            raise InvalidError("this is a workflow of BMAD's own kind", hint=hint, path=self.name(path))
        if path not in self._read or self._read[path][0] != text:
            self._read[path] = (text, self._rightly_named(read_as_far_as_possible(text, self.name(path)), path))
        return self._read[path][1]

    def _rightly_named(self, found: Reading, path: Path) -> Reading:
        """The reading; a workflow that is found by one name and calls itself by another is not sound."""
        name = found.workflow.name
        own = (shipped("workflows"), self.project.folder / "workflows")
        if path.parent not in own or name in ("", path.stem):
            return found
        finding = Finding(
            ("name",), f"the workflow is called {name}, and its file {path.stem}", "give both the same name"
        )
        return replace(found, findings=(*found.findings, finding))

    def is_slow(self, step: Step) -> bool:
        """Whether a step may take its time: it runs a task that does more than touch the queue, or such a workflow."""
        if step.kind == "exec":
            return step.what not in QUICK_TASKS
        return step.kind == "workflow" and self._is_slow(step.what, set())

    def _is_slow(self, name: str, above: set[str]) -> bool:
        """Whether a workflow has a slow step; of one that runs itself, each is looked at once."""
        if name in above:
            return False
        try:
            steps = self.read(name)[0].all_steps
        except MessengerError:  # the step that runs it will tell
            return False
        nested = (step.what for step in steps if step.kind == "workflow")
        slow = any(step.kind == "exec" and step.what not in QUICK_TASKS for step in steps)
        return slow or any(self._is_slow(one, {*above, name}) for one in nested)

    def starters(self) -> Iterator[str]:
        """The names of the workflows that a message may start, as far as a glance at their files tells."""
        for name, path in self.files().items():
            if _ON.search(read_text(path, self.name(path)) or ""):
                yield name

    def name(self, path: Path) -> str:
        """What a workflow's file is called in runs and errors: the same on every machine."""
        folder = shipped("workflows")
        return f"shipped:{path.name}" if path.parent == folder else self.project.name(path)


def _in_folder(folder: Path) -> Iterator[tuple[str, Path]]:
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.suffix in SUFFIXES and path.stem not in _NO_WORKFLOWS:
                yield path.stem, path
