"""The options that several commands share, and how each value is completed by the shell."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from bmad_messenger.cli import complete
from bmad_messenger.cli.errors import warn
from bmad_messenger.message import Status, now, parse_time
from bmad_messenger.messenger import Messenger

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Project = Annotated[
    Path | None,
    typer.Option(
        "--project",
        metavar="DIR",
        help="The project's folder, in place of BMAD_MESSENGER_PROJECT or the one around the working directory.",
    ),
]
PriorityName = Literal["critical", "high", "medium", "low"]

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
Payload = Annotated[
    str | None, typer.Option(metavar="YAML|@FILE|-", help="The content: YAML, a file of it, or - for stdin.")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Adds to the payload; repeatable. A dot in KEY goes a level down; a VALUE in [] or {} is YAML.",
    ),
]
FromAgent = Annotated[
    str | None,
    typer.Option("--from-agent", "--from", metavar="AGENT", help="Who sends.", autocompletion=complete.agents),
]
TypeName = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="The message's type.", autocompletion=complete.types)
]
TypeFilter = Annotated[
    str | None,
    typer.Option(
        "--type-filter", "--type", metavar="TYPE", help="Only messages of this type.", autocompletion=complete.types
    ),
]
PriorityFilter = Annotated[PriorityName | None, typer.Option("--priority", help="Only messages of this priority.")]
RouteName = Annotated[str | None, typer.Option("--route", metavar="ROUTE", autocompletion=complete.routes)]
Note = Annotated[str | None, typer.Option(metavar="TEXT", help="A word on how it ended, kept with the message.")]
