"""Changes to the text: they touch the message they are about, and not a byte beside it, however it is written."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmad_messenger.errors import DamagedError, InvalidError
from bmad_messenger.queue.edit import append, as_comment, as_item, as_record, change, remove
from bmad_messenger.queue.text import QueueText, scan
from bmad_messenger.queue.view import checked_view
from bmad_messenger.yaml.parse import parse

REFERENCE = (Path(__file__).parents[1] / "samples" / "queues" / "reference.yaml").read_text("utf-8")
NEW = {"message_id": "MSG-20250116-e5f6", "type": "notify", "payload": {"message": "new\n\n  - message_id: fake"}}
NEW_ITEM = """\
  - message_id: "MSG-20250116-e5f6"
    type: "notify"
    payload:
      message: |-
        new

          - message_id: fake
"""

# Each holds two messages, with a trap between them or around them.
TRAPS = {
    "the reference's": REFERENCE,
    "no blank line between": "messages:\n  - status: pending\n    to: dev\n  - status: pending\n",
    "several blank lines": "messages:\n\n\n  - status: pending\n\n\n\n  - status: pending\n\n\n",
    "spaces in blank lines": "messages:\n  \n  - status: pending\n    \n \n  - status: pending\n      \n",
    "no final newline": "messages:\n  - status: pending\n\n  - status: pending",
    "no newline after a final comment": "messages:\n  - status: pending\n  - status: pending # final",
    "comments everywhere": (
        "#a\nmessages: #b\n  #c\n  - status: pending #d\n    #e\n  #f\n#g\n  - status: pending\n    #h\n  #i\n#j\n"
    ),
    "windows line ends": REFERENCE.replace("\n", "\r\n"),
    "mixed line ends": "messages:\r\n  - status: pending\r\n    to: dev\n  - status: pending\n    to: dev\r\n",
    "list at the left edge": "messages:\n- status: pending\n  to: dev\n\n- status: pending\n",
    "list far to the right": (
        "messages:\n        -   status: pending\n            to: dev\n        -   status: pending\n"
    ),
    "dash on its own line": "messages:\n  -\n    status: pending\n  - # second\n    status: pending\n",
    "list not last": (
        "messages:\n  - status: pending\n\n  - status: pending\n    to: dev\n\n# limits\nlimits:\n  - 1\n"
    ),
    "list not last, without blank line": "messages:\n- status: pending\n- status: pending\nlimits: 1\n",
    "markers around": "%YAML 1.2\n---\nmessages:\n  - status: pending\n  - status: pending\n...\n# end\n",
    "indented top level": "  messages:\n    - status: pending\n    - status: pending\n  limits: 1\n",
    "quoted list key": '"messages" :\n  - status: pending\n  - status: pending\n',
    "explicit list key": "? messages\n:\n  - status: pending\n  - status: pending\n",
    "a list's line in an earlier text": (
        'note: "\nmessages:\n  - status: no\n"\nmessages:\n  - status: pending\n  - status: pending\n'
    ),
    "messages in braces": (
        "messages:\n  - {status: pending, to: dev}\n  - {status: 'pending', payload: {\n  # note\n  a: 1}}\n"
    ),
    "other quotes": "messages:\n  - 'status': 'pending'\n    to: 'it''s'\n  - \"status\": \"pen\\x64ing\"\n",
    "value on its own line": (
        "messages:\n  - status:\n      pending\n    to: dev\n  - status: # note\n      'pending'\n"
    ),
    "status at the end": (
        "messages:\n  - payload:\n      a: 1\n    status: pending\n  - payload: {}\n    status: pending"
    ),
    "text in several bytes": (
        "# 😀\nmessages:\n  - note: 'é😀'\n    status: pending # 日本\n  - note: ß\n    status: pending\n"
    ),
    "other line ends in text": (
        "# \x85\nmessages:\n  - note: 'a\x85 b\u2028 c\u2029 d'\n    status: pending\n  - status: pending\n"
    ),
    "a dash's line in quotes": (
        'messages:\n  - status: pending\n    note: "a\n  - status: fake\n"\n  - status: pending\n'
    ),
    "quotes to the left edge": (
        "messages:\n  - status: pending\n    note: \"a\nb\"\n  - status: pending\n    note: 'a\nb: c'\n"
    ),
    "quotes that end like a comment": 'messages:\n  - note: "a\n  # b"\n  - status: pending\n    note: "a\n# b"\n',
    "a dash's line in a block": (
        "messages:\n  - note: |\n      - status: fake\n    status: pending\n  - status: pending\n"
    ),
    "blank lines kept": (
        "messages:\n  - status: pending\n    note: |+\n      a\n\n\n  - status: pending\n    note: >+\n      b\n\n"
    ),
    "blank lines kept above a comment": (
        "messages:\n  - note: |+\n      a\n\n  # b\n\n  - status: pending\n    note: |2+\n        b\n"
    ),
    "spaces at a block's end": (
        "messages:\n  - note: |\n      a\n        \n  - status: pending\n    note: |\n      a\n         \n"
    ),
    "words in several lines": (
        "messages:\n  - status: pending\n    note: a\n      b\n\n      c\n  - note: a\n     b\n    status: pending\n"
    ),
}


def located(text: str) -> QueueText:
    return checked_view(text, "queue.yaml", lambda *_: ()).queue


def messages_of(text: str) -> Any:
    return parse(text)["messages"]


def outside(queue: QueueText, index: int) -> tuple[str, str]:
    """The text before a message and the text behind it."""
    start, end = queue.span(index)
    return queue.text[:start], queue.text[end:]


@pytest.mark.parametrize("text", TRAPS.values(), ids=TRAPS)
def test_append_adds_a_message_and_changes_nothing_else(text: str) -> None:
    queue = located(text)
    added = append(queue, [NEW])

    before = text if queue.end == len(text) else text[: queue.span(1)[1]]
    assert messages_of(added) == [*messages_of(text), NEW]
    assert added.startswith(before)
    assert added.endswith(text[len(before) :])
    assert set(map(str.strip, added.split("\n"))) >= set(map(str.strip, NEW_ITEM.split("\n")))


@pytest.mark.parametrize("text", TRAPS.values(), ids=TRAPS)
@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize(
    "changes", [{"status": "read"}, {"status": "done", "closed": "2025-01-15T10:30:00Z", "x-n": 1}]
)
def test_change_sets_keys_and_touches_no_other_message(text: str, index: int, changes: dict[str, Any]) -> None:
    queue = located(text)
    changed = change(queue, {index: changes})

    expected = messages_of(text)
    expected[index] |= changes
    before, behind = outside(queue, index)
    assert messages_of(changed) == expected
    assert changed.startswith(before)
    assert changed.endswith(behind)


@pytest.mark.parametrize("text", TRAPS.values(), ids=TRAPS)
def test_change_of_both_messages_keeps_what_stands_between(text: str) -> None:
    queue = located(text)
    changed = change(queue, {1: {"status": "read"}, 0: {"status": "done"}})

    assert [one["status"] for one in messages_of(changed)] == ["done", "read"]
    assert queue.text[queue.span(0)[1] : queue.starts[1]] in changed


@pytest.mark.parametrize("text", TRAPS.values(), ids=TRAPS)
@pytest.mark.parametrize("index", [0, 1])
def test_remove_takes_a_message_out_and_leaves_the_other(text: str, index: int) -> None:
    queue = located(text)
    left = remove(queue, [index])

    assert messages_of(left) == [messages_of(text)[1 - index]]
    assert queue.item(1 - index) in left
    assert comments_outside(queue, index) <= set(left.split("\n"))


@pytest.mark.parametrize("text", TRAPS.values(), ids=TRAPS)
def test_queue_that_loses_all_its_messages_takes_new_ones(text: str) -> None:
    emptied = remove(located(text), [0, 1])

    assert messages_of(emptied) == []
    if not text.startswith(
        ("?", "  messages", "note")
    ):  # such lists are read, but not filled again once they are empty
        assert messages_of(append(located(emptied), [NEW])) == [NEW]


def comments_outside(queue: QueueText, index: int) -> set[str]:
    lines = "".join(outside(queue, index)).split("\n")
    return {line for line in lines if line.startswith(("#", "  #"))}


def test_append_continues_the_style_of_the_file() -> None:
    assert append(located(REFERENCE), [NEW]) == f"{REFERENCE}\n{NEW_ITEM}"


def test_several_messages_are_set_apart_by_blank_lines() -> None:
    assert append(located("messages: []\n"), [NEW, NEW]) == f"messages:\n{NEW_ITEM}\n{NEW_ITEM}"


def test_appended_lines_end_as_the_files_do() -> None:
    added = append(located(REFERENCE.replace("\n", "\r\n")), [NEW])

    assert added.count("\n") == added.count("\r\n")


@pytest.mark.parametrize(
    ("empty", "filled"),
    [
        ("", "messages:\n{}"),
        ("# ours", "# ours\nmessages:\n{}"),
        ("---\n# ours\n", "---\n# ours\nmessages:\n{}"),
        ("messages: []\n", "messages:\n{}"),
        ("messages: []", "messages:\n{}"),
        ("messages:", "messages:\n{}"),
        ("messages: ~ # none\n# end\n", "messages: # none\n{}# end\n"),
        ("messages:   [ ]   # none\n", "messages:   # none\n{}"),
        ("messages: null\n\nlimits: 1\n", "messages:\n{}\nlimits: 1\n"),
        ("a: 1\nmessages: []\nb: 2\n", "a: 1\nmessages:\n{}b: 2\n"),
        ("messages:\n\n          # deep\n\n# end\n", "messages:\n\n          # deep\n{}\n# end\n"),
        ("messages: []\n          ", "messages:\n          \n{}"),
    ],
)
def test_first_message_changes_the_lists_line_alone(empty: str, filled: str) -> None:
    assert append(located(empty), [NEW]) == filled.format(NEW_ITEM)


def test_removing_restores_what_appending_changed() -> None:
    queue = located(append(located(REFERENCE), [NEW]))

    assert remove(queue, [2]) == REFERENCE


@pytest.mark.parametrize("indexes", [*combinations(range(3), 1), *combinations(range(3), 2)])
def test_messages_stay_set_apart_by_one_blank_line(indexes: tuple[int, ...]) -> None:
    three = append(located(REFERENCE), [NEW])
    left = remove(located(three), indexes)

    assert "\n\n\n" not in left
    assert left.count("\n\n  - ") == 2 - len(indexes)
    assert not left.endswith("\n\n")


def test_removing_the_last_message_leaves_an_empty_list() -> None:
    assert remove(located(REFERENCE), [0, 1]) == "# _bmad-output/messenger/message-queue.yaml\nmessages: []\n"


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ('status: "pending"', 'status: "read"'),
        ("status: 'pending'", "status: 'read'"),
        ("status: pending", "status: read"),
        ("status:   pending   # not yet", "status:   read   # not yet"),
        ('"status": "pending"', '"status": "read"'),
    ],
)
def test_new_value_takes_the_quotes_of_the_old(line: str, changed: str) -> None:
    text = f"messages:\n  - to: dev\n    {line}\n    payload: {{}}\n"

    assert change(scan(text), {0: {"status": "read"}}) == text.replace(line, changed)


def test_new_key_takes_its_place_in_the_order_of_keys() -> None:
    changed = change(scan(REFERENCE), {0: {"read_by": {"architect": "2025-01-15T12:00:00Z"}, "status": "read"}})

    assert changed == REFERENCE.replace(
        '    status: "pending"\n',
        '    status: "read"\n    read_by: {architect: "2025-01-15T12:00:00Z"}\n',
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("read_by: {pm: a}", 'read_by: {pm: a, dev: "b"}'),
        ("read_by: {}", 'read_by: {dev: "b"}'),
        ("read_by:", 'read_by: {dev: "b"}'),
        ("read_by:\n      pm: a", 'read_by:\n      pm: a\n      dev: "b"'),
        ("read_by: {dev: a}", "read_by: {dev: b}"),
    ],
)
def test_mapping_among_the_values_adds_to_what_is_there(before: str, after: str) -> None:
    text = f"messages:\n  - status: read\n    {before}\n    payload: {{}}\n"

    assert change(scan(text), {0: {"read_by": {"dev": "b"}}}) == text.replace(before, after)


@pytest.mark.parametrize(
    "block", ["|-\n      two\n      lines\n", ">\n      folded\n\n", "|+ # comment\n      kept\n\n"]
)
def test_one_line_takes_the_place_of_a_block(block: str) -> None:
    text = f"messages:\n  - note: {block}    to: dev\n"

    assert change(scan(text), {0: {"note": "a: b"}}) == 'messages:\n  - note: "a: b"\n    to: dev\n'


def test_message_whose_keys_can_not_be_added_to_is_refused() -> None:
    queue = located("messages:\n  - to: dev\n  - ? to\n    : dev\n")

    with pytest.raises(DamagedError, match="can't be edited safely") as caught:
        change(queue, {1: {"status": "read"}})
    assert (caught.value.problem.path, caught.value.problem.line, caught.value.problem.column) == ("queue.yaml", 3, 3)


def test_list_in_brackets_is_read_but_not_edited() -> None:
    queue = located("# ours\nmessages: [{status: pending}, {status: read}]\n")

    for edit in (
        lambda: append(queue, [NEW]),
        lambda: change(queue, {0: {"status": "read"}}),
        lambda: remove(queue, [1]),
    ):
        with pytest.raises(DamagedError, match="in brackets") as caught:
            edit()
        assert (caught.value.problem.line, caught.value.problem.column) == (2, 1)


@pytest.mark.parametrize(
    "payload",
    [{"k" * 1_100: 1}, {"a": float("inf")}, {"a": "\ud800"}, {"\udc80": 1}, {1: "a"}, {"a": 10**5_000}, {"a": b""}],
    ids=["long key", "infinite", "surrogate", "surrogate in a key", "number as key", "too many digits", "bytes"],
)
def test_message_that_yaml_can_not_hold_is_refused(payload: dict[Any, Any]) -> None:
    with pytest.raises(InvalidError, match="the message"):
        append(located(""), [{"payload": payload}])


@pytest.mark.parametrize("text", TRAPS.values(), ids=TRAPS)
@pytest.mark.parametrize("index", [0, 1])
def test_record_and_item_say_what_the_message_says(text: str, index: int) -> None:
    queue = located(text)
    record = as_record(queue.item(index), queue.margin)

    mapping = messages_of(text)[index]
    assert parse(record) == mapping
    assert parse(as_item(record, mapping, 4)) == [mapping]


def test_record_is_the_item_moved_to_the_left_edge() -> None:
    item = "  - to: dev # soon\n    # the whole\n    payload:\n      message: |\n        a\n\n          b\n"

    assert as_record(item, 2) == "to: dev # soon\n# the whole\npayload:\n  message: |\n    a\n\n      b\n"


def test_item_is_the_record_moved_back() -> None:
    record = "# archived\nto: dev # soon\n# the whole\npayload:\n  message: |\n    a\n\n      b\n"

    assert as_item(record, parse(record), 2) == (
        "  - to: dev # soon\n    # the whole\n    payload:\n      message: |\n        a\n\n          b\n"
    )


def test_record_that_says_something_else_is_written_anew() -> None:
    assert as_item("to: dev\n", {"to": "tea"}, 2) == '  - to: "tea"\n'


@given(st.text())
def test_any_text_is_kept_in_a_comment(text: str) -> None:
    comment = as_comment(text, "As it stood:")

    assert parse(f"a: 1\n{comment}") == {"a": 1}
    assert all(line.startswith("#") for line in comment.removesuffix("\n").split("\n"))


def test_comment_shows_the_text_as_it_is() -> None:
    assert as_comment("  - to: é: b\r\n    x: \0\n\n", "As it stood:").splitlines()[1:] == [
        "#  - to: é: b",
        "#    x: \\u0000",
    ]
