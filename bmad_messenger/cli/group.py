"""The commands of `bmad-messenger`: its own, and those of plugins, which are asked only for a name not known here."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from typer.core import TyperCommand

from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.lazy_group import Function, LazyGroup, build
from bmad_messenger.errors import InvalidError, MessengerError, NotFoundError

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
        "watch": "watch:watch",
        "edit": "edit:edit_queue",
        "log": "log:log",
        "answer": "answer:answer",
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
        "doctor": "doctor:doctor",
        "plugins": "project:plugins",
        "demo": "project:demo",
    },
    "Workflows": {
        "workflow list": "workflow.definitions:list_workflows",
        "workflow show": "workflow.definitions:show",
        "workflow graph": "workflow.graph:graph",
        "workflow tasks": "workflow.definitions:tasks",
        "workflow new": "workflow.definitions:new",
        "workflow validate": "workflow.definitions:validate",
        "workflow schema": "workflow.definitions:schema",
    },
    "Runs of workflows": {
        "workflow run": "workflow.running:run",
        "workflow resume": "workflow.running:resume",
        "workflow retry": "workflow.running:retry",
        "workflow cancel": "workflow.running:cancel",
        "workflow tick": "workflow.running:tick",
        "workflow serve": "workflow.running:serve",
        "workflow runs": "workflow.runs:list_runs",
        "workflow status": "workflow.runs:status",
        "workflow logs": "workflow.runs:logs",
        "workflow prune": "workflow.runs:prune",
    },
    "In git": {
        "review": "review:review",
        "git install": "git.install:install",
        "git sync": "git.sync:sync",
    },
    "What git calls": {
        "git merge-driver": "git.called:merge_driver",
        "git textconv": "git.called:textconv",
        "git pre-commit": "git.called:pre_commit",
        "git post-merge": "git.called:post_merge",
    },
}
"""The sections of the help page: the commands of each, with the module of this package and its function.

A name of two words is a command of a group.
"""

GROUPS: Final = {
    "git": """Let queue and history live well in git.

    \b
    Example:
      bmad-messenger git install
    """,
    "workflow": """Run workflows: steps that send and receive, wait for messages and ask people.

    \b
    Example:
      bmad-messenger workflow run prd-complete --priority-features "User login"
      bmad-messenger workflow tick
    """,
}
"""The groups of commands, and what their help pages say."""

UNLISTED: Final = frozenset(SECTIONS["What git calls"])
"""The commands that people don't call: they have help, and are not listed."""

COMMANDS: Final = {name: function for section in SECTIONS.values() for name, function in section.items()}
"""The commands that come with the program; their functions as `module:function`."""


class CommandGroup(LazyGroup):
    """The program's commands and those that plugins add."""

    sections = SECTIONS
    package = "bmad_messenger.cli"
    groups = GROUPS
    unlisted = UNLISTED
    free_text = frozenset({"workflow run"})  # the workflow's own parameters look like options

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._plugin_commands: dict[str, TyperCommand] | None = None

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands; plugins that can't be asked are left out, with a warning."""
        try:
            return [*super().list_commands(ctx), *self._added(ctx)]
        except MessengerError as error:
            if not ctx.resilient_parsing:  # the shell, completing a line, has no place for it
                warn(error.problem)
            return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command or the group of that name; None where there is none."""
        return super().get_command(ctx, cmd_name) or self._added(ctx).get(cmd_name)

    def sections_of(self, names: list[str]) -> Iterable[tuple[str, Iterable[str]]]:
        """The sections of the help page, the last of them for what plugins add."""
        return [*super().sections_of(names), ("From plugins", [name for name in names if name not in self.commands])]

    def _added(self, ctx: Any) -> Mapping[str, TyperCommand]:
        if self._plugin_commands is None:
            arguments = (ctx.find_root().obj or {}).get("arguments", ())
            self._plugin_commands = _plugin_commands(_project_in(arguments))
        return self._plugin_commands


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
            if name in COMMANDS or name in GROUPS or name in commands:
                raise InvalidError(f"the plugin {plugin!r} adds the command {name!r}, which exists", hint=hint)
            try:
                commands[name] = build(name, function)
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
