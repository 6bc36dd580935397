"""Times send and receive, in process and on the command line, and writes docs/benchmarks.md and its plot."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from command_line import commands
from in_process import receivers, senders
from live_queue import LiveQueue
from page import milliseconds, page, times
from targets import COMMANDS, RECEIVE, SEND, Question, verdicts
from timing import Timings, interleave

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
FEW: Final = 3  # messages in the project of the command line

SIZES: Final = (0, 100, 1000, 10_000)
ROUNDS: Final = 60
QUICK_SIZES: Final = (0, 20)
QUICK_ROUNDS: Final = 2


def main() -> None:
    """Run the benchmark that the command line asks for."""
    arguments = _arguments()
    with TemporaryDirectory(dir=arguments.folder) as folder:
        os.environ["BTMSG_DB"] = str(Path(folder, "btmsg.db"))  # the user's own is no place for made-up messages
        os.environ.pop("BMAD_MESSENGER_DISABLE", None)  # what comes with the messenger belongs to what is timed
        figures = _measure(Path(folder), arguments.program, quick=arguments.quick)
    for target, ratio in verdicts(figures):
        verdict = "met" if target.is_met_by(ratio) else "MISSED"
        print(f"{verdict:6}  {target.says}: {times(ratio)}, wanted {target.bound} {target.times:g}")
    if arguments.docs is not None:
        _write(arguments.docs, figures)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, few messages: does it run at all?")
    parser.add_argument(
        "--program",
        type=shlex.split,
        default=_installed_program(),
        metavar="COMMAND",
        help="what runs bmad-messenger (default: the script beside this Python, or else its module)",
    )
    parser.add_argument("--folder", metavar="DIR", help="where to make the projects: the disk that is timed")
    parser.add_argument(
        "--docs", type=Path, metavar="DIR", help="where the page goes (default: docs/; with --quick, nowhere)"
    )
    arguments = parser.parse_args()
    if arguments.docs is None and not arguments.quick:
        arguments.docs = DOCS
    return arguments


def _installed_program() -> list[str]:
    script = Path(sys.executable).with_name("bmad-messenger.exe" if os.name == "nt" else "bmad-messenger")
    return [str(script)] if script.exists() else [sys.executable, "-m", "bmad_messenger"]


def _measure(folder: Path, program: Sequence[str], *, quick: bool) -> dict[Question, Timings]:
    rounds = QUICK_ROUNDS if quick else ROUNDS
    figures: dict[Question, Timings] = {}
    for size in QUICK_SIZES if quick else SIZES:
        project = folder / f"with-{size}"
        queue = LiveQueue(project, size)
        for operation, contenders in ((SEND, senders), (RECEIVE, receivers)):
            figures[operation, size] = interleave(contenders(project, queue, size), rounds)
            _print(f"{operation}, {size:,} live messages", figures[operation, size])
    project = folder / "command-line"
    figures[COMMANDS, None] = interleave(commands(project, LiveQueue(project, FEW), program), rounds)
    _print(COMMANDS, figures[COMMANDS, None])
    return figures


def _print(title: str, timings: Timings) -> None:
    print(title)
    for name in timings.seconds:
        print(f"  {milliseconds(timings.median(name)):>10}  {name}", flush=True)


def _write(docs: Path, figures: dict[Question, Timings]) -> None:
    docs.mkdir(parents=True, exist_ok=True)
    plot = docs / "benchmarks.svg" if find_spec("matplotlib") else None
    if plot is None:
        print("no plot: matplotlib is missing, `pip install 'bmad-messenger[bench]'` brings it")
    else:
        from plot import draw

        draw(figures, plot)
    (docs / "benchmarks.md").write_text(page(figures, plot.name if plot else None), "utf-8")


if __name__ == "__main__":
    main()
