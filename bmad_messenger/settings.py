"""Reads and checks a project's `config.yaml`; a text that was found valid before is not checked again."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from bmad_messenger import __version__
from bmad_messenger.config import Config, Project
from bmad_messenger.conflict import conflict_of
from bmad_messenger.errors import InvalidError
from bmad_messenger.files import read_text
from bmad_messenger.queue.journal import Journal, digest_of, hash_of

JOURNAL_NAME: Final = ".config.journal"
_LARGEST: Final = 1_048_576  # bytes


def load_config(project: Project) -> tuple[Config, str]:
    """The project's settings, and a text that differs where they or the program's version differ.

    Raises:
        InvalidError: with every problem of the file, each with line and column.
    """
    name = project.name(project.config)
    text = read_text(project.config, name, _LARGEST) or ""
    if conflict := conflict_of(text, name):
        raise InvalidError.of((conflict,), "")
    flavour = f"{__version__}\n{text}"
    if all(line.lstrip().startswith("#") or not line.strip() for line in text.splitlines()):
        return Config(), flavour  # nothing is set: a command that finds nothing to do needs no parser
    from bmad_messenger.yaml.parse import parse_located

    document = parse_located(text, path=name)
    journal = Journal(project.folder / JOURNAL_NAME)
    mark = digest_of(hash_of(text.encode(), __version__))
    if not journal.recall(mark)[0]:
        from bmad_messenger.project_files import check_document

        errors = tuple(p for p in check_document("config", document, name) if p.severity == "error")
        if errors:
            raise InvalidError.of(errors, "the project's settings")
        with suppress(OSError):  # a folder that can't be written only costs the check again
            journal.note(mark)
    return Config.from_mapping(document.value or {}), flavour
