"""Tests of `bmad_messenger.workflow.parameters`: parameters as a command line gives them."""

from __future__ import annotations

from typing import Any

import pytest

from bmad_messenger import InvalidError, UsageError
from bmad_messenger.workflow.parameters import params_of

SCHEMAS: dict[str, dict[str, Any]] = {
    "prd_path": {"type": "string"},
    "has_ui": {"type": "boolean"},
    "count": {"type": "integer"},
    "share": {"type": "number"},
    "names": {"type": "array", "items": {"type": "string"}},
    "numbers": {"type": "array", "items": {"type": "integer"}},
    "insights": {"type": ["string", "array"]},
    "place": {"type": "object"},
    "level": {"type": ["integer", "string"]},
    "anything": {},
    "note": {"type": ["string", "null"]},
}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--prd-path", "prd.md"], {"prd_path": "prd.md"}),
        (["--prd-path=prd.md"], {"prd_path": "prd.md"}),
        (["--prd-path="], {"prd_path": ""}),
        (["--prd_path", "5"], {"prd_path": "5"}),
        (["--prd-path", "--odd"], {"prd_path": "--odd"}),
        (["--has-ui"], {"has_ui": True}),
        (["--no-has-ui"], {"has_ui": False}),
        (["--has-ui", "false", "--count", "5"], {"has_ui": False, "count": 5}),
        (["--has-ui=false"], {"has_ui": False}),
        (["--has-ui", "--count", "5"], {"has_ui": True, "count": 5}),
        (["--count", "-5"], {"count": -5}),
        (["--count", "many"], {"count": "many"}),
        (["--share", "0.5"], {"share": 0.5}),
        (["--names", "a"], {"names": ["a"]}),
        (["--names", "a", "--names", "5"], {"names": ["a", "5"]}),
        (["--names", "[a, b]"], {"names": ["a", "b"]}),
        (["--numbers", "1", "--numbers", "2"], {"numbers": [1, 2]}),
        (["--insights", "Users: give up"], {"insights": "Users: give up"}),
        (["--insights", "[one, two]"], {"insights": ["one", "two"]}),
        (["--insights", "one", "--insights", "two"], {"insights": ["one", "two"]}),
        (["--insights", "5"], {"insights": "5"}),
        (["--place", "{x: 1}"], {"place": {"x": 1}}),
        (["--level", "5"], {"level": 5}),
        (["--level", "high"], {"level": "high"}),
        (["--anything", "[1]"], {"anything": [1]}),
        (["--note", "null"], {"note": None}),
        (["--note", "none: of it"], {"note": "none: of it"}),
    ],
)
def test_flags_are_read_as_their_schema_says(words: list[str], expected: dict[str, Any]) -> None:
    assert params_of(SCHEMAS, words) == expected


def test_assignments_are_read_like_flags() -> None:
    found = params_of(SCHEMAS, ["--names", "a"], ["names=b", "has_ui=true", "prd_path=a=b", "unknown=5"])

    assert found == {"names": ["a", "b"], "has_ui": True, "prd_path": "a=b", "unknown": 5}


@pytest.mark.parametrize(
    ("words", "assignments", "problem"),
    [
        (["--prd-pth", "x"], [], "there is no option '--prd-pth'; did you mean --prd-path?"),
        (["--prd-path"], [], "--prd-path needs a value; write it as --prd-path VALUE"),
        (["--no-prd-path"], [], "there is no option '--no-prd-path'"),
        (["-x"], [], "there is no option '-x'"),
        (["stray"], [], "nothing takes the word 'stray'"),
        (["--count", "1", "--count", "2"], [], "the parameter 'count' is given 2 times"),
        ([], ["prd_path"], "--param 'prd_path' is no assignment"),
        ([], ["=x"], "--param '=x' is no assignment"),
    ],
)
def test_what_makes_no_sense_is_refused(words: list[str], assignments: list[str], problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        params_of(SCHEMAS, words, assignments)

    assert problem in str(caught.value)


def test_a_value_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(InvalidError, match="the parameter 'place': not YAML"):
        params_of(SCHEMAS, ["--place", "{x: "])
