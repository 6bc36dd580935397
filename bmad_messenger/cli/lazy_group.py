"""A program's commands by name, each imported when it is asked for, and its help page in sections."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from bmad_messenger.errors import UsageError

Function = Callable[..., None]


class LazyGroup(TyperGroup):
    """The commands of a program.

    `sections` are the sections of its help page: the commands of each, with their functions as `module:function`;
    `package` is where the modules are. Of a command in `free_text`, what looks like an unknown option is an argument.
    """

    sections: ClassVar[Mapping[str, Mapping[str, str]]]
    package: ClassVar[str]
    free_text: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        functions = {name: path for section in self.sections.values() for name, path in section.items()}
        self.commands: Any = _Built(self.package, functions, self.free_text)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # typer calls it so
        """The names of all commands."""
        return [*self.commands]

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:  # noqa: ARG002  # typer calls it so
        """The command of that name; None where there is none."""
        command: TyperCommand | None = self.commands.get(cmd_name)
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The name, the command and the arguments that are left for it.

        Raises:
            UsageError: where there is no such command, naming the nearest.
        """
        if not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"`{ctx.command_path} --help` lists them"
            raise UsageError(f"there is no command {args[0]!r}", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the help page's list of commands, section by section."""
        names = self.list_commands(ctx)
        width = max(map(len, names))
        for title, section in self.sections_of(names):
            rows = [
                (name.ljust(width), command.get_short_help_str(limit=1000))
                for name in section
                if (command := self.get_command(ctx, name))
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def sections_of(self, names: list[str]) -> Iterable[tuple[str, Iterable[str]]]:  # noqa: ARG002  # as subclasses do
        """The sections of the help page, which lists the commands `names`: the title of each and its commands."""
        return self.sections.items()


def build(name: str, function: Function, *, free_text: bool = False) -> TyperCommand:
    """The command that a function is; `free_text` takes what looks like an unknown option for an argument."""
    program = typer.Typer(add_completion=False, rich_markup_mode=None)
    # `-auth` would be taken for the options -a, -u, -t and -h.
    settings = {"ignore_unknown_options": True, "help_option_names": ["--help"]} if free_text else {}
    program.command(name, context_settings=settings)(function)
    command = typer.main.get_command(program)
    assert isinstance(command, TyperCommand)  # typer makes a single function a command
    return command


class _Built(Mapping[str, TyperCommand]):
    """The commands that come with a program, each built when it is first taken."""

    def __init__(self, package: str, functions: Mapping[str, str], free_text: frozenset[str]) -> None:
        self._package, self._functions, self._free_text = package, functions, free_text
        self._commands: dict[str, TyperCommand] = {}

    def __getitem__(self, name: str) -> TyperCommand:
        if name not in self._commands:
            module, _, function = self._functions[name].partition(":")
            code = getattr(import_module(f"{self._package}.{module}"), function)
            self._commands[name] = build(name, code, free_text=name in self._free_text)
        return self._commands[name]

    def __contains__(self, name: object) -> bool:
        return name in self._functions

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)

    def __len__(self) -> int:
        return len(self._functions)
