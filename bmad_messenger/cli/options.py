"""The options and arguments that several commands share, with what the shell completes for them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from bmad_messenger.cli import complete

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Project = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The project, in place of BMAD_MESSENGER_PROJECT or the one around you."),
]

MessageId = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="A message's id, or any beginning or end of it.", autocompletion=complete.message_ids
    ),
]
MessageIds = Annotated[
    list[str],
    typer.Argument(
        metavar="ID...", help="Messages' ids, or any beginnings or ends of them.", autocompletion=complete.message_ids
    ),
]

FromAgent = Annotated[
    str | None,
    typer.Option("--from-agent", "--from", metavar="AGENT", help="Who sends it.", autocompletion=complete.agents),
]
Payload = Annotated[
    str | None, typer.Option(metavar="YAML|@FILE|-", help="The content: YAML, a file that holds it, or - for stdin.")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Add to the payload, as often as wanted; a dot in KEY goes a level down, and [a, b] is a list.",
    ),
]
IdempotencyKey = Annotated[
    str | None, typer.Option(metavar="KEY", help="Send only once: the same KEY again gives the first message.")
]

PriorityName = Literal["critical", "high", "medium", "low"]
PriorityFilter = Annotated[PriorityName | None, typer.Option("--priority", help="Only those of this priority.")]
