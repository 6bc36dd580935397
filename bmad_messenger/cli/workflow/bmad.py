"""BMAD's own workflow files on the command line: run, and shown."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from bmad_messenger import message as messages
from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.message_text import message_text, one_line
from bmad_messenger.cli.output import write_json, write_lines
from bmad_messenger.cli.workflow.options import STOPPED
from bmad_messenger.cli.workflow.text import summary_of
from bmad_messenger.message import Message
from bmad_messenger.messenger import Messenger
from bmad_messenger.workflow.bmad.compiling import checked, compile_play, play_file
from bmad_messenger.workflow.bmad.parameters import given_to
from bmad_messenger.workflow.bmad.phrases import compact
from bmad_messenger.workflow.bmad.play import Part, Play, Standing
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.model import RECEIVE, SEND
from bmad_messenger.workflow.run import Run, State
from bmad_messenger.yaml.render import render_inline


def run_bmad(
    engine: Engine, path: Path, flags: Sequence[str], assignments: Sequence[str], *, dry_run: bool, as_json: bool
) -> None:
    """Run what a BMAD workflow can run by itself, and show what is left to the agent."""
    messenger, now = engine.messenger, messages.now()
    given = given_to(messenger, path, flags, assignments, now)
    found = play_file(messenger, path, given, now)
    _warn(found)
    outcomes = checked(messenger, found)
    if dry_run or not outcomes:
        values = dict(zip(found.elements, (one.value for one in outcomes), strict=True))
        _print(found, None, values, as_json)
        return
    run = engine.begin(compile_play(found, given)[0], given, now=now)
    run = engine.advance(run.run_id)
    _print(found, run, {}, as_json)
    if run.state is not State.DONE:
        raise typer.Exit(STOPPED)


def show_bmad(messenger: Messenger, path: Path, as_json: bool) -> None:
    """Show a BMAD workflow as it would be run without parameters; nothing is checked or done."""
    found = play_file(messenger, path, {}, messages.now())
    _warn(found)
    _print(found, None, {}, as_json)


def _warn(found: Play) -> None:
    for note in found.definition.notes:
        warn(note)


def _print(found: Play, run: Run | None, values: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        write_json(_document(found, run, values))
        return
    definition = found.definition
    lines = [f"{definition.name}: {definition.description}" if definition.description else definition.name]
    if run is None:
        lines += [f"  {name}: {render_inline(value)}" for name, value in definition.variables.values.items()]
    for number, part in enumerate(found.parts, 1):
        lines += _lines(f"{number:>{len(str(len(found.parts)))}}.", part, run, values)
    tags = definition.instructions.unknown_tags if definition.instructions else ()
    unknown = {"variables": definition.unknown_variables, "tags": tags, "keys": definition.unknown_keys}
    lines += [f"unknown {what}: {', '.join(names)}" for what, names in unknown.items() if names]
    lines.append(summary_of(run) if run is not None else _what_is_left(found))
    write_lines(lines)


def _document(found: Play, run: Run | None, values: Mapping[str, Any]) -> dict[str, Any]:
    definition = found.definition
    return {
        "workflow": definition.name,
        "description": definition.description,
        "file": definition.file,
        "instructions": definition.instructions.name if definition.instructions else None,
        "run": run.run_id if run is not None else None,
        "state": run.state.value if run is not None else "not run",
        "error": run.error if run is not None else None,
        "variables": definition.variables.values,
        "steps": [_part_document(part, run, values) for part in found.parts],
        "unknown_variables": [*definition.unknown_variables],
        "unknown_tags": [*definition.instructions.unknown_tags] if definition.instructions else [],
        "unknown_keys": [*definition.unknown_keys],
    }


def _part_document(part: Part, run: Run | None, values: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "kind": part.kind,
        "state": _state(part, run),
        "step": part.step,
        "pass": part.visit,
        "line": part.line,
        "column": part.column,
        "text": part.text,
        "why": part.why,
        "attributes": dict(part.attributes),
        "depends_on": [*part.depends_on],
        "id": part.id,
    }
    if part.element is not None:
        document |= {"task": part.element.task, "params": dict(part.element.params)}
    if part.id is not None and run is not None:
        document |= {"value": run.step(part.id).outputs, "error": run.step(part.id).error}
    elif part.id is not None and part.id in values:
        document["value"] = values[part.id]
    return {key: value for key, value in document.items() if value not in (None, "", {}, [])}


def _state(part: Part, run: Run | None) -> str:
    """How a part stands; an `<exec>` as the run has it, or else `planned`."""
    if part.standing is not Standing.RUN:
        return str(part.standing.value)
    return "planned" if run is None else str(run.step(part.id or "").state.value)


def _lines(number: str, part: Part, run: Run | None, values: Mapping[str, Any]) -> Iterator[str]:
    """A part on a line of its own, and what it received below it; indented under what it depends on."""
    own = part.attributes.get("if", "") if part.kind != "check" else ""
    is_own = part.depends_on[-1:] == (compact(own),)
    inside = part.kind != "step" and part.step is not None
    indent = "  " * (inside + len(part.depends_on) - is_own)
    yield f"{number} {indent}{f'if {own}: ' if is_own else ''}{_words(part, run, values)}"
    if part.id is not None and run is not None and part.element is not None and part.element.task == RECEIVE:
        outputs = run.step(part.id).outputs or {}
        for message in outputs.get("messages", ()):
            for line in message_text(Message.from_mapping(message)).splitlines():
                yield f"     {indent}{line}"


def _words(part: Part, run: Run | None, values: Mapping[str, Any]) -> str:
    what = f"step {part.step or ''}".rstrip() if part.kind == "step" else " ".join((part.kind, *_shown(part)))
    again = f", time {part.visit}" if part.kind == "step" and part.visit > 1 else ""
    text = f": {part.text}" if part.text else ""
    if part.standing is Standing.SKIPPED:
        return f"{what}{text} is left out: {part.why}"
    if part.standing is Standing.RUN:
        return _exec_words(part, run, values)
    if part.standing is Standing.BEGUN or part.kind == "step":
        return f"{what}{again}{text}"
    if part.standing is Standing.JUMPED:
        return f"go to {part.text}"
    if part.standing is Standing.ENDED:
        return f"the workflow ends here{text}"
    if part.standing is Standing.ANSWERED:
        return f"{what}{text}: answered with {part.why}"
    if part.kind == "check":
        return f"agent judges{text}"
    if part.element is not None:
        return f"agent (exec {part.element.task}), not run: {part.why or 'it depends on what the agent judges'}"
    return f"agent ({what}){text}" if part.kind != "text" else f"agent{text}"


def _exec_words(part: Part, run: Run | None, values: Mapping[str, Any]) -> str:
    task = part.element.task if part.element is not None else part.kind
    if run is None:
        sent = values[part.id or ""]["messages"] if part.id in values and task == SEND else []
        what = part.why or "; ".join(one_line(Message.from_mapping(one)) for one in sent)
        return f"{task}, not run: {what}" if what else f"{task}, not run"
    step = run.step(part.id or "")
    if step.state is not State.DONE:
        return f"{task} {step.state.value}{f': {step.error}' if step.error else ''}"
    outputs = step.outputs if isinstance(step.outputs, Mapping) else {}
    if task == RECEIVE:
        return f"{task}: {len(outputs.get('messages', ()))} for {outputs.get('agent')}"
    ids = [one["message_id"] for one in outputs.get("messages", [outputs]) if "message_id" in one]
    return f"{task}: {', '.join(ids) if ids else render_inline(step.outputs)}"


def _shown(part: Part) -> Iterator[str]:
    """The attributes of a tag that say something to the agent."""
    return (f"{key}={value}" for key, value in part.attributes.items() if key != "if")


def _what_is_left(found: Play) -> str:
    count = len(found.elements)
    if count or found.definition.instructions is None:
        return f"{count} to run, none was" if count else "nothing to run"
    return "nothing to run: the agent does it all"
