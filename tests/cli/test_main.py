"""The program's own options, and the reference's way to ask for help."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from bmad_messenger import __version__

Cli = Callable[..., Any]


def test_version_is_one_line(cli: Cli) -> None:
    assert cli("--version").out == f"bmad-messenger {__version__}\n"


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_lists_commands_by_section(cli: Cli, arguments: tuple[str, ...]) -> None:
    run = cli(*arguments)

    assert run.code == 0
    assert re.search(r"\nMessages:\n  send-message .*\nWhat may be sent:\n  routes ", run.out, re.S)


def test_short_help_option_works_behind_a_command(cli: Cli) -> None:
    assert cli("done", "-h").out.startswith("Usage: bmad-messenger done")


def test_option_of_a_command_may_not_precede_it(cli: Cli) -> None:
    run = cli("--agent", "dev", "receive-message")

    assert (run.code, run.out) == (2, "")
    assert run.err.startswith("error: there is no option --agent")
