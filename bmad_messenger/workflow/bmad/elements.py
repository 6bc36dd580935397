"""The `<exec>` elements of BMAD's instructions: each read by itself when it is reached, and its id in a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from bmad_messenger.errors import InvalidError, Problem
from bmad_messenger.exec_reader import ExecElement, read_exec
from bmad_messenger.findings import show
from bmad_messenger.workflow.bmad.instructions import EXEC, STEPS, Instructions, Mark, unfilled

_UNKNOWN: Final = re.compile(r"there is no variable '(?P<name>.+)'")


class Found(NamedTuple):
    """An element, or what is wrong with it."""

    element: ExecElement | None
    problems: tuple[Problem, ...] = ()


def read_element(
    instructions: Instructions, mark: Mark, variables: Mapping[str, str], open_ones: Mapping[str, Any] | None = None
) -> Found:
    """The element that a mark is, with its variables filled in; `open_ones` are those that are not known to the end."""
    line, column = instructions.place(mark.start)
    text = instructions.text[mark.start : mark.end]
    try:
        element = read_exec(text, path=instructions.name, variables=variables)[0]
    except InvalidError as error:
        problems = error.problems or (error.problem,)
        return Found(None, tuple(_moved(_explained(one, open_ones or {}), line, column) for one in problems))
    return Found(ExecElement(element.task, element.params, instructions.name, line, column))


def read_raw(instructions: Instructions, mark: Mark) -> ExecElement | None:
    """The element as it stands, its variables left in their places."""
    text = instructions.text[mark.start : mark.end]
    return read_element(instructions, mark, unfilled(text)).element


def ids_of(marks: tuple[Mark, ...]) -> dict[int, str]:
    """The id of each element, by the number of its mark: its step, and which of the step's elements it is."""
    found: dict[int, str] = {}
    counts: dict[str, int] = {}
    steps: list[str] = []  # for each mark, the step that it stands in
    for number, mark in enumerate(marks):
        around = steps[mark.parent] if mark.parent >= 0 else ""
        step = _slug(mark.attributes.get("n", "")) if mark.name in STEPS else around
        steps.append(step)
        if mark.name == EXEC:
            counts[step] = counts.get(step, 0) + 1
            found[number] = f"{f'step-{step}-' if step else ''}exec-{counts[step]}"
    return found


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()[:40]).strip("-.")


def _moved(problem: Problem, line: int, column: int) -> Problem:
    """A problem at its place in the file, and no longer in the element's own text."""
    if problem.line is None or problem.column is None:
        return problem._replace(line=line, column=column)
    at = problem.column + (column - 1 if problem.line == 1 else 0)
    return problem._replace(line=problem.line + line - 1, column=at)


def _explained(problem: Problem, open_ones: Mapping[str, Any]) -> Problem:
    """An unknown variable, with the reason and the hint that a workflow has."""
    match = _UNKNOWN.fullmatch(problem.message)
    if match is None:
        return problem
    name = match["name"]
    if name in open_ones:
        message = f"the variable {name!r} is {show(open_ones[name])}, in which something is not known"
        return problem._replace(message=message, hint=f"give it with --param {name}=VALUE")
    near, question, _ = problem.hint.partition("? ")
    meant = f"{near}{question}" if question else ""
    return problem._replace(hint=f"{meant}give it with --param {name}=VALUE, or write \\{{ for a plain brace")
