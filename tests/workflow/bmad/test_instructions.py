"""Tests of `bmad_messenger.workflow.bmad.instructions`: which tags there are, what each holds, what is only text."""

from __future__ import annotations

import pytest

from bmad_messenger.errors import InvalidError
from bmad_messenger.workflow.bmad.instructions import Instructions, read_instructions

EXEC = '<exec task="t"/>'


def read(text: str) -> Instructions:
    return read_instructions(text, "instructions.md")


def tree(text: str) -> str:
    """The marks as nested brackets: `step(text check(exec))`."""
    marks = read(text).marks
    pieces: list[str] = []
    open_ones: list[int] = []
    for number, mark in enumerate(marks):
        while open_ones and open_ones[-1] <= number:
            open_ones.pop()
            pieces.append(") ")
        pieces.append(mark.name + ("(" if mark.close > number + 1 else " "))
        if mark.close > number + 1:
            open_ones.append(mark.close)
    return ("".join(pieces) + ") " * len(open_ones)).replace(" )", ")").strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<step>a<check if='x'>b</check></step>", "step(text check(text))"),
        ("<step\n  n='1'\n  goal='a > b'>x</step>", "step(text)"),
        ("<STEP n='1'><Action>x</ACTION></step>", "step(action(text))"),
        ("<step><goto step='1'/><anchor id='a' />x</step>", "step(goto anchor text)"),
        ("<goto next iteration />", "goto"),
    ],
)
def test_tags_hold_what_is_between_them(text: str, expected: str) -> None:
    assert tree(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<step><check if='x'>a</step><action>b</action>", "step(check(text)) action(text)"),
        ("<step><action>a</step>", "step(action(text))"),
        ("<step>a", "step(text)"),
        ("</step><step>a</step></check>", "step(text)"),
        ("<step n='1'>a<step n='2'>b", "step(text) step(text)"),
        ("<step n='1'><step n='1a'>a</step>b</step>", "step(step(text) text)"),
        ("<step><goto step='1'>a</step>", "step(goto text)"),
        (f"<check if='x'>{EXEC}", "check(exec)"),
        (f"<action><check if='x'></action>{EXEC}</check></action>", "action(check(exec))"),
        (f"<check if='x'><step></check>{EXEC}</step></check>", "check(step(exec))"),
    ],
)
def test_a_tag_that_is_not_closed_ends_where_what_it_stands_in_does(text: str, expected: str) -> None:
    assert tree(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a < b and b > c",
        "a list<text>, a <name>",
        "```\n<step n='1'>\n```",
        "an action that says `<check if='x'>`",
        "<!-- <check if='x'> -->",
    ],
)
def test_what_is_no_tag_is_text(text: str) -> None:
    assert set(tree(text).split()) <= {"text"}


def test_a_tag_that_begins_its_line_is_one_between_two_backticks_too() -> None:
    assert tree("a ` b\n<check if='x'>\nc ` d</check>") == "text check(text)"


@pytest.mark.parametrize("broken", ['<check if="a "b"">', "<check if=x y='>", "<check if='x' <"])
def test_a_broken_tag_still_holds_what_follows_and_has_a_condition(broken: str) -> None:
    (check, *_) = read(f"<step>\n{broken}\n{EXEC}</check></step>").marks[1:]
    assert (check.name, check.close > 2) == ("check", True)
    assert check.attributes["if"].startswith("<check")


def test_attributes_are_decoded() -> None:
    assert read('<check if="a &gt; 1 &amp;&amp; b == &quot;c&quot;">x</check>').marks[0].attributes == {
        "if": 'a > 1 && b == "c"'
    }


def test_tags_of_no_meaning_are_listed_where_they_are_tags() -> None:
    assert read("<try>a<catch>b</catch></try> <loop/> a <name> <step>c</step>").unknown_tags == ("try", "catch", "loop")


def test_the_text_of_a_cdata_section_is_kept_and_its_tags_are_none() -> None:
    instructions = read("<output><![CDATA[a <step> b]]></output>")
    assert [instructions.text[mark.start : mark.end] for mark in instructions.marks[1:]] == ["a <step> b"]


@pytest.mark.parametrize("example", ["```xml\n{}\n```", "`{}`", "<!-- {} -->", "<![CDATA[{}]]>", "the <exec> tag"])
def test_an_exec_that_is_an_example_is_none(example: str) -> None:
    assert "exec" not in tree(example.replace("{}", EXEC))


def test_tags_in_an_exec_are_its_own() -> None:
    text = '<exec task="t"><param name="a"><!-- </exec> --><step></param></exec><action>x</action>'
    assert tree(text) == "exec action(text)"


def test_a_broken_exec_is_refused_at_its_place() -> None:
    with pytest.raises(InvalidError) as caught:
        read('a\n  <exec task="t"><param name="a">1</param>')
    assert caught.value.problem.where == "instructions.md:2:3"


def test_the_place_of_an_offset_counts_from_the_files_first_line() -> None:
    instructions = read_instructions("a\r\nbc", "workflow.yaml", first_line=8)
    assert [instructions.place(0), instructions.place(3)] == [(8, 1), (9, 2)]


def test_the_names_in_braces() -> None:
    assert read("{a} {{ b-c }} {{#each d}} ${e} \\{f} {{g}").mentioned == {"a", "b-c", "g"}
