"""The program as a process: `bmad-messenger`, or `python -m bmad_messenger` where the script is not on the path."""

import sys

from bmad_messenger.cli.process import run_main


def run() -> int:
    """Run the command line of this process; returns its exit code."""
    return run_main("bmad_messenger.cli.main")


if __name__ == "__main__":
    sys.exit(run())
