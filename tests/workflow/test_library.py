"""Tests of `bmad_messenger.workflow.library`: where workflows are found."""

from __future__ import annotations

import pytest

from bmad_messenger import InvalidError, Messenger, NotFoundError
from bmad_messenger.workflow.library import Library
from tests.workflow.conftest import TELL, Write

STEPS = f"steps:\n  - id: a\n    {TELL}x}}}}\n"


@pytest.fixture
def library(messenger: Messenger) -> Library:
    return Library(messenger.project)


def test_shipped_workflows_are_there(library: Library) -> None:
    assert {"full-cycle", "morning-inbox"} <= library.files().keys()
    assert "routes" not in library.files()


def test_a_project_s_own_stands_before_a_shipped_one(library: Library, write: Write) -> None:
    path = write(STEPS, "full-cycle")

    assert library.path("full-cycle") == path


@pytest.mark.parametrize("name", ["full-cycle", "example", "other/w.yaml"])
def test_a_workflow_s_name_in_a_run_leads_back_to_it(library: Library, write: Write, name: str) -> None:
    write(STEPS)
    other = library.project.root / "other" / "w.yaml"
    other.parent.mkdir()
    other.write_text(f"name: odd\n{STEPS}")

    assert library.path_of(library.name(library.path(name))) == library.path(name)


@pytest.mark.parametrize(
    ("name", "problem"),
    [("ful-cycle", "did you mean 'full-cycle'"), ("xyz", "workflow list"), ("nowhere/w.yaml", "there is no file")],
)
def test_one_that_there_is_not_is_told(library: Library, name: str, problem: str) -> None:
    with pytest.raises(NotFoundError, match=problem):
        library.read(name)


def test_a_file_that_was_edited_is_read_anew(library: Library, write: Write) -> None:
    write(STEPS)
    first, _ = library.read("example")
    assert library.read("example")[0] is first

    write(STEPS.replace("id: a", "id: b"))

    assert library.read("example")[0].ids == ("b",)


def test_a_file_and_its_workflow_have_one_name(library: Library, write: Write) -> None:
    write(f"name: other\n{STEPS}")

    with pytest.raises(InvalidError, match=r"example\.yaml:1:1: the workflow is called other, and its file example"):
        library.read("example")


def test_what_a_message_may_start_is_seen_at_a_glance(library: Library, write: Write) -> None:
    write(f"on: {{message: {{type: notify}}}}\n{STEPS}", "block")
    write(f'{{name: flow, "on": {{message: {{type: notify}}}}, {STEPS.partition(chr(10))[0]} []}}\n', "flow")
    write(STEPS, "neither")

    assert {*library.starters()} == {"block", "flow"}


@pytest.mark.parametrize(
    ("steps", "is_slow"),
    [
        ("  - id: a\n    exec: run-command\n", True),
        ("  - id: a\n    exec: some-plugin-s\n", True),
        ("  - id: a\n    exec: send-message\n", False),
        ("  - id: a\n    wait: {for: 1h}\n", False),
        ("  - id: a\n    workflow: example\n", False),
        ("  - id: a\n    workflow: example\n  - id: b\n    exec: run-command\n", True),
        ("  - id: a\n    workflow: nowhere\n", False),
    ],
)
def test_a_step_that_may_take_its_time_is_slow(library: Library, write: Write, steps: str, is_slow: bool) -> None:
    write(f"steps:\n{steps}")
    write("steps:\n  - id: n\n    workflow: example\n", "outer")

    assert library.is_slow(library.read("outer")[0].steps[0]) is is_slow
