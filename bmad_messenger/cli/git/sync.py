"""`git sync`: brings a project into step with the branch that its branch follows."""

from typing import Annotated

import typer

from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.options import Json, Project
from bmad_messenger.cli.output import write_json, write_lines
from bmad_messenger.config import find_project


def sync(
    message: Annotated[
        str | None,
        typer.Option("--message", "-m", metavar="TEXT", help="What the commit's message begins with."),
    ] = None,
    push: Annotated[bool, typer.Option("--push/--no-push", help="Push at the end, or don't.")] = True,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Commit the messenger's files, merge what is new, and push.

    Only the messenger's own files are committed, and what you have staged or changed elsewhere stays as it is. What
    others pushed is merged message by message, then queue and archive are settled. Where somebody else pushes first,
    it is tried again.

    \b
    Example:
      bmad-messenger git sync
    """
    from bmad_messenger.git.syncing import sync as bring_into_step

    def tell(line: str) -> None:
        if not as_json:
            write_lines([line])

    done = bring_into_step(find_project(project), subject=message, pushes=push, report=warn, tell=tell)
    if as_json:
        write_json(done.to_mapping())
