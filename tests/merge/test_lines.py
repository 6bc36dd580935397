"""Messages cut by their lines: as the parser cuts them, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bmad_messenger.errors import InvalidError
from bmad_messenger.merge import reading
from bmad_messenger.merge.reading import Reader
from bmad_messenger.merge.sections import Block, cut_flow, cut_mapping
from bmad_messenger.yaml.render import render_inline, render_key
from tests.merge.written import IDS, WORDS, Item, changed, items, message

HEAD = (
    '- message_id: "a"\n    from: pm\n    to_agents:\n      - dev\n      - "tea"\n    read_by: {dev: "x", tea: "y"}\n'
)
LINES = (
    *('    note: "a # b"', "    note: 'it''s'", '    note: "a\\nb"', "    note: x # y", "    note: null", "    note:"),
    *('    read_by: {dev: "x", dev: "y"}', "    read_by: {}", '    from: "pm"', "    from: pm", '    "from": pm'),
    *(
        "    # c",
        "  # c",
        "      # c",
        "",
        "    ",
        "      ",
        "      x",
        "     x: 1",
        "      x: 1",
        "  - y",
        "      - y",
    ),
    *('    payload: "x', '      y"', '  y"', '    y"', '# y"', "    payload: {x: 1}", "    payload: {x: 1", "      }"),
    *("    payload: |", "    payload: |+", "    payload: >-", "    payload:", "    payload: # c", "    payload:x"),
    *("    payload: x # c", "    payload: [a, b]", "    payload: ~", "    payload: &a x", "    payload: !t x"),
    *("    payload: 'a'", "      x: 1 # c", "      x:", "      x: |+", "        y", "      x: 'a", "      - a: 1"),
    *("\tx: 1", "    x: a\tb", '    x: "a\tb"', '    x: "a\x85b"', '    x: "a\u2028b"', '    x: "\x07"', "    x: y\r"),
    *(
        "  - - 'a'",
        "    - y",
        "    <<: y",
        "    ? x",
        "    : y",
        "---",
        "...",
        "      ---",
        "x: 1",
        f"    {'k' * 1100}: y",
    ),
    *(
        f'    read_by: {{{"k" * 1100}: "y"}}',
        '    x: "\ud800"',
        '    x: "\ufeff"',
        '    x: "\U0001f600"',
        "      x: 1e999",
    ),
)


@given(st.data(), st.integers(0, 3), st.sampled_from((0, 2, 4)))
def test_written_message_is_cut_as_by_the_parser(data: st.DataObject, number: int, margin: int) -> None:
    item = data.draw(changed(data.draw(items(number, "b")), "c"))
    text = "\n".join(item.lines(margin)) + "\n"

    require_same_cut(text[text.index(f"{' ' * margin}-") + margin :], margin)


@given(st.lists(st.sampled_from(LINES), max_size=3), st.lists(st.sampled_from(LINES), max_size=3), st.booleans())
@example([], [], True)
@example(['    note: "x"'], ["", "      x: 1"], True)
@example([], ["", ""], True)
@example(['    read_by: {dev: "x", dev: "y"}'], [], True)
def test_odd_message_is_cut_as_by_the_parser(above: list[str], below: list[str], is_ended: bool) -> None:
    end = "\n" if is_ended else ""
    text = "\n".join(('- message_id: "a"', *above, "    payload:", '      message: "hello"', *below)) + end

    require_same_cut(text, 2)


@given(st.lists(st.sampled_from(LINES), max_size=5))
@example(["    payload: {x: 1}"])
@example(["    payload: |", "      x"])
@example(["    payload: |+", "      x", ""])
@example(['    payload: "x', '      y"'])
@example(["    payload:", "    payload: {x: 1}"])
def test_odd_payload_is_cut_as_by_the_parser(lines: list[str]) -> None:
    require_same_cut(HEAD + "".join(f"{line}\n" for line in lines), 2)


@pytest.mark.parametrize("line", LINES)
def test_message_with_an_odd_line_is_cut_as_by_the_parser(line: str) -> None:
    require_same_cut(f'{HEAD}{line}\n    payload:\n      x: "y"\n', 2)
    for payload in (other for other in LINES if other.startswith("    payload")):
        require_same_cut(f"{HEAD}{payload}\n{line}\n", 2)
        require_same_cut(f"{HEAD}{payload}\n      x: 'y'\n{line}\n", 2)


@pytest.mark.parametrize(
    ("text", "margin"),
    [
        ("-\n  message_id: a\n  payload: b\n", 0),
        ("- payload: b\n", 0),
        ("- payload: a\n  payload: b\n", 0),
        ("-   message_id: a\n    payload: b\n", 0),
        ("- - message_id: a\n    payload: b\n", 0),
        ("- message_id: a\n  payload:\n" + "".join(f"  {' ' * n}x:\n" for n in range(1, 63)), 0),
        ("- message_id: a\n  payload:\n" + "".join(f"  {' ' * n}x:\n" for n in range(1, 64)), 0),
        ("- message_id: a\n  payload: " + "{a: " * 61 + "{}" + "}" * 61 + "\n", 0),
        ("- message_id: a\n  payload: " + "{a: " * 62 + "{}" + "}" * 62 + "\n", 0),
        ("- message_id: a\n  payload: " + "{a: " * 63 + "{}" + "}" * 63 + "\n", 0),
        ("-", 0),
        ("- x", 2),
    ],
)
def test_message_at_a_limit_is_cut_as_by_the_parser(text: str, margin: int) -> None:
    require_same_cut(text, margin)


def test_message_in_the_tools_own_shape_takes_no_parser_beside_its_payload(monkeypatch: pytest.MonkeyPatch) -> None:
    item = Item(message(0, read_by={"dev": "2025-01-15T10:00:00Z"}, note="x # y"))
    text = "\n".join(item.lines(2))[2:] + "\n"
    monkeypatch.setattr(reading, "cut_mapping", None)

    assert Reader().cut(text, 2).values["message_id"] == IDS[0]


@given(
    st.sampled_from(("read_by", "a b", "null")),
    st.dictionaries(
        st.sampled_from(("dev", "a b", "#", "null", "a: b")),
        st.one_of(st.sampled_from((*WORDS, "", 1, 1.5, None, True, {}, [], {"a": "# b"}, ["a", "- b"])), st.text()),
    ),
    st.sampled_from((0, 4)),
)
def test_mapping_in_braces_is_cut_as_by_the_parser(key: str, value: dict[str, object], margin: int) -> None:
    try:
        text = f"{render_key(key)}: {render_inline(value)}\n"
    except ValueError:  # half a surrogate pair
        return

    assert shown(cut_flow(key, value, margin)) == shown(cut_mapping(text, (key,), margin))


def require_same_cut(text: str, margin: int) -> None:
    try:
        wanted = cut_mapping(text, (0,), margin)
    except InvalidError:
        wanted = Block()
    assert shown(Reader().cut(text, margin)) == shown(wanted)


def shown(block: Block[str]) -> tuple[object, ...]:
    """A block with the order of its keys, and the kinds of its values."""
    return (*vars(block).values(), [*block.sections], repr(block.values))
