"""Markdown in which any text stands as it is: none can end a table's row, name a person, or become a link or HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_BACKTICKS: Final = re.compile("`+")
LONGEST: Final = 200
"""How many characters of a text stand in a cell."""


def code(text: str, longest: int = LONGEST) -> str:
    """A text as a code span, on one line and cut short: in all else GitHub looks for @names, #numbers and links."""
    line = shortened(" ".join(text.split()), longest)
    if not line:
        return ""
    fence = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def shortened(text: str, longest: int) -> str:
    """A text of at most so many characters; where it is longer, it ends with `…`."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are Markdown already; a pipe in one does not end it."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (columns, ["---"] * len(columns), *escaped))
