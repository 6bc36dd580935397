"""Writes `docs/commands.md` from the commands and `docs/workflow-reference.md` from the schema: run it as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import fill
from typing import Any, Final

import typer

from bmad_messenger.cli.btmsg import commands as btmsg
from bmad_messenger.cli.bttask import main as bttask
from bmad_messenger.cli.group import SECTIONS
from bmad_messenger.cli.main import app
from bmad_messenger.shipped import shipped

PAGE: Final = Path(__file__).with_name("commands.md")
REFERENCE: Final = Path(__file__).with_name("workflow-reference.md")

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
_REFERENCE: Final = """\
<!-- Written by `python docs/generate.py`; change `schemas/workflow.schema.json`, not this page. -->

# Workflow reference

Every key of a workflow's file. [Workflows](workflows.md) teaches them by an example; `bmad-messenger workflow schema`
prints the JSON Schema for an editor, with the project's agents, types, routes and tasks. Keys that begin with `x-`
belong to the project.
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


def reference_page() -> str:
    """The text of `docs/workflow-reference.md`."""
    schema = json.loads(shipped("schemas/workflow.schema.json").read_text("utf-8"))
    step = schema["$defs"]["step"]
    parts = [("A workflow", schema), ("A step", step)]
    parts += [(f"`{key}`", step["properties"][key]) for key in ("ask", "wait", "retry")]
    parts.append(("A message to wait for", schema["$defs"]["message"]))
    return "\n".join([_REFERENCE, *(line for title, part in parts for line in _keys(title, part, schema))])


def _keys(title: str, part: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """A section with the keys of one object of a schema."""
    yield f"## {title}\n"
    if "description" in part:
        yield f"{part['description']}\n"
    needed = part.get("required", ())
    yield "| key | value | meaning |"
    yield "|---|---|---|"
    for name, one in part["properties"].items():
        target = schema["$defs"][one["$ref"].rpartition("/")[2]] if "$ref" in one else {}
        text = one.get("description") or target.get("description", "")
        default = f" By default `{json.dumps(one['default'])}`." if "default" in one else ""
        word = " Needed." if name in needed else ""
        yield f"| `{name}` | {_cell(_value({**target, **one}))} | {_cell(text)}{word}{default} |"
    yield ""


def _value(schema: Mapping[str, Any]) -> str:
    """What a value can be, in a few words."""
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_value(one) for one in schema["anyOf"]))
    kinds = schema.get("type", "string" if "$ref" in schema else "any value")
    words = {"string": "text", "array": "a list", "object": "a mapping", "integer": "a whole number"}
    words |= {"number": "a number", "boolean": "`true` or `false`", "null": "nothing"}
    return " or ".join(words.get(kind, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds))


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
    REFERENCE.write_text(reference_page(), encoding="utf-8")
