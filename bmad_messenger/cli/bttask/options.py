"""The arguments and options that the commands of `bttask` share."""

from typing import Annotated

import typer

TaskId = Annotated[str, typer.Argument(metavar="ID", help="A task's id, or the beginning of one.")]
Version = Annotated[
    int | None,
    typer.Option(metavar="N", help="The version that you have seen; where it is another now, nothing changes."),
]
