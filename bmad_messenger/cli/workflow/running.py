"""`workflow run`, `resume`, `retry`, `cancel`, `tick` and `serve`: runs begin, go on and end."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.options import Json, Project
from bmad_messenger.cli.output import require_reader, write_json, write_json_line, write_lines, write_table
from bmad_messenger.cli.workflow.options import STOPPED, Changed, RunId, Wait, WorkflowName
from bmad_messenger.cli.workflow.text import document_of, output_lines, summary_of, what_of
from bmad_messenger.errors import MessengerError, Problem
from bmad_messenger.messenger import Messenger
from bmad_messenger.workflow.bmad.recognising import is_bmad_file
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.model import Workflow
from bmad_messenger.workflow.run import Run, State

_PATIENCE = 60.0  # seconds that a run is held for a step that is to be tried again


def run(
    name: WorkflowName,
    flags: Annotated[
        list[str] | None, typer.Argument(metavar="[--PARAM VALUE]...", help="The workflow's own parameters.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A parameter, as often as wanted.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, and show the steps; run none.")] = False,
    wait: Wait = False,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Answer questions here, on this terminal.")
    ] = False,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Run a workflow, as far as it goes without waiting.

    It prints the run's outputs. Where it has to wait, or has failed, it says so and exits with 9. The workflow's
    parameters are options, as `show NAME` lists them; `--param` gives one whose name is an option of this command, too.
    Of one of BMAD's own files, its `<exec>` elements are run, and what is left to the agent is shown.

    \b
    Example:
      bmad-messenger workflow run morning-inbox --agent dev
    """
    from bmad_messenger.workflow.parameters import params_of

    engine = _engine(project)
    path = engine.library.path(name)
    if is_bmad_file(engine.messenger.project, path):
        from bmad_messenger.cli.workflow.bmad import run_bmad

        run_bmad(engine, path, flags or (), param or (), dry_run=dry_run, as_json=as_json)
        return
    workflow, _ = engine.library.read(name)
    params = params_of(workflow.params, flags or (), param or ())
    if dry_run:
        _print_plan(*engine.prepared(name, params), as_json)
        return
    if interactive:
        from bmad_messenger.cli.workflow.asking import require_terminal

        require_terminal()
    started = engine.start(name, params)
    _go_on(engine, started.run_id, wait=wait, interactive=interactive, as_json=as_json)


def resume(
    run_id: RunId,
    wait: Wait = False,
    changed: Changed = False,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Take a run on: after a crash, or when something has come.

    \b
    Example:
      bmad-messenger workflow resume prd-to-architecture-20250115-a1b2c3d4
    """
    engine = _engine(project)
    _go_on(engine, engine.runs.resolve(run_id), wait=wait, changed=changed, as_json=as_json)


def retry(
    run_id: RunId,
    from_step: Annotated[
        str | None, typer.Option("--from", metavar="STEP", help="Do this step and all that need it again.")
    ] = None,
    wait: Wait = False,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Let a run that has failed or was cancelled go on.

    What failed is tried again, and what it sent already is not sent again. With --from, that step and all that need it
    are done anew, and their messages are sent anew. So are, in any case, the steps under `finally`: they belong to each
    end of the run.

    \b
    Example:
      bmad-messenger workflow retry a1b2c3d4 --from to-architect
    """
    engine = _engine(project)
    again = engine.retry(engine.runs.resolve(run_id), from_step)
    _go_on(engine, again.run_id, wait=wait, as_json=as_json)


def cancel(
    run_id: RunId,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, kept with the run.")] = None,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """End a run, and the runs that it waits for.

    Its questions are taken back, and its steps under `finally` are done; a second `cancel` leaves out even these. Where
    another process is at a step of it, that process ends it when the step is done; a program that it runs is stopped.

    \b
    Example:
      bmad-messenger workflow cancel a1b2c3d4 --note "the scope changed"
    """
    engine = _engine(project)
    _print(engine.cancel(engine.runs.resolve(run_id), note), as_json)


def tick(as_json: Json = False, project: Project = None) -> None:
    """Take on every run that can go on; start those triggered.

    \b
    Example:
      bmad-messenger workflow tick
    """
    from bmad_messenger.workflow.ticking import tick as look

    found = look(Engine(Messenger.open(project, report=warn)))
    if as_json:
        write_json({"runs": [document_of(one) for one in found.runs]})
    else:
        write_lines([summary_of(one) for one in found.runs], empty="Nothing to do.")
    if found.errors:
        problems = [problem for error in found.errors for problem in error.problems or (error.problem,)]
        raise type(found.errors[0]).of(tuple(problems), "")


def serve(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document a line.")] = False,
    project: Project = None,
) -> None:
    """Take runs on as messages come and times pass.

    SIGTERM and Ctrl-C end it, once the step in hand is finished.

    \b
    Example:
      bmad-messenger workflow serve
    """
    import signal
    import threading

    from bmad_messenger.workflow.ticking import Tick
    from bmad_messenger.workflow.ticking import serve as keep_looking

    stop = threading.Event()
    reported: set[Problem] = set()

    def tell(problem: Problem) -> None:
        if as_json:
            write_json_line({"problem": problem.to_mapping()})
        else:
            warn(problem)

    def tell_once(problem: Problem) -> None:
        if problem not in reported:
            reported.add(problem)
            tell(problem)

    def report(found: Tick) -> None:
        for error in found.errors:
            for problem in error.problems or (error.problem,):
                tell(problem)
        for one in found.runs:
            if as_json:
                write_json_line(document_of(one))
            else:
                write_lines([summary_of(one)])
        require_reader()

    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        keep_looking(lambda: Engine(Messenger.open(project, report=tell_once), stop=stop), report, stop)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _engine(project: Path | None) -> Engine:
    return Engine(Messenger.open(project, report=warn), patience=_PATIENCE)


def _go_on(
    engine: Engine,
    run_id: str,
    *,
    wait: bool = False,
    interactive: bool = False,
    changed: bool = False,
    as_json: bool = False,
) -> None:
    """Take a run on, and print how it then stands."""
    try:
        found = engine.advance(run_id, changed=changed)
        if interactive:
            from bmad_messenger.cli.workflow.asking import answered

            while answered(engine, found):
                found = engine.advance(run_id)
        if wait and not found.state.is_over:
            from bmad_messenger.workflow.ticking import until_over

            found = until_over(engine, run_id)
    except MessengerError:
        hint = f"`bmad-messenger workflow resume {run_id}` goes on with it"
        warn(Problem(f"the run {run_id} has begun and is not over", hint, severity="warning"))
        raise
    _print(found, as_json)
    if found.state is not State.DONE:
        raise typer.Exit(STOPPED)


def _print_plan(workflow: Workflow, params: Mapping[str, Any], as_json: bool) -> None:
    """Show what would be done."""
    if as_json:
        steps = [{"id": step.id, step.kind: step.what, "needs": [*step.needs]} for step in workflow.all_steps]
        write_json({"workflow": workflow.name, "params": params, "steps": steps})
        return
    write_lines([f"The workflow {workflow.name} is valid, and was not run."])
    rows = [(step.id, what_of(step), ", ".join(step.needs)) for step in workflow.all_steps]
    write_table(("step", "does", "after"), rows, empty="")


def _print(found: Run, as_json: bool) -> None:
    if as_json:
        write_json(document_of(found))
    else:
        write_lines([summary_of(found), *output_lines(found)])
