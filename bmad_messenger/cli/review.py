"""`review`: what the commits of a pull request do to the messages, as Markdown, with what should not have happened."""

from typing import Annotated

import typer

from bmad_messenger.cli.options import Json, Project
from bmad_messenger.cli.output import write, write_json
from bmad_messenger.config import find_project
from bmad_messenger.errors import InvalidError
from bmad_messenger.git.repository import Repository
from bmad_messenger.git.review import review as review_commits
from bmad_messenger.git.review_markdown import review_markdown


def review(
    range: Annotated[
        str | None,
        typer.Argument(
            metavar="[RANGE]",
            help="`BASE..HEAD` compares two commits, `BASE...HEAD` or `BASE` alone a branch with where it left BASE; "
            "without it, the current branch with the main one.",
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit with 3 where there is a finding.")] = False,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Show what a branch does to the messages, as Markdown.

    It tells which are new, changed and closed between two commits, and what should not have happened there, or in
    the commits between. Only what is committed counts. A finding is a message that was edited after it was read,
    deleted while it was open, or turned back; a closed one that was changed; an invalid one; and a file of the archive
    that is gone.

    \b
    Example:
      bmad-messenger review main...HEAD --check
    """
    place = find_project(project)
    found = review_commits(Repository.around(place.root), place, range)
    if as_json:
        write_json(found.to_mapping())
    else:
        write(review_markdown(found))
    if check and found.findings:
        raise typer.Exit(InvalidError.exit_code)
