"""A broken rule is reported in words: where, what was wanted, what was found, and all of it together."""

from __future__ import annotations

from typing import Any

import pytest

from bmad_messenger.findings import MAX_FINDINGS, Finding, Source, near_misses, report, show, show_path, visible
from bmad_messenger.schemas import validator_of, violations
from bmad_messenger.yaml.parse import parse_located


def messages(schema: dict[str, Any], value: Any) -> list[str]:
    return [finding.message for finding in violations(validator_of(schema), value)]


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": "string"}, 7, "a: wanted text, found 7"),
        ({"type": ["string", "array", "null"]}, True, "a: wanted text, a list or nothing, found true"),
        ({"type": "integer"}, 1.5, "a: wanted a whole number, found 1.5"),
        ({"type": "boolean"}, "yes", 'a: wanted true or false, found "yes"'),
        ({"type": "string"}, {"x": 1}, "a: wanted text, found a mapping"),
        ({"type": "string"}, [1, 2], "a: wanted text, found a list of 2"),
        ({"enum": ["x", "y", 3]}, "z", 'a: wanted "x", "y" or 3, found "z"'),
        ({"enum": []}, "z", 'a: wanted no value at all, found "z"'),
        ({"const": "all"}, "any", 'a: wanted "all", found "any"'),
        ({"pattern": "^x$"}, "z", 'a: wanted text that matches "^x$", found "z"'),
        ({"pattern": "^x$", "patternErrorMessage": "an x"}, "z", 'a: wanted an x, found "z"'),
        ({"minLength": 1}, "", 'a: wanted text that is not empty, found ""'),
        ({"minLength": 3}, "ab", "a: wanted at least 3 characters, found 2 characters"),
        ({"maxLength": 1}, "ab", "a: wanted at most 1 characters, found 2 characters"),
        ({"minItems": 1}, [], "a: wanted a list that is not empty, found an empty list"),
        ({"minItems": 2}, [1], "a: wanted at least 2 items, found a list of 1"),
        ({"minimum": 1}, 0, "a: wanted at least 1, found 0"),
        ({"exclusiveMaximum": 1}, 1, "a: wanted less than 1, found 1"),
        ({"uniqueItems": True}, ["x", "y", "x"], 'a: wanted nothing twice, found "x" again'),
        ({"format": "ipv4"}, "x", 'a: wanted text of the format "ipv4", found "x"'),
        ({"not": {}}, 1, "a: not allowed here"),
        (False, 1, "1 is not allowed here"),
        ({"multipleOf": 2}, 3, "a: wanted what the schema's rule `multipleOf` asks for (2), found 3"),
        ({"anyOf": [{"const": "all"}, {"type": "array"}]}, "x", 'a: wanted "all" or a list, found "x"'),
        ({"oneOf": [{"required": ["x"]}, {"required": ["y"]}]}, {}, "a: wanted either `x` or `y`, found neither"),
        (
            {"oneOf": [{"required": ["x"]}, {"required": ["y"]}]},
            {"x": 1, "y": 1},
            "a: wanted either `x` or `y`, found both",
        ),
    ],
)
def test_a_broken_rule_says_what_was_wanted_and_found(schema: Any, value: Any, message: str) -> None:
    assert messages({"properties": {"a": schema}}, {"a": value}) == [message]


def test_of_several_branches_the_one_of_the_right_kind_is_reported() -> None:
    schema = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}

    assert messages(schema, ["x", 1, 2]) == ["[1]: wanted text, found 1", "[2]: wanted text, found 2"]


def test_a_missing_key_is_named_with_what_it_is_for() -> None:
    schema = {"required": ["a", "b"], "properties": {"a": {"description": "The first. And more."}}}

    assert violations(validator_of(schema), {})[:2] == [
        Finding(("a",), "a: required, but missing", "add `a` (The first)", missing=True),
        Finding(("b",), "b: required, but missing", "add `b`", missing=True),
    ]


def test_each_missing_key_is_reported_once() -> None:
    problems = report(violations(validator_of({"required": ["a", "b", "c"]}), {}))

    assert [problem.message for problem in problems] == [f"{key}: required, but missing" for key in "abc"]


def test_a_key_that_is_not_allowed_is_named_with_those_that_are() -> None:
    schema = {"properties": {"a": {}, "b": {}}, "patternProperties": {"^x-": {}}, "additionalProperties": False}

    (finding,) = violations(validator_of(schema), {"x-mine": 1, "other": 2})

    assert finding == Finding(("other",), "unknown key `other`", "the keys are a, b")


def test_a_misspelt_key_is_not_also_missing() -> None:
    schema = {"properties": {"status": {}}, "required": ["status"], "additionalProperties": False}

    assert messages(schema, {"statuss": 1}) == ["unknown key `statuss`: did you mean `status`?"]


@pytest.mark.parametrize("key", ["next_action", "next-actions", "nextActions", "Next_Actions", "nxet_actions"])
def test_a_near_miss_is_recognized(key: str) -> None:
    assert near_misses([key], ["artifact_path", "next_actions"], {}) == {key: "next_actions"}


def test_a_key_that_is_there_is_not_what_was_meant() -> None:
    assert near_misses(["next_action"], ["next_actions"], {"next_actions": []}) == {}


def test_other_keys_are_no_misspellings() -> None:
    assert near_misses(["context", "prd_path", "x" * 1_000_000], ["context_summary", "brief_path", "xx"], {}) == {}


def test_a_million_wrong_items_are_not_a_million_problems() -> None:
    problems = report(violations(validator_of({"items": {"type": "string"}}), [0] * 100_000))

    assert len(problems) == MAX_FINDINGS


def test_long_text_is_cut_and_control_characters_are_visible() -> None:
    text = visible("\x1b[31m\u202e\x00\n\ud800" + "x" * 50_000_000)

    assert text.startswith("\\u001b[31m\\u202e\\u0000\\u000a\\ud800xxx")
    assert len(text) < 100


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(10**5000, "a very large number", id="huge"),
        (None, "null"),
        ({}, "an empty mapping"),
        ((1, 2), "a list of 2"),
        (b"x", "bytes"),
        (float("inf"), "Infinity"),
    ],
)
def test_a_value_is_shown_in_few_words(value: Any, shown: str) -> None:
    assert show(value) == shown


def test_a_path_is_shown_as_people_write_it() -> None:
    assert show_path(("payload", "next_actions", 2)) == "payload.next_actions[2]"
    assert show_path(("payload", "a b\x1b", "c")) == 'payload."a b\\u001b".c'


def test_a_problem_has_its_place_in_the_text() -> None:
    source = Source("queue.yaml", parse_located("messages:\n  - type: 5\n", line=10), ("messages", 0))

    (problem,) = report([Finding(("type",), "wrong")], source)

    assert (problem.path, problem.line, problem.column) == ("queue.yaml", 11, 5)
