"""The writer: the reference's style, read back the same by us and by every other reader of YAML."""

from __future__ import annotations

import math
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from bmad_messenger.yaml.parse import parse
from bmad_messenger.yaml.render import is_plain, quote, render_inline, render_key, render_mapping

_NASTY = (
    "null¦~¦Null¦true¦No¦on¦y¦0¦1.5¦1e3¦0x1f¦1_000¦12:30:45¦.inf¦.nan¦+1¦2025-01-15¦2025-01-15T10:30:00Z¦=¦<<¦-¦---¦..."
    '¦&a¦*a¦!a¦!!str a¦|¦> a¦%a¦@a¦`a`¦[a]¦a]¦{a: b}¦\'¦it\'s¦"¦"a" b¦\\¦\\n¦a\\¦a:¦:a¦a#b¦- a¦--- a¦? a¦: a¦a: b'
    "¦¦ ¦  x¦x  ¦\t¦\n¦\n\n¦a\n¦a\nb¦a\n\nb\n¦a\nb\n\n¦ a\nb¦a\n  b\n c¦a\n \nb¦a\n# b\nc¦a\n  - message_id: fake\n"
    "¦\0¦\x07¦\x1b[31m¦\x7f¦\x85¦\xa0¦a\rb¦a\r\nb¦\u2028¦a\u2029b¦\u200e¦\u202e¦\ufeff¦\ufffe¦\uffff¦ß¦日本¦e\u0301¦\U0001f600"
    "¦# a¦a #b¦  - message_id: fake¦<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs"
)
NASTY = (*_NASTY.split("¦"), "x" * 3_000)
TEXT = st.sampled_from(NASTY) | st.text(st.characters(codec="utf-8"), max_size=40)
KEY = st.sampled_from([one for one in NASTY if len(one) < 1_000]) | st.text(st.characters(codec="utf-8"), max_size=20)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEY, inner, max_size=4), max_leaves=12
)
MAPPING = st.dictionaries(KEY, VALUE, min_size=1, max_size=5)


def render(mapping: dict[str, Any]) -> str:
    return "\n".join(render_mapping(mapping, 0)) + "\n"


def other_reader(version: str) -> YAML:
    reader = YAML(typ="safe", pure=True)
    reader.version = version
    return reader


def test_style_is_the_references() -> None:
    mapping = {
        "message_id": "MSG-20250115-a1b2",
        "to_agents": ["architect", "ux-designer"],
        "payload": {"context_summary": "PRD complete", "next_actions": ["Review requirements", "Design: fast"]},
    }

    assert render(mapping) == (
        'message_id: "MSG-20250115-a1b2"\n'
        "to_agents:\n"
        "  - architect\n"
        "  - ux-designer\n"
        "payload:\n"
        '  context_summary: "PRD complete"\n'
        "  next_actions:\n"
        "    - Review requirements\n"
        '    - "Design: fast"\n'
    )


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        (None, "key: null\n"),
        (True, "key: true\n"),
        (12, "key: 12\n"),
        (1e16, "key: 1.0e+16\n"),
        (0.5, "key: 0.5\n"),
        ([], "key: []\n"),
        ({}, "key: {}\n"),
        ([[]], "key:\n  - []\n"),
        ([[1, [2]], {"a": {"b": 1}}], "key:\n  - - 1\n    - - 2\n  - a:\n      b: 1\n"),
        (("a", "b"), "key:\n  - a\n  - b\n"),
        ("two\nlines", "key: |-\n  two\n  lines\n"),
        ("two\n\nlines\n", "key: |\n  two\n\n  lines\n"),
        (["two\nlines"], "key:\n  - |-\n    two\n    lines\n"),
    ],
)
def test_value_is_written_in_block_form(value: Any, lines: str) -> None:
    assert render({"key": value}) == lines


@pytest.mark.parametrize(
    "text", [" two\nlines", "two\nlines\n\n", "two\n  \nlines", "two\r\nlines", "two\n\x1blines", "\ntwo"]
)
def test_lines_that_a_block_would_not_show_as_they_are_go_into_quotes(text: str) -> None:
    assert render({"key": text}).startswith('key: "')


def test_flow_form_takes_one_line() -> None:
    assert render_inline({"dev": "2025-01-15T10:30:00Z", "a b": [1, "x"]}) == (
        '{dev: "2025-01-15T10:30:00Z", "a b": [1, "x"]}'
    )


@pytest.mark.parametrize("text", ["Review requirements", "src/auth/login.ts", "it's", "a:b", "Ünïcode", "a - b, c (d)"])
def test_plain_words_need_no_quotes(text: str) -> None:
    assert is_plain(text)


@pytest.mark.parametrize(
    "text", ["", " ", "a\n", "null", "yes", "Off", "1.5", "- a", "a: b", "a:", "a #b", "[a]", "a ", "'a"]
)
def test_words_that_a_reader_may_take_for_something_else_are_not_plain(text: str) -> None:
    assert not is_plain(text)


@pytest.mark.parametrize("key", ["message_id", "x-tracker", "a.b", "_a"])
def test_word_is_a_plain_key(key: str) -> None:
    assert render_key(key) == key


@pytest.mark.parametrize("key", ["", "no", "NULL", "1", "a b", "é", "<<", "-a", "a:"])
def test_other_keys_are_quoted(key: str) -> None:
    assert render_key(key) == f'"{key}"'


@pytest.mark.parametrize(
    ("text", "style", "quoted"),
    [
        ("read", '"', '"read"'),
        ("read", "'", "'read'"),
        ("it's", "'", "'it''s'"),
        ("read", "", "read"),
        ("2025-01-15T10:30:00Z", "", '"2025-01-15T10:30:00Z"'),
        ("a\nb", "'", '"a\\nb"'),
        ('say "hi"\\', '"', '"say \\"hi\\"\\\\"'),
        ("\x1b\u2028\x85", '"', '"\\u001b\\u2028\\x85"'),
    ],
)
def test_quotes_are_kept_where_the_text_fits_them(text: str, style: str, quoted: str) -> None:
    assert quote(text, style) == quoted


@pytest.mark.parametrize(
    "value",
    [math.inf, -math.inf, math.nan, {1: "a"}, {"a": object()}, b"bytes", {"a": "\ud800"}, {"\ud800": 1}, {1, 2}],
)
def test_what_json_has_not_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"not|half"):
        render({"key": value})


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("place", ["value", "key", "item"])
def test_nasty_text_reads_back(text: str, place: str) -> None:
    if place == "key":
        text = text[:1_000]  # a parser looks no farther for the colon
    mapping = {"value": {"a": text}, "key": {text: 1}, "item": {"a": [text, [text]]}}[place]

    assert parse(render(mapping)) == mapping


@given(MAPPING)
def test_everything_reads_back(mapping: dict[str, Any]) -> None:
    assert parse(render(mapping)) == mapping


@given(MAPPING)
def test_flow_form_reads_back(mapping: dict[str, Any]) -> None:
    assert parse(render_inline(mapping)) == mapping


@given(MAPPING)
def test_reader_of_yaml_1_2_finds_the_same(mapping: dict[str, Any]) -> None:
    assert other_reader("1.2").load(StringIO(render(mapping))) == mapping


@given(st.lists(TEXT, min_size=1, max_size=8))
def test_reader_of_yaml_1_1_takes_text_for_nothing_else(texts: list[str]) -> None:
    assert other_reader("1.1").load(StringIO(render({"texts": texts}))) == {"texts": texts}


@given(MAPPING, st.integers(0, 8))
def test_indentation_changes_no_value(mapping: dict[str, Any], indent: int) -> None:
    assert parse("\n".join(render_mapping(mapping, indent)) + "\n") == mapping
