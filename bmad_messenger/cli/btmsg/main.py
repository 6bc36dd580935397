"""The run of one command line of `btmsg`: two commands answer at once, all others through typer."""

import sys
from collections.abc import Sequence

from bmad_messenger.cli.btmsg import quick
from bmad_messenger.cli.btmsg.arguments import require_utf8
from bmad_messenger.cli.errors import exit_code_of
from bmad_messenger.cli.output import use_utf8


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments` (the process's own unless given); its exit code comes back."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    use_utf8()
    return exit_code_of(lambda: _run(given), program="btmsg", as_json="--json" in given)


def _run(arguments: Sequence[str]) -> int:
    require_utf8(arguments)
    if quick.answer(arguments):
        return 0
    from bmad_messenger.cli.btmsg.commands import app
    from bmad_messenger.cli.program import run_program

    return run_program(app, arguments)
