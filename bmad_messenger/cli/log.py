"""`log`: the history, newest first, as a table, Markdown, JSON or a sequence diagram."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Literal

import typer

from bmad_messenger.cli import complete
from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.message_text import recipients_text
from bmad_messenger.cli.options import Json, Project
from bmad_messenger.cli.output import write, write_json, write_table
from bmad_messenger.diagrams import MOST_CHARACTERS, sequence_diagram
from bmad_messenger.errors import Problem, UsageError
from bmad_messenger.history.entry import Entry, duration_text, since, until
from bmad_messenger.history.figures import Figures, Statistics, statistics
from bmad_messenger.history.search import Wanted, read_history
from bmad_messenger.markdown import code, shortened, table
from bmad_messenger.message import summary_of
from bmad_messenger.messenger import Messenger

Format = Literal["table", "markdown", "json", "mermaid"]

_WIDTH = 100  # characters of what a message is about
_COLUMNS = ("sent", "id", "message", "read", "closed", "about")
_GROUPS = (("routes", "route"), ("types", "type"), ("agents", "agent"))


def log(
    agent: Annotated[
        str | None,
        typer.Option(metavar="AGENT", help="Only those it sends or gets.", autocompletion=complete.agents),
    ] = None,
    type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Only those of this type.", autocompletion=complete.types)
    ] = None,
    route: Annotated[
        str | None, typer.Option(metavar="ROUTE", help="Only those on this route.", autocompletion=complete.routes)
    ] = None,
    artifact: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Only those that name this document: a part of its path, or a pattern."),
    ] = None,
    text: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only those with this in payload or note, in capitals or not.")
    ] = None,
    since_: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Only those sent since: 2025-01-15, or so long ago: 2d, 3h, 1w."),
    ] = None,
    until_: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Only those sent until then; a date means its end.")
    ] = None,
    thread: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Only this message, what it answers and what answers it.",
            autocompletion=complete.message_ids,
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="COUNT", help="At most so many, the newest.")] = None,
    stat: Annotated[
        bool, typer.Option("--stat", help="Count them by route, type and agent, with median times.")
    ] = False,
    format: Annotated[
        Format | None, typer.Option(help="How to print them; `mermaid` is a sequence diagram. [default: table]")
    ] = None,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Show the history: who handed what to whom, and when.

    The newest comes first. Times are UTC; durations are from sending to the first reading, and from there to the end.

    \b
    Example:
      bmad-messenger log --agent architect --since 2w
      bmad-messenger log --thread a1b2 --format mermaid
    """
    form = _format(format, as_json=as_json, stat=stat)
    wanted = Wanted(
        agent=agent,
        type=type,
        route=route,
        artifact=artifact,
        text=text,
        since=since(since_) if since_ is not None else None,
        until=until(until_) if until_ is not None else None,
        thread=thread,
        limit=limit,
    )
    messenger = Messenger.open(project, report=warn)
    entries = read_history(messenger, wanted, warn)
    if stat:
        _write_statistics(statistics(entries, messenger.config.agents), form)
    elif form == "json":
        write_json({"entries": [entry.to_mapping() for entry in entries]})
    elif form == "mermaid":
        _write_diagram(entries)
    elif form == "markdown":
        write(table(_COLUMNS, [_row(entry, code) for entry in entries]))
    else:
        write_table(_COLUMNS, [_row(entry) for entry in entries], empty="No messages.")


def _format(format: Format | None, *, as_json: bool, stat: bool) -> Format:
    if as_json and format not in (None, "json"):
        raise UsageError(f"--json and --format {format} exclude each other", hint="give one of them")
    if stat and format == "mermaid":
        raise UsageError("figures make no sequence diagram", hint="use --stat with table, markdown or json")
    return "json" if as_json else format or "table"


def _row(entry: Entry, quoted: Callable[[str], str] = str) -> list[str]:
    """The cells of a message; `quoted` makes a cell of a text that comes from it."""
    message = entry.message
    return [
        _time(message.created),
        quoted(message.message_id),
        quoted(f"{message.type} {message.from_agent} → {recipients_text(message)}"),
        _moment(entry.read, entry.waited) or "-",
        f"{message.status.value} {_moment(message.closed, entry.worked)}".rstrip() if message.status.is_closed else "-",
        quoted(shortened(summary_of(message), _WIDTH)) or "-",
    ]


def _moment(time: datetime | None, seconds: int | None) -> str:
    """When something happened, and how long it took: `2025-01-15 10:42 after 12 min`."""
    if time is None:
        return ""
    return _time(time) if seconds is None else f"{_time(time)} after {duration_text(seconds)}"


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"


def _write_diagram(entries: Sequence[Entry]) -> None:
    diagram = sequence_diagram([entry.message for entry in reversed(entries)])
    write(diagram)
    if len(diagram) > MOST_CHARACTERS:
        message = f"the diagram has {len(diagram)} characters; by default Mermaid draws no more than {MOST_CHARACTERS}"
        warn(Problem(message, "use --limit or a filter", code="too-long", severity="warning"))


def _write_statistics(figures: Statistics, form: Format) -> None:
    groups: list[tuple[str, str, Sequence[Figures]]] = [(key, name, getattr(figures, key)) for key, name in _GROUPS]
    if form == "json":
        write_json({key: [one.to_mapping(name) for one in group] for key, name, group in groups})
        return
    filled = [(name, [_figures_row(one) for one in group]) for _, name, group in groups if group]
    for number, (name, rows) in enumerate(filled or [("route", [])]):
        columns = (name, "messages", "open", "waited", "worked")
        if number:
            write("\n")
        if form == "markdown":
            write(table(columns, [[code(first), *others] for first, *others in rows]))
        else:
            write_table(columns, rows, empty="No messages.")


def _figures_row(figures: Figures) -> list[str]:
    times = ("-" if seconds is None else duration_text(seconds) for seconds in (figures.waited, figures.worked))
    return [figures.name, str(figures.messages), str(figures.open), *times]
