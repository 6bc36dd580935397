"""The program `bmad-messenger`: its help page, and its run."""

import sys
from collections.abc import Sequence
from typing import Final

from bmad_messenger.cli.errors import exit_code_of
from bmad_messenger.cli.group import CommandGroup
from bmad_messenger.cli.output import use_utf8
from bmad_messenger.cli.program import program, run_program

PROGRAM: Final = "bmad-messenger"

app = program(
    PROGRAM,
    CommandGroup,
    """Agents hand work to each other by messages in one YAML file.

    \b
    Example:
      bmad-messenger send-message --type clarify --from dev --to architect \\
        --set question="JWT or session cookies?" --set context="Story 1-2 needs a login"
      bmad-messenger receive-message --agent architect
    """,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments` (the process's own unless given); its exit code comes back."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    use_utf8()
    return exit_code_of(lambda: run_program(app, given), program=PROGRAM, as_json="--json" in given)
