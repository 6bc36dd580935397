"""The program `btmsg` as a process, or `python -m bmad_messenger.cli.btmsg`."""

import sys

from bmad_messenger.cli.process import run_main


def run() -> int:
    """Run the command line of this process; returns its exit code."""
    return run_main("bmad_messenger.cli.btmsg.main")


if __name__ == "__main__":
    sys.exit(run())
