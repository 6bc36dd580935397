"""`init`, `sync`, `plugins` and `demo`: a project's set-up and upkeep."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.options import Json, Project
from bmad_messenger.cli.output import write_json, write_lines, write_table
from bmad_messenger.config import PROJECT_VARIABLE, find_project
from bmad_messenger.errors import NotFoundError, Problem
from bmad_messenger.messenger import Messenger


def init(as_json: Json = False, project: Project = None) -> None:
    """Make _bmad-output/messenger/; what exists stays as it is.

    It is made in the project around the working directory, or else right there.

    \b
    Example:
      bmad-messenger init
    """
    messenger = Messenger.open(_project_or_here(project), report=warn)
    made = [messenger.project.name(path) for path in messenger.init()]
    if as_json:
        write_json({"project": str(messenger.project.root), "files": made})
    else:
        root = messenger.project.root
        is_named = project is not None or os.environ.get(PROJECT_VARIABLE)
        if not is_named and root != Path.cwd().resolve():
            write_lines([f"the project is {root}; `--project .` makes one in this folder"])
        write_lines([f"made {name}" for name in made], empty="Everything is there already.")


def sync(
    restore: Annotated[
        bool, typer.Option("--restore", help="Bring back messages, and readings, that the queue has lost.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the direct messages in btmsg anew from queue and archive.")
    ] = False,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Settle queue and archive, and the copies in btmsg.

    What a crash or a failed plugin left undone is finished, and what came from other clones enters the queue. What was
    read in btmsg is marked read.

    \b
    Example:
      bmad-messenger sync --restore
    """
    warnings: list[Problem] = []

    def report(problem: Problem) -> None:
        warnings.append(problem)
        warn(problem)

    actions = Messenger.open(project, report=report).sync(restore=restore, rebuild=rebuild)
    if as_json:
        write_json({"actions": [*actions]})
    else:
        rest = "; what else there was to do is left, as the warning says" if warnings else ""
        write_lines(actions, empty=f"Queue and archive agree{rest}.")


def plugins(as_json: Json = False, project: Project = None) -> None:
    """List the plugins, with their hooks.

    \b
    Example:
      bmad-messenger plugins
    """
    infos = Messenger.open(project, report=warn).plugins.infos()
    if as_json:
        documents = [
            {"name": info.name, "version": info.version, "enabled": info.enabled, "hooks": [*info.hooks]}
            for info in infos
        ]
        write_json({"plugins": documents})
    else:
        rows = [
            (info.name, info.version or "", "enabled" if info.enabled else "disabled", ", ".join(info.hooks))
            for info in infos
        ]
        write_table(("plugin", "version", "state", "hooks"), rows, empty="No plugins.")


def demo(as_json: Json = False, project: Project = None) -> None:
    """Play the whole chain of handoffs in a throw-away project.

    With --project it is played there.

    \b
    Example:
      bmad-messenger demo
    """
    from bmad_messenger.demo import run

    folder = run(project, _silent if as_json else _say)
    if as_json:
        write_json({"project": str(folder)})


def _project_or_here(project: Path | None) -> Path:
    try:
        return find_project(project).root
    except NotFoundError:
        if project is not None or os.environ.get(PROJECT_VARIABLE):
            raise
        return Path.cwd()


def _say(line: str) -> None:
    write_lines(line.split("\n"))


def _silent(line: str) -> None:
    """Say nothing: the one document at the end says it."""
