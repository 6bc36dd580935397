"""The program as a process: `bmad-messenger`, or `python -m bmad_messenger` where the script is not on the path."""

import gc
import sys

_ENOUGH = 100_000
"""How many objects may come to life before the collector looks for circles: more than a command makes."""


def run() -> int:
    """Run the command line of this process; returns its exit code.

    A command ends before circles of dead objects could matter. Looking for them, at work and once more at exit, would
    take a fifth of its time.
    """
    gc.set_threshold(_ENOUGH)
    from bmad_messenger.cli.main import main

    code = main()
    gc.freeze()
    return code


if __name__ == "__main__":
    sys.exit(run())
