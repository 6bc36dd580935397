"""`workflow runs`, `status`, `logs` and `prune`: the runs there are, and how they stand."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.options import Json, Project
from bmad_messenger.cli.output import (
    begin_anew,
    require_reader,
    write_json,
    write_json_line,
    write_lines,
    write_table,
)
from bmad_messenger.cli.workflow import complete
from bmad_messenger.cli.workflow.options import RunId
from bmad_messenger.cli.workflow.text import document_of, summary_of, text_lines, wait_of
from bmad_messenger.errors import MessengerError, NotFoundError
from bmad_messenger.message import format_time
from bmad_messenger.messenger import Messenger
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.history import old_runs
from bmad_messenger.workflow.run import RUN_STATES, Attempt, Run, State, StepRun
from bmad_messenger.workflow.runs import Runs
from bmad_messenger.yaml.render import render_inline, render_mapping

_LOOK_EVERY = 0.5  # seconds


def list_runs(
    workflow: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only those of this workflow.", autocompletion=complete.workflow_names),
    ] = None,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="Only those that are running, waiting, done, failed, cancelled.")
    ] = None,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """List the runs, the latest last.

    \b
    Example:
      bmad-messenger workflow runs --state waiting
    """
    wanted = None if state is None else _state(state)
    found = [run for run in _all(_runs(project)) if workflow in (None, run.workflow) and wanted in (None, run.state)]
    if as_json:
        write_json({"runs": [document_of(run) for run in found]})
        return
    rows = [
        (run.run_id, run.state.value, format_time(run.started), summary_of(run).partition(": ")[2]) for run in found
    ]
    write_table(("run", "state", "started", "waits for"), rows, empty="No runs.")


def status(
    run_id: RunId,
    follow: Annotated[bool, typer.Option("--follow", help="Go on showing it until the run is over.")] = False,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Show a run's steps, their times, what it waits for.

    \b
    Example:
      bmad-messenger workflow status a1b2c3d4 --follow
    """
    engine = Engine(Messenger.open(project, report=warn))
    name = engine.runs.resolve(run_id)
    if not follow:
        _print(engine.with_pending(engine.runs.read(name)), as_json)
        return
    with suppress(KeyboardInterrupt):  # the way to end it
        for number, version in enumerate(_versions(engine.runs, name)):
            run = engine.with_pending(version)
            if as_json:
                write_json_line(document_of(run))
                continue
            if number:
                begin_anew()
            _print(run, as_json)


def logs(
    run_id: RunId,
    step: Annotated[str | None, typer.Argument(metavar="[STEP]", help="Only this step.")] = None,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Show each attempt of a run's steps, and what it left.

    \b
    Example:
      bmad-messenger workflow logs a1b2c3d4 to-architect
    """
    runs = _runs(project)
    run = runs.read(runs.resolve(run_id))
    if step is not None and step not in run.steps:
        hint = f"it has {', '.join(run.steps) or 'none yet'}"
        raise NotFoundError(f"the run {run.run_id} has no step {step!r}", hint=hint)
    entries = [entry for name, one in run.steps.items() if step in (None, name) for entry in _entries(name, one)]
    entries.sort(key=lambda entry: entry["started"])
    if as_json:
        write_json({"entries": entries})
        return
    for entry in entries:
        error = f": {entry['error']}" if "error" in entry else ""
        write_lines([f"{entry['started']} {entry['step']} {entry['state']}{error}"])
        if lines := _output_lines(entry.get("outputs", {})):
            write_lines(lines)


def prune(
    older_than: Annotated[
        str, typer.Option(metavar="TIME", help="Remove runs that ended so long ago: 45m, 3h, 2d, 4w.")
    ] = "30d",
    keep: Annotated[
        int, typer.Option(metavar="N", min=0, help="Keep this many of each workflow, whatever their age.")
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which.")] = False,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Remove the files of runs that are over.

    Those that a message started stay while that message is open, or else it would start another.

    \b
    Example:
      bmad-messenger workflow prune --older-than 7d --keep 20
    """
    messenger = Messenger.open(project, report=warn)
    runs = Runs(messenger.project)
    found = old_runs(_all(runs), messenger, older_than, keep)
    if not dry_run:
        for run in found:
            with runs.locked(run.run_id, messenger.config.limits.lock_timeout):
                runs.remove(run.run_id)
    if as_json:
        write_json({"runs": [run.run_id for run in found]})
    else:
        word = "would remove" if dry_run else "removed"
        write_lines([f"{word} {run.run_id}" for run in found], empty="Nothing to remove.")


def _runs(project: Path | None) -> Runs:
    return Runs(Messenger.open(project, report=warn).project)


def _all(runs: Runs) -> Iterator[Run]:
    """Every run, the earlier first; one whose file can't be read is reported and left out."""
    found = []
    for run_id in runs.ids():
        try:
            found.append(runs.read(run_id))
        except MessengerError as error:
            warn(error.problem._replace(severity="warning"))
    yield from sorted(found, key=lambda run: (run.started, run.run_id))


def _versions(runs: Runs, run_id: str) -> Iterator[Run]:
    """A run as it stands, and again whenever it has changed, until it is over."""
    run = runs.read(run_id)
    yield run
    while not run.state.is_over:
        time.sleep(_LOOK_EVERY)
        require_reader()
        now = runs.read(run_id)
        if now != run:
            run = now
            yield run


def _state(name: str) -> State:
    states = {one.value: one for one in RUN_STATES}
    if name not in states:
        raise NotFoundError(f"no run is ever {name!r}", hint=f"a run is {', '.join(states)}")
    return states[name]


def _print(run: Run, as_json: bool) -> None:
    if as_json:
        write_json(document_of(run))
        return
    write_lines([f"{run.run_id} {run.state.value}{f': {run.error}' if run.error else ''}"])
    write_lines(
        [f"  {name}: {json.dumps(value, ensure_ascii=False)}" for name, value in run.params.items()]
        or ["  no parameters"]
    )
    rows = [
        (
            place,
            one.state.value,
            format_time(one.started) if one.started else "",
            _time(one),
            str(len(one.attempts) or ""),
            _remark(one),
        )
        for name, step in run.steps.items()
        for place, one in ((name, step), *((f"{name}[{n}]", r) for n, r in enumerate(step.rounds)))
    ]
    write_table(("step", "state", "started", "took", "tries", "remark"), rows, empty="No step has begun.")


def _time(step: StepRun) -> str:
    if step.started is None or step.ended is None:
        return ""
    return f"{max(0.0, (step.ended - step.started).total_seconds()):g} s"  # a clock may have been set back


def _remark(step: StepRun) -> str:
    return f"waits for {wait_of(step)}" if step.state is State.WAITING else step.error or ""


def _entries(name: str, step: StepRun) -> Iterator[dict[str, Any]]:
    for number, one in enumerate(step.rounds):
        yield from _entries(f"{name}[{number}]", one)
    for number, attempt in enumerate(step.attempts, 1):
        is_last = number == len(step.attempts)
        yield _entry(name, attempt, step if is_last else None)
    if not step.attempts and not step.rounds and step.started is not None:
        yield _entry(name, Attempt(step.started, step.ended, step.error), step)


def _output_lines(outputs: Any) -> list[str]:
    """What a step has left; text of several lines, as a program prints it, on lines of its own."""
    if not isinstance(outputs, dict):
        return [f"    {render_inline(outputs)}"]
    lines: list[str] = []
    for name, value in outputs.items():
        is_text = isinstance(value, str) and "\n" in value
        lines += [f"    {line}" for line in text_lines(name, value)] if is_text else render_mapping({name: value}, 4)
    return lines


def _entry(name: str, attempt: Attempt, step: StepRun | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"step": name, "started": format_time(attempt.started)}
    entry["state"] = step.state.value if step is not None else State.FAILED.value
    if attempt.ended is not None:
        entry["ended"] = format_time(attempt.ended)
    error = attempt.error or (step.error if step is not None else None)
    if error:
        entry["error"] = error
    if step is not None and step.outputs is not None:
        entry["outputs"] = step.outputs
    return entry
