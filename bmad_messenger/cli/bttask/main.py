"""The commands of `bttask`, and the run of one command line."""

import sys
from collections.abc import Sequence
from typing import Final

from bmad_messenger.cli.btmsg.arguments import require_utf8
from bmad_messenger.cli.errors import exit_code_of
from bmad_messenger.cli.lazy_group import LazyGroup
from bmad_messenger.cli.output import use_utf8
from bmad_messenger.cli.program import program, run_program

SECTIONS: Final = {
    "Look": {
        "list": "looking:list_tasks",
        "show": "looking:show",
        "board": "looking:board",
        "priorities": "looking:priorities",
    },
    "Change": {
        "add": "changing:add",
        "assign": "changing:assign",
        "status": "changing:status",
        "priority": "changing:priority",
        "comment": "changing:comment",
        "delete": "changing:delete",
    },
}
"""The sections of the help page: the commands of each, with the module of this package and its function."""


class Commands(LazyGroup):
    """The program's commands."""

    sections = SECTIONS
    package = __package__


app = program(
    "bttask",
    Commands,
    """The task board of a group of agents, in the database of btmsg.

    You are the agent that BTMSG_AGENT_ID names, or --agent.

    \b
    Example:
      bttask add "Review the auth module" --priority high --assign dev-1
      bttask status 3f2a review
      bttask board
    """,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments` (the process's own unless given); its exit code comes back."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    use_utf8()
    return exit_code_of(lambda: _run(given), program="bttask", as_json="--json" in given)


def _run(arguments: Sequence[str]) -> int:
    require_utf8(arguments)
    return run_program(app, arguments)
