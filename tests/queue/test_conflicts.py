"""Conflicts in a queue: a message that holds one is invalid, and the others are as if nothing had happened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmad_messenger.errors import ConflictError, Problem
from bmad_messenger.queue.edit import append, change, remove
from bmad_messenger.queue.text import scan
from bmad_messenger.queue.view import QueueView, checked_view
from bmad_messenger.yaml.parse import Document, parse

REFERENCE = (Path(__file__).parents[1] / "samples" / "queues" / "reference.yaml").read_text("utf-8")
FIRST, SECOND = "MSG-20250115-a1b2", "MSG-20250115-c3d4"
PRIORITY = '    priority: "high"\n'
CONFLICT = f'<<<<<<< ours\n{PRIORITY}=======\n    priority: "critical"\n>>>>>>> theirs\n'
WITH_BASE = CONFLICT.replace("=======", '||||||| base\n    priority: "low"\n=======')
NEW = {"message_id": "MSG-20250116-e5f6", "payload": {"message": "a\n\n  - b\n"}}


def accept(document: Document, path: str | None) -> tuple[Problem, ...]:
    return ()


def view_of(text: str) -> QueueView:
    return checked_view(text, "queue.yaml", accept)


@pytest.mark.parametrize("conflict", [CONFLICT, WITH_BASE])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_message_with_a_conflict_is_reported_and_the_others_stay(conflict: str, line_end: str) -> None:
    view = view_of(REFERENCE.replace(PRIORITY, conflict).replace("\n", line_end))

    assert [(problem.line, problem.column, problem.code) for problem in view.problems] == [(7, 1, "conflict")]
    assert (view.invalid, list(view.valid()), view.is_clean) == ({0}, [1], False)
    assert view.message(1).message_id == SECOND


@pytest.mark.parametrize(
    ("old", "conflict"),
    [
        pytest.param(PRIORITY, f"<<<<<<< ours\n{PRIORITY}=======\n>>>>>>> theirs\n", id="a line that one side deleted"),
        pytest.param(
            "        - Design architecture\n",
            "        - Design architecture\n<<<<<<< ours\n        - a\n=======\n        - b\n>>>>>>> theirs\n",
            id="at the end of the message",
        ),
        pytest.param(
            "      next_actions:\n",
            "<<<<<<< ours\n      next_actions:\n        - Rest\n=======\n      next_actions: []\n>>>>>>> theirs\n",
            id="a nested field",
        ),
    ],
)
def test_conflict_anywhere_in_a_message_is_told(old: str, conflict: str) -> None:
    view = view_of(REFERENCE.replace(old, conflict))

    assert [problem.code for problem in view.problems] == ["conflict"]
    assert list(view.valid()) == [1]


def test_each_conflict_of_a_message_is_reported() -> None:
    status = '    status: "pending"\n'
    view = view_of(REFERENCE.replace(PRIORITY, CONFLICT).replace(status, CONFLICT.replace(PRIORITY, status)))

    assert [(problem.line, problem.code) for problem in view.problems] == [(7, "conflict"), (13, "conflict")]


def test_other_broken_message_is_reported_beside_a_conflict() -> None:
    view = view_of(REFERENCE.replace(PRIORITY, CONFLICT).replace('priority: "low"', "priority: ["))

    assert [problem.code for problem in view.problems] == ["conflict", "invalid"]
    assert view.invalid == {0, 1}


def test_typed_message_below_an_empty_list_in_brackets_stays_beside_a_conflict() -> None:
    view = view_of(REFERENCE.replace(PRIORITY, CONFLICT).replace("messages:", "messages: []"))

    assert list(view.valid()) == [1]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(REFERENCE.replace("messages:\n", f"messages:\n{CONFLICT}"), 3, id="above the first message"),
        pytest.param(CONFLICT + REFERENCE, 1, id="above the list"),
        pytest.param(f"{REFERENCE}limits: 1\n{CONFLICT}", 27, id="below the list"),
        pytest.param(
            REFERENCE.replace("\n\n", "\n<<<<<<< ours\n\n") + "=======\n  - to: dev\n>>>>>>> theirs\n",
            16,
            id="two messages",
        ),
        pytest.param(
            REFERENCE.replace(PRIORITY, CONFLICT).replace("    priority: ", "  priority: ", 1), 7, id="unclear borders"
        ),
        pytest.param(f"messages: [\n{CONFLICT}]\n", 2, id="brackets"),
    ],
)
def test_conflict_that_is_not_within_one_message_refuses_the_queue(text: str, line: int) -> None:
    with pytest.raises(ConflictError, match="a merge left its conflict marker") as caught:
        view_of(text)
    assert (caught.value.problem.line, caught.value.exit_code) == (line, 7)


def test_lines_of_a_merge_in_a_text_are_the_text_s_own() -> None:
    quoted = CONFLICT.replace("\n", "\n        ")
    view = view_of(REFERENCE.replace('"PRD complete"', f"|\n        {quoted.rstrip()}"))

    assert (view.is_clean, view.problems) == (True, ())


@pytest.mark.parametrize("below", ["", "limits: 1\n", "# the end\n"])
def test_message_is_appended_below_a_conflict_and_not_into_it(below: str) -> None:
    text = REFERENCE.rstrip("\n").replace(
        '    status: "read"', '<<<<<<< ours\n    status: "read"\n=======\n>>>>>>> theirs'
    )
    payload = '    payload:\n      message: "Using PostgreSQL with Prisma"\n'
    text = text.replace(payload.rstrip("\n"), "").rstrip("\n") + "\n" + below
    for queue in (view_of(text).queue, scan(text)):
        after = append(queue, [NEW])

        assert len(view_of(after).queue) == 3
        assert "\n>>>>>>> theirs\n" in after
        assert view_of(after).mapping(2) == NEW


@dataclass(frozen=True)
class Marked:
    """A queue in which some messages hold conflicts: which, and how many conflicts there are."""

    text: str
    items: tuple[str, ...]
    marked: frozenset[int]
    conflicts: int


MESSAGE = (
    "  - message_id: {id}\n",
    "    type: notify\n",
    "    from: pm\n",
    "    to: dev # for now\n",
    '    priority: "low"\n',
    "    created: '2025-01-15T10:30:00Z'\n",
    "    status: pending\n",
    "    # why\n",
    "    payload:\n",
    "      message: |\n",
    "        =======\n",
    "\n",
    "        - b\n",
)
LINES = st.lists(
    st.sampled_from(("    status: read\n", "    x: [\n", "\n", "      deep: 'a\n", "    # note\n", "  \t\n")),
    max_size=3,
).map("".join)


@st.composite
def marked_queues(draw: st.DrawFn) -> Marked:
    count = draw(st.integers(1, 5))
    items, marked, conflicts = [], set(), 0
    for number in range(count):
        lines = [line.format(id=f"MSG-20250115-a1b{number}") for line in MESSAGE]
        for at in sorted(draw(st.sets(st.integers(1, len(MESSAGE)), max_size=2)), reverse=True):
            base = f"||||||| base\n{draw(LINES)}" if draw(st.booleans()) else ""
            taken = lines[at : at + draw(st.integers(0, 1))]
            theirs = draw(LINES)
            ours = "".join(taken)
            lines[at : at + len(taken)] = [f"<<<<<<< ours\n{ours}{base}=======\n{theirs}>>>>>>> theirs\n"]
            marked.add(number)
            conflicts += 1
        items.append("".join(lines))
    separator = draw(st.sampled_from(("", "\n", "  # between\n")))
    head = draw(st.sampled_from(("", "# ours\n", "x: 1\n")))
    below = draw(st.sampled_from(("", "\n", "# end\n", "y: 2\n")))
    text = f"{head}messages:\n{separator.join(items)}{below}"
    eol = draw(st.sampled_from(("\n", "\r\n")))
    return Marked(
        text.replace("\n", eol), tuple(item.replace("\n", eol) for item in items), frozenset(marked), conflicts
    )


@given(marked_queues(), st.data())
def test_any_clean_message_lives_on_beside_conflicts_and_each_conflict_is_reported_once(
    queue: Marked, data: st.DataObject
) -> None:
    view = view_of(queue.text)

    clean = [number for number in range(len(queue.items)) if number not in queue.marked]
    assert list(view.valid()) == clean
    assert [view.mapping(number) for number in clean] == [value_of(queue, number) for number in clean]
    lines = [number for number, line in enumerate(queue.text.split("\n"), 1) if line.startswith("<<<<<<<")]
    assert [(problem.line, problem.code) for problem in view.problems] == [(line, "conflict") for line in lines]
    assert len(lines) == queue.conflicts

    appended = append(view.queue, [NEW])
    assert keeps_marked(appended, queue)
    assert view_of(appended).mapping(len(queue.items)) == NEW
    if clean:
        one = data.draw(st.sampled_from(clean))
        changed = change(view.queue, {one: {"status": "read"}})
        assert keeps_marked(changed, queue)
        assert view_of(changed).mapping(one) == value_of(queue, one) | {"status": "read"}
        left = remove(view.queue, [one])
        assert keeps_marked(left, queue)
        assert [view_of(left).mapping(n - (n > one)) for n in clean if n != one] == [
            value_of(queue, n) for n in clean if n != one
        ]


def value_of(queue: Marked, number: int) -> dict[str, Any]:
    (value,) = parse(queue.items[number])
    assert isinstance(value, dict)
    return value


def keeps_marked(text: str, queue: Marked) -> bool:
    """Whether every byte of the messages that hold conflicts is still there."""
    return all(queue.items[number] in text for number in queue.marked)
