"""The board as text: a section for each column in a pipe, columns side by side on a terminal."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from bmad_messenger.btmsg.records import Task
from bmad_messenger.cli.output import printable

_SHORTEST = 8  # characters of an id


def plain_board(columns: Mapping[str, Sequence[Task]]) -> str:
    """A section for each column, a task a line, nothing cut."""
    lines: list[str] = []
    several = _are_several_groups(columns)
    for status, tasks in columns.items():
        lines.append(f"{status} ({len(tasks)})")
        lines += [f"  {task.id}  {_facts(task, several)}  {task.title}" for task in tasks]
    return "".join(f"{printable(line, lines=False)}\n" for line in lines)


def drawn_board(columns: Mapping[str, Sequence[Task]]) -> str:
    """The columns side by side, as wide as the terminal; ids are cut where they still tell the tasks apart."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown, several = _shown([task.id for tasks in columns.values() for task in tasks]), _are_several_groups(columns)
    console = Console(color_system=None)
    table = Table(box=SIMPLE_HEAD, expand=True, pad_edge=False)
    for status, tasks in columns.items():
        table.add_column(Text(printable(f"{status} ({len(tasks)})", lines=False)), ratio=1, overflow="fold")
    for row in zip_longest(*columns.values()):
        table.add_row(*(Text(_card(task, shown, several)) if task else "" for task in row))
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def _are_several_groups(columns: Mapping[str, Sequence[Task]]) -> bool:
    return len({task.group_id for tasks in columns.values() for task in tasks}) > 1


def _facts(task: Task, with_group: bool) -> str:
    facts = f"{task.priority}, {task.assigned_to or 'nobody'}"
    return f"{facts}, {task.group_id}" if with_group else facts


def _card(task: Task, shown: int, with_group: bool) -> str:
    lines = (task.title, f"{task.id[:shown]} {_facts(task, with_group)}", "")
    return "\n".join(printable(line, lines=False) for line in lines)


def _shown(ids: Sequence[str]) -> int:
    """How many characters of the ids tell them apart."""
    longest = max(map(len, ids), default=0)
    return next((n for n in range(_SHORTEST, longest) if len({one[:n] for one in ids}) == len(ids)), longest)
