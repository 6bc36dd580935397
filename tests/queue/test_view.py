"""What is made of a text that anybody may have written: what can be read is, and what can't is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmad_messenger.errors import DamagedError, Problem
from bmad_messenger.queue.view import QueueView, checked_view, holds_nothing, trusted_view
from bmad_messenger.yaml.parse import Document

REFERENCE = (Path(__file__).parents[1] / "samples" / "queues" / "reference.yaml").read_text("utf-8")
FIRST, SECOND = "MSG-20250115-a1b2", "MSG-20250115-c3d4"


def view_of(text: str) -> QueueView:
    return checked_view(text, "queue.yaml", accept)


def accept(document: Document, path: str | None) -> tuple[Problem, ...]:
    return ()


def refuse_low_priority(document: Document, path: str | None) -> tuple[Problem, ...]:
    if document.value[0].get("priority") != "low":
        return ()
    line, column = document.place((0, "priority"))
    return (Problem("too low", "", path, line, column),)


def places(view: QueueView) -> list[tuple[str, int | None, int | None]]:
    return [(problem.message, problem.line, problem.column) for problem in view.problems]


def test_reference_is_clean() -> None:
    view = view_of(REFERENCE)

    assert (view.is_clean, view.problems, list(view.valid())) == (True, (), [0, 1])


@pytest.mark.parametrize("view", [view_of(REFERENCE), trusted_view(REFERENCE, None)], ids=["checked", "trusted"])
def test_message_is_found_by_its_id(view: QueueView) -> None:
    assert view.ids() == {FIRST: 0, SECOND: 1}
    assert (view.find(FIRST), view.find(SECOND), view.find("MSG-20250115-0000")) == (0, 1, None)
    assert view.message(1).payload == {"message": "Using PostgreSQL with Prisma"}
    assert view.head(1)["to_agents"] == "all"


def test_id_that_another_message_names_is_not_taken_for_it() -> None:
    text = REFERENCE.replace('    status: "pending"\n', f'    status: "pending"\n    reply_to: "{SECOND}"\n')

    assert trusted_view(text, None).find(SECOND) == 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("messages:\n  - note: 'a\n  - note: b'\n    payload: {}\n", id="a dash's line in quotes"),
        pytest.param('messages:\n  - payload:\n      a: "b\nc"\n', id="quotes to the left edge"),
        pytest.param("? messages\n:\n  - payload: {}\n", id="explicit list key"),
        pytest.param('messages:\n  - to: "d\\x65v"\n    payload: {}\n', id="escape in a name"),
        pytest.param("messages: [{to: dev, payload: {}}]\n", id="brackets"),
    ],
)
def test_text_whose_lines_do_not_say_what_the_parser_says_is_not_trusted(text: str) -> None:
    complete = text.replace(
        "payload:", "priority: low\n    created: a\n    status: read\n    message_id: b\n    payload:"
    )

    assert not view_of(text if "[" in text else complete).is_clean


def test_message_that_lacks_what_a_send_fills_in_is_incomplete() -> None:
    view = view_of(REFERENCE.replace('    status: "read"\n', ""))

    assert (view.incomplete, list(view.valid()), view.is_clean) == ({1}, [0], False)


def test_word_may_be_written_with_an_escape() -> None:
    view = view_of(
        REFERENCE.replace('to: "architect"', 'to: "\\x61rchitect"').replace(f'"{FIRST}"', f'"\\x4d{FIRST[1:]}"')
    )

    assert view.mentions(0, ("architect",))
    assert view.find(FIRST) == 0


def test_problem_of_a_message_is_reported_with_its_place_and_the_others_stay() -> None:
    view = checked_view(REFERENCE, "queue.yaml", refuse_low_priority)

    assert places(view) == [("too low", 21, 5)]
    assert (view.invalid, list(view.valid()), view.is_clean) == ({1}, [0], False)


@pytest.mark.parametrize(
    ("item", "line"),
    [("-", 2), ("- null", 2), ("- just a word", 2), ("- [a, b]", 2), ("- # nothing\n", 2), ("- - a", 2)],
)
def test_item_that_is_no_message_is_reported(item: str, line: int) -> None:
    view = view_of(REFERENCE.replace("messages:\n", f"messages:\n  {item}\n"))

    assert places(view) == [("this item is no message", line + 1, 3)]
    assert (view.invalid, list(view.valid()), view.is_clean) == ({0}, [1, 2], False)


def test_second_message_of_an_id_is_reported_and_left_alone() -> None:
    view = view_of(REFERENCE.replace(SECOND, FIRST))

    assert places(view) == [(f"{FIRST} stands twice, first in line 3", 17, 3)]
    assert list(view.valid()) == [0]


@pytest.mark.parametrize(
    ("broken", "message", "line", "column"),
    [
        pytest.param('context_summary: "PRD', "found unexpected end of stream", 12, 24, id="open quote"),
        pytest.param("context_summary: a: b", "mapping values are not allowed", 12, 25, id="colon in a plain word"),
        pytest.param("context_summary: &a b", "anchors", 12, 24, id="anchor"),
        pytest.param("context_summary: *a", "aliases", 12, 24, id="alias"),
        pytest.param("context_summary: !!str b", "the tag", 12, 24, id="tag"),
        pytest.param("<<: {a: b}", "merge keys", 12, 7, id="merge key"),
        pytest.param("artifact_path: b", "stands twice", 12, 7, id="key twice"),
        pytest.param("context_summary: [a", "while parsing a flow sequence", 13, 19, id="open bracket"),
        pytest.param("\tcontext_summary: a", "while scanning for the next token", 12, 7, id="tab"),
        pytest.param("context_summary: a\0", r"U\+0000", 12, 25, id="NUL"),
        pytest.param("context_summary: 0x" + "f" * 9_000, "can't be represented", 12, 24, id="endless number"),
        pytest.param("? [a]\n      : b", "a key must be text", 12, 9, id="list as a key"),
    ],
)
def test_message_that_is_no_yaml_is_reported_and_the_others_stay(
    broken: str, message: str, line: int, column: int
) -> None:
    view = view_of(REFERENCE.replace('context_summary: "PRD complete"', broken))

    (problem,) = view.problems
    assert message.replace("\\", "") in problem.message
    assert (problem.path, problem.line, problem.column) == ("queue.yaml", line, column)
    assert (view.invalid, list(view.valid()), view.is_clean) == ({0}, [1], False)
    assert view.message(1).message_id == SECOND


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("note: [\n" + REFERENCE, 4, id="an open bracket above the list"),
        pytest.param(REFERENCE + "---\nmessages: []\n", 26, id="a second document"),
        pytest.param(REFERENCE + "messages: []\n", 26, id="a second list"),
        pytest.param(REFERENCE + "limits: *none\n", 26, id="an alias below the list"),
        pytest.param(REFERENCE + "just words\n", 27, id="words below the list"),
    ],
)
def test_what_is_wrong_around_the_messages_is_reported_and_they_stay(text: str, line: int) -> None:
    view = view_of(text)

    assert [problem.line for problem in view.problems] == [line]
    assert [view.message(index).message_id for index in view.valid()] == [FIRST, SECOND]
    assert not view.is_clean


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        pytest.param("just words\n", "there is no list of messages", 1, 1, id="words"),
        pytest.param("null\n", "there is no `messages:` list", 1, 1, id="null"),
        pytest.param("--- ~\n", "there is no `messages:` list", 1, 1, id="null behind a marker"),
        pytest.param("- a\n- b\n", "there is no list of messages", 1, 1, id="a list"),
        pytest.param("tasks: []\n", "there is no `messages:` list", 1, 1, id="another key"),
        pytest.param("messages: one\n", "there is no list of messages", 1, 1, id="a word for a list"),
        pytest.param("messages:\n  to: dev\n", "there is no list of messages", 1, 1, id="a mapping for a list"),
        pytest.param("{messages: []}\n", "there is no `messages:` list", 1, 1, id="all in braces"),
        pytest.param("messages: [\n]\n", "not in block form", 1, 11, id="brackets on two lines"),
        pytest.param(" messages: []\n", "there is no `messages:` list", 1, 1, id="indented empty list"),
        pytest.param(
            'a: "\nmessages:\n"\nmessages: []\n', "an empty list must be written", 4, 1, id="list's line in quotes"
        ),
        pytest.param("? messages\n: - a: 1\n", "a line of its own", 2, 5, id="dash behind a colon"),
        pytest.param("messages:\r  - a: 1\r", "a line of its own", 1, 15, id="old line ends"),
        pytest.param(
            "messages:\n  - {a: 1}\r  - {a: 2}\n", "a line of its own", 2, 16, id="an old line end in the list"
        ),
        pytest.param("messages:\n  - a: 1\x85  - a: 2\n", "a line of its own", 2, 14, id="NEL before a dash"),
        pytest.param("messages:\n  - a: 1\n - b: 2\n", "did not find expected key", 3, 2, id="dashes not aligned"),
        pytest.param("messages:\n  - a: 1\n b: [\n", "did not find expected key", 3, 2, id="key left of the dash"),
        pytest.param("messages:\n  - a: 1\n\t- b: 2\n", "tab", 3, 1, id="tab before a dash"),
        pytest.param('messages:\n  - a: "b\n c: d\n', "unexpected end of stream", 2, 8, id="open quote, unclear below"),
        pytest.param("messages: [{a: 1}\n", "did not find expected ',' or ']'", 2, 1, id="open bracket"),
        pytest.param("\ufeffmessages:\n  - a: 1\n", "byte-order mark", 1, 1, id="second byte-order mark"),
        pytest.param("[" * 100_000, "more than 64 deep", 1, 65, id="deep nesting"),
    ],
)
def test_queue_with_unclear_borders_is_refused(text: str, message: str, line: int, column: int) -> None:
    with pytest.raises(DamagedError) as caught:
        view_of(text)

    problem = caught.value.problem
    assert message in problem.message
    assert (problem.path, problem.line, problem.column) == ("queue.yaml", line, column)
    assert caught.value.exit_code == 7


@pytest.mark.parametrize("marker", ["<<<<<<< HEAD", "=======", ">>>>>>> theirs", "||||||| base"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_conflict_of_a_merge_is_called_one(marker: str, line_end: str) -> None:
    text = REFERENCE.replace("\n\n", f"\n{marker}\n\n").replace("\n", line_end)

    with pytest.raises(DamagedError, match="a merge left its conflict marker") as caught:
        view_of(text)
    assert (caught.value.problem.line, caught.value.problem.column) == (16, 1)


@pytest.mark.parametrize("text", ["# =======\n", "# <<<<<<< HEAD\n", "======= =\n", "=" * 20 + "\n"])
def test_lines_that_resemble_a_marker_are_none(text: str) -> None:
    message = REFERENCE.replace('"PRD complete"', "|\n        " + text.strip())

    assert view_of(message).is_clean


def test_mapping_of_a_trusted_text_is_parsed_when_it_is_asked_for() -> None:
    view = trusted_view(REFERENCE, None)

    assert view.mappings is None
    assert view.mapping(0)["payload"]["next_actions"] == ["Review requirements", "Design architecture"]


@pytest.mark.parametrize(
    ("text", "nothing"),
    [
        ("", True),
        ("\n# ours\n", True),
        ("# ours\nmessages: []\n", True),
        ("messages:\r\n", True),
        ("messages: []\nmessages: []\n", False),
        ("messages: [] # none\n", False),
        ("limits: 1\n", False),
        (REFERENCE, False),
    ],
)
def test_empty_queue_is_told_by_its_lines(text: str, nothing: bool) -> None:
    assert holds_nothing(text) is nothing
