"""Writes `docs/commands.md` from the commands themselves: `python docs/generate.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import fill
from typing import Any, Final

import typer

from bmad_messenger.cli.group import SECTIONS
from bmad_messenger.cli.main import app

PAGE: Final = Path(__file__).with_name("commands.md")

_INTRODUCTION: Final = """\
<!-- Written by `python docs/generate.py`; change the commands' own help, not this page. -->

# Commands

An `ID` is a message's id, or any beginning or end of it that only one message has: `a1b2` for `MSG-20250115-a1b2`.

Every command takes these options, after its name:

| option | meaning |
|---|---|
| `--json` | Print one JSON document in place of text. Errors then are one JSON object on stderr. |
| `--project DIR` | The project's folder, in place of `BMAD_MESSENGER_PROJECT` or the project around you. |
| `--help`, `-h` | What the command does, with an example. |

`bmad-messenger --version` prints the version, `bmad-messenger --install-completion` sets up the completion of commands,
options, agents, types, routes and ids in your shell. The [exit codes](../README.md#exit-codes) are in the README.
"""
_COMMON: Final = ("as_json", "project")


def commands_page() -> str:
    """The text of `docs/commands.md`."""
    return "\n".join([_INTRODUCTION, *_sections()])


def _sections() -> Iterator[str]:
    group: Any = typer.main.get_command(app)
    for title, names in SECTIONS.items():
        yield f"## {title}\n"
        for name in names:
            yield from _command(name, group.commands[name])


def _command(name: str, command: Any) -> Iterator[str]:
    description, _, example = command.help.partition("\b\nExample:\n")
    yield f"### {name}\n"
    for paragraph in description.strip().split("\n\n"):
        yield fill(" ".join(paragraph.split()).replace("<", "\\<"), 120, break_on_hyphens=False) + "\n"
    yield f"```sh\n{_dedented(example)}\n```\n"
    own = [parameter for parameter in command.params if parameter.name not in _COMMON]
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
    return f" By default `{parameter.default}`." if isinstance(parameter.default, str) else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(commands_page(), encoding="utf-8")
