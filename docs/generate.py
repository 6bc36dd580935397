"""Writes `docs/commands.md` from the commands themselves: `python docs/generate.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import fill
from typing import Any, Final

import typer

from bmad_messenger.cli.btmsg import commands as btmsg
from bmad_messenger.cli.bttask import main as bttask
from bmad_messenger.cli.group import SECTIONS
from bmad_messenger.cli.main import app

PAGE: Final = Path(__file__).with_name("commands.md")

_INTRODUCTION: Final = """\
<!-- Written by `python docs/generate.py`; change the commands' own help, not this page. -->

# Commands

An `ID` is a message's id, or any beginning or end of it that only one message has: `a1b2` for `MSG-20250115-a1b2`.

Every command of `bmad-messenger`, but for those that git calls, takes these options, after its name:

| option | meaning |
|---|---|
| `--json` | Print one JSON document in place of text. Errors then are one JSON object on stderr. |
| `--project DIR` | The project's folder, in place of `BMAD_MESSENGER_PROJECT` or the project around you. |
| `--help`, `-h` | What the command does, with an example. |

`bmad-messenger --version` prints the version, `bmad-messenger --install-completion` sets up the completion of commands,
options, agents, types, routes and ids in your shell. The [exit codes](../README.md#exit-codes) are in the README.
"""
_OTHERS: Final = """\
## btmsg and bttask

[`btmsg`](btmsg.md) and [`bttask`](bttask.md) are programs of their own. An `ID` is any beginning of one that no other
has. Their commands take these options, after their names:

| option | meaning |
|---|---|
| `--agent AGENT` | Who calls, in place of `BTMSG_AGENT_ID`. |
| `--db FILE` | The database, in place of `BTMSG_DB` or `agor/btmsg.db` in your data folder. |
| `--json` | Print one JSON document in place of text. Errors then are one JSON object on stderr. |
| `--help`, `-h` | What the command does, with an example. |
"""
_COMMON: Final = ("as_json", "project")
_COMMON_TO_OTHERS: Final = ("as_json", "agent", "db")


def commands_page() -> str:
    """The text of `docs/commands.md`."""
    return "\n".join(
        [
            *(_INTRODUCTION, *_sections(app, SECTIONS)),
            *(
                _OTHERS,
                *_sections(btmsg.app, btmsg.SECTIONS, "btmsg"),
                *_sections(bttask.app, bttask.SECTIONS, "bttask"),
            ),
        ]
    )


def _sections(program: typer.Typer, sections: Mapping[str, Mapping[str, str]], prefix: str = "") -> Iterator[str]:
    group: Any = typer.main.get_command(program)
    for title, names in sections.items():
        yield f"## {prefix}: {title.lower()}\n" if prefix else f"## {title}\n"
        for name in names:
            yield from _command(
                f"{prefix} {name}".strip(), group.command_named(None, name), _COMMON_TO_OTHERS if prefix else _COMMON
            )


def _command(name: str, command: Any, common: tuple[str, ...]) -> Iterator[str]:
    description, _, example = command.help.partition("\b\nExample:\n")
    yield f"### {name}\n"
    for paragraph in description.strip().split("\n\n"):
        yield fill(" ".join(paragraph.split()).replace("<", "\\<"), 120, break_on_hyphens=False) + "\n"
    yield f"```sh\n{_dedented(example)}\n```\n"
    own = [parameter for parameter in command.params if parameter.name not in common]
    if own:
        rows = (f"| {_names(one)} | {_cell(one.help)}{_default(one)} |" for one in own)
        yield "\n".join(["| option | meaning |", "|---|---|", *rows, ""])


def _dedented(example: str) -> str:
    return "\n".join(line.removeprefix("  ") for line in example.rstrip().split("\n"))


def _names(parameter: Any) -> str:
    """How the parameter is written: an argument by what it stands for, an option by each of its names."""
    if parameter.param_type_name == "argument":
        name = parameter.metavar or f"{parameter.name.upper()}{'...' if parameter.nargs < 0 else ''}"
        return f"`{_cell(name if parameter.required else f'[{name}]')}`"
    value = parameter.metavar or "|".join(getattr(parameter.type, "choices", ()))
    return ", ".join(f"`{_cell(f'{name} {value}'.rstrip())}`" for name in parameter.opts)


def _default(parameter: Any) -> str:
    if parameter.required and parameter.param_type_name == "option":
        return " Needed."
    is_told = bool(parameter.default) and isinstance(parameter.default, str | int) and parameter.default is not True
    return f" By default `{parameter.default}`." if is_told else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(commands_page(), encoding="utf-8")
