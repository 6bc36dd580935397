"""The commands by name: each is imported when it is asked for, and plugins only for a name that is not known here."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from bmad_messenger.cli.errors import warn
from bmad_messenger.errors import InvalidError, MessengerError, NotFoundError, UsageError

Function = Callable[..., None]

SECTIONS: Final = {
    "Messages": {
        "send-message": "send_message:send_message",
        "receive-message": "receive_message:receive_message",
        "reply": "reply:reply",
        "done": "close:done",
        "cancel": "close:cancel",
        "show": "look:show",
        "thread": "look:thread",
        "list": "look:list_messages",
        "exec": "exec:exec_file",
    },
    "What may be sent": {
        "routes": "catalogue:routes",
        "types": "catalogue:types",
        "agents": "catalogue:agents",
    },
    "The project": {
        "init": "project:init",
        "validate": "validate:validate",
        "sync": "project:sync",
        "plugins": "project:plugins",
        "demo": "project:demo",
    },
}
"""The sections of the help page: the commands of each, with the module of this package and its function."""

COMMANDS: Final = {name: function for section in SECTIONS.values() for name, function in section.items()}
"""The commands that come with the program; their functions as `module:function`."""


class CommandGroup(TyperGroup):
    """The program's commands and those that plugins add."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: Any = _Built()
        self._plugin_commands: dict[str, TyperCommand] | None = None

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands; plugins that can't be asked are left out, with a warning."""
        try:
            return [*COMMANDS, *self._added(ctx)]
        except MessengerError as error:
            if not ctx.resilient_parsing:  # the shell, completing a line, has no place for it
                warn(error.problem)
            return [*COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """The command of that name; None where there is none."""
        if cmd_name in COMMANDS:
            command: TyperCommand = self.commands[cmd_name]
            return command
        return self._added(ctx).get(cmd_name)

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
        added = [name for name in names if name not in COMMANDS]
        for title, section in {**SECTIONS, "From plugins": added}.items():
            rows = [
                (name.ljust(width), command.get_short_help_str(limit=1000))
                for name in section
                if (command := self.get_command(ctx, name))
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def _added(self, ctx: Any) -> Mapping[str, TyperCommand]:
        if self._plugin_commands is None:
            arguments = (ctx.find_root().obj or {}).get("arguments", ())
            self._plugin_commands = _plugin_commands(_project_in(arguments))
        return self._plugin_commands


class _Built(Mapping[str, TyperCommand]):
    """The commands that come with the program, each built when it is first taken."""

    def __init__(self) -> None:
        self._commands: dict[str, TyperCommand] = {}

    def __getitem__(self, name: str) -> TyperCommand:
        if name not in self._commands:
            module, _, function = COMMANDS[name].partition(":")
            self._commands[name] = _build(name, getattr(import_module(f"bmad_messenger.cli.{module}"), function))
        return self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def _build(name: str, function: Function) -> TyperCommand:
    program = typer.Typer(add_completion=False, rich_markup_mode=None)
    program.command(name)(function)
    command = typer.main.get_command(program)
    assert isinstance(command, TyperCommand)  # typer makes a single function a command
    return command


def _plugin_commands(project: str | None) -> dict[str, TyperCommand]:
    """The commands that plugins add, by name; outside a project those of every plugin that is installed.

    Raises:
        InvalidError: where a plugin is broken, or takes the name of another's command.
    """
    from bmad_messenger.messenger import Messenger
    from bmad_messenger.plugins.loading import Plugins

    commands: dict[str, TyperCommand] = {}

    def take(plugin: str, added: Mapping[str, Function] | None) -> None:
        hint = f"mend it, or switch it off with `plugins: {{disable: [{plugin}]}}` in config.yaml"
        for name, function in (added or {}).items():
            if name in COMMANDS or name in commands:
                raise InvalidError(f"the plugin {plugin!r} adds the command {name!r}, which exists", hint=hint)
            try:
                commands[name] = _build(name, function)
            except Exception as error:
                message = f"the command {name!r} of the plugin {plugin!r} is broken: {error!r}"
                raise InvalidError(message, hint=hint) from error

    try:
        plugins = Messenger.open(project).plugins
    except NotFoundError:
        plugins = Plugins()
    plugins.add("commands", take)
    return commands


def _project_in(arguments: list[str]) -> str | None:
    """The value of `--project` in a command line that is not parsed yet."""
    for number, argument in enumerate(arguments):
        if argument == "--project":
            return next(iter(arguments[number + 1 :]), None)
        if argument.startswith("--project="):
            return argument.partition("=")[2]
    return None
