"""A program as a process: a command ends before circles of dead objects could matter, so none are looked for."""

import gc
from importlib import import_module
from typing import Final

_ENOUGH: Final = 100_000
"""How many objects may come to life before the collector looks for circles: more than a command makes."""


def run_main(module: str) -> int:
    """Run `main` of the module with this name, on the process's own arguments; returns its exit code.

    The collector, at work and once more at exit, would take a fifth of a command's time.
    """
    gc.set_threshold(_ENOUGH)
    code: int = import_module(module).main()
    gc.freeze()
    return code
