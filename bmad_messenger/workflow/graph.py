"""A workflow or a run as a picture: a Mermaid flowchart, or lines that a terminal shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from heapq import heappop, heappush
from operator import or_
from typing import Final

from bmad_messenger.workflow.model import Step, Workflow
from bmad_messenger.workflow.run import Run, State

_SHAPES: Final = {"exec": ('["', '"]'), "ask": ('{{"', '"}}'), "wait": ('(["', '"])'), "workflow": ('[["', '"]]')}
"""How Mermaid draws each kind of step: a box, a hexagon, a stadium, a box with double sides."""

_MOST_COLUMNS: Final = 80
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
    needs = direct_needs(workflow)
    for step in workflow.all_steps:
        text = f'|"{_escaped(step.when)}"|' if isinstance(step.when, str) else ""
        lines += [f"    {names[name]} -->{text} {names[step.id]}" for name in needs[step.id]]
    if workflow.final:
        needed = {name for step in workflow.steps for name in step.needs}
        ends = [step.id for step in workflow.steps if step.id not in needed]
        firsts = [step.id for step in workflow.final if not step.needs]
        lines += [f"    {names[end]} -.-> {names[first]}" for end in ends for first in firsts]
    if run is not None:
        lines += _coloured(workflow, run, names)
    return "\n".join(lines) + "\n"


def drawing(workflow: Workflow, run: Run | None = None) -> list[str]:
    """The steps a line each, in an order in which none stands above one that it needs; lines join them.

    A step stands at a column of its own while something still needs it, as a branch does in a log of git. Where that
    takes more columns than an eye can follow, each line names what its step needs instead.
    """
    needs = direct_needs(workflow)
    return _joined(workflow, needs, run) or _listed(workflow, needs, run)


def _joined(workflow: Workflow, needs: Mapping[str, Sequence[str]], run: Run | None) -> list[str]:
    """The lines, joined; none where that takes too many columns."""
    lines: list[str] = []
    columns: list[str | None] = []  # which step's line runs down each column
    left = dict.fromkeys(needs, 0)  # how many still need each step
    for name in (name for needed in needs.values() for name in needed):
        left[name] += 1
    for step in _in_order(workflow):
        needed = [column for column, name in enumerate(columns) if name in needs[step.id]]
        for name in needs[step.id]:
            left[name] -= 1
        at = needed[0] if needed and not left[str(columns[needed[0]])] else _free(columns)
        if at == len(columns):
            columns.append(None)
        if len(columns) > _MOST_COLUMNS:
            return []
        lines.append(f"{_rails(columns, at, needed, _mark(step, run))} {label_of(step)}{_condition(step)}")
        for column in needed:
            if not left[str(columns[column])]:
                columns[column] = None
        columns[at] = step.id if left[step.id] else None
        while columns and columns[-1] is None:
            columns.pop()
    return lines


def _listed(workflow: Workflow, needs: Mapping[str, Sequence[str]], run: Run | None) -> list[str]:
    lines = []
    for step in _in_order(workflow):
        after = f"  (after {', '.join(needs[step.id])})" if needs[step.id] else ""
        lines.append(f"{_mark(step, run)} {label_of(step)}{_condition(step)}{after}")
    return lines


def label_of(step: Step) -> str:
    """What stands for a step: its id, and what it does."""
    what = {"exec": str(step.what), "workflow": f"workflow {step.what}", "ask": "ask", "wait": "wait"}[step.kind]
    return f"{step.id}: {what}{' for each' if step.foreach is not None else ''}"


def direct_needs(workflow: Workflow) -> dict[str, list[str]]:
    """For each step those that it needs, but for those that another of them needs anyway."""
    bits = {step.id: 1 << number for number, step in enumerate(workflow.all_steps)}
    above: dict[str, int] = {}  # all that a step needs, however far up, as the bits of a number
    direct: dict[str, list[str]] = {}
    for step in _in_order(workflow):
        indirect = reduce(or_, (above[name] for name in step.needs), 0)
        above[step.id] = reduce(or_, (bits[name] for name in step.needs), indirect)
        direct[step.id] = [name for name in step.needs if not bits[name] & indirect]
    return direct


def _in_order(workflow: Workflow) -> Iterator[Step]:
    """The steps, each after those that it needs, and otherwise as they stand in the file."""
    for section in (workflow.steps, workflow.final):
        numbers = {step.id: number for number, step in enumerate(section)}
        left = [len(step.needs) for step in section]
        needed_by: list[list[int]] = [[] for _ in section]
        for number, step in enumerate(section):
            for name in step.needs:
                needed_by[numbers[name]].append(number)
        ready = [number for number, count in enumerate(left) if not count]
        while ready:
            number = heappop(ready)
            yield section[number]
            for other in needed_by[number]:
                left[other] -= 1
                if not left[other]:
                    heappush(ready, other)


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
