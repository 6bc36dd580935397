"""`workflow run --interactive`: on a terminal, the questions of a run are asked there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.terminal import COMMAND, Terminal
from tests.cli.workflow.conftest import ASKING

Cli = Callable[..., Any]
Write = Callable[[str, str], Path]

FORM = """\
steps:
  - id: a
    ask:
      question: "Where?"
      form:
        properties:
          region: {type: string, enum: [eu, us], description: Which region}
          nodes: {type: integer, default: 3}
          urgent: {type: boolean}
  - id: nested
    workflow: inner
    with: {word: "{{ steps.a.answer.region }}: {{ steps.a.answer.nodes }}"}
"""
INNER = """\
params: {word: {type: string}}
steps:
  - id: ask
    ask: {question: "{{ params.word }}?"}
outputs: {answer: {value: "{{ steps.ask.answer }}"}}
"""


def interactive(name: str) -> Terminal:
    return Terminal((*COMMAND, "workflow", "run", name, "--interactive"), columns=200)


def test_an_answer_that_is_none_is_asked_for_again(write: Write, project: Path, cli: Cli) -> None:
    write("asking", ASKING)
    terminal = interactive("asking")

    terminal.wait_for("> ")
    terminal.type("perhaps\n")
    terminal.wait_for("> ")
    terminal.type("yes\n")

    assert terminal.end() == 0
    assert "Go on?\n  yes\n  no\n> " in terminal.text
    assert "'perhaps' is none of the options; choose one of yes, no" in terminal.text
    assert terminal.text.endswith(" done\n")
    assert cli("list", "--json").document == {"messages": []}


def test_a_form_is_asked_part_by_part_and_so_is_a_run_in_the_run(write: Write, project: Path, cli: Cli) -> None:
    write("form", FORM)
    write("inner", INNER)
    terminal = interactive("form")

    for prompt, text in (("region> ", "asia"), ("nodes> ", ""), ("urgent> ", "true"), ("region> ", "eu")):
        terminal.wait_for(prompt)
        terminal.type(f"{text}\n")
    for _ in range(2):
        terminal.wait_for("> ")
        terminal.type("\n")
    terminal.wait_for("> ")
    terminal.type("of course\n")

    assert terminal.end() == 0
    assert "  region=…  Which region" in terminal.text
    assert 'region: wanted "eu" or "us", found "asia"' in terminal.text
    assert "eu: 3?" in terminal.text
    runs = cli("workflow", "runs", "--workflow", "form", "--json").document["runs"]
    assert runs[0]["steps"]["nested"]["outputs"]["answer"] == "of course"


def test_the_end_of_input_leaves_the_question_open(write: Write, project: Path, cli: Cli) -> None:
    write("asking", ASKING)
    terminal = interactive("asking")

    terminal.wait_for("> ")
    terminal.type("\x04")

    assert terminal.end() == 9
    assert "waiting: a for the answer of user" in terminal.text
    assert len(cli("list", "--json").document["messages"]) == 1


def test_a_question_to_somebody_else_is_not_asked_here(write: Write, project: Path) -> None:
    write("asking", "steps:\n  - id: a\n    ask: {of: architect, question: 'JWT?'}\n")
    terminal = interactive("asking")

    assert terminal.end() == 9
    assert "waiting: a for the answer of architect" in terminal.text
