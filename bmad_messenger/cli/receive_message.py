"""`receive-message`: print what waits for an agent, and mark it read once it is printed."""

import time
from typing import Annotated, Any

import typer

from bmad_messenger.cli import complete
from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.message_text import message_text
from bmad_messenger.cli.options import Json, PriorityFilter, Project
from bmad_messenger.cli.output import write, write_json
from bmad_messenger.errors import UsageError
from bmad_messenger.message import Message, Priority
from bmad_messenger.messenger import Messenger


def receive_message(
    agent: Annotated[str, typer.Option(metavar="AGENT", help="Whose messages.", autocompletion=complete.agents)],
    type_filter: Annotated[
        str | None,
        typer.Option(
            "--type-filter", "--type", metavar="TYPE", help="Only those of this type.", autocompletion=complete.types
        ),
    ] = None,
    priority: PriorityFilter = None,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="At most so many.")] = None,
    peek: Annotated[bool, typer.Option("--peek", help="Leave them unread.")] = False,
    claim: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="Take a lease: no other worker gets them, until so long has passed without `done`."
        ),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="Wait so long for a message to come; exit code 8 if none does."),
    ] = None,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Print an agent's messages and mark them read.

    The most urgent comes first. Read is not done: `done ID` says that the work was taken over.

    \b
    Example:
      bmad-messenger receive-message --agent architect --type-filter handoff --limit 1
    """
    if peek and claim is not None:
        raise UsageError("--peek and --claim contradict each other", hint="leave one of them out")
    messenger = Messenger.open(project, report=warn)
    urgency = Priority.parse(priority) if priority else None
    found = _take(messenger, agent, claim, wait, type_filter=type_filter, priority=urgency, limit=limit)
    if as_json:
        write_json({"agent": agent, "messages": [message.to_mapping() for message in found]})
    else:
        write("\n".join(map(message_text, found)) or f"No messages wait for {agent}.\n")
    if found and not peek:  # only now: what could not be printed waits for the next call
        messenger.mark_read(agent, [message.message_id for message in found])


def _take(messenger: Messenger, agent: str, claim: float | None, wait: float | None, **wanted: Any) -> list[Message]:
    """What waits for the agent, not yet marked read; leased where a claim is made."""
    if wait is None:
        if claim is None:
            return messenger.receive(agent, peek=True, **wanted)
        return messenger.claim(agent, claim, **wanted)
    deadline, left = time.monotonic() + wait, wait
    while True:
        found = messenger.wait(agent, left, **wanted)
        if claim is not None:
            found = messenger.claim(agent, claim, **wanted)
        if found:
            return found
        left = max(0.0, deadline - time.monotonic())  # another worker was faster
