"""`git install`: the merge driver, the diff driver and the hooks of a clone."""

from typing import Annotated

import typer

from bmad_messenger.cli.options import Json, Project
from bmad_messenger.cli.output import write_json, write_lines
from bmad_messenger.config import find_project
from bmad_messenger.errors import InvalidError, Problem, UsageError
from bmad_messenger.git import install as installing


def install(
    pre_commit: Annotated[
        bool, typer.Option("--pre-commit", help="Also add a hook that refuses a commit of messages that are invalid.")
    ] = False,
    post_merge: Annotated[
        bool, typer.Option("--post-merge", help="Also add hooks that run `sync` after a merge, a pull or a rebase.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 3 where something is missing or does not run.")
    ] = False,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Take out what was put in, the hooks too.")] = False,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Let git merge and show queue and archive by message.

    The drivers go into this clone's own config, and what uses them into _bmad-output/messenger/.gitattributes, which is
    to be committed. Each clone installs them once.

    \b
    Example:
      bmad-messenger git install --pre-commit --post-merge
    """
    if check and uninstall:
        raise UsageError("--check and --uninstall exclude each other", hint="give one of them")
    if uninstall and (pre_commit or post_merge):
        raise UsageError("--uninstall takes out everything", hint="leave out --pre-commit and --post-merge")
    found = find_project(project)
    if check:
        _tell_missing(installing.missing(found, pre_commit=pre_commit, post_merge=post_merge), as_json=as_json)
        return
    done = (
        installing.uninstall(found)
        if uninstall
        else installing.install(found, pre_commit=pre_commit, post_merge=post_merge)
    )
    if as_json:
        write_json({"actions": done})
    else:
        write_lines(done, empty="Nothing of it is here." if uninstall else "Everything is there already.")


def _tell_missing(problems: list[Problem], *, as_json: bool) -> None:
    if as_json:
        write_json({"problems": [problem.to_mapping() for problem in problems]})
    else:
        write_lines([str(problem) for problem in problems], empty="Everything is there.")
    if problems:
        raise typer.Exit(InvalidError.exit_code)
