"""What the shell offers for a run and for a workflow."""

from __future__ import annotations

import typer

from bmad_messenger.cli.complete import offer


def run_ids(context: typer.Context) -> list[str]:
    """The ids of the runs."""
    from bmad_messenger.workflow.runs import Runs

    return offer(context, lambda messenger: Runs(messenger.project).ids())


def workflow_names(context: typer.Context) -> list[str]:
    """The names of the workflows."""
    from bmad_messenger.workflow.library import Library

    return offer(context, lambda messenger: Library(messenger.project).files())
