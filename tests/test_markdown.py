"""Any text, in any cell, stays text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bmad_messenger.markdown import code, shortened, table

# Without the character U+0000, in whose place Markdown has another; on its way out it is written as `\\x00`.
ANY = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
MARKUP = ANY | st.text(alphabet="`|\\<>@#[]()!*_~:/-& ab\n\t\r\x1b\u2028é", max_size=40)


def cells_of(markdown: str) -> list[list[str]]:
    """The rows of the one table, below its head, as a parser of GitHub's tables reads them; in a cell, code alone."""
    rows: list[list[str]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            assert {child.type for child in token.children or ()} <= {"code_inline", "text"}
            rows[-1].append("".join(child.content for child in token.children or ()))
    return rows[1:]


def seen(text: str) -> str:
    """What a code span shows of a text."""
    return " ".join(text.split())


@given(st.lists(st.tuples(MARKUP, MARKUP), min_size=1, max_size=4))
def test_a_table_shows_every_text_as_it_is_and_where_it_belongs(rows: list[tuple[str, str]]) -> None:
    markdown = table(("a", "b"), [[code(cell) or "-" for cell in row] for row in rows])

    assert cells_of(markdown) == [[seen(cell) or "-" for cell in row] for row in rows]


@given(MARKUP.filter(seen))
def test_a_text_is_nothing_but_code(text: str) -> None:
    tokens = MarkdownIt("commonmark").parseInline(f"before {code(text)} after")[0].children or []

    assert [token.type for token in tokens] == ["text", "code_inline", "text"]
    assert tokens[1].content == seen(text)


def test_a_text_without_words_is_no_cell() -> None:
    assert code(" \n\t ") == ""


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("@octocat closes #12", "`@octocat closes #12`"),
        ("<img src=x> [a](b)", "`<img src=x> [a](b)`"),
        ("a `b` c", "``a `b` c``"),
        ("`b`", "`` `b` ``"),
        ("two\nlines", "`two lines`"),
    ],
)
def test_what_code_looks_like(text: str, markdown: str) -> None:
    assert code(text) == markdown


def test_a_pipe_does_not_end_a_cell() -> None:
    assert table(("a",), [["`x|y`"]]) == "| a |\n| --- |\n| `x\\|y` |\n"


@given(st.text(max_size=30), st.integers(min_value=1, max_value=20))
def test_a_shortened_text_is_at_most_that_long(text: str, longest: int) -> None:
    assert len(shortened(text, longest)) <= longest


def test_a_text_that_was_cut_says_so() -> None:
    assert re.fullmatch(r"`a{99}…`", code("a" * 200, 100))
