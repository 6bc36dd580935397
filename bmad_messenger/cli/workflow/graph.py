"""`workflow graph`: a workflow or a run as a picture."""

from typing import Annotated, Literal

import typer

from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.options import Json, Project
from bmad_messenger.cli.output import write, write_json, write_lines
from bmad_messenger.cli.workflow import complete
from bmad_messenger.cli.workflow.options import from_here
from bmad_messenger.errors import NotFoundError
from bmad_messenger.messenger import Messenger
from bmad_messenger.workflow.graph import direct_needs, drawing, mermaid
from bmad_messenger.workflow.library import Library
from bmad_messenger.workflow.model import Workflow
from bmad_messenger.workflow.run import Run
from bmad_messenger.workflow.runs import Runs


def graph(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|RUN",
            help="A workflow, or a run.",
            callback=from_here,
            autocompletion=complete.workflow_names,
        ),
    ],
    form: Annotated[
        Literal["text", "mermaid"], typer.Option("--format", help="Drawn for the terminal, or a Mermaid flowchart.")
    ] = "text",
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Draw the steps of a workflow, or how a run stands.

    \b
    Example:
      bmad-messenger workflow graph full-cycle --format mermaid
    """
    workflow, run = _found(Messenger.open(project, report=warn), name)
    if as_json:
        needs = direct_needs(workflow)
        steps = [
            {
                "id": step.id,
                "kind": step.kind,
                "needs": needs[step.id],
                **({"state": run.step(step.id).state.value} if run is not None else {}),
            }
            for step in workflow.all_steps
        ]
        write_json({"workflow": workflow.name, "steps": steps})
    elif form == "mermaid":
        write(mermaid(workflow, run))
    else:
        write_lines(drawing(workflow, run))


def _found(messenger: Messenger, name: str) -> tuple[Workflow, Run | None]:
    library, runs = Library(messenger.project), Runs(messenger.project)
    try:
        return library.read(name)[0], None
    except NotFoundError as unknown:
        try:
            run = runs.read(runs.resolve(name))
        except NotFoundError:
            raise unknown from None
    return library.read_file(library.path_of(run.path))[0], run
