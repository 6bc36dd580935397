"""The copy that the editor opens: a file of its own beside the queue, which outlives whatever dies meanwhile."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bmad_messenger.config import Project
from bmad_messenger.errors import InvalidError, NotFoundError, Problem, StorageError
from bmad_messenger.files import decode, is_running, make_folder, open_regular, publish, refusals
from bmad_messenger.layout import IGNORE_NAME, SCHEMA_NAME
from bmad_messenger.message import ID_PATTERN

FOLDER: Final = ".drafts"
_QUEUE: Final = "message-queue"
_NAME: Final = re.compile(rf"({_QUEUE}|{ID_PATTERN.pattern})\.(\d+)(?:-\d+)?\.yaml")
_SCHEMA: Final = f"# yaml-language-server: $schema=../{SCHEMA_NAME}"
_NOTE: Final = "#:"
_ABOUT: Final = (
    "Save and close: what you changed goes into the queue, beside what came meanwhile.",
    f"Empty the file to change nothing. Lines that begin with `{_NOTE}` up here are not kept.",
)


@dataclass(frozen=True, slots=True)
class Draft:
    """One copy. `base` is the text that it began with; `message_id` is set where it holds that message alone.

    The file has a few lines of its own above the text; the text is what counts. Only the user may read the file.
    """

    project: Project
    path: Path
    base: str
    message_id: str | None = None

    @classmethod
    def new(cls, project: Project, base: str, message_id: str | None) -> Draft:
        """A draft that begins with `base`.

        Raises:
            StorageError, NotPermittedError: where the file system refuses.
        """
        folder = project.folder / FOLDER
        with refusals("write", project.name(folder)):
            _make_private(folder)
            path = _free_path(folder, f"{message_id or _QUEUE}.{os.getpid()}")
        draft = cls(project, path, base, message_id).based_on(base)
        draft.write(base)
        return draft

    @classmethod
    def again(cls, project: Project, path: Path) -> Draft:
        """The draft that an earlier edit left at `path`, from the working directory, the project, or its own folder.

        Raises:
            NotFoundError: where there is none, or it is not known what it began with.
        """
        names = (Path.cwd() / path, project.root / path, project.folder / FOLDER / path)
        left = next((name for name in names if name.is_file()), path)
        found = _NAME.fullmatch(left.name)
        base = _read(project, base_of(left)) if found else None
        if found is None or base is None:
            hint = f"`bmad-messenger edit` tells which there are in {project.name(project.folder / FOLDER)}"
            raise NotFoundError(f"{project.name(left)} is no draft of an edit", hint=hint)
        own = _free_path(left.parent, f"{found[1]}.{os.getpid()}")
        with refusals("write", project.name(left)):  # under our number, so that nobody else goes on with it too
            os.rename(base_of(left), base_of(own))
            os.rename(left, own)
        return cls(project, own, base, None if found[1] == _QUEUE else found[1])

    @property
    def name(self) -> str:
        """The file's name in messages."""
        return self.project.name(self.path)

    def write(self, text: str, problems: Sequence[Problem] = ()) -> int:
        """Put `text` into the file, under what has to be said of it; the problems' lines are those of `text`.

        Returns:
            How many lines stand above it.
        """
        lines = self._head(problems)
        eol = "\r\n" if "\r\n" in text else "\n"
        self._publish(self.path, "".join(f"{line}{eol}" for line in lines) + text)
        return len(lines)

    def read(self) -> str:
        """The text in the file, without what stands above it.

        Raises:
            InvalidError: where the editor left no file.
            DamagedError: where it is no text.
        """
        content = _read(self.project, self.path)
        if content is None:
            raise InvalidError("the editor left no file", hint="nothing was changed", path=self.name)
        lines = content.removeprefix("\ufeff").splitlines(keepends=True)
        count = 0
        while count < len(lines) and (lines[count].startswith(_NOTE) or lines[count].rstrip() == _SCHEMA):
            count += 1
        return "".join(lines[count:])

    def based_on(self, base: str) -> Draft:
        """The same draft, which now counts as begun with `base`."""
        self._publish(base_of(self.path), base)
        return Draft(self.project, self.path, base, self.message_id)

    def leave(self, items: Sequence[str]) -> None:
        """Keep nothing but these messages in the file, to be looked at; it can't be gone on with."""
        self._publish(self.path, "".join((f"{_NOTE} Closed before this was saved.\nmessages:\n", *items)))
        with suppress(FileNotFoundError):
            base_of(self.path).unlink()

    def remove(self) -> None:
        """Delete it."""
        for path in (self.path, base_of(self.path)):
            with suppress(OSError):  # then it is reported as left, which does no harm
                path.unlink()

    def _head(self, problems: Sequence[Problem]) -> list[str]:
        """The lines above the text."""
        what = f"The message {self.message_id} alone" if self.message_id else "A copy of the queue"
        has_schema = (self.project.folder / SCHEMA_NAME).exists()
        head = [*([_SCHEMA] if has_schema else []), *(f"{_NOTE} {line}" for line in (f"{what}.", *_ABOUT))]
        above = len(head) + len(problems)
        for problem in problems:
            line = "" if problem.line is None else f"line {problem.line + above}: "
            head.append(f"{_NOTE} {line}{' '.join(problem.message.split())}")
        return head

    def _publish(self, path: Path, text: str) -> None:
        with refusals("write", self.project.name(path)):
            if not path.exists():
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            publish(path, text.encode(), follow=False)


def left_drafts(project: Project) -> list[Path]:
    """The drafts that earlier edits left behind; not those that somebody is editing now."""
    try:
        names = sorted(os.listdir(project.folder / FOLDER))
    except OSError:
        return []
    found = ((project.folder / FOLDER / name, _NAME.fullmatch(name)) for name in names)
    return [path for path, match in found if match and base_of(path).name in names and not is_running(int(match[4]))]


def base_of(path: Path) -> Path:
    """The file that holds what the draft at `path` began with."""
    return path.with_suffix(".base")


def _make_private(folder: Path) -> None:
    """Make the folder of the drafts, which nobody else may look into and git leaves out."""
    make_folder(folder.parent)
    with suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    if folder.is_symlink():  # a repository may come with one, which leads to anybody's files
        raise StorageError(f"{folder.name} is a link", hint="delete it", path=str(folder))
    if not (folder / IGNORE_NAME).exists():
        publish(folder / IGNORE_NAME, b"*\n", follow=False)


def _free_path(folder: Path, stem: str) -> Path:
    path, number = folder / f"{stem}.yaml", 0
    while os.path.lexists(path) or os.path.lexists(base_of(path)):
        number += 1
        path = folder / f"{stem}-{number}.yaml"
    return path


def _read(project: Project, path: Path) -> str | None:
    """The text of a file with its line ends; None where there is none."""
    name = project.name(path)
    with refusals("read", name):
        try:
            with open_regular(path) as file:
                return decode(file.read(), name)
        except FileNotFoundError:
            return None
