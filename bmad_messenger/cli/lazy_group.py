"""A program's commands by name, each imported when it is asked for, and its help page in sections."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from bmad_messenger.cli.output import write
from bmad_messenger.errors import UsageError

Function = Callable[..., None]


class LazyGroup(TyperGroup):
    """The commands of a program, or of a group in it.

    `sections` are the sections of its help page: the commands of each, with their functions as `module:function`;
    `package` is where the modules are. A name of two words, such as `git install`, is a command of a group, and
    `groups` tells what each group is for. Commands in `unlisted` are left out of help and completion. Of a command in
    `free_text`, what looks like an unknown option is an argument.
    """

    sections: ClassVar[Mapping[str, Mapping[str, str]]]
    package: ClassVar[str]
    groups: ClassVar[Mapping[str, str]] = {}
    unlisted: ClassVar[frozenset[str]] = frozenset()
    free_text: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: Any = _Built(type(self))

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # typer calls it so
        """The names of all commands and groups."""
        return [*self.commands]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # typer calls it so
        """The command or the group of that name; None where there is none."""
        return self.commands.get(cmd_name)

    def command_named(self, ctx: Any, name: str) -> Any:
        """The command of a name as `sections` have it, of one word or two; None where there is none."""
        first, _, second = name.partition(" ")
        command = self.get_command(ctx, first)
        return command.get_command(ctx, second) if second and isinstance(command, LazyGroup) else command

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The name, the command and the arguments that are left for it.

        Raises:
            UsageError: where there is no such command, naming the nearest.
        """
        if not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            raise self._unknown(ctx, args[0])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the help page's list of commands, section by section."""
        sections = {title: [*names] for title, names in self.sections_of(self.list_commands(ctx))}
        width = max(len(name) for names in sections.values() for name in names if name not in self.unlisted)
        for title, names in sections.items():
            rows = [
                (name.ljust(width), command.get_short_help_str(limit=1000))
                for name in names
                if (command := self.command_named(ctx, name)) and not command.hidden
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def sections_of(self, names: list[str]) -> Iterable[tuple[str, Iterable[str]]]:  # noqa: ARG002  # as subclasses do
        """The sections of the help page, which lists the commands `names`: the title of each and its commands."""
        return self.sections.items()

    def _unknown(self, ctx: Any, word: str) -> UsageError:
        from difflib import get_close_matches

        group = "".join(f"{part} " for part in ctx.command_path.split(" ")[1:])
        known = {name for _, names in self.sections_of(self.list_commands(ctx)) for name in names} - self.unlisted
        near = get_close_matches(word, sorted({*known, *self.groups}), n=1)
        hint = f"did you mean {f'{group}{near[0]}'!r}?" if near else f"`{ctx.command_path} --help` lists them"
        return UsageError(f"there is no command {f'{group}{word}'!r}", hint=hint)


def build(name: str, function: Function, *, hidden: bool = False, free_text: bool = False) -> TyperCommand:
    """The command that a function is; `free_text` takes what looks like an unknown option for an argument."""
    program = typer.Typer(add_completion=False, rich_markup_mode=None)
    # `-auth` would be taken for the options -a, -u, -t and -h.
    settings = {"ignore_unknown_options": True, "help_option_names": ["--help"]} if free_text else {}
    program.command(name, hidden=hidden, context_settings=settings)(function)
    command = typer.main.get_command(program)
    assert isinstance(command, TyperCommand)  # typer makes a single function a command
    return command


class _Built(Mapping[str, Any]):
    """The commands and groups that come with a program, each built when it is first taken."""

    def __init__(self, program: type[LazyGroup]) -> None:
        self._program = program
        self._functions = {name: path for section in program.sections.values() for name, path in section.items()}
        self._names = dict.fromkeys(name.partition(" ")[0] for name in self._functions)
        self._commands: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._commands:
            path = self._functions.get(name)
            self._commands[name] = self._group(name) if path is None else self._command(name, path)
        return self._commands[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def _command(self, name: str, path: str) -> TyperCommand:
        module, _, function = path.partition(":")
        code = getattr(import_module(f"{self._program.package}.{module}"), function)
        return build(name, code, hidden=name in self._program.unlisted, free_text=name in self._program.free_text)

    def _group(self, name: str) -> TyperGroup:
        if name not in self._names:
            raise KeyError(name)
        prefix = f"{name} "
        below = {
            title: {full.removeprefix(prefix): path for full, path in section.items() if full.startswith(prefix)}
            for title, section in self._program.sections.items()
        }

        class Group(LazyGroup):
            sections = {title: section for title, section in below.items() if section}  # noqa: RUF012  # it is a ClassVar
            package = self._program.package
            unlisted = frozenset(full.removeprefix(prefix) for full in self._program.unlisted)
            free_text = frozenset(full.removeprefix(prefix) for full in self._program.free_text)

        return _built_group(name, self._program.groups[name], Group)


def _built_group(name: str, about: str, kind: type[LazyGroup]) -> TyperGroup:
    """The group `name`; called without a command, it shows its help."""
    program = typer.Typer(name=name, cls=kind, invoke_without_command=True, rich_markup_mode=None, add_completion=False)

    @program.callback(help=about)
    def _group(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            write(f"{context.get_help()}\n")

    return typer.main.get_group(program)
