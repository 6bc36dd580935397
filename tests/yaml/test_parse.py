"""The parser: JSON's types alone, each at its place, and everything else refused where it stands."""

from __future__ import annotations

from typing import Any

import pytest

from bmad_messenger.errors import InvalidError
from bmad_messenger.yaml.parse import MAX_DEPTH, parse, parse_located


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("true", True),
        ("FALSE", False),
        ("0", 0),
        ("-12", -12),
        ("+7", 7),
        ("007", 7),
        ("0o17", 15),
        ("0xFf", 255),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-2.5E-3", -0.0025),
    ],
)
def test_plain_word_is_what_yaml_1_2_makes_of_it(text: str, value: Any) -> None:
    found = parse(f"key: {text}")["key"]

    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "No",
        "on",
        "y",
        "2025-01-15",
        "2025-01-15T10:30:00Z",
        "12:30",
        "1_000",
        "0b1",
        "0o9",
        "+",
        "1e",
        "=",
        "nan",
    ],
)
def test_what_only_yaml_1_1_takes_for_something_else_is_text(text: str) -> None:
    assert parse(f"key: {text}") == {"key": text}


@pytest.mark.parametrize("text", ['"null"', "'12'", '"true"', "|-\n  1.5"])
def test_quoted_word_is_text(text: str) -> None:
    assert isinstance(parse(f"key: {text}")["key"], str)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n", "---\n# nothing\n...\n"])
def test_empty_document_is_none(text: str) -> None:
    assert parse(text) is None


def test_keys_are_text_whatever_they_look_like() -> None:
    assert parse("1: a\ntrue: b\n~: c\n") == {"1": "a", "true": "b", "~": "c"}


def test_quoted_merge_sign_is_a_key_like_any() -> None:
    assert parse('"<<": 1') == {"<<": 1}


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("a: &x 1", "anchors", 1, 4),
        ("a: *x", "aliases", 1, 4),
        ("a: {<<: 1}", "merge keys", 1, 5),
        ("a: !!python/object:os.system 1", "the tag tag:yaml.org,2002:python/object:os.system", 1, 4),
        ("a: !mine {}", "the tag !mine", 1, 4),
        ("a: 1\nb: 2\na: 3", "the key 'a' stands twice", 3, 1),
        ("x:\n  - b: 1\n    b: 2", "the key 'b' stands twice", 3, 5),
        ("? [a]\n: 1", "a key must be text", 1, 3),
        ("? {a: 1}\n: 1", "a key must be text", 1, 3),
        ("a: 1\n---\nb: 2", "a second document", 2, 1),
        ("a: .inf", "can't be represented", 1, 4),
        ("a: [.nan]", "can't be represented", 1, 5),
        ("a: 1e999", "can't be represented", 1, 4),
        pytest.param("a: " + "9" * 5_000, "can't be represented", 1, 4, id="too many decimal digits"),
        pytest.param("a: 0x" + "f" * 5_000, "can't be represented", 1, 4, id="too many hexadecimal digits"),
        ('a: 1\nb: "open\nc: 2\n', "not YAML: while scanning a quoted scalar, found unexpected end of stream", 2, 4),
        ("a: 1\n\tb: 2", "not YAML: while scanning a plain scalar, found a tab character", 2, 1),
        ("a: [1, 2\nb: 3\n", "not YAML: while parsing a flow sequence, did not find expected ',' or ']'", 2, 2),
        ("a: b: c", "not YAML: mapping values are not allowed", 1, 5),
        pytest.param("k" * 1_100 + ": 1", "not YAML: mapping values", 1, 1_101, id="key too long for the parser"),
        ("a: x\0y", r"U\+0000", 1, 5),
        ("a: 1\nb: \x1b[31m", r"U\+001B", 2, 4),
        ("a: \x7f", r"U\+007F", 1, 4),
        ("\ufeffa: 1", "a byte-order mark", 1, 1),
        ("a:\n\ufeff  b", "a byte-order mark", 2, 1),
        ("a: \ufffe", r"U\+FFFE", 1, 4),
        ("a: b\udc80", r"U\+DC80", 1, 5),
    ],
)
def test_refuses_what_json_has_not_and_says_where(text: str, message: str, line: int, column: int) -> None:
    with pytest.raises(InvalidError, match=message) as caught:
        parse(text, path="some.yaml")

    problem = caught.value.problem
    assert (problem.path, problem.line, problem.column) == ("some.yaml", line, column)
    assert problem.hint


def test_line_numbers_go_on_from_the_first_line() -> None:
    with pytest.raises(InvalidError) as caught:
        parse("a: 1\nb: *x", line=10)

    assert caught.value.problem.line == 11


def test_deepest_nesting_is_read() -> None:
    assert parse("[" * MAX_DEPTH + "]" * MAX_DEPTH)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deeper_nesting_is_refused_before_it_costs_anything(opening: str) -> None:
    with pytest.raises(InvalidError, match=f"more than {MAX_DEPTH} deep"):
        parse(opening * 100_000)


def test_alias_bomb_is_refused_at_its_first_anchor() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{name}: &{name} [*{at}, *{at}]\n" for at, name in zip("abcdefgh", "bcdefghi", strict=True)
    )

    with pytest.raises(InvalidError, match="anchors") as caught:
        parse(bomb)
    assert caught.value.problem.line == 1


def test_places_count_characters_not_bytes() -> None:
    text = 'a: "😀é"\nb: {c: "ü", d: 1}\n'
    document = parse_located(text)

    span = document.values[("b", "d")]
    assert text[span.start : span.end] == "1"
    assert (span.line, span.column) == (2, 16)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_places_fit_either_line_end(line_end: str) -> None:
    text = line_end.join(("a: 1", "# note", "b:", "  - x", "  - c: 2", ""))
    document = parse_located(text)

    span = document.keys[("b", 1, "c")]
    assert text[span.start : span.end] == "c"
    assert (span.line, span.column) == (5, 5)


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\r"])
def test_lines_are_counted_as_an_editor_counts_them(character: str) -> None:
    document = parse_located(f'a: "x{character}y"\nbc: 1\n')

    assert document.keys[("bc",)][2:] == (2, 1)


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\r"])
def test_lines_of_errors_are_counted_as_an_editor_counts_them(character: str) -> None:
    with pytest.raises(InvalidError) as caught:
        parse(f"a: 'x{character}y'\nb: *c\n")

    assert (caught.value.problem.line, caught.value.problem.column) == (2, 4)


def test_places_are_kept_as_deep_as_asked() -> None:
    document = parse_located("a:\n  b:\n    c: 1\n", depth=1)

    assert set(document.values) == {(), ("a",)}
    assert set(document.keys) == {("a",)}


def test_collections_in_brackets_are_told() -> None:
    document = parse_located("a: [1]\nb:\n  - 1\nc: {}\n")

    assert document.flow == {("a",), ("c",)}


def test_place_of_something_missing_is_that_of_what_is_around_it() -> None:
    document = parse_located("a:\n  b: 1\n")

    assert document.place(("a", "b", "c", 3)) == (2, 3)
    assert document.place(("x",)) == (1, 1)
