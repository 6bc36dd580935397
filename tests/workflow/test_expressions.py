"""Tests of `bmad_messenger.workflow.expressions`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmad_messenger import InvalidError
from bmad_messenger.workflow.expressions import Unfinished, condition, filled, template, truth

STEPS = ("ask", "to-architect", "to", "to-architect-2")
CONTEXT: dict[str, Any] = {
    "params": {"names": ["a", "b"], "n": 3, "word": "x", "digits": "12"},
    "steps": {
        "ask": {"answer": "go", "items": [1]},
        "to-architect": {"message_id": "M"},
        "to-architect-2": {"message_id": "N"},
        "to": {"n": 5},
        "gone": Unfinished({"state": "skipped"}),
    },
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ params.names }}", ["a", "b"]),
        ("{{ params.n }}", 3),
        ("{{ params.n + 1 }}", 4),
        ("{{ params.digits }}", "12"),
        ("n is {{ params.n }}", "n is 3"),
        ("{{ params.n }}{{ params.n }}", "33"),
        ("{{ steps.to-architect.message_id }}", "M"),
        ("{{ steps.to-architect-2.message_id }}", "N"),
        ("{{ steps['to-architect'].message_id }}", "M"),
        ("{{ steps.to.n - params.n }}", 2),
        ("{{ steps.ask.items }}", [1]),
        ("{{ 'steps.to-architect' }}", "steps.to-architect"),
        ("{{ params.names | map('upper') | list }}", ["A", "B"]),
        ("{% if params.n > 2 %}many{% endif %}", "many"),
        ("line\n", "line\n"),
    ],
)
def test_a_value_is_what_its_expressions_come_to(text: str, value: object) -> None:
    assert filled(text, CONTEXT, STEPS) == value


def test_expressions_are_found_at_any_depth() -> None:
    assert filled({"a": [{"b": "{{ params.n }}"}], "c": 1}, CONTEXT, STEPS) == {"a": [{"b": 3}], "c": 1}


@pytest.mark.parametrize(
    "text", ["steps.ask.answer == 'go'", "{{ steps.ask.answer == 'go' }}", "params.n > 2 and true"]
)
def test_a_condition_is_an_expression_with_or_without_braces(text: str) -> None:
    assert truth(text, CONTEXT, STEPS) is True


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("steps.gone.answer == 'go'", False),
        ("steps.gone['answer'] == 'go'", False),
        ("steps.gone.state == 'skipped'", True),
        ("steps.gone.a.b.c", False),
    ],
)
def test_what_a_skipped_step_would_have_left_is_nothing(text: str, value: bool) -> None:
    assert truth(text, CONTEXT, STEPS) is value


@pytest.mark.parametrize(
    "text",
    [
        "{{ params.unknown }}",
        "{{ steps.nobody.answer }}",
        "{{ 1 / 0 }}",
        "{{ params.n.x.y }}",
        "{{ params.word + 1 }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ params.__init__.__globals__ }}",
        "{{ range(3) }}",
        "{{ 'x' * 2000000 }}",
        "{{ params.word.join }}",
        "{{ params.word * 2000000 }}",
        "{{ 9 ** 99999999 }}",
        "{{ params.names * 1000000 }}",
        "{{ 1e999 }}",
        "{{ '\\ud800' }}",
    ],
)
def test_an_expression_that_comes_to_nothing_usable_is_refused(text: str) -> None:
    with pytest.raises(InvalidError, match="`") as caught:
        filled(text, CONTEXT, STEPS)

    assert text in str(caught.value)


@pytest.mark.parametrize("text", ["{{ ", "{{ a b }}", "{% for %}", "{{ a | nosuchfilter }}", "{{ }}"])
def test_what_is_no_expression_is_refused_when_it_is_read(text: str) -> None:
    with pytest.raises(InvalidError, match="is no expression"):
        template(text)


def test_a_text_without_expressions_is_none() -> None:
    assert template("plain { text }") is None


def test_an_expression_tells_what_it_reads() -> None:
    found = condition("steps.to-architect.x and params['word'] and run.id", STEPS)

    assert found.reads == {("steps", "to-architect"), ("params", "word"), ("run", "id")}


def test_nothing_random_can_be_read() -> None:
    with pytest.raises(InvalidError):
        template("{{ params.names | random }}")


@given(st.text(alphabet="{}% .-_'\"[]()|+*=abstepms1\n", max_size=60))
def test_any_text_is_a_value_or_a_clear_error(text: str) -> None:
    for use in (lambda: filled(text, CONTEXT, STEPS), lambda: truth(text, CONTEXT, STEPS)):
        with suppress(InvalidError):
            use()
