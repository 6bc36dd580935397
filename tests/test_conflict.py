"""What git leaves of a merge that it could not finish is told from text that only looks like it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmad_messenger.conflict import conflict_of, conflicts_in
from bmad_messenger.errors import ConflictError

BLOCK = "<<<<<<< ours\na: 1\n=======\na: 2\n>>>>>>> theirs\n"
WITH_BASE = "<<<<<<< ours\na: 1\n||||||| base\na: 0\n=======\na: 2\n>>>>>>> theirs\n"


def sized(block: str, size: int) -> str:
    """The block with markers of another length."""
    return re.sub(r"^([<=>|])\1{6}", lambda found: found[1] * size, block, flags=re.MULTILINE)


@pytest.mark.parametrize("block", [BLOCK, WITH_BASE, BLOCK.replace("\n", "\r\n"), BLOCK.replace(" ours", "")])
def test_each_conflict_is_found_with_its_lines(block: str) -> None:
    text = f"x: 1\n{block}y: 2\n{block}"

    first, second = conflicts_in(text)

    assert (first.line, second.line) == (2, 3 + block.count("\n"))
    assert [text[found.start : found.end] for found in (first, second)] == [block, block]


@pytest.mark.parametrize("size", [8, 9, 32, 60])
@pytest.mark.parametrize("block", [BLOCK, WITH_BASE])
def test_markers_may_be_as_long_as_git_was_told(block: str, size: int) -> None:
    long = sized(block, size)
    text = f"x: 1\n{long}y: 2\n{block}"

    first, second = conflicts_in(text)

    assert [text[found.start : found.end] for found in (first, second)] == [long, block]
    problem = conflict_of(f"x: 1\n{long}", None)
    assert problem is not None
    assert problem.line == 2


def test_conflict_of_the_ancestors_within_the_base_is_no_other() -> None:
    """Git marks the ancestors' own conflict with longer markers, and shows it as what both sides come from."""
    text = WITH_BASE.replace("a: 0\n", sized(BLOCK, 9))

    (found,) = conflicts_in(text)

    assert (found.start, found.end) == (0, len(text))


def test_refusal_shows_the_whole_marker() -> None:
    with pytest.raises(ConflictError, match=f"conflict marker {'<' * 12} here"):
        conflicts_in("<" * 12 + " ours\na: 1\n" + "=" * 12 + "\n")


def test_last_marker_may_lack_its_line_end() -> None:
    (found,) = conflicts_in(BLOCK.rstrip("\n"))

    assert found.end == len(BLOCK) - 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(" " + BLOCK.replace("\n", "\n "), id="set in"),
        pytest.param("# <<<<<<< ours\n", id="in a comment"),
        pytest.param("<<<<<<<ours\n", id="no blank behind it"),
        pytest.param("<" * 6 + " ours\n" + "=" * 6 + "\n" + ">" * 6 + " theirs\n", id="six"),
        pytest.param("<" * 61 + " ours\n" + "=" * 61 + "\n" + ">" * 61 + " theirs\n", id="sixty-one"),
        pytest.param("=" * 8 + "\n" + "|" * 60 + "\n", id="longer lines under a heading"),
        pytest.param("a: '<<<<<<<'\n", id="in a value"),
    ],
)
def test_what_only_looks_like_a_conflict_is_none(text: str) -> None:
    assert conflicts_in(text) == ()
    assert conflict_of(text, None) is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("=======\n", id="the middle alone"),
        pytest.param(BLOCK.replace("=======\n", ""), id="no middle"),
        pytest.param(BLOCK.replace("<<<<<<< ours\n", ""), id="no beginning"),
        pytest.param(BLOCK.replace(">>>>>>> theirs\n", ""), id="no end"),
        pytest.param(BLOCK.replace("=======", "=======\n======="), id="two middles"),
        pytest.param(BLOCK.replace("a: 1\n", BLOCK), id="one in another"),
        pytest.param(BLOCK.replace("=======\n", "=" * 9 + "\n"), id="a middle of another size"),
        pytest.param(">" * 9 + " theirs\n", id="a longer end alone"),
    ],
)
def test_conflict_without_one_of_its_markers_has_no_borders(text: str) -> None:
    line = 2 + next(n for n, line in enumerate(text.split("\n")) if line[:1] in "<=>")
    with pytest.raises(ConflictError, match="a merge left its conflict marker") as caught:
        conflicts_in(f"x: 1\n{text}", "queue.yaml")
    problem = caught.value.problem
    assert (problem.path, problem.line, problem.column) == ("queue.yaml", line, 1)
    assert "git checkout --merge queue.yaml" in problem.hint


@pytest.mark.parametrize("text", [BLOCK, WITH_BASE, ">>>>>>> theirs\n", "<<<<<<< ours"])
def test_whole_file_has_its_first_conflict(text: str) -> None:
    problem = conflict_of(f"x: 1\n{text}", "record.yaml")

    assert problem is not None
    assert (problem.path, problem.line, problem.column, problem.code) == ("record.yaml", 2, 1, "conflict")


def test_line_under_a_heading_is_no_conflict_of_a_file() -> None:
    assert conflict_of('message: "Heading\n=======\ntext"\n', None) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([BLOCK, WITH_BASE]),
            st.integers(7, 60),
            st.sampled_from(["", "a: 1\n", "Heading\n==========\n", " <<<<<<< ours\n", "# >>>>>>> theirs\n"]),
        )
    )
)
def test_any_conflicts_are_told_from_the_text_between_them(parts: list[tuple[str, int, str]]) -> None:
    blocks = [sized(block, size) for block, size, _ in parts]
    text = "".join(f"{block}{between}" for block, (_, _, between) in zip(blocks, parts, strict=True))

    assert [text[found.start : found.end] for found in conflicts_in(text)] == blocks


@given(st.lists(st.tuples(st.sampled_from("<=>|# a"), st.integers(1, 62), st.sampled_from(["", " x", "\r"]))))
def test_any_lines_are_conflicts_or_text_or_refused(lines: list[tuple[str, int, str]]) -> None:
    text = "".join(f"{sign * size}{behind}\n" for sign, size, behind in lines)
    problem = None
    try:
        found = conflicts_in(text)
    except ConflictError as error:
        found, problem = (), error.problem
    for conflict in found:
        first, *_, last = text[conflict.start : conflict.end].splitlines()
        assert (first[0], last[0]) == ("<", ">")
        assert first.count("<") == last.count(">")
    if problem is not None:
        assert problem.line is not None
        assert text.split("\n")[problem.line - 1][0] in "<=>|"
