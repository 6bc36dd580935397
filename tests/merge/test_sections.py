"""Texts cut into sections: together they are the text, and each comment is with what it belongs to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bmad_messenger.merge.sections import Block, comments, cut_mapping, shifted
from bmad_messenger.yaml.parse import parse
from tests.merge.written import Item, items, restyled

RECORD = """# head

a: 1 # one
# b
b:
    c: |+
      text

  # of b
# d

d: "x
# no comment"
e: [
  f
]
# end
"""


def test_comments_belong_to_what_stands_below_unless_they_are_deeper() -> None:
    block = cut_mapping(RECORD)

    assert [(*section,) for section in block.sections.values()] == [
        ("", "# head\n\n", "a: 1 # one\n"),
        ("", "# b\n", "b:\n    c: |+\n      text\n\n  # of b\n"),
        ("", "# d\n\n", 'd: "x\n# no comment"\n'),
        ("", "", "e: [\n  f\n]\n"),
    ]
    assert block.tail == "# end\n"
    assert joined(block) == RECORD


@given(st.integers(0, 3).flatmap(lambda number: items(number, "b")), st.sampled_from((0, 2, 4)))
def test_sections_together_are_the_text(item: Item, margin: int) -> None:
    text = "\n".join(item.lines(margin)) + "\n"
    text = text[text.index(f"{' ' * margin}-") + margin :]

    block = cut_mapping(text, (0,), margin)

    dash = f"-{' ' * (block.column - margin - 1)}" if block.opening == "-" else block.opening
    assert dash + joined(block) == text


def test_spaces_at_the_end_of_a_block_scalar_belong_to_it() -> None:
    block = cut_mapping("a: |\n  x\n     \n\nb: 1\n")

    assert [section.text for section in block.sections.values()] == ["a: |\n  x\n     \n", "b: 1\n"]


def test_mapping_in_braces_is_cut_into_lines_of_its_own() -> None:
    block = cut_mapping("- {a: 1, # one\n  b: {c: 2}} # two\n", (0,))

    assert [section.text for section in block.sections.values()] == ["a: 1\n", "b:\n    c: 2\n"]
    assert block.sections["a"].lead == "  # one\n  # two\n"


def test_comments_are_told_from_texts() -> None:
    text = (
        "- a: 'x # no' # one # and\n  # two\n  b: |  # three\n    # no\n  \"c # no\": x#no\n  d: [e, # four\n    'f']\n"
    )

    assert comments(text, 0) == ["# one # and", "# two", "# three", "# four"]


@given(st.data(), st.sampled_from((-2, 2, 4)))
def test_text_that_is_indented_otherwise_says_the_same(data: st.DataObject, by: int) -> None:
    item = restyled(data.draw, data.draw(items(1, "b")))
    text = "\n".join(Item(item.fields, style=item.style, step=item.step, dash=item.dash).lines(2)) + "\n"

    moved = " " * (2 + by) + shifted(text[2:], by)

    assert parse(moved) == parse(text)


def joined(block: Block[str]) -> str:
    inline = block.opening == "-"
    margin = " " * block.column
    parts = (
        f"{gap}{lead}{'' if inline and not n else margin}{text}"
        for n, (gap, lead, text) in enumerate(block.sections.values())
    )
    return "".join(parts) + block.tail
