"""Rows under their columns' names, as text: plain for a pipe, fitted and drawn for a terminal."""

from collections.abc import Sequence
from typing import Final

_GAP: Final = 2  # blanks between columns


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A row a line, nothing wrapped and nothing cut, under the columns' names in capitals."""
    lines = [[name.upper() for name in columns], *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ((cell.ljust(width + _GAP) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "".join(f"{''.join(cells).rstrip()}\n" for cells in padded)


def drawn_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, colour: bool) -> str:
    """A table as wide as the terminal; cells are wrapped between words, and no word is broken."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    by_column = [*zip(columns, *rows, strict=True)]
    natural = [max(map(cell_len, cells)) for cells in by_column]
    least = [max(cell_len(word) for cell in cells for word in cell.split() or [""]) for cells in by_column]
    console = Console(no_color=not colour)
    widths = _fitted(natural, least, console.width - _GAP * len(columns))
    console.width = max(console.width, sum(widths) + _GAP * len(columns))  # rather over the edge than an id in pieces
    table = Table(box=None, padding=(0, _GAP, 0, 0), header_style="bold")
    for name, width in zip(columns, widths, strict=True):
        table.add_column(name, width=width)
    for row in rows:
        table.add_row(*map(Text, row))  # as text: `[red]` in a cell is what it says, and no colour
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def _fitted(natural: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """The widths of columns that shall fit in `room`: the widest gives way first, none below its `least`."""
    widths = [*natural]
    while sum(widths) > room:
        wide = [number for number, width in enumerate(widths) if width > least[number]]
        if not wide:
            break
        widths[max(wide, key=widths.__getitem__)] -= 1
    return widths
