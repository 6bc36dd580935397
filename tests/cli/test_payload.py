"""Payloads from the command line: where they come from, and what an assignment makes of its text."""

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger.cli.payload import payload_of
from bmad_messenger.errors import InvalidError, UsageError

LIMIT = 1000  # bytes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain words", "plain words"),
        ("a: b", "a: b"),
        ("fix #3", "fix #3"),
        ("x=y", "x=y"),
        ("3", 3),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ("", ""),
        ("2025-01-16T17:00:00Z", "2025-01-16T17:00:00Z"),
        ('"3"', "3"),
        ("'it''s'", "it's"),
        ("'twas so", "'twas so"),
        ("[a, 2]", ["a", 2]),
        ("{a: {b: c}}", {"a": {"b": "c"}}),
        ("[draft] hello", "[draft] hello"),
        ('"JWT" or "cookies"', '"JWT" or "cookies"'),
    ],
)
def test_assigned_text_is_what_it_looks_like(text: str, value: Any) -> None:
    assert payload_of(None, [f"key={text}"], LIMIT) == {"key": value}


def test_dots_go_down() -> None:
    assert payload_of("{a: {b: 1}}", ["a.c.d=2", "e=3"], LIMIT) == {"a": {"b": 1, "c": {"d": 2}}, "e": 3}


def test_assignment_replaces_what_the_payload_says() -> None:
    assert payload_of("a: 1", ["a=2"], LIMIT) == {"a": 2}


@pytest.mark.parametrize("assignment", ["key", "=value", "a..b=1", ".a=1", "a.b=1", "n=.inf"])
def test_nonsense_is_wrong_usage(assignment: str) -> None:
    with pytest.raises(UsageError):
        payload_of("a: text", [assignment], LIMIT)


@pytest.mark.parametrize("text", ["42", "true", "null", "[a]", "{a: b}", ".inf"])
def test_field_for_text_takes_what_looks_otherwise(text: str) -> None:
    assert payload_of(None, [f"key={text}"], LIMIT, {"key"}) == {"key": text}


def test_field_for_text_may_be_in_quotes() -> None:
    assert payload_of(None, ["key='42'"], LIMIT, {"key"}) == {"key": "42"}


def test_payload_may_be_json() -> None:
    assert payload_of('{"a": [1]}', None, LIMIT) == {"a": [1]}


def test_payload_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "payload.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: two\r\n")

    assert payload_of(f"@{file}", None, LIMIT) == {"a": 1, "b": "two"}


def test_payload_may_be_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a: 1\n")))

    assert payload_of("-", None, LIMIT) == {"a": 1}


def test_missing_file_is_named() -> None:
    with pytest.raises(UsageError, match="No such file"):
        payload_of("@nowhere.yaml", None, LIMIT)


def test_file_that_is_not_text_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "payload.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")

    with pytest.raises(InvalidError) as caught:
        payload_of(f"@{file}", None, LIMIT)
    assert (caught.value.problem.path, caught.value.problem.line) == (str(file), 2)


def test_broken_file_has_a_place(tmp_path: Path) -> None:
    file = tmp_path / "payload.yaml"
    file.write_text("a: 1\nb: [\n", encoding="utf-8")

    with pytest.raises(InvalidError) as caught:
        payload_of(f"@{file}", None, LIMIT)
    assert caught.value.problem.path == str(file)
    assert caught.value.problem.line is not None
