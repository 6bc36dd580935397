"""The arguments and options that several of the group's commands share."""

import os
from typing import Annotated, Final

import typer

from bmad_messenger.cli.workflow import complete

OWN_OPTIONS: Final = frozenset({"--param", "--dry-run", "--wait", "--interactive", "--json", "--project", "--help"})
"""The options of `workflow run` itself; a workflow's parameter of such a name is given with `--param`."""

STOPPED: Final = 9
"""The exit code of a command whose run waits, failed or was cancelled."""


def from_here(name: str) -> str:
    """The name of a workflow; that of a file counts from the working directory first, as everywhere in a shell."""
    from bmad_messenger.workflow.library import SUFFIXES

    is_file = os.path.dirname(name) or name.endswith(SUFFIXES)
    return os.path.abspath(name) if is_file and os.path.isfile(name) else name


RunId = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run's id, or any beginning or end of it.", autocompletion=complete.run_ids),
]
WorkflowName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A workflow's name, or its file.",
        callback=from_here,
        autocompletion=complete.workflow_names,
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Stay until the run is over.")]
Changed = Annotated[
    bool, typer.Option("--changed", help="Go on with the workflow as it is now, where it was changed since.")
]
