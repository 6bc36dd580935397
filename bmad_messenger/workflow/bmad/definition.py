"""A BMAD workflow file, read: its variables resolved, its instructions found and taken apart."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bmad_messenger.config import Project
from bmad_messenger.errors import InvalidError, MessengerError, NotFoundError, Problem
from bmad_messenger.files import read_text
from bmad_messenger.findings import show
from bmad_messenger.messenger import Messenger
from bmad_messenger.workflow.bmad.instructions import Instructions, names_in, read_instructions
from bmad_messenger.workflow.bmad.variables import CONFIG_SOURCE, ITERATION, NESTED, Variables, resolve
from bmad_messenger.yaml.parse import Document, parse, parse_located

KNOWN_KEYS: Final = (
    "name",
    "description",
    "author",
    "version",
    "config_source",
    "output_folder",
    "user_name",
    "user_skill_level",
    "communication_language",
    "document_output_language",
    "planning_artifacts",
    "implementation_artifacts",
    "project_name",
    "project_knowledge",
    "date",
    "installed_path",
    "instructions",
    "template",
    "validation",
    "default_output_file",
    "recommended_inputs",
    "required_inputs",
    "input_file_patterns",
    "required_tools",
    "tags",
    "execution_hints",
    "standalone",
    "web_bundle",
    NESTED,
)
"""The keys of BMAD's own workflow files; others are the file's own variables, or mean nothing to a program."""

_INSTRUCTIONS: Final = "instructions"
_FOLDERS: Final = ("_bmad", ".bmad", "bmad")


@dataclass(frozen=True, slots=True)
class Definition:
    """A workflow file: its name, what it says, its variables and its instructions, where it has any.

    `file` is the file's name as runs and errors have it; `notes` are what ought to be known, and stops nothing.
    """

    name: str
    file: str
    mapping: Mapping[str, Any]
    variables: Variables
    instructions: Instructions | None
    notes: tuple[Problem, ...] = ()

    @property
    def description(self) -> str:
        """What the workflow is for."""
        return str(self.mapping.get("description") or "")

    @property
    def unknown_keys(self) -> tuple[str, ...]:
        """The keys that BMAD's own files do not have."""
        return tuple(key for key in self.mapping if key not in KNOWN_KEYS)

    @property
    def mentioned(self) -> tuple[str, ...]:
        """The names that stand in braces, in the file or in its instructions."""
        apart = self.mapping.get(NESTED)
        values = [*self.mapping.values(), *(apart.values() if isinstance(apart, Mapping) else ())]
        in_file = [name for value in values if isinstance(value, str) for name in names_in(value)]
        return tuple(dict.fromkeys((*in_file, *(sorted(self.instructions.mentioned) if self.instructions else ()))))

    @property
    def unknown_variables(self) -> tuple[str, ...]:
        """The variables in which something is not known, and the names in braces that stand for nothing."""
        open_ones = self.variables.open_ones
        known = {ITERATION, *self.variables.values} - open_ones
        return tuple(dict.fromkeys(name for name in (*sorted(open_ones), *self.mentioned) if name not in known))


def read_definition(messenger: Messenger, path: Path, given: Mapping[str, Any], now: datetime) -> Definition:
    """The workflow that a BMAD file holds.

    Args:
        messenger: the project's.
        path: the file.
        given: the variables of the command line.
        now: the time that the file's `date` is of.

    Raises:
        InvalidError, DamagedError: where the file, its config or its instructions can't be read.
        NotFoundError: where the file or the instructions do not exist.
    """
    reader = _Reader(messenger, path)
    variables = reader.variables(given, now)
    instructions = reader.instructions(variables)
    name = reader.mapping.get("name")
    return Definition(
        name=str(name) if name else path.parent.name,
        file=reader.file,
        mapping=reader.mapping,
        variables=variables,
        instructions=instructions,
        notes=tuple(reader.notes),
    )


class _Reader:
    """Reads one file and those that it names; paths are the project's."""

    def __init__(self, messenger: Messenger, path: Path) -> None:
        self.project: Project = messenger.project
        self.file = self.project.name(path)
        self.notes: list[Problem] = []
        self.around = {
            "project-root": ".",  # relative, as paths in messages are: what is sent has to be right elsewhere as well
            "project_root": ".",
            "output_folder": "_bmad-output",
            "bmad_folder": next((one for one in _FOLDERS if (self.project.root / one).is_dir()), _FOLDERS[0]),
            **messenger.config.variables,
        }
        text = read_text(path, self.file)
        if text is None:
            raise NotFoundError(f"there is no file {self.file}", hint="name a workflow, or its file")
        self.document: Document = parse_located(text, path=self.file)
        if not isinstance(self.document.value, Mapping):
            raise InvalidError("this is not a mapping", hint="write it as `key: value`", path=self.file)
        self.mapping: Mapping[str, Any] = self.document.value

    def variables(self, given: Mapping[str, Any], now: datetime) -> Variables:
        """The variables of the file."""
        around = {"date": f"{now:%Y-%m-%d}", **self.around}
        try:
            return resolve(self.mapping, around, given, now, self._config, self._exists)
        except MessengerError as error:
            if error.problem.path is not None:
                raise
            raise InvalidError(error.problem.message, hint=error.problem.hint, path=self.file) from None

    def instructions(self, variables: Variables) -> Instructions | None:
        """What the file's `instructions` name or are; None where it has none."""
        found = self.mapping.get(_INSTRUCTIONS)
        if isinstance(found, list):
            found = "\n".join((*(one if isinstance(one, str) else json.dumps(one) for one in found), ""))
        if not found or not isinstance(found, str):
            self._note(_INSTRUCTIONS, "the file names no instructions: nothing of it is run", "add `instructions`")
            return None
        if "\n" in found or "<" in found:
            return read_instructions(found, self.file, self._place(_INSTRUCTIONS)[0])
        path = self._path(_INSTRUCTIONS, str(variables.values[_INSTRUCTIONS]))
        text = read_text(path, self.project.name(path))
        if text is None:
            hint = "`--param installed_path=FOLDER` says where the workflow is"
            raise self._error(NotFoundError, _INSTRUCTIONS, f"there is no file {self.project.name(path)}", hint)
        return read_instructions(text, self.project.name(path))

    def _config(self, name: str) -> Mapping[str, Any]:
        """What the config says; nothing where there is none."""
        path = self._path(CONFIG_SOURCE, name)
        text = read_text(path, self.project.name(path))
        if text is None:
            message = f"there is no config {self.project.name(path)}: what is taken from it is not known"
            self._note(CONFIG_SOURCE, message, "install BMAD there, or give the variables with --param NAME=VALUE")
            return {}
        found = parse(text, path=self.project.name(path))
        return found if isinstance(found, Mapping) else {}

    def _path(self, key: str, name: str) -> Path:
        """The file that the value of a key names."""
        if names := names_in(name):
            hint = f"give it with --param {names[0]}=VALUE"
            raise self._error(InvalidError, key, f"{key}: there is no variable {names[0]!r}", hint)
        if "\0" in name:
            raise self._error(InvalidError, key, f"{key}: {show(name)} is no path", "mend it")
        return Path(os.path.normpath(self.project.root / name))

    def _exists(self, name: str) -> bool:
        return os.path.exists(self.project.root / name)

    def _note(self, key: str, message: str, hint: str) -> None:
        self.notes.append(Problem(message, hint, self.file, *self._place(key), severity="warning"))

    def _place(self, key: str) -> tuple[int, int]:
        return self.document.place((key,))

    def _error(self, kind: type[MessengerError], key: str, message: str, hint: str) -> MessengerError:
        line, column = self._place(key)
        return kind(message, hint=hint, path=self.file, line=line, column=column)
