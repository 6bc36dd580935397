"""A workflow or a run as a picture: a Mermaid flowchart, or lines that a terminal shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bmad_messenger.workflow.model import Step, Workflow
from bmad_messenger.workflow.run import Run, State

_SHAPES: Final = {"exec": ('["', '"]'), "ask": ('{{"', '"}}'), "wait": ('(["', '"])'), "workflow": ('[["', '"]]')}
"""How Mermaid draws each kind of step: a box, a hexagon, a stadium, a box with double sides."""

_MARKS: Final[Mapping[State, str]] = {
    State.PENDING: "·",
    State.RUNNING: "▸",
    State.WAITING: "…",
    State.DELIVERING: "▸",
    State.DONE: "✓",
    State.SKIPPED: "-",
    State.FAILED: "✗",
    State.CANCELLED: "x",
}
_COLOURS: Final = {
    State.DONE: "fill:#d4edda,stroke:#2e7d32,color:#000",
    State.WAITING: "fill:#fff3cd,stroke:#b8860b,color:#000",
    State.FAILED: "fill:#f8d7da,stroke:#b71c1c,color:#000",
    State.CANCELLED: "fill:#e2e3e5,stroke:#555,color:#000",
    State.SKIPPED: "fill:#f8f9fa,stroke:#999,color:#666",
}


def mermaid(workflow: Workflow, run: Run | None = None) -> str:
    """A flowchart of the steps, each with an arrow from every step that it needs; a run's states are its colours."""
    names = {step.id: f"s{number}" for number, step in enumerate(workflow.all_steps)}
    lines = ["flowchart TD"]
    for step in workflow.all_steps:
        opening, closing = _SHAPES[step.kind]
        lines.append(f"    {names[step.id]}{opening}{_escaped(label_of(step))}{closing}")
    for step in workflow.all_steps:
        text = f'|"{_escaped(step.when)}"|' if isinstance(step.when, str) else ""
        lines += [f"    {names[name]} -->{text} {names[step.id]}" for name in direct_needs(step, workflow.all_steps)]
    if workflow.final:
        ends = [step.id for step in workflow.steps if not any(step.id in one.needs for one in workflow.steps)]
        firsts = [step.id for step in workflow.final if not step.needs]
        lines += [f"    {names[end]} -.-> {names[first]}" for end in ends for first in firsts]
    if run is not None:
        lines += _coloured(workflow, run, names)
    return "\n".join(lines) + "\n"


def drawing(workflow: Workflow, run: Run | None = None) -> list[str]:
    """The steps a line each, in an order in which none stands above one that it needs; lines join them.

    A step stands at a column of its own while something still needs it, as a branch does in a log of git.
    """
    lines: list[str] = []
    columns: list[str | None] = []  # which step's line runs down each column
    left = {
        step.id: [one.id for one in workflow.all_steps if step.id in direct_needs(one, workflow.all_steps)]
        for step in workflow.all_steps
    }
    for step in _in_order(workflow):
        needed = [column for column, name in enumerate(columns) if name is not None and step.id in left[name]]
        for column in needed:
            name = columns[column]
            assert name is not None  # it is one of those that hold a name
            left[name] = [one for one in left[name] if one != step.id]
        at = needed[0] if needed and not left[str(columns[needed[0]])] else _free(columns)
        if at == len(columns):
            columns.append(None)
        lines.append(f"{_rails(columns, at, needed, _mark(step, run))} {label_of(step)}{_condition(step)}")
        for column in needed:
            if not left[str(columns[column])]:
                columns[column] = None
        columns[at] = step.id if left[step.id] else None
        while columns and columns[-1] is None:
            columns.pop()
    return lines


def label_of(step: Step) -> str:
    """What stands for a step: its id, and what it does."""
    what = {"exec": str(step.what), "workflow": f"workflow {step.what}", "ask": "ask", "wait": "wait"}[step.kind]
    return f"{step.id}: {what}{' for each' if step.foreach is not None else ''}"


def direct_needs(step: Step, steps: Sequence[Step]) -> list[str]:
    """The steps that a step needs, but for those that another of them needs anyway."""
    above = {one.id: {*one.needs} for one in steps}

    def reached(name: str) -> set[str]:
        found, open_ones = set(), [*above.get(name, ())]
        while open_ones:
            one = open_ones.pop()
            if one not in found:
                found.add(one)
                open_ones += above.get(one, ())
        return found

    indirect = {other for name in step.needs for other in reached(name)}
    return [name for name in step.needs if name not in indirect]


def _in_order(workflow: Workflow) -> Iterator[Step]:
    for section in (workflow.steps, workflow.final):
        open_steps = [*section]
        over: set[str] = set()
        while open_steps:
            step = next(one for one in open_steps if over.issuperset(one.needs))
            open_steps.remove(step)
            over.add(step.id)
            yield step


def _free(columns: Sequence[str | None]) -> int:
    return next((number for number, name in enumerate(columns) if name is None), len(columns))


def _rails(columns: Sequence[str | None], at: int, needed: Sequence[int], mark: str) -> str:
    cells = []
    ends = [*needed, at]
    for number, name in enumerate(columns):
        if number == at:
            cells.append(mark)
        elif number in needed:
            cells.append("┘" if number > at else "├")
        elif name is not None:
            cells.append("│")
        else:
            cells.append("─" if min(ends) < number < max(ends) else " ")
    joined = cells[0] if cells else mark
    for number, cell in enumerate(cells[1:], 1):
        joined += ("─" if min(ends) < number <= max(ends) else " ") + cell
    return joined


def _mark(step: Step, run: Run | None) -> str:
    return "●" if run is None else _MARKS[run.step(step.id).state]


def _condition(step: Step) -> str:
    return f"  (when {step.when})" if isinstance(step.when, str) else ""


def _coloured(workflow: Workflow, run: Run, names: Mapping[str, str]) -> Iterator[str]:
    for state, style in _COLOURS.items():
        of_state = [names[step.id] for step in workflow.all_steps if run.step(step.id).state is state]
        if of_state:
            yield f"    classDef {state.value} {style}"
            yield f"    class {','.join(of_state)} {state.value}"


def _escaped(text: str) -> str:
    """Text as Mermaid takes it inside quotes: what it would read as markup is written as its code."""
    one_line = " ".join(text.split())
    return re.sub(r'["#<>&`;{}|\\]', lambda found: f"#{ord(found[0])};", one_line)
