"""`done` and `cancel`: close messages."""

from pathlib import Path
from typing import Annotated

import typer

from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.options import Json, MessageIds, Project
from bmad_messenger.cli.output import write_json, write_lines
from bmad_messenger.message import Status
from bmad_messenger.messenger import Messenger

Note = Annotated[str | None, typer.Option(metavar="TEXT", help="A word on how it ended, kept with the message.")]


def done(ids: MessageIds, note: Note = None, as_json: Json = False, project: Project = None) -> None:
    """Close messages as done: the work was taken over.

    \b
    Example:
      bmad-messenger done a1b2 c3d4 --note "architecture started"
    """
    _close(ids, Status.DONE, note, as_json, project)


def cancel(ids: MessageIds, note: Note = None, as_json: Json = False, project: Project = None) -> None:
    """Close messages as cancelled: they are withdrawn.

    \b
    Example:
      bmad-messenger cancel a1b2 --note "the scope changed"
    """
    _close(ids, Status.CANCELLED, note, as_json, project)


def _close(ids: list[str], status: Status, note: str | None, as_json: bool, project: Path | None) -> None:
    closed = Messenger.open(project, report=warn).close(*ids, status=status, note=note)
    if as_json:
        write_json({"messages": [message.to_mapping() for message in closed]})
    else:
        write_lines([f"{message.message_id} {message.status.value}" for message in closed])
