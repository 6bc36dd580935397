"""Tests of `bmad_messenger.workflow.bmad.phrases`: the sentences that a program understands, and no others."""

from __future__ import annotations

import pytest

from bmad_messenger.workflow.bmad import phrases


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("If mode == data:", "mode == data"),
        ("if the tests fail", "the tests fail"),
        ("If yes, then:", "yes"),
        ("Else if no →", "no"),
        ("When ready ->", "ready"),
        ("Result:", "Result"),
        ("If not found → HALT", None),
        ("If not found: stop here", None),
        ("Confirm that it is there", None),
        (":", None),
        ("", None),
    ],
)
def test_the_condition_of_an_old_check(text: str, condition: str | None) -> None:
    assert phrases.old_condition(text) == condition


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("GOTO step 2a", "2a"),
        ("Jump to Step 20", "20"),
        ("continue to step\n 3.", "3"),
        ("Jump to step 3 if all is well", None),
        ("Then jump to step 3", None),
        ("step 3", None),
        ("GOTO step " + "3" * 400, None),
    ],
)
def test_the_step_that_an_action_jumps_to(text: str, step: str | None) -> None:
    assert phrases.jump(text) == step


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("step 3", ("step", "3")),
        ("to step 0.5", ("step", "0.5")),
        (" anchor with id task_check", ("anchor", "task_check")),
        ("the beginning", None),
    ],
)
def test_what_a_goto_names(text: str, expected: tuple[str, str] | None) -> None:
    assert phrases.target(text) == expected


@pytest.mark.parametrize("text", ["HALT", "HALT - done", "\n Exit workflow", "exit the workflow", "Return to caller"])
def test_an_end(text: str) -> None:
    assert phrases.ends(text)


@pytest.mark.parametrize(
    "text", ["Halting is no option", "HALTED", "halt", "Exit workflows", "Do not HALT", "HALT if it is red"]
)
def test_no_end(text: str) -> None:
    assert not phrases.ends(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Store as {{platform}}", "platform"),
        ("Save the choice as {{ a.b }} for later", "a.b"),
        ("Read {{platform}}", None),
        ("Store it", None),
    ],
)
def test_the_variable_that_keeps_an_answer(text: str, name: str | None) -> None:
    assert phrases.stored_in(text) == name
