"""Which messages start a run of a workflow with `on`: those that are open, but for what was read before it came."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bmad_messenger.files import make_folder, publish, read_text, refusals
from bmad_messenger.layout import ignore_local
from bmad_messenger.message import ID_PATTERN, Message, Status
from bmad_messenger.workflow.expressions import condition
from bmad_messenger.workflow.looking import holds
from bmad_messenger.workflow.model import Workflow, fits
from bmad_messenger.workflow.runs import run_id_of

if TYPE_CHECKING:
    from bmad_messenger.workflow.engine import Engine

_SUFFIX: Final = ".on"
_HEADER: Final = """\
# The messages that had been read before the workflow {name} was there, or had this `on`: they start no run.
# Kept by bmad-messenger, a line each; without this file, the next `bmad-messenger workflow tick` begins it anew.
"""


def starting(
    engine: Engine, name: str, workflow: Workflow, there: Iterable[Message]
) -> Iterator[tuple[Message, str | None]]:
    """The messages that are to start a run of the workflow and have not, each with who is to have read it then.

    Of `there`, the open messages, those that were read count as well, but for those that had been read before the
    workflow came: of these a file is kept. A message whose run is there, and that was not marked read, is marked now.
    """
    trigger = workflow.trigger or {}
    meant = [(one, trigger.get("to") or one.to_agent) for one in there if fits(one, trigger)]
    old = _read_before(engine, name, workflow, meant)
    test = condition(trigger["if"], workflow.ids) if "if" in trigger else None
    for message, reader in meant:
        if message.message_id in old or (test is not None and not holds(test, {"message": message.to_mapping()})):
            continue
        if not engine.runs.exists(run_id_of(workflow.name, message.created, message.message_id)):
            yield message, reader
        elif reader is not None and reader not in message.read_by:
            engine.messenger.mark_read(reader, [message.message_id])


def _read_before(
    engine: Engine, name: str, workflow: Workflow, meant: Sequence[tuple[Message, str | None]]
) -> set[str]:
    """The ids of the messages that had been read before the workflow was there; they are noted at the first look."""
    project, folder = engine.messenger.project, engine.runs.folder
    digest = hashlib.sha256(json.dumps(workflow.trigger, sort_keys=True).encode()).hexdigest()
    path = folder / f"{name}-{digest[:8]}{_SUFFIX}"
    text = read_text(path, project.name(path))
    if text is None:
        with refusals("read", workflow.path):
            since = int(os.stat(engine.library.path(name)).st_mtime)  # the dates of messages have no fractions
        ids = [message.message_id for message, reader in meant if _first_read(message, reader) < since]
        with refusals("write", project.name(path)):
            make_folder(folder)
            ignore_local(project)
            _forget_others(path, name)
            publish(path, "".join([_HEADER.format(name=name), *(f"{one}\n" for one in ids)]).encode(), replace=False)
        text = read_text(path, project.name(path)) or ""
    return {line for line in text.split() if ID_PATTERN.fullmatch(line)}


def _first_read(message: Message, reader: str | None) -> float:
    """When the one who is meant read a message, in seconds; one whose status alone says so, when it was sent."""
    if reader is not None and reader in message.read_by:
        return message.read_by[reader].timestamp()
    return math.inf if message.status is Status.PENDING else message.created.timestamp()


def _forget_others(path: Path, name: str) -> None:
    """Remove what was kept for another `on` of the same workflow."""
    own = re.compile(rf"{re.escape(name)}-[0-9a-f]{{8}}{re.escape(_SUFFIX)}")
    for other in path.parent.iterdir():
        if own.fullmatch(other.name) and other != path:
            with suppress(FileNotFoundError):
                other.unlink()
