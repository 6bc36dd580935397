"""`show`, `thread` and `list`: look at messages; nothing is marked read."""

from typing import Annotated

import typer

from bmad_messenger.cli import complete
from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.message_text import message_text, recipients_text
from bmad_messenger.cli.options import Json, MessageId, PriorityFilter, Project
from bmad_messenger.cli.output import write, write_json, write_table
from bmad_messenger.message import Priority, Status, format_time
from bmad_messenger.messenger import Messenger


def show(message_id: MessageId, as_json: Json = False, project: Project = None) -> None:
    """Show one message, open or closed, with all its fields.

    \b
    Example:
      bmad-messenger show a1b2
    """
    message = Messenger.open(project, report=warn).get(message_id)
    if as_json:
        write_json(message.to_mapping())
    else:
        write(message_text(message))


def thread(message_id: MessageId, as_json: Json = False, project: Project = None) -> None:
    """Show a message with what it answers and what answers it.

    \b
    Example:
      bmad-messenger thread a1b2
    """
    messages = Messenger.open(project, report=warn).thread(message_id)
    if as_json:
        write_json({"messages": [message.to_mapping() for message in messages]})
    else:
        write("\n".join(map(message_text, messages)))


def list_messages(
    agent: Annotated[
        str | None,
        typer.Option(metavar="AGENT", help="Only those it sends or gets.", autocompletion=complete.agents),
    ] = None,
    type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Only those of this type.", autocompletion=complete.types)
    ] = None,
    status: Annotated[
        Status | None, typer.Option(help="Only those that stand there; the closed ones are in the archive.")
    ] = None,
    priority: PriorityFilter = None,
    route: Annotated[
        str | None, typer.Option(metavar="ROUTE", help="Only those on this route.", autocompletion=complete.routes)
    ] = None,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """List the open messages, or those of a status.

    \b
    Example:
      bmad-messenger list --agent dev --status pending
    """
    urgency = Priority.parse(priority) if priority else None
    messenger = Messenger.open(project, report=warn)
    messages = messenger.list(agent=agent, type=type, status=status, priority=urgency, route=route)
    if as_json:
        write_json({"messages": [message.to_mapping() for message in messages]})
        return
    write_table(
        ("id", "type", "from", "to", "priority", "status", "created"),
        [
            (
                message.message_id,
                message.type,
                message.from_agent,
                recipients_text(message),
                message.priority.label,
                message.status.value,
                format_time(message.created),
            )
            for message in messages
        ],
        empty="No messages.",
    )
