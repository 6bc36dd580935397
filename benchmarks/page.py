"""The figures as a Markdown page: what was timed on which machine, a table a question, and which target is met."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import command_line
import in_process
from targets import COMMANDS, RECEIVE, SEND, Figures, verdicts
from timing import Ratio, Timings

import bmad_messenger

_PACKAGES = ("ruamel.yaml", "ruamel.yaml.clib", "jsonschema", "filelock", "pluggy", "typer")

_INTRODUCTION = f"""\
# Benchmarks

This page is written by `python benchmarks/run.py`; nothing in it is typed by hand. All contenders run in one session,
in turns and in random order, each on files of its own in one folder. Times are medians. A ratio is taken within each
round and then summed up as median (least to most).

- **{in_process.MESSENGER}**: `Messenger.send` and `Messenger.receive` with every check. Durable: when they return, what
  they wrote has reached the disk. Before each run the files are put back.
- **{in_process.FLOOR}**: the same bytes to a temporary file, fsync, rename; for a send also the archive's small file.
- **{in_process.LIBYAML}**: `YAML(typ="safe").load` of the same file, and nothing else.
- **{in_process.ROUND_TRIP}**: `YAML()` loads the file, the list is changed and dumped, fsync, rename.

Every live message waits for the one agent that receives, which is the worst case for a receive.
"""


def page(figures: Figures, plot: str | None) -> str:
    """The whole page; `plot` is the name of the picture beside it."""
    parts = [_INTRODUCTION, _machine()]
    if plot is not None:
        parts.append(f"![Time by live messages, and of whole commands]({plot})\n")
    parts += [
        _section("Targets", _targets(figures)),
        _section("Send one message, in process", _by_size(figures, SEND)),
        _section(f"Receive {in_process.RECEIVED} messages and mark them read, in process", _by_size(figures, RECEIVE)),
        _section("The command line, whole processes", _commands(figures[COMMANDS, None])),
    ]
    return "\n".join(parts)


def milliseconds(seconds: float) -> str:
    """A time with three digits that count."""
    value = seconds * 1000
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.1f} ms" if value >= 10 else f"{value:.2f} ms"


def times(ratio: Ratio) -> str:
    """A ratio as median and range."""
    return f"{_number(ratio.median)} ({_number(ratio.least)} to {_number(ratio.most)})"


def _machine() -> str:
    rows = [
        ("Date", f"{datetime.now(UTC):%Y-%m-%d}"),
        ("Machine", f"{os.cpu_count()} cores, {platform.system()}, {platform.machine()}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("bmad-messenger", bmad_messenger.__version__),
        *((name, _version(name)) for name in _PACKAGES),
    ]
    return _table(("", ""), rows)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _targets(figures: Figures) -> str:
    rows = [
        (
            target.says,
            f"{target.bound} {_number(target.times)}",
            times(ratio),
            str(ratio.pairs),
            "met" if target.is_met_by(ratio) else "**missed**",
        )
        for target, ratio in verdicts(figures)
    ]
    return _table(("Question", "Target", "Measured", "Pairs", "Verdict"), rows)


def _by_size(figures: Figures, operation: str) -> str:
    rows = [
        (
            f"{size:,}",
            name,
            milliseconds(timings.median(name)),
            "1" if name == in_process.MESSENGER else times(timings.ratio(name, in_process.MESSENGER)),
        )
        for (asked, size), timings in figures.items()
        if asked == operation and size is not None
        for name in timings.seconds
    ]
    return _table(("Live messages", "Contender", "Median", f"By {in_process.MESSENGER}'s time"), rows)


def _commands(timings: Timings) -> str:
    rows = [
        (f"`{name}`", milliseconds(timings.median(name)), times(timings.ratio(name, command_line.IMPORTS)))
        for name in timings.seconds
    ]
    return _table(("Command", "Median", "By the imports' time"), rows)


def _section(title: str, content: str) -> str:
    return f"## {title}\n\n{content}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in _lines(columns, rows))


def _lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[Sequence[str]]:
    yield columns
    yield ["---"] * len(columns)
    yield from rows


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
