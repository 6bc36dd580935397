"""`exec`: run the `<exec>` elements of a file."""

from collections.abc import Iterable, Mapping
from textwrap import indent
from typing import Annotated, Any

import typer

from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.message_text import message_text
from bmad_messenger.cli.options import Json, Project
from bmad_messenger.cli.output import write, write_json_list
from bmad_messenger.cli.sources import read_source, source_name
from bmad_messenger.errors import UsageError
from bmad_messenger.exec_reader import read_exec
from bmad_messenger.message import Message
from bmad_messenger.messenger import Messenger
from bmad_messenger.tasks import BUILT_IN, Outcome, check_all, run_all
from bmad_messenger.yaml.render import render_inline, render_mapping


def exec_file(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A Markdown or XML file, or - for stdin.")],
    fenced: Annotated[bool, typer.Option("--fenced", help="Also run the elements inside code fences.")] = False,
    var: Annotated[
        list[str] | None,
        typer.Option("--var", metavar="NAME=VALUE", help="What {{NAME}} stands for, as often as wanted."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show the elements, run none.")] = False,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Run the <exec> elements of a file.

    All are checked first, then run in order. {project-root} and {output_folder} stand for paths in the project,
    {{NAME}} for what the config or --var says.

    \b
    Example:
      bmad-messenger exec instructions.md --var story=1-2
    """
    messenger = Messenger.open(project, report=warn)
    # Relative to the project, as paths in messages are: what is sent has to be right in another clone as well.
    variables = {"project-root": ".", "output_folder": "_bmad-output", **messenger.config.variables}
    variables.update(map(_assignment, var or ()))
    elements = read_exec(read_source(file), path=source_name(file), variables=variables, fenced=fenced)
    outcomes: Iterable[Outcome] = (check_all if dry_run else run_all)(messenger, elements)
    if as_json:
        write_json_list("steps", map(_document, outcomes))
        return
    if not elements:
        write(f"No <exec> elements in {source_name(file)}.\n")
    for outcome in outcomes:
        element = outcome.element
        write(f"{element.path}:{element.line}: {element.task}\n{indent(_text(outcome), '  ')}")


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--var {text!r} is no assignment", hint="write it as --var name=value")
    return name, value


def _document(outcome: Outcome) -> dict[str, Any]:
    element = outcome.element
    return {"task": element.task, "path": element.path, "line": element.line, "value": outcome.value}


def _text(outcome: Outcome) -> str:
    """What a step leaves behind: the ids of messages that were sent, whole messages that came, and else its value."""
    value = outcome.value
    if outcome.element.task in BUILT_IN and ("message_id" in value or "messages" in value):
        messages = [Message.from_mapping(mapping) for mapping in value.get("messages", [value])]
        if outcome.element.task == "receive-message" or not all(message.message_id for message in messages):
            return "\n".join(map(message_text, messages)) or f"No messages wait for {value['agent']}.\n"
        return "".join(f"{message.message_id}\n" for message in messages)
    lines = render_mapping(value, 0) if isinstance(value, Mapping) else [render_inline(value)]
    return "".join(f"{line}\n" for line in lines)
