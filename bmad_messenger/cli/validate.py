"""`validate`: every problem of a project's files, with its place."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from bmad_messenger.cli.options import Json, Project
from bmad_messenger.cli.output import write_json, write_lines
from bmad_messenger.config import PROJECT_VARIABLE, project_of
from bmad_messenger.errors import InvalidError, Problem
from bmad_messenger.messenger import Messenger


def validate(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Only these files, in place of all that the project has.")
    ] = None,
    format: Annotated[
        Literal["text", "github"], typer.Option(help="`github` makes annotations in a workflow of GitHub's.")
    ] = "text",
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Check the queue, the archive, the config and the routes.

    The exit code is 3 where there is an error, and 0 where there are warnings alone. A file is judged by the settings
    of the project that it lies in.

    \b
    Example:
      bmad-messenger validate --format github
    """
    problems = _problems(project, files or [])
    if as_json:
        write_json({"problems": [{**problem.to_mapping(), "severity": problem.severity} for problem in problems]})
    elif format == "github":
        if problems:
            write_lines([_annotation(problem) for problem in problems], empty="")
    else:
        write_lines([_line(problem) for problem in problems], empty="No problems.")
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(InvalidError.exit_code)


def _problems(project: Path | None, files: list[Path]) -> Sequence[Problem]:
    if project is not None or not files or os.environ.get(PROJECT_VARIABLE):
        return _problems_of(project, files)
    by_root: dict[Path | None, list[Path]] = {}
    for file in files:
        owner = project_of(Path(os.path.abspath(file)))
        by_root.setdefault(owner.root if owner else None, []).append(file)
    return [_named(problem, root) for root, own in by_root.items() for problem in _problems_of(root, own)]


def _problems_of(project: Path | None, files: list[Path]) -> Sequence[Problem]:
    try:
        return Messenger.open(project).validate(files)
    except InvalidError as error:  # of the config or a plugin, without which nothing else can be judged
        return error.problems or (error.problem,)


def _named(problem: Problem, root: Path | None) -> Problem:
    """The problem, its file named from here where it is in a project that is not around us."""
    if root is None or problem.path is None or Path.cwd().is_relative_to(root):
        return problem
    return problem._replace(path=os.path.relpath(root / problem.path))


def _line(problem: Problem) -> str:
    where = f"{problem.where}: " if problem.where else ""
    hint = f"; {problem.hint}" if problem.hint else ""
    return f"{where}{problem.severity}: {problem.message}{hint}"


def _annotation(problem: Problem) -> str:
    """A workflow command of GitHub Actions."""
    properties = (("file", problem.path), ("line", problem.line), ("col", problem.column))
    place = ",".join(f"{name}={_escape(str(value), _IN_PROPERTY)}" for name, value in properties if value is not None)
    hint = f"; {problem.hint}" if problem.hint else ""
    kind = "error" if problem.severity == "error" else "warning"
    return f"::{kind}{f' {place}' if place else ''}::{_escape(f'{problem.message}{hint}', _IN_TEXT)}"


def _escape(text: str, characters: str) -> str:
    return "".join(f"%{ord(c):02X}" if c in characters else c for c in text)


_IN_TEXT: Final = "%\r\n"
_IN_PROPERTY: Final = "%\r\n:,"
