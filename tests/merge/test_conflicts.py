"""What truly conflicts is marked at that field alone, as git marks it, and the rest of the queue can be read."""

from __future__ import annotations

from typing import Any

import pytest

from bmad_messenger.merge import Merged, merge_queues, merge_records
from bmad_messenger.queue.view import checked_view
from tests.merge.written import File, Item, message

NOTED = {"payload": {"message": "hello", "x": {"a": "1", "b": "1"}}}
BASE = File((Item(message(1, **NOTED)), Item(message(2)))).text()


def test_field_that_both_sides_changed_is_marked() -> None:
    result = conflict({"note": "mine", "priority": "high"}, {"note": "yours"})

    assert result.text == (
        "messages:\n"
        '  - message_id: "MSG-20250115-0001"\n'
        '    type: "notify"\n'
        '    from: "pm"\n'
        "    to_agents:\n"
        "      - dev\n"
        "      - tea\n"
        '    priority: "high"\n'
        '    created: "2025-01-15T11:00:00Z"\n'
        '    status: "pending"\n'
        "<<<<<<< HEAD\n"
        '    note: "mine"\n'
        "=======\n"
        '    note: "yours"\n'
        ">>>>>>> topic\n"
        "    payload:\n"
        '      message: "hello"\n'
        "      x:\n"
        '        a: "1"\n'
        '        b: "1"\n'
        "\n"
        '  - message_id: "MSG-20250115-0002"\n' + File((Item(message(2)),)).text().split("\n", 2)[2]
    )


def test_conflict_says_what_it_is_about_and_where() -> None:
    (problem,) = conflict({"note": "mine"}, {"note": "yours"}).conflicts

    assert problem.message == (
        'MSG-20250115-0001: note was changed to "mine" on one side, and on the other changed to "yours"'
    )
    assert (problem.code, problem.path, problem.line, problem.column) == ("conflict", "q.yaml", 11, 1)


def test_each_conflict_has_the_line_of_its_own_marker() -> None:
    result = conflict({"note": "mine", "priority": "high"}, {"note": "yours", "priority": "medium"})

    lines = result.text.split("\n")
    assert [lines[problem.line - 1] for problem in result.conflicts if problem.line] == ["<<<<<<< HEAD"] * 2


def test_field_deep_in_the_payload_is_marked_alone() -> None:
    ours, theirs = ({"payload": {"message": "hello", "x": {"a": side, "b": "1"}}} for side in ("o", "t"))

    result = conflict(ours, theirs)

    assert (
        '      x:\n<<<<<<< HEAD\n        a: "o"\n=======\n        a: "t"\n>>>>>>> topic\n        b: "1"\n'
        in result.text
    )
    assert result.conflicts[0].message.startswith("MSG-20250115-0001: payload.x.a was changed to")


def test_field_that_one_side_took_out_and_the_other_changed_is_marked() -> None:
    ours, theirs = {"payload": {"message": "hello"}}, {"payload": {"message": "hello", "x": {"a": "2", "b": "1"}}}

    result = conflict(ours, theirs)

    assert '<<<<<<< HEAD\n=======\n      x:\n        a: "2"\n        b: "1"\n>>>>>>> topic\n' in result.text
    assert result.conflicts[0].message.endswith("was taken out on one side, and on the other changed to a mapping")


def test_first_field_of_a_message_is_marked_within_it() -> None:
    base = "messages:\n  - note: a\n    message_id: MSG-20250115-0001\n"

    result = merge_queues(base, base.replace("note: a", "note: b"), base.replace("note: a", "note: c"))

    assert result.text == (
        "messages:\n  -\n<<<<<<< ours\n    note: b\n=======\n    note: c\n>>>>>>> theirs\n"
        "    message_id: MSG-20250115-0001\n"
    )


def test_comments_of_a_field_in_conflict_stay() -> None:
    ours, theirs = (
        BASE.replace('      message: "hello"', f'      # {side}\n      message: "{side}" # as {side}', 1)
        for side in "ab"
    )

    assert merge_queues(BASE, ours, theirs).text == BASE.replace(
        '      message: "hello"\n',
        "      # a\n      # b\n<<<<<<< ours\n"
        '      message: "a" # as a\n=======\n      message: "b" # as b\n>>>>>>> theirs\n',
        1,
    )


def test_markers_are_as_wide_as_git_asks_and_end_as_the_files_lines_do() -> None:
    ours, theirs = (BASE.replace("hello", side, 1).replace("\n", "\r\n") for side in "ab")

    result = merge_queues(BASE.replace("\n", "\r\n"), ours, theirs, marker_size=9)

    assert (
        '<<<<<<<<< ours\r\n      message: "a"\r\n=========\r\n      message: "b"\r\n>>>>>>>>> theirs\r\n' in result.text
    )
    assert result.text.count("\n") == result.text.count("\r\n")


def test_the_other_messages_of_a_marked_queue_can_be_read() -> None:
    view = checked_view(conflict({"note": "mine"}, {"note": "yours"}).text, None, lambda *_: ())

    assert [*view.valid()] == [1]


def test_same_change_on_both_sides_is_no_conflict() -> None:
    ours, theirs = BASE.replace('"low"', '"high"', 1), BASE.replace('"low"', "high # !", 1)

    assert merge_queues(BASE, ours, theirs).conflicts == ()


@pytest.mark.parametrize("value", ["[a]", "{a: 1}", "x", "", "1.0", "true", "'1'"])
def test_values_of_other_kinds_conflict_as_a_whole(value: str) -> None:
    result = merge_records("", "message_id: a\nx-field: 1\n", f"message_id: a\nx-field: {value}\n")

    assert result.text.endswith(f"<<<<<<< ours\nx-field: 1\n=======\nx-field: {value}\n>>>>>>> theirs\n")


def test_archive_file_is_marked_the_same_way() -> None:
    result = merge_records("message_id: a\n", "message_id: a\nnote: b\n", "message_id: a\nnote: c\n", path="a.yaml")

    assert result.text == "message_id: a\n<<<<<<< ours\nnote: b\n=======\nnote: c\n>>>>>>> theirs\n"
    assert [problem.where for problem in result.conflicts] == ["a.yaml:2:1"]


def test_turned_around_the_sides_of_a_conflict_are_turned_around() -> None:
    result = merge_records("", "message_id: a\nnote: b\n", "message_id: a\nnote: c\n")
    turned = merge_records("", "message_id: a\nnote: c\n", "message_id: a\nnote: b\n", labels=("theirs", "ours"))

    assert "note: b\n=======\nnote: c" in result.text
    assert "note: c\n=======\nnote: b" in turned.text


def conflict(ours: dict[str, Any], theirs: dict[str, Any]) -> Merged:
    own, other = (File((Item(message(1, **(NOTED | fields))), Item(message(2)))).text() for fields in (ours, theirs))
    return merge_queues(BASE, own, other, labels=("HEAD", "topic"), path="q.yaml")
