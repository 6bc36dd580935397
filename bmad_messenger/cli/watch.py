"""`watch`: what happens to the messages, live, a line each."""

import math
import time
from collections.abc import Iterable
from typing import Annotated, Final

import typer

from bmad_messenger import message as messages
from bmad_messenger.cli import complete
from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.message_text import recipients_text
from bmad_messenger.cli.options import PriorityFilter, Project
from bmad_messenger.cli.output import require_reader, write_cells, write_json_line
from bmad_messenger.errors import Problem, WaitTimeoutError
from bmad_messenger.following import Event, Kind, follow
from bmad_messenger.message import Message, Priority, format_time, summary_of
from bmad_messenger.messenger import Messenger

_COLOURS: Final = {Priority.CRITICAL: "1;31", Priority.HIGH: "33", Priority.LOW: "2"}


def watch(
    agent: Annotated[
        str | None,
        typer.Option(metavar="AGENT", help="Only messages it sends or gets.", autocompletion=complete.agents),
    ] = None,
    type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Only those of this type.", autocompletion=complete.types)
    ] = None,
    priority: PriorityFilter = None,
    new: Annotated[
        bool, typer.Option("--new", help="Begin with what happens from now on, not with the open messages.")
    ] = False,
    count: Annotated[int | None, typer.Option(metavar="N", min=1, help="End after so many lines.")] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--for", metavar="SECONDS", min=0, help="End after so long; exit code 8 where --count wants more."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document a line.")] = False,
    project: Project = None,
) -> None:
    """Show what happens to messages, as it happens.

    It begins with the messages that are open now, and tells when one is sent, claimed, read, edited and closed. Nothing
    is marked read. Ctrl-C ends it.

    \b
    Example:
      bmad-messenger watch --agent architect
      bmad-messenger watch --new --type escalate --count 1 --for 600 --json
    """
    messenger = Messenger.open(project)
    if agent is not None:
        messenger.config.require_agent(agent)
    if type is not None:
        messenger.types.schema_of(type)
    urgency = Priority.parse(priority) if priority else None

    def fits(message: Message) -> bool:
        agents = (None, message.from_agent, *message.recipients(messenger.config.agents))
        return agent in agents and type in (None, message.type) and urgency in (None, message.priority)

    deadline = math.inf if seconds is None else time.monotonic() + seconds
    is_first, left = True, count
    try:
        for news in follow(messenger, deadline):
            _print_problems(news.problems, as_json)
            for event in news.events:
                if fits(event.message) and not (new and is_first):
                    _print_event(event, as_json)
                    left = left and left - 1
                    if left == 0:
                        return
            is_first = False
            require_reader()
    except KeyboardInterrupt:  # the way to end it
        return
    if left:
        raise WaitTimeoutError(f"{(count or 0) - left} of {count} came in {seconds:.3g} s", hint="wait longer")


def _print_problems(problems: Iterable[Problem], as_json: bool) -> None:
    for problem in problems:
        if as_json:
            time = format_time(messages.now())
            write_json_line({"event": "problem", "time": time, "problem": problem.to_mapping()})
        else:
            warn(problem)


def _print_event(event: Event, as_json: bool) -> None:
    if as_json:
        write_json_line(event.to_mapping())
        return
    message = event.message
    start = (format_time(event.time), message.message_id)
    if event.kind is Kind.SENT:
        way = f"{message.from_agent} → {recipients_text(message)}"
        colour = {4: _COLOURS[message.priority]} if message.priority in _COLOURS else {}
        write_cells([*start, way, message.type, message.priority.label, summary_of(message)], colour)
    else:
        write_cells([*start, _words(event)], {})


def _words(event: Event) -> str:
    if event.kind is Kind.CLAIMED:
        until = event.message.claimed_until
        return f"claimed by {event.by}" + (f" until {format_time(until)}" if until else "")
    if event.kind is Kind.READ:
        return f"read by {event.by}"
    if event.kind is Kind.EDITED:
        return f"edited: {', '.join(event.fields)}"
    note = event.message.note
    return event.message.status.value + (f": {note}" if note else "")
