"""The figures as a picture: time by live messages for send and receive, and the commands as bars."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import command_line
import in_process
from targets import COMMANDS, RECEIVE, SEND, Figures

_COLOURS: Final = {
    in_process.MESSENGER: "#0a6ebd",
    in_process.FLOOR: "#5a9a3c",
    in_process.LIBYAML: "#d98200",
    in_process.ROUND_TRIP: "#b3282d",
}
_OTHERS: Final = "#9aa5b1"
_SIZE: Final = (12.0, 4.2)  # inches


def draw(figures: Figures, path: Path) -> None:
    """Write the picture as SVG; the same figures give the same bytes."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    settings = {"svg.hashsalt": "bmad-messenger", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10}
    with pyplot.rc_context(settings):
        figure, (send, receive, commands) = pyplot.subplots(
            1, 3, figsize=_SIZE, layout="constrained", width_ratios=(1, 1, 1.1)
        )
        _lines(send, figures, SEND, "Send one message")
        _lines(receive, figures, RECEIVE, f"Receive {in_process.RECEIVED} messages")
        receive.sharey(send)
        figure.legend(*send.get_legend_handles_labels(), loc="outside lower left", ncols=len(_COLOURS), frameon=False)
        _bars(commands, figures)
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)


def _lines(axes: Any, figures: Figures, operation: str, title: str) -> None:
    """Milliseconds, on a logarithmic scale, over the sizes, which stand one step apart."""
    by_size = {size: timings for (asked, size), timings in figures.items() if asked == operation}
    steps = {size: step for step, size in enumerate(by_size)}
    for name, colour in _COLOURS.items():
        points = [(steps[size], t.median(name) * 1000) for size, t in by_size.items() if name in t.seconds]
        axes.plot(*zip(*points, strict=True), marker="o", color=colour, label=name)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xticks(list(steps.values()), [f"{size:,}" for size in steps])
    axes.set(title=title, xlabel="live messages", ylabel="median, ms")
    _tidy(axes, "y")


def _bars(axes: Any, figures: Figures) -> None:
    timings = figures[COMMANDS, None]
    names = list(timings.seconds)
    ours = (command_line.SEND, command_line.RECEIVE)
    colours = [_COLOURS[in_process.MESSENGER] if name in ours else _OTHERS for name in names]
    short = {command_line.IMPORTS: "python: all imports", command_line.IMPORT_TYPER: "python: import typer"}
    labels = [short.get(name, name) for name in names]
    bars = axes.barh(labels, [timings.median(name) * 1000 for name in names], color=colours)
    axes.bar_label(bars, fmt="%.0f", padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set(title="Whole processes", xlabel="median, ms")
    _tidy(axes, "x")


def _tidy(axes: Any, grid: str) -> None:
    axes.grid(axis=grid, color="#e3e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
