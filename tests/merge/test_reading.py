"""Queues before they are merged: where their messages are, told by lines where these can be trusted."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bmad_messenger.errors import DamagedError, InvalidError
from bmad_messenger.merge import reading
from bmad_messenger.merge.reading import Reader, read_queue
from bmad_messenger.queue.view import checked_view
from bmad_messenger.yaml.parse import parse
from tests.merge.written import IDS, File, Item, message

FAKE = "  - message_id: fake"
LINE = st.sampled_from(
    (
        *("  - message_id: a", "  - b", "  -", "    x: 'y", '    x: "y', "    y'", '    y"', FAKE, "- b", " - b"),
        *(
            "    x: |",
            "    x: |+",
            "    x: >-",
            "      # y",
            "      y",
            "    x: y # z",
            "    # z",
            "  # z",
            "",
            "     ",
        ),
        *("    x: {y: z}", "    x: {y: z", "    z}", "    x: [y, 'z']", "    'x': y", '    "x" : y', "    x: don't"),
        *("x: 1", "x: '", "---", "    x: y: z", "\tx", "    x: \ty", "    ? x", "    : y", "    x: a\x85b", "y"),
        *('    x: "a\\"b"', "    x: 'it''s'", '    x: "\\', "    x: 'a' b", "    - - 'a", "    <<: y", "    x: &y z"),
    )
)


@given(
    st.lists(LINE, max_size=12), st.sampled_from(("messages:", "# x\nmessages:", "x: '\nmessages:\n  - y'\nmessages:"))
)
@example(["x: '"], "x: '\nmessages:\n  - y'\nmessages:")
def test_messages_are_where_a_parser_finds_them(lines: list[str], start: str) -> None:
    text = "\n".join((start, *lines, ""))
    try:
        view = checked_view(text, None, lambda *_: ())
    except DamagedError:
        return
    if view.queue.in_flow:
        return

    try:
        found = read_queue(text, None, Reader()).items.sections.values()
    except DamagedError:  # what stands around the list is broken
        with pytest.raises(InvalidError):
            parse(text)
        return

    assert [section.text for section in found] == [
        view.queue.item(index)[view.queue.margin :] for index in range(len(view.queue))
    ]


@pytest.mark.parametrize("quote", ["'", '"'])
def test_dash_in_a_text_of_several_lines_begins_no_message(quote: str) -> None:
    text = f"messages:\n  - message_id: a\n    x: {quote}y\n{FAKE}{quote}\n  - message_id: b\n"

    assert [*read_queue(text, None, Reader()).items.sections] == [("a", 0), ("b", 0)]


def test_queue_in_the_tools_own_shape_takes_no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    text = File(tuple(Item(message(number)) for number in range(4)), header=("don't",)).text()
    monkeypatch.setattr(reading, "parse", None)
    monkeypatch.setattr(reading, "checked_view", None)

    assert [name for name, _ in read_queue(text, None, Reader()).items.sections] == [*IDS[:4]]


def test_second_message_with_an_id_has_a_key_of_its_own() -> None:
    text = "messages:\n  - message_id: a\n  - message_id: a\n  - b\n  - b\n  - message_id: ''\n"

    assert [*read_queue(text, None, Reader()).items.sections] == [
        ("a", 0),
        ("a", 1),
        ("- b\n", 0),
        ("- b\n", 1),
        ("- message_id: ''\n", 0),
    ]


@pytest.mark.parametrize("text", ["", "# x\n", "messages: []\n", "messages:\n", "---\n", "messages: ~ # x\n"])
def test_queue_without_messages_has_a_list_all_the_same(text: str) -> None:
    queue = read_queue(text, None, Reader())

    assert not queue.items.sections
    assert "messages" in queue.outline.sections


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("messages:\n  - a: 1\n    b: 2\nx: 1\nx: 2\n", 5),
        ("x: 1\nx: 2\nmessages:\n  - a: 1\n", 2),
        ("messages: [\n  ]\n", 1),
        ("? messages\n: - a: 1\n", 2),
        ("? x\n: 1\nmessages:\n  - a: 1\n", 3),
    ],
)
def test_file_that_cannot_be_cut_is_refused_with_its_place(text: str, line: int) -> None:
    with pytest.raises(DamagedError) as refused:
        read_queue(text, "q.yaml", Reader())

    assert (refused.value.problem.path, refused.value.problem.line) == ("q.yaml", line)
