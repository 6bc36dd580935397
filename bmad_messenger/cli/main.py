"""The program `bmad-messenger`: the options before a command, and the run of one command line."""

import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from bmad_messenger import __version__
from bmad_messenger.cli.errors import exit_code_of
from bmad_messenger.cli.group import CommandGroup
from bmad_messenger.cli.output import use_utf8, write

PROGRAM: Final = "bmad-messenger"

app = typer.Typer(
    name=PROGRAM,
    cls=CommandGroup,
    invoke_without_command=True,
    rich_markup_mode=None,  # plain help reads the same on a terminal, in a pipe and to an agent, and imports nothing
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments` (the process's own unless given); its exit code comes back."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    use_utf8()
    return exit_code_of(lambda: _run(given), as_json="--json" in given)


def _run(arguments: list[str]) -> int:
    command = typer.main.get_command(app)
    code = command.main(arguments, prog_name=PROGRAM, standalone_mode=False, obj={"arguments": arguments})
    return code if isinstance(code, int) else 0


def _print_version(wanted: bool) -> None:
    if wanted:
        write(f"{PROGRAM} {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Agents hand work to each other by messages in one YAML file.

    \b
    Example:
      bmad-messenger send-message --type clarify --from dev --to architect \\
        --set question="JWT or session cookies?" --set context="Story 1-2 needs a login"
      bmad-messenger receive-message --agent architect
    """
    if context.invoked_subcommand is None:
        write(f"{context.get_help()}\n")
