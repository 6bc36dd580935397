"""`reply`: answer a message, to its sender."""

from typing import Annotated

import typer

from bmad_messenger.cli import complete
from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.options import (
    Assignments,
    FromAgent,
    IdempotencyKey,
    Json,
    MessageId,
    Payload,
    PriorityName,
    Project,
)
from bmad_messenger.cli.output import telling_sent, write_json, write_lines
from bmad_messenger.cli.payload import payload_of, text_fields
from bmad_messenger.errors import UsageError
from bmad_messenger.message import Priority
from bmad_messenger.messenger import Messenger


def reply(
    message_id: MessageId,
    text: Annotated[str | None, typer.Argument(help="The answer, where it is text alone.")] = None,
    payload: Payload = None,
    assignments: Assignments = None,
    type: Annotated[
        str, typer.Option(metavar="TYPE", help="The answer's type.", autocompletion=complete.types)
    ] = "notify",
    from_agent: FromAgent = None,
    priority: Annotated[PriorityName | None, typer.Option(help="In place of that of the message answered.")] = None,
    idempotency_key: IdempotencyKey = None,
    done: Annotated[bool, typer.Option("--done", help="Close the message answered, too.")] = False,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Answer a message and print the answer's id.

    \b
    Example:
      bmad-messenger reply a1b2 "JWT: the mobile client has no cookies" --done
    """
    has_payload = payload is not None or bool(assignments)
    if (text is not None) == has_payload:
        raise UsageError("an answer is either TEXT or a payload", hint="give one of TEXT and --payload or --set")
    messenger = Messenger.open(project, report=warn)
    limit = messenger.config.limits.payload_bytes
    texts = text_fields(messenger, type) if assignments else ()
    answer = messenger.reply(
        message_id,
        text if text is not None else payload_of(payload, assignments, limit, texts),
        from_agent=from_agent,
        type=type,
        priority=Priority.parse(priority) if priority else None,
        idempotency_key=idempotency_key,
    )
    with telling_sent([answer.message_id]):
        if as_json:
            write_json(answer.to_mapping())
        else:
            write_lines([answer.message_id])
    if done:
        messenger.close(answer.reply_to or message_id)
