"""Tests of `bmad_messenger.workflow.bmad.conditions`: what is decided, and what is left to the agent."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmad_messenger.workflow.bmad.conditions import decide, words_of

VALUES = {
    "mode": "data",
    "n": 2,
    "count": "3",
    "on": True,
    "agreed": "yes",
    "refused": "no",
    "empty": "",
    "nothing": None,
    "tags": ["ui", "api"],
    "features": "ui, api",
    "story_file": "1-2.md",
}


@pytest.mark.parametrize(
    "source",
    [
        'mode == "data"',
        "mode == 'data'",
        "mode == data",
        "mode = data",
        "mode === data",
        "mode is data",
        "{{mode}} == data",
        "{mode} == data",
        "mode != validate",
        "mode is not validate",
        'mode == "x" OR mode == "data"',
        "mode == data AND n == 2",
        "mode == data && !(n > 5)",
        "(n == 1 or n == 2) and mode == data",
        "n > 1",
        "{{count}} >= 3",
        "count < 10",
        "n <= 2.0",
        "on",
        "on == true",
        "agreed == true",
        'on == "yes"',
        "agreed",
        "not refused",
        "refused == false",
        "not empty",
        "empty is empty",
        "nothing is empty",
        "story_file is not empty",
        "{{story_file}} is provided",
        "{{story_file}} provided",
        '"ui" in tags',
        "ui in tags",
        "docs not in tags",
        '"api" in features',
        "mode in [data, validate]",
        "true",
        "unknown == 1 or true",
    ],
)
def test_holds(source: str) -> None:
    assert decide(source, VALUES) is True


@pytest.mark.parametrize(
    "source",
    [
        "mode == validate",
        "mode == Data",
        "not mode",
        "n < 2",
        "on == false",
        "refused",
        "empty",
        "nothing",
        "story_file is empty",
        "docs in tags",
        "mode in [a, b]",
        "false",
        "unknown == 1 and false",
        "n == data",
    ],
)
def test_does_not_hold(source: str) -> None:
    assert decide(source, VALUES) is False


@pytest.mark.parametrize(
    "source",
    [
        "",
        "yes",
        "no",
        "else",
        "incomplete",
        "no story found",
        "user's choice",
        "{{sprint_status}} file exists",
        "current status == 'data'",
        "mode == data (the default)",
        "unknown == 'a'",
        "{{unknown}} == data",
        "unknown is empty",
        "unknown > 1",
        "unknown == other",
        "mode < 3",
        "mode ==",
        "mode == data data",
        "mode not empty",
        "== data",
        "(mode == data",
        "mode == data)",
        "[[mode]] == data",
        "mode → data",
        '"data',
        "(" * 400,
        "not " * 200 + "story found",
        "mode == data " + "or mode == data " * 100,
    ],
)
def test_is_left_to_the_agent(source: str) -> None:
    assert decide(source, VALUES) is None


def test_a_word_that_is_mentioned_as_a_variable_is_no_text() -> None:
    assert decide("mode == next_mode", VALUES) is False
    assert decide("mode == next_mode", VALUES, {"next_mode"}) is None


def test_the_names_that_a_condition_may_read() -> None:
    assert words_of("{{a}} == b and (c or 'd')") == {"a", "b", "c"}
    assert words_of("the story is large") == set()


PIECES = ("mode", "n", "==", "(", ")", "[", "]", ",", "and", "not", "in", "is", "'x'", "3", "{{n}}", "<")


@given(st.text(max_size=80) | st.lists(st.sampled_from(PIECES)).map(" ".join))
def test_any_text_is_decided_or_not(source: str) -> None:
    assert decide(source, VALUES) in (True, False, None)


@pytest.mark.parametrize("unit", ["(", "not ", "a ", "'", '"', "[", "{{", "a.", " ", "1", "mode == data or "])
def test_takes_no_time(unit: str) -> None:
    started = time.perf_counter()
    decide(unit * 100_000, VALUES)
    decide(unit * 200, VALUES)
    assert time.perf_counter() - started < 1
