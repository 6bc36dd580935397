"""Makes an ordinary workflow of what a BMAD file runs, one step an `<exec>`, so that the engine runs it: durably."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bmad_messenger import message as messages
from bmad_messenger.errors import InvalidError, Problem
from bmad_messenger.exec_reader import ExecElement
from bmad_messenger.findings import Source
from bmad_messenger.messenger import Messenger
from bmad_messenger.tasks import Outcome, check_all
from bmad_messenger.workflow.bmad.definition import Definition, read_definition
from bmad_messenger.workflow.bmad.elements import ids_of, read_raw
from bmad_messenger.workflow.bmad.play import Play
from bmad_messenger.workflow.bmad.playing import play
from bmad_messenger.workflow.checking import problems_in
from bmad_messenger.workflow.library import Library
from bmad_messenger.workflow.model import Step, Workflow
from bmad_messenger.workflow.run import Run
from bmad_messenger.yaml.parse import Document, Span

_OPENINGS: Final = ("{{", "{%", "{#")
_SECTION: Final = "steps"


def play_file(messenger: Messenger, path: Path, given: Mapping[str, Any], now: datetime) -> Play:
    """Read a BMAD file and play it through; raises what `read_definition` and `play` do."""
    return play(read_definition(messenger, path, given, now), given)


def workflow_of_run(messenger: Messenger, path: Path, run: Run) -> tuple[Workflow, Source]:
    """What a run of a BMAD file runs, with what it was given and at the time when it began.

    Raises what `play_file` and `compile_play` do.
    """
    return compile_play(play_file(messenger, path, run.params, run.started), run.params)


def compile_play(found: Play, given: Mapping[str, Any]) -> tuple[Workflow, Source]:
    """The workflow that runs what is to be run, and where each of its steps stands in the instructions.

    Its hash is that of what is run: a run goes on as long as that is the same, whatever else was edited.

    Raises:
        InvalidError: where an element can't be run as it stands.
    """
    _refuse_problems(found)
    return _compiled(found.definition, found.elements, given)


def checked(messenger: Messenger, found: Play) -> list[Outcome]:
    """What each element would do; nothing is done.

    Raises:
        MessengerError: with everything that is wrong with any of them, each at its place.
    """
    _refuse_problems(found)
    return check_all(messenger, [*found.elements.values()])


def problems_of(messenger: Messenger, path: Path) -> tuple[Problem, ...]:
    """What is wrong with a BMAD file, and with each element in it, whether it will be reached or not.

    A variable that is not known yet is no mistake: a command line may give it.

    Raises:
        InvalidError, NotFoundError, DamagedError: what `play_file` does.
    """
    definition = play_file(messenger, path, {}, messages.now()).definition
    instructions = definition.instructions
    if instructions is None:
        return ()
    raw = {
        name: read_raw(instructions, instructions.marks[number]) for number, name in ids_of(instructions.marks).items()
    }
    elements = {name: element for name, element in raw.items() if element is not None}
    workflow, source = _compiled(definition, elements, {}, is_open=True)
    return problems_in(workflow, source, messenger, Library(messenger.project))


def _refuse_problems(found: Play) -> None:
    if found.problems:
        raise InvalidError.of(found.problems, found.definition.file if len(found.problems) > 1 else "")


def _compiled(
    definition: Definition, elements: Mapping[str, ExecElement], given: Mapping[str, Any], *, is_open: bool = False
) -> tuple[Workflow, Source]:
    steps: list[Step] = []
    spans: dict[tuple[str | int, ...], Span] = {}
    for number, (name, element) in enumerate(elements.items()):
        at = (_SECTION, number)
        params = element.params if is_open else {key: _literal(value) for key, value in element.params.items()}
        needs = (steps[-1].id,) if steps else ()
        steps.append(Step(id=name, kind="exec", what=element.task, at=at, params=params, needs=needs))
        spans[at] = Span(0, 0, element.line, element.column)
    workflow = Workflow(
        name=_slug(definition.name),
        steps=tuple(steps),
        path=definition.file,
        digest=_digest(elements.items()),
        description=definition.description,
        params={name: {} for name in given},
    )
    file = definition.instructions.name if definition.instructions else definition.file
    return workflow, Source(file, Document(None, spans))


def _literal(value: Any) -> Any:
    """A value as the engine's steps take it: text that looks like an expression is one that gives this text."""
    if isinstance(value, str):
        return f"{{{{ {json.dumps(value, ensure_ascii=False)} }}}}" if any(one in value for one in _OPENINGS) else value
    if isinstance(value, Mapping):
        return {key: _literal(item) for key, item in value.items()}
    return [_literal(item) for item in value] if isinstance(value, list) else value


def _digest(elements: Iterable[tuple[str, ExecElement]]) -> str:
    plain = [[name, element.task, dict(element.params)] for name, element in elements]
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()


def _slug(name: str) -> str:
    """A name as runs have it: small letters, digits and hyphens."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()[:60]).strip("-")
    return slug if slug[:1].isalpha() else f"bmad-{slug}".rstrip("-")
