"""What git itself calls: `git merge-driver`, `git textconv`, `git pre-commit` and `git post-merge`."""

from pathlib import Path
from typing import Annotated

import typer

from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.output import write_lines
from bmad_messenger.errors import InvalidError


def merge_driver(
    base: Annotated[Path, typer.Argument(help="What both sides come from: %O.")],
    ours: Annotated[Path, typer.Argument(help="Our version, which the result replaces: %A.")],
    theirs: Annotated[Path, typer.Argument(help="Their version: %B.")],
    path: Annotated[str, typer.Argument(help="The file's name in the repository: %P.")],
    marker_size: Annotated[int, typer.Option(metavar="N", help="How long the marks of a conflict are: %L.")] = 7,
) -> None:
    """Merge three versions of a file by message.

    The exit code is 0 where nothing is left to decide, and 1 where a conflict stands marked in the file, as git wants
    it. `git install` sets up the same with less to start.

    \b
    Example:
      bmad-messenger git merge-driver %O %A %B %P --marker-size %L
    """
    from bmad_messenger.git.drivers import Versions, merge

    if not merge(Versions(base, ours, theirs, path, marker_size)):
        raise typer.Exit(1)


def textconv(file: Annotated[Path, typer.Argument(help="A queue, or a file of the archive.")]) -> None:
    """Show a file for `git diff`: one line a message.

    \b
    Example:
      bmad-messenger git textconv _bmad-output/messenger/message-queue.yaml
    """
    from bmad_messenger.git.drivers import show

    show(file)


def pre_commit() -> None:
    """Check what is about to be committed.

    The exit code is 3 where there is an error in the messenger's staged files.

    \b
    Example:
      bmad-messenger git pre-commit
    """
    from bmad_messenger.git.called import check_staged

    errors = check_staged()
    if errors:
        raise InvalidError.of(tuple(errors), "what is staged")


def post_merge() -> None:
    """Settle queue and archive after a merge.

    \b
    Example:
      bmad-messenger git post-merge
    """
    from bmad_messenger.git.called import settle_after_merge

    for line in settle_after_merge(warn):
        write_lines([line])
