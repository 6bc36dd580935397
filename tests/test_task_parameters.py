"""Tests of `bmad_messenger.task_parameters`: what a task takes, and whether values fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest

from bmad_messenger import InvalidError, Messenger, task
from bmad_messenger.task_parameters import Parameters, as_wanted, parameters_of
from bmad_messenger.tasks import BUILT_IN, tasks_of

TEXT = {"type": "string"}


def takes_much(
    messenger: Messenger,
    *,
    text: str,
    count: int = 0,
    share: float | None = None,
    flag: bool = False,
    old: Optional[str] = None,  # noqa: UP045  # as some still write it
    names: Sequence[str] = (),
    pair: tuple[int, ...] = (),
    bare: list = [],  # type: ignore[type-arg] # noqa: B006
    where: Mapping[str, int] | None = None,
    level: Literal["low", "high"] = "low",
    either: str | list[str] = "",
    noted: Annotated[int, "a note"] = 0,
    unknown: NoSuchName = None,  # type: ignore[name-defined] # noqa: F821
    anything: Any = None,
    untyped=None,  # type: ignore[no-untyped-def]
) -> None:
    """Take much."""


def test_annotations_say_what_a_task_takes() -> None:
    takes = parameters_of(takes_much)

    assert {name: one.schema for name, one in takes.by_name.items()} == {
        "text": TEXT,
        "count": {"type": "integer"},
        "share": {"type": "number"},
        "flag": {"type": "boolean"},
        "old": TEXT,
        "names": {"type": "array", "items": TEXT},
        "pair": {"type": "array", "items": {"type": "integer"}},
        "bare": {"type": "array"},
        "where": {"type": "object", "additionalProperties": {"type": "integer"}},
        "level": {"enum": ["low", "high"]},
        "either": {"anyOf": [TEXT, {"type": "array", "items": TEXT}]},
        "noted": {"type": "integer"},
        "unknown": {},
        "anything": {},
        "untyped": {},
    }
    assert [name for name, one in takes.by_name.items() if one.is_required] == ["text"]


def test_a_schema_says_what_a_task_takes() -> None:
    @task(schema={"type": "object", "properties": {"env": {"enum": ["prod"]}, "tag": {}}, "required": ["env"]})
    def deploy(messenger: Messenger, **params: Any) -> None:
        """Deploy."""

    takes = parameters_of(deploy)

    assert [(name, one.is_required) for name, one in takes.by_name.items()] == [("env", True), ("tag", False)]


def test_a_schema_that_is_none_is_refused() -> None:
    @task(schema={"properties": {"env": {"type": "nonsense"}}})
    def deploy(messenger: Messenger, **params: Any) -> None:
        """Deploy."""

    with pytest.raises(InvalidError, match=r"the JSON Schema of the task deploy is broken: properties\.env\.type"):
        parameters_of(deploy)


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_tasks_say_what_they_take(name: str, tmp_path: Path) -> None:
    assert parameters_of(tasks_of(Messenger.open(tmp_path))[name]).by_name


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("count", "5", 5),
        ("share", "0.5", 0.5),
        ("flag", "true", True),
        ("text", "5", "5"),
        ("names", ["a"], ["a"]),
        ("names", "[a, b]", ["a", "b"]),
        ("where", "{x: 1}", {"x": 1}),
        ("either", "[a]", "[a]"),
        ("unknown", object, object),
    ],
)
def test_text_becomes_what_is_wanted(name: str, value: Any, expected: Any) -> None:
    assert as_wanted(name, value, parameters_of(takes_much).by_name[name]) == expected


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("count", "many", 'count: wanted a whole number, found "many"'),
        ("count", True, "count: wanted a whole number, found true"),
        ("text", 5, "text: wanted text, found 5"),
        ("names", [1], r"names\[0\]: wanted text, found 1"),
        ("names", "a", 'names: wanted a list, found "a"'),
        ("level", "middle", 'level: wanted "low" or "high", found "middle"'),
        ("where", {"x": "y"}, r"where\.x: wanted a whole number"),
    ],
)
def test_what_is_of_another_kind_is_refused(name: str, value: Any, problem: str) -> None:
    with pytest.raises(InvalidError, match=problem):
        as_wanted(name, value, parameters_of(takes_much).by_name[name])


def test_a_schema_of_all_parameters_is_checked_together() -> None:
    schema = {"properties": {"a": {}, "b": {}}, "dependentRequired": {"a": ["b"]}}
    takes = Parameters(parameters_of(task(schema=schema)(takes_much)).by_name, schema)

    assert takes.fitted({"a": 1, "b": 2}) == {"a": 1, "b": 2}
    with pytest.raises(InvalidError):
        takes.fitted({"a": 1})


def test_a_task_with_open_keywords_takes_any() -> None:
    def record(messenger: Messenger, *, what: str, **more: Any) -> None:
        """Record."""

    takes = parameters_of(record)

    assert list(takes.by_name) == ["what"]
    assert takes.is_open
    assert list(takes.findings("record", {"what": "x", "anything": 1}, (), ())) == []
    assert takes.fitted({"what": "x", "anything": 1}) == {"what": "x", "anything": 1}


@pytest.mark.parametrize("word", ["additionalProperties", "patternProperties"])
def test_a_schema_may_be_open(word: str) -> None:
    @task(schema={"type": "object", "properties": {"what": TEXT}, word: {"^x-": TEXT}})
    def record(messenger: Messenger, **params: Any) -> None:
        """Record."""

    assert parameters_of(record).is_open
