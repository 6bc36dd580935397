"""`send-message`: send one message, or one on each route of a trigger."""

from typing import Annotated

import typer

from bmad_messenger.cli import complete
from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.message_text import one_line
from bmad_messenger.cli.options import Assignments, FromAgent, IdempotencyKey, Json, Payload, PriorityName, Project
from bmad_messenger.cli.output import telling_sent, write_json, write_lines
from bmad_messenger.cli.payload import payload_of, text_fields
from bmad_messenger.messenger import Messenger
from bmad_messenger.tasks import draft_of


def send_message(
    type: Annotated[
        str | None,
        typer.Option(metavar="TYPE", help="The message's type, as `types` lists them.", autocompletion=complete.types),
    ] = None,
    from_agent: FromAgent = None,
    to_agent: Annotated[
        str | None,
        typer.Option("--to-agent", "--to", metavar="AGENT", help="The recipient.", autocompletion=complete.agents),
    ] = None,
    to_agents: Annotated[
        str | None, typer.Option(metavar="A,B|all", help="Several recipients.", autocompletion=complete.agents)
    ] = None,
    payload: Payload = None,
    assignments: Assignments = None,
    priority: Annotated[PriorityName | None, typer.Option(help="In place of the type's own.")] = None,
    route: Annotated[
        str | None,
        typer.Option(
            metavar="ROUTE",
            help="A route's id or trigger, as `routes` lists them; tells type, sender and recipient.",
            autocompletion=complete.routes,
        ),
    ] = None,
    reply_to: Annotated[
        str | None, typer.Option(metavar="ID", help="The message it answers.", autocompletion=complete.message_ids)
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it loses its meaning: a time, or 45m, 3h, 2d from now.")
    ] = None,
    idempotency_key: IdempotencyKey = None,
    strict: Annotated[bool, typer.Option("--strict", help="Take a broken best practice for an error.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, send nothing.")] = False,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Send a message and print its id.

    \b
    Example:
      bmad-messenger send-message --type handoff --from pm --to architect \\
        --set artifact_path=_bmad-output/planning-artifacts/prd.md \\
        --set context_summary="PRD complete" --set next_actions='[Design the architecture]'
    """
    messenger = Messenger.open(project, report=warn)
    draft = draft_of(
        messenger,
        type=type,
        from_agent=from_agent,
        to_agent=to_agent,
        to_agents=to_agents,
        payload=payload_of(
            payload,
            assignments,
            messenger.config.limits.payload_bytes,
            text_fields(messenger, type, route) if assignments else (),
        ),
        priority=priority,
        route=route,
        reply_to=reply_to,
        expires=expires,
        idempotency_key=idempotency_key,
    )
    messages = (messenger.prepare if dry_run else messenger.send_many)([draft], strict=strict)
    with telling_sent([] if dry_run else [message.message_id for message in messages]):
        if as_json:
            documents = [message.to_mapping() for message in messages]
            write_json(documents[0] if len(documents) == 1 else {"messages": documents})
        elif dry_run:
            write_lines([f"Valid, and not sent: {one_line(message)}." for message in messages])
        else:
            write_lines([message.message_id for message in messages])
