"""A run in words, and as a JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bmad_messenger.config import USER
from bmad_messenger.findings import show
from bmad_messenger.message import format_time
from bmad_messenger.workflow.model import Step
from bmad_messenger.workflow.run import Run, StepRun
from bmad_messenger.workflow.run_text import run_mapping
from bmad_messenger.yaml.render import render_inline

_LONGEST_VALUE: Final = 100  # characters of a value that is no text


def document_of(run: Run) -> dict[str, Any]:
    """The run under the keys of its file, with what it waits for."""
    return {"waits_for": [], "error": None, **run_mapping(run)}


def summary_of(run: Run) -> str:
    """How a run stands, in a line."""
    line = f"{run.run_id} {run.state.value}"
    if run.state.is_over:
        return f"{line}: {run.error}" if run.error else line
    waits = [f"{name} for {wait_of(one)}" for name, one in run.waiting()]
    return f"{line}: {'; '.join(waits)}" if waits else line


def output_lines(run: Run) -> list[str]:
    """What a run has come to, a line or more for each of its outputs; what is no text and long, by its size alone."""
    return [f"  {line}" for name, value in (run.outputs or {}).items() for line in _output_lines(name, value)]


def text_lines(name: str, text: str) -> list[str]:
    """A named text, on one line where it has no more."""
    first, *more = text.rstrip("\n").split("\n")
    return [f"{name}:", *(f"  {line}" for line in (first, *more))] if more else [f"{name}: {first}"]


def _output_lines(name: str, value: Any) -> list[str]:
    if isinstance(value, str):
        return text_lines(name, value)
    text = render_inline(value)
    return [f"{name}: {text if len(text) <= _LONGEST_VALUE else f'{show(value)}, which --json shows'}"]


def wait_of(step: StepRun) -> str:
    """What a step waits for, in words."""
    waits_for: Mapping[str, Any] = step.waits_for or {}
    if "answer_to" in waits_for:
        answer = f"`bmad-messenger answer {waits_for['answer_to']} …`"
        what = f"the answer of {waits_for['from']} ({answer})"
    elif "message" in waits_for:
        what = "a message " + ", ".join(f"{key} {value}" for key, value in waits_for["message"].items())
        asked_again = [*filter(None, waits_for.get("asked_again", {}).values())]
        what += f" (sent back what came: {', '.join(asked_again)})" if asked_again else ""
    elif "run" in waits_for:
        what = f"the run {waits_for['run']}"
    elif "retry" in waits_for:
        return f"another try at {waits_for['retry']}, after: {step.error}"
    else:
        return f"the time {waits_for.get('time')}"
    return f"{what}, until {format_time(step.due)}" if step.due is not None else what


def what_of(step: Step) -> str:
    """What a step does, in a few words."""
    if step.kind == "exec":
        what = str(step.what)
    elif step.kind == "workflow":
        what = f"the workflow {step.what}"
    elif step.kind == "ask":
        what = f"asks {step.what.get('of', USER)}"
    else:
        kind, wanted = next(iter(step.what.items()))
        what = f"waits for a message to {wanted.get('to', 'anyone')}" if kind == "message" else f"waits {kind} {wanted}"
    return f"{what}, for each" if step.foreach is not None else what
