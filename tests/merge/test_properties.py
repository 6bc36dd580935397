"""Any two edits of any queue: plain mappings tell what comes out, in either direction, and no comment is lost."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from hypothesis import assume, given, note
from hypothesis import strategies as st

from bmad_messenger.merge import Merged, merge_queues, merge_records
from bmad_messenger.yaml.parse import parse
from tests.merge import model
from tests.merge.written import File, Item, changed, edited, files, items

COMMENT = re.compile(r"# ([bot]\d+|header|tail)\b")
MARKS = re.compile(r"^<{7} ours\r?\n(.*?)^={7}\r?\n(.*?)^>{7} theirs\r?\n", re.M | re.S)


@st.composite
def three(draw: st.DrawFn) -> tuple[File, File, File]:
    base = draw(files())
    return base, draw(edited(base, "o")), draw(edited(base, "t"))


@given(three())
def test_merge_says_what_plain_mappings_say(sides: tuple[File, File, File]) -> None:
    base, ours, theirs = (side.text() for side in sides)
    expected = model.merged(queue(base), queue(ours), queue(theirs))

    result = merge_queues(base, ours, theirs)

    note(result.text)
    assert len(result.conflicts) == len(model.clashes(expected))
    for side in (0, 1):
        assert queue(settled(result, side)) == model.settled(expected, side)


@given(three())
def test_merge_is_the_same_in_both_directions(sides: tuple[File, File, File]) -> None:
    base, ours, theirs = (side.text() for side in sides)

    result, turned = merge_queues(base, ours, theirs), merge_queues(base, theirs, ours)

    assert [settled(result, 0), settled(result, 1)] == [settled(turned, 1), settled(turned, 0)]


@given(three())
def test_merge_loses_no_comment(sides: tuple[File, File, File]) -> None:
    base, ours, theirs = sides
    new = (ours.comments() | theirs.comments()) - base.comments()
    stayed = base.comments() & ours.comments() & theirs.comments()

    result = merge_queues(base.text(), ours.text(), theirs.text())

    note(result.text)
    found = Counter(COMMENT.findall(result.text))
    assert new | stayed <= found.keys()
    assert result.notes or result.conflicts or max(found.values(), default=1) == 1


@given(three())
def test_merge_keeps_the_order_that_both_sides_share(sides: tuple[File, File, File]) -> None:
    base, *both = (side.text() for side in sides)
    orders = [[*queue(text)] for text in both]
    shared = [[name for name in order if name in orders[0] and name in orders[1]] for order in orders]

    result = merge_queues(base, *both)

    assume(shared[0] == shared[1] and not any("had the id" in sentence for sentence in result.notes))
    merged = [*queue(settled(result, 0))]
    for order in orders:
        left = [name for name in order if name in merged]
        assert [name for name in merged if name in left] == left


@given(three())
def test_what_did_not_change_stays(sides: tuple[File, File, File]) -> None:
    base, ours, _ = (side.text() for side in sides)

    assert merge_queues(base, ours, ours).text == ours
    assert merge_queues(base, ours, base).text == ours
    assert merge_queues(base, base, ours).text == ours


@st.composite
def three_records(draw: st.DrawFn) -> tuple[Item, Item, Item]:
    base = draw(items(1, "b"))
    return base, draw(changed(base, "o")), draw(changed(base, "t"))


@given(three_records())
def test_merge_of_archive_files_says_what_plain_mappings_say(sides: tuple[Item, Item, Item]) -> None:
    base, ours, theirs = (side.record() for side in sides)
    expected = model.merged_message(parse(base), parse(ours), parse(theirs))

    result, turned = merge_records(base, ours, theirs), merge_records(base, theirs, ours)

    note(result.text)
    assert len(result.conflicts) == len(model.clashes(expected))
    for side in (0, 1):
        assert parse(settled(result, side)) == model.settled(expected, side)
        assert settled(result, side) == settled(turned, 1 - side)
    for comment in {*sides[1].comments(), *sides[2].comments()} - {*sides[0].comments()}:
        assert f"# {comment}" in result.text


def queue(text: str) -> dict[str, Any]:
    """The messages by id, as a parser reads them."""
    ended = text if text.endswith("\n") else f"{text}\n"
    return {one["message_id"]: one for one in (parse(ended) or {}).get("messages") or ()}


def settled(result: Merged, side: int) -> str:
    """The merged text with every conflict settled for one side."""
    return MARKS.sub(lambda marks: marks[1 + side], result.text)
