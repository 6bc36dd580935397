"""Tests of `bmad_messenger.workflow.bmad.variables` and `definition`: what each name in a BMAD file stands for."""

from __future__ import annotations

from typing import Any

import pytest

from bmad_messenger import InvalidError, Messenger, NotFoundError
from bmad_messenger import message as messages
from bmad_messenger.workflow.bmad.definition import Definition, read_definition
from bmad_messenger.workflow.bmad.recognising import is_bmad
from tests.workflow.bmad.conftest import FILE, WORKFLOW, Bmad
from tests.workflow.conftest import Clock


def read(bmad: Bmad, more: str = "", instructions: str = "", **given: Any) -> Definition:
    path = bmad.write(instructions, more)
    return read_definition(bmad.messenger, path, given, messages.now())


def value(bmad: Bmad, text: str, **given: Any) -> Any:
    return read(bmad, f"x: {text}\n", **given).variables.values["x"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"{project-root}/a"', "./a"),
        ('"{project_root}/a"', "./a"),
        ('"{config_source}:user_name"', "Ada"),
        ('"{config_source}:output_folder/a"', "./_bmad-output/a"),
        ('"{config_source}:planning_artifacts"', "./_bmad-output/planning"),
        ('"{output_folder}/a"', "./_bmad-output/a"),
        ('"{project_name}"', "shop"),
        ('"{{user_name}} and {{user_name}}"', "Ada and Ada"),
        ('"{installed_path}/a.md"', "./_bmad/bmm/workflows/hand-over/a.md"),
        ('"{date}"', "2025-01-15"),
        ("system-generated", "2025-01-15T10:30:00Z"),
        ('"{bmad_folder}/a"', "_bmad/a"),
        ('"{name}"', "hand-over"),
        ("3", 3),
        ("false", False),
        ("[a, '{user_name}']", ["a", "Ada"]),
        ('"{nobody} {{knows}}"', "{nobody} {{knows}}"),
        ('"{config_source}:missing"', "{config_source}:missing"),
        ("\"{config_source}:missing || 'none'\"", "none"),
        ("\"{config_source}:user_name || 'none'\"", "Ada"),
        ('"a || b"', "a || b"),
    ],
)
def test_a_value_with_its_variables(bmad: Bmad, text: str, expected: Any) -> None:
    assert value(bmad, text) == expected


def test_of_two_files_that_exists_is_chosen(bmad: Bmad) -> None:
    assert value(bmad, '"{output_folder}/a.yaml || {output_folder}/b.yaml"') == "./_bmad-output/a.yaml"
    (bmad.messenger.project.root / "_bmad-output/b.yaml").touch()
    assert value(bmad, '"{output_folder}/a.yaml || {output_folder}/b.yaml"') == "./_bmad-output/b.yaml"


def test_the_variables_that_a_file_keeps_apart(bmad: Bmad) -> None:
    values = read(bmad, "variables:\n  story_dir: '{output_folder}/stories'\n").variables.values
    assert values["story_dir"] == "./_bmad-output/stories"


def test_a_name_that_means_itself_is_that_of_the_config(bmad: Bmad) -> None:
    values = read(bmad, "project_name: '{project_name}!'\n").variables.values
    assert values["project_name"] == "shop!"


def test_what_is_given_counts_before_everything_else(bmad: Bmad) -> None:
    assert value(bmad, '"{user_name} at {installed_path}"', user_name="Eve", installed_path=FILE[:-14]) == (
        "Eve at _bmad/bmm/workflows/hand-over"
    )


def test_a_circle_is_refused(bmad: Bmad) -> None:
    with pytest.raises(InvalidError, match=f"{FILE}: the variable 'a' leads back to itself"):
        read(bmad, "a: '{b}'\nb: '{a}'\n")


def test_unknown_variables_and_keys_are_listed(bmad: Bmad) -> None:
    definition = read(bmad, "a: '{config_source}:b'\nc: '{d}'\nagents: {x: 1}\n", "{{e}} {user_name} {{iteration}}")
    assert set(definition.unknown_variables) == {"a", "c", "d", "e"}
    assert definition.unknown_keys == ("a", "c", "agents")


def test_without_its_config_what_is_taken_from_it_is_not_known(bmad: Bmad) -> None:
    (bmad.messenger.project.root / "_bmad/bmm/config.yaml").unlink()
    definition = read(bmad)
    assert definition.variables.values["user_name"] == "{config_source}:user_name"
    assert "user_name" in definition.unknown_variables
    (note,) = definition.notes
    assert note.where == f"{FILE}:3:1"


@pytest.mark.parametrize(
    ("key", "line"), [('config_source: "{nowhere}/config.yaml"\n', 3), ('instructions: "{nowhere}/a.md"\n', 8)]
)
def test_a_path_with_an_unknown_variable_is_an_error(bmad: Bmad, key: str, line: int) -> None:
    lines = WORKFLOW.splitlines(keepends=True)
    lines[line - 1] = key
    bmad.write("", workflow="".join(lines))
    with pytest.raises(InvalidError, match="there is no variable 'nowhere'") as caught:
        read_definition(bmad.messenger, bmad.path, {}, messages.now())
    assert caught.value.problem.where == f"{FILE}:{line}:1"


def test_instructions_that_are_not_there_are_an_error(bmad: Bmad) -> None:
    with pytest.raises(NotFoundError, match=r"there is no file elsewhere/instructions\.md") as caught:
        read(bmad, installed_path="elsewhere")
    assert caught.value.problem.where == f"{FILE}:8:1"


def test_instructions_may_stand_in_the_file_itself(bmad: Bmad) -> None:
    bmad.write("", workflow="name: x\ninstructions: |\n  <step n='1'>\n    <action>a</action>\n  </step>\n")
    instructions = read_definition(bmad.messenger, bmad.path, {}, messages.now()).instructions
    assert instructions is not None
    assert [mark.name for mark in instructions.marks] == ["step", "action", "text"]


@pytest.mark.parametrize("listed", ["[Read it]", "['<action>Read it</action>']", "\n  - Read\n  - it: 1\n"])
def test_instructions_may_be_a_list(bmad: Bmad, listed: str) -> None:
    bmad.write("", workflow=f"name: x\ninstructions: {listed}\n")
    instructions = read_definition(bmad.messenger, bmad.path, {}, messages.now()).instructions
    assert instructions is not None
    assert "Read" in instructions.text


@pytest.mark.parametrize("none", ["false", '""', "null"])
def test_a_workflow_may_have_no_instructions(bmad: Bmad, none: str) -> None:
    bmad.write("", workflow=f"name: x\ninstructions: {none}\n")
    assert read_definition(bmad.messenger, bmad.path, {}, messages.now()).instructions is None


@pytest.mark.parametrize(
    "workflow",
    ["- instructions: x\n", "instructions: [\n", "instructions: *a\n", 'instructions: "\\0"\n', "instructions: .\n"],
)
def test_a_file_that_can_not_be_read_is_an_error_with_a_place(bmad: Bmad, workflow: str) -> None:
    bmad.write("", workflow=workflow)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any of ours, as the next line says
        read_definition(bmad.messenger, bmad.path, {}, messages.now())
    assert caught.value.problem.path  # type: ignore[attr-defined]


def test_the_day_is_that_of_utc(bmad: Bmad, clock: Clock) -> None:
    clock.tick(14 * 3600)
    assert value(bmad, '"{date}"') == "2025-01-16"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: a\ninstructions: b\n", True),
        ('name: a\r\n"instructions": b\r\n', True),
        ("name: a\nconfig_source: b\n", True),
        ("name: a\ninstalled_path: b\n", True),
        ("name: a\n", False),
        ("name: a\nsteps: []\n", False),
        ("instructions: b\nsteps: []\n", False),
        ("a:\n  instructions: b\n", False),
        ("", False),
    ],
)
def test_a_file_of_bmad_has_keys_of_its_own_and_no_steps(text: str, expected: bool) -> None:
    assert is_bmad(text) is expected


def test_the_variables_of_the_projects_own_config_count_too(messenger: Messenger, bmad: Bmad) -> None:
    messenger.project.config.write_text("variables: {team: blue}\n")
    bmad.write("", "x: '{team}'\n")
    found = read_definition(Messenger.open(messenger.project.root), bmad.path, {}, messages.now())
    assert found.variables.values["x"] == "blue"
