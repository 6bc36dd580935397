"""What git leaves of a merge that it could not finish is told from text that only looks like it."""

from __future__ import annotations

import pytest

from bmad_messenger.conflict import conflict_of, conflicts_in
from bmad_messenger.errors import ConflictError

BLOCK = "<<<<<<< ours\na: 1\n=======\na: 2\n>>>>>>> theirs\n"
WITH_BASE = "<<<<<<< ours\na: 1\n||||||| base\na: 0\n=======\na: 2\n>>>>>>> theirs\n"


@pytest.mark.parametrize("block", [BLOCK, WITH_BASE, BLOCK.replace("\n", "\r\n"), BLOCK.replace(" ours", "")])
def test_each_conflict_is_found_with_its_lines(block: str) -> None:
    text = f"x: 1\n{block}y: 2\n{block}"

    first, second = conflicts_in(text)

    assert (first.line, second.line) == (2, 3 + block.count("\n"))
    assert [text[found.start : found.end] for found in (first, second)] == [block, block]


def test_last_marker_may_lack_its_line_end() -> None:
    (found,) = conflicts_in(BLOCK.rstrip("\n"))

    assert found.end == len(BLOCK) - 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(" " + BLOCK.replace("\n", "\n "), id="set in"),
        pytest.param("# <<<<<<< ours\n", id="in a comment"),
        pytest.param("<<<<<<<ours\n", id="no blank behind it"),
        pytest.param("<" * 8 + " ours\n" + "=" * 8 + "\n", id="eight"),
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
