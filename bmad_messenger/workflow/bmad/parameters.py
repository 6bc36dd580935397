"""The variables that a command line gives a BMAD workflow: `--story-key 1-2`, `--param story_key=1-2`, `--step-3`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from bmad_messenger.errors import UsageError
from bmad_messenger.messenger import Messenger
from bmad_messenger.workflow.bmad.definition import Definition, read_definition
from bmad_messenger.workflow.bmad.playing import names_read, optional_steps
from bmad_messenger.workflow.parameters import params_of

_TEXT = {"type": "string"}
_YES_NO = {"type": "boolean"}


def given_to(
    messenger: Messenger, path: Path, words: Sequence[str], assignments: Sequence[str], now: datetime
) -> dict[str, Any]:
    """The variables that a command line gives, by name.

    Args:
        messenger: the project's.
        path: the workflow's file.
        words: the words of the command line that are flags of the workflow.
        assignments: each a `name=value`; they may say where the workflow's other files are, which flags can't.
        now: the time that the file's `date` is of.

    Raises:
        UsageError: where the workflow reads no variable of that name.
        InvalidError, NotFoundError: where the workflow can't be read.
    """
    assigned = params_of(dict.fromkeys(map(_name, assignments), _TEXT), (), assignments)
    definition = read_definition(messenger, path, assigned, now)
    schemas = schemas_of(definition)
    for name in assigned:
        if name not in schemas:
            near = get_close_matches(name[:80], schemas, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "see `workflow show` for those that there are"
            raise UsageError(f"the workflow reads no variable {name[:80]!r}", hint=hint)
    return params_of(schemas, words, assignments)


def schemas_of(definition: Definition) -> dict[str, Mapping[str, Any]]:
    """The JSON Schema of each variable that the workflow reads: text, and yes or no for an optional step."""
    steps = optional_steps(definition)
    return {name: _YES_NO if name in steps else _TEXT for name in sorted(names_read(definition))}


def _name(assignment: str) -> str:
    return assignment.partition("=")[0]
