"""Any text at all: what the lines say is what a parser says, before every edit and after it."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from bmad_messenger.errors import DamagedError, InvalidError
from bmad_messenger.queue.edit import append, as_item, as_record, change, remove
from bmad_messenger.queue.text import QueueText
from bmad_messenger.queue.view import QueueView, checked_view, trusted_view
from bmad_messenger.yaml.parse import parse

NEW = {"message_id": "MSG-20250116-e5f6", "payload": {"message": "a\n\n  - b\n"}}
CHANGES = {"status": "read", "read_by": {"dev": "2025-01-15T10:30:00Z"}}

LINE = st.sampled_from(
    (
        *(
            "messages:",
            "messages: []",
            "- to: dev",
            "  - to: tea",
            "  -",
            "  - {to: dev}",
            "    - a",
            "  - # note",
            "  - |+",
        ),
        *(
            "    status: pending",
            "    status: 'read' # note",
            '    "status": "done"',
            "    to_agents:",
            "      - dev",
            "    - pm",
        ),
        *(
            "    payload:",
            "    payload: {}",
            "      message: hi",
            "  payload:",
            "    message: hi",
            "    read_by: {pm: a}",
        ),
        *(
            "    note: |",
            "    note: |+",
            "    note: >-",
            "    note: |2+",
            "      text",
            "        text",
            "      # text",
            "    x:",
        ),
        *(
            "",
            "",
            " ",
            "    ",
            "         ",
            "\t",
            "# note",
            "  # note",
            "    # note",
            "# don't",
            '  # "quoted"',
            "      # deep",
        ),
        *(
            '    note: "open',
            'close"',
            '  # close"',
            "    note: 'open",
            "close'",
            '  - close"',
            "    payload: [",
            "  ]",
            "    ]",
        ),
        *(
            "other: 1",
            "other: '",
            "messages: [",
            "---",
            "...",
            "%YAML 1.2",
            "\ufeff",
            "? messages",
            ": - a: 1",
            "  ? a",
            "  : b",
        ),
        *(
            "    note: a\x85b",
            "    note: 'a\u2028",
            "    to: *a",
            "    to: &a b",
            "    to: !t b",
            "<<<<<<<",
            "    <<: {}",
            "\x00",
        ),
    )
)
TEXT = st.builds(
    lambda first, lines, end, final: end.join((*first, *lines)) + final * end,
    st.sampled_from(((), ("messages:",), ("messages:", "  - to: dev"), ("# note", "messages:", "- status: pending"))),
    st.lists(LINE, max_size=14),
    st.sampled_from(("\n", "\n", "\n", "\r\n")),
    st.booleans(),
)


@given(TEXT)
@example("messages:\n  - note: |+\n      a\n\n  - to: dev\n\n\n")
@example('messages:\n  - note: "\n  # close"\n')
@example("messages:\n  - to: dev\n  - note: |\n      a\n         ")
def test_lines_say_what_a_parser_says(text: str) -> None:
    view = view_of(text)
    if view is None:
        return

    for index in block_messages(view):
        mapping = view.mapping(index)
        head = view.queue.head(index)
        assert view.queue.value(index) == mapping
        assert head is None or head == {key: value for key, value in mapping.items() if key != "payload"}
    if view.is_clean:
        assert_same_borders(trusted_view(text, None).queue, view.queue)


@given(TEXT)
def test_appending_adds_a_message_and_keeps_the_others(text: str) -> None:
    view = editable(text)
    if view is not None:
        added = append(view.queue, [NEW])

        assert messages_of(added) == [*messages_of(whole_lines(text)), NEW]
        assert_trust_is_deserved(view, added)


@given(TEXT)
def test_removing_takes_a_message_out_and_keeps_the_others(text: str) -> None:
    view = editable(text)
    for index in range(len(view.queue) if view else 0):
        left = remove(view.queue, [index])
        expected = messages_of(text)
        del expected[index]

        assert messages_of(left) == expected
        assert_trust_is_deserved(view, left)


@given(TEXT)
def test_changing_sets_the_keys_of_one_message(text: str) -> None:
    view = editable(text)
    for index in block_messages(view) if view else ():
        expected = messages_of(text)
        readers = expected[index].get("read_by")
        expected[index] |= CHANGES
        if isinstance(readers, dict):
            expected[index]["read_by"] = {**readers, **CHANGES["read_by"]}
        try:
            changed = change(view.queue, {index: CHANGES})
        except DamagedError:
            continue

        start, end = view.queue.span(index)
        assert messages_of(changed) == expected
        assert changed.startswith(text[:start])
        assert changed.endswith(text[end:])
        assert_trust_is_deserved(view, changed)


@given(TEXT)
def test_record_says_what_the_message_says(text: str) -> None:
    view = editable(text)
    for index in block_messages(view) if view else ():
        mapping = view.mapping(index)
        record = as_record(view.queue.item(index), view.queue.margin)

        assert parse(record) == mapping
        assert parse(as_item(record, mapping, 2)) == [mapping]


def view_of(text: str) -> QueueView | None:
    """What is made of a text; None where it is refused."""
    try:
        return checked_view(text, None, lambda *_: ())
    except DamagedError:
        return None


def editable(text: str) -> QueueView | None:
    """The view of a text that is YAML from beginning to end, its list in block form."""
    view = view_of(text)
    try:
        parse(text)
    except InvalidError:
        return None
    return None if view is None or view.queue.in_flow else view


def block_messages(view: QueueView) -> list[int]:
    """The messages that are mappings, and not empty."""
    if view.queue.in_flow:
        return []
    return [index for index in range(len(view.queue)) if view.mappings and view.mappings[index]]


def messages_of(text: str) -> list[Any]:
    return (parse(text) or {}).get("messages") or []


def whole_lines(text: str) -> str:
    """The text with its last line ended, as it is before something is added below."""
    return text if not text or text.endswith("\n") else f"{text}\n"


def assert_trust_is_deserved(before: QueueView, text: str) -> None:
    """What is scanned by line after an edit of a clean text is what a parser finds."""
    after = view_of(text)
    assert after is not None
    if before.is_clean:
        assert_same_borders(trusted_view(text, None).queue, after.queue)


def assert_same_borders(one: QueueText, other: QueueText) -> None:
    assert (tuple(one.starts), one.end, one.list_at) == (tuple(other.starts), other.end, other.list_at)
    assert one.margin == other.margin or not one.starts
