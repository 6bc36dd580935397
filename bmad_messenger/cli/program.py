"""What the programs have in common: the options before a command, and the run of one command line."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from bmad_messenger import __version__
from bmad_messenger.cli.lazy_group import LazyGroup
from bmad_messenger.cli.output import write


def program(name: str, commands: type[LazyGroup], about: str) -> typer.Typer:
    """The program `name` with these commands; `about` is the text of its help page."""
    app = typer.Typer(
        name=name,
        cls=commands,
        invoke_without_command=True,
        rich_markup_mode=None,  # plain help reads the same on a terminal, in a pipe and to an agent, imports nothing
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )

    def print_version(wanted: bool) -> None:
        if wanted:
            write(f"{name} {__version__}\n")
            raise typer.Exit

    @app.callback(help=about)
    def _root(
        context: typer.Context,
        _version: Annotated[
            bool, typer.Option("--version", help="Print the version.", callback=print_version, is_eager=True)
        ] = False,
    ) -> None:
        if context.invoked_subcommand is None:
            write(f"{context.get_help()}\n")

    return app


def run_program(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit code, and raises what its command does."""
    command: Any = typer.main.get_command(app)
    code = command.main([*arguments], prog_name=app.info.name, standalone_mode=False, obj={"arguments": [*arguments]})
    return code if isinstance(code, int) else 0
