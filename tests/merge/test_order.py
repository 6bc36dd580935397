"""The order of what two sides hold: it does not depend on which is which, and keeps what each side put in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bmad_messenger.merge.order import merged_order, united, winner

ORDER = st.lists(st.integers(0, 9), unique=True)


@given(ORDER, ORDER, ORDER)
def test_order_is_the_same_in_both_directions(base: list[int], ours: list[int], theirs: list[int]) -> None:
    assert order(base, ours, theirs) == order(base, theirs, ours)


@given(ORDER, ORDER, ORDER)
def test_order_holds_everything_once(base: list[int], ours: list[int], theirs: list[int]) -> None:
    assert sorted(order(base, ours, theirs)) == sorted({*ours, *theirs})


@given(ORDER, ORDER)
def test_order_that_one_side_changed_stands(base: list[int], ours: list[int]) -> None:
    assert [key for key in order(base, ours, base) if key in ours] == ours


def test_runs_at_one_place_are_interleaved_and_keep_their_order() -> None:
    assert order([0], [0, 5, 1], [0, 3, 7]) == [0, 3, 5, 1, 7]


def test_what_follows_a_moved_one_moves_along() -> None:
    assert order([1, 2, 3], [3, 1, 2], [1, 2, 3, 9]) == [3, 9, 1, 2]


def test_winner_is_the_side_that_changed_something() -> None:
    assert [winner(0, 1, 0), winner(0, 0, 1), winner(0, 1, 1), winner(0, 1, 2)] == [0, 1, 0, None]


def test_comments_are_united_line_by_line() -> None:
    assert united("# a\n# b\n", "# a\n# b\n# ours\n", "# b\n# theirs\n") == "# b\n# ours\n# theirs\n"


def order(base: list[int], ours: list[int], theirs: list[int]) -> list[int]:
    return merged_order(base, ours, theirs, rank=lambda key: key)
