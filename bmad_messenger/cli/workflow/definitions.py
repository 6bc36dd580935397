"""`workflow list`, `show`, `tasks`, `validate`, `schema` and `new`: the workflows there are, and writing one."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.options import Json, Project
from bmad_messenger.cli.output import write, write_json, write_lines, write_table
from bmad_messenger.cli.workflow import complete
from bmad_messenger.cli.workflow.options import OWN_OPTIONS, WorkflowName, from_here
from bmad_messenger.cli.workflow.text import what_of
from bmad_messenger.errors import InvalidError, MessengerError, Problem
from bmad_messenger.messenger import Messenger
from bmad_messenger.task_parameters import Parameters
from bmad_messenger.workflow.bmad.recognising import is_bmad_file
from bmad_messenger.workflow.checking import problems_of as problems_of_workflow
from bmad_messenger.workflow.library import Library
from bmad_messenger.workflow.parameters import flag_of


def list_workflows(as_json: Json = False, project: Project = None) -> None:
    """List the workflows: the project's own, and shipped ones.

    \b
    Example:
      bmad-messenger workflow list
    """
    library = Library(Messenger.open(project, report=warn).project)
    found: list[tuple[str, str, str]] = []
    for name, path in sorted(library.files().items()):
        try:
            workflow, _ = library.read(name)
            found.append((name, library.name(path), workflow.description))
        except MessengerError as error:
            for problem in error.problems or (error.problem,):
                warn(problem._replace(severity="warning"))
    if as_json:
        write_json({"workflows": [{"name": name, "file": file, "description": text} for name, file, text in found]})
    else:
        write_table(("workflow", "file", "description"), found, empty="No workflows.")


def show(name: WorkflowName, as_json: Json = False, project: Project = None) -> None:
    """Show a workflow: its parameters and its steps.

    \b
    Example:
      bmad-messenger workflow show full-cycle
    """
    messenger = Messenger.open(project, report=warn)
    library = Library(messenger.project)
    if is_bmad_file(messenger.project, library.path(name)):
        from bmad_messenger.cli.workflow.bmad import show_bmad

        show_bmad(messenger, library.path(name), as_json)
        return
    workflow, source = library.read(name)
    if as_json:
        write_json({"file": workflow.path, **source.document.value})
        return
    write_lines([f"{workflow.name}: {workflow.description}", f"file: {workflow.path}"])
    rows = [
        (_option(one), _kind(schema), _default(schema), schema.get("description", ""))
        for one, schema in workflow.params.items()
    ]
    write_table(("parameter", "type", "default", "description"), rows, empty="It takes no parameters.")
    steps = [(step.id, what_of(step), ", ".join(step.needs), _condition(step.when)) for step in workflow.all_steps]
    write_table(("step", "does", "after", "when"), steps, empty="")


def tasks(as_json: Json = False, project: Project = None) -> None:
    """List the tasks that a step can `exec`, plugins' ones too.

    \b
    Example:
      bmad-messenger workflow tasks
    """
    from bmad_messenger.task_parameters import parameters_of
    from bmad_messenger.tasks import summary_of, tasks_of

    found = {name: (summary_of(task), parameters_of(task)) for name, task in tasks_of(Messenger.open(project)).items()}
    if as_json:
        documents = [
            {
                "name": name,
                "description": text,
                "parameters": [
                    {"name": one, "required": param.is_required, "schema": param.schema}
                    for one, param in takes.by_name.items()
                ],
                "takes_others": takes.is_open,
            }
            for name, (text, takes) in found.items()
        ]
        write_json({"tasks": documents})
        return
    rows = [(name, text, ", ".join(_params(takes))) for name, (text, takes) in found.items()]
    write_table(("task", "description", "parameters (* needed)"), rows, empty="No tasks.")


def validate(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME|FILE...]",
            help="Workflows; by default all that there are.",
            autocompletion=complete.workflow_names,
        ),
    ] = None,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Check workflows; tell every error with its place.

    Checked are form, steps, expressions, tasks and their parameters, agents, types, routes and payloads.

    \b
    Example:
      bmad-messenger workflow validate _bmad-output/messenger/workflows/release.yaml
    """
    messenger = Messenger.open(project, report=warn)
    library = Library(messenger.project)
    names = files or [str(path) for path in library.files().values()]
    problems: list[Problem] = []
    for name in names:
        try:
            path = library.path(from_here(name))
            if is_bmad_file(messenger.project, path):
                from bmad_messenger.workflow.bmad.compiling import problems_of

                problems += problems_of(messenger, path)
            else:
                problems += problems_of_workflow(path, messenger, library)
        except MessengerError as error:
            problems += error.problems or (error.problem,)
    if as_json:
        write_json({"problems": [problem.to_mapping() for problem in problems]})
    else:
        word = "workflow is" if len(names) == 1 else "workflows are"
        write_lines([str(one) for one in problems], empty=f"{len(names)} {word} valid.")
    if problems:
        raise typer.Exit(InvalidError.exit_code)


def schema(as_json: Json = False, project: Project = None) -> None:
    """Print the JSON Schema of a workflow, for editors.

    It knows the project's agents, types and routes, and the tasks of plugins.

    \b
    Example:
      bmad-messenger workflow schema > workflow.schema.json
    """
    from bmad_messenger.workflow.editor_schema import schema_for

    document = schema_for(Messenger.open(project, report=warn))
    if as_json:
        write_json(document)
    else:
        import json

        write(f"{json.dumps(document, indent=2, ensure_ascii=False)}\n")


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")],
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Write a new workflow to start from.

    It is valid as it is; its comments say what can stand where.

    \b
    Example:
      bmad-messenger workflow new release
    """
    from bmad_messenger.workflow.starting_point import write_new

    messenger = Messenger.open(project, report=warn)
    file = messenger.project.name(write_new(messenger, name))
    if as_json:
        write_json({"name": name, "file": file})
    else:
        write_lines([file])


def _params(takes: Parameters) -> Iterator[str]:
    """What a task takes, a word or two for each parameter."""
    for name, one in takes.by_name.items():
        kind = _kind(one.schema)
        yield f"{name}{'*' if one.is_required else ''}{f' ({kind})' if kind else ''}"
    if takes.is_open:
        yield "any others" if takes.by_name else "any"


def _kind(schema: Mapping[str, Any]) -> str:
    """What a value has to be, in a word or two."""
    if "enum" in schema:
        return " or ".join(str(value) for value in schema["enum"])
    kinds = schema.get("type", "")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _option(name: str) -> str:
    """How a parameter is given to `run`."""
    flag = flag_of(name)
    return f"--param {name}=" if flag in OWN_OPTIONS else flag


def _default(schema: Mapping[str, Any]) -> str:
    from bmad_messenger.yaml.render import render_inline

    return render_inline(schema["default"]) if "default" in schema else "(needed)"


def _condition(when: str | bool) -> str:
    return "" if when is True else str(when)
