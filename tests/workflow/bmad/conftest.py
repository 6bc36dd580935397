"""A project with BMAD in it, whose one workflow each test writes; and the group `workflow` on a command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from bmad_messenger import Messenger
from bmad_messenger import message as messages
from bmad_messenger.errors import MessengerError
from bmad_messenger.workflow.bmad.compiling import play_file
from bmad_messenger.workflow.bmad.play import Part, Play

CONFIG = """\
# BMM Module Configuration
project_name: shop
user_name: Ada
communication_language: English
output_folder: '{project-root}/_bmad-output'
planning_artifacts: '{output_folder}/planning'
"""
WORKFLOW = """\
name: hand-over
description: "A story goes to the developer"
config_source: "{project-root}/_bmad/bmm/config.yaml"
output_folder: "{config_source}:output_folder"
user_name: "{config_source}:user_name"
date: system-generated
installed_path: "{project-root}/_bmad/bmm/workflows/hand-over"
instructions: "{installed_path}/instructions.md"
"""
FILE = "_bmad/bmm/workflows/hand-over/workflow.yaml"
INSTRUCTIONS = "_bmad/bmm/workflows/hand-over/instructions.md"


def tell(message: str = "ready", *, attributes: str = "") -> str:
    """An element that sends a message to dev."""
    return (
        f'<exec task="send-message"{attributes}><param name="type">notify</param><param name="from_agent">sm</param>'
        f'<param name="to_agent">dev</param><param name="payload">message: "{message}"</param></exec>'
    )


def sent(messenger: Messenger) -> list[str]:
    """What was sent with `tell`, in order."""
    return [str(one.payload.get("message")) for one in messenger.list() if one.type == "notify"]


@dataclass(frozen=True)
class Bmad:
    """A project's BMAD workflow."""

    messenger: Messenger

    @property
    def path(self) -> Path:
        return self.messenger.project.root / FILE

    def write(self, instructions: str, more: str = "", *, workflow: str = WORKFLOW) -> Path:
        """Write the workflow: its instructions, and keys beside those that it has anyway."""
        self.path.write_text(workflow + dedent(more))
        (self.messenger.project.root / INSTRUCTIONS).write_text(dedent(instructions))
        return self.path

    def play(self, instructions: str, more: str = "", **given: Any) -> Play:
        """Write the workflow and play it through."""
        return play_file(self.messenger, self.write(instructions, more), given, messages.now())

    def parts(self, instructions: str, more: str = "", **given: Any) -> list[str]:
        """The parts of a play in few words: how each stands, what it is, its text."""
        return [words_of(part) for part in self.play(instructions, more, **given).parts]


def words_of(part: Part) -> str:
    """A part in few words."""
    what = part.element.task if part.element is not None else part.text
    return " ".join(word for word in (part.standing.value, part.kind, what) if word)


@pytest.fixture
def bmad(messenger: Messenger) -> Bmad:
    root = messenger.project.root
    (root / FILE).parent.mkdir(parents=True)
    (root / "_bmad/bmm/config.yaml").write_text(CONFIG)
    return Bmad(messenger)


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def command(
    messenger: Messenger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """Runs a command of the group `workflow` in the project."""
    import typer

    from bmad_messenger.cli.workflow import definitions, running

    monkeypatch.chdir(messenger.project.root)
    app = typer.Typer()
    for name, function in {
        "run": running.run,
        "resume": running.resume,
        "show": definitions.show,
        "validate": definitions.validate,
    }.items():
        app.command(name, context_settings={"ignore_unknown_options": True})(function)

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        try:
            code = app(list(arguments), standalone_mode=False) or 0
        except MessengerError as error:
            sys.stderr.write("".join(f"{problem}\n" for problem in error.problems or (error.problem,)))
            code = error.exit_code
        return Result(code, *capsys.readouterr())

    return run
