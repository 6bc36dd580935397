"""Whatever stands in a BMAD file or in its instructions, reading and playing it ends soon: with a play, or an error."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmad_messenger import message as messages
from bmad_messenger.errors import InvalidError, Problem
from bmad_messenger.workflow.bmad.definition import Definition
from bmad_messenger.workflow.bmad.instructions import read_instructions
from bmad_messenger.workflow.bmad.play import Play, Standing
from bmad_messenger.workflow.bmad.playing import names_read, play
from bmad_messenger.workflow.bmad.variables import Variables, resolve

EXEC = '<exec task="t"><param name="a">{{x}}</param></exec>'
OPENING = (
    '<step n="1">',
    '<step n="2" repeat="2" optional="true">',
    "<workflow>",
    "<action>",
    "<ask>",
    "<foo>",
    "<output>",
)
CONDITIONS = (
    '<check if="x == 1">',
    '<check if="prose here">',
    "<check>If x == 2:</check>",
    "<check/>",
    '<action if="no">',
)
CLOSING = ("</step>", "</check>", "</action>", "</ask>", "</foo>", "</output>", "</workflow>", "</goto>", "</exec>")
JUMPS = ('<goto step="1"/>', '<goto step="2">', '<goto anchor="a"/>', '<anchor id="a"/>', "HALT", "GOTO step 1")
BROKEN = ('<step n="', '<check if="a "b"">', "<exec", "<a b='", "<", "`", "```\n", "<!--", "-->", "<![CDATA[", "]]>")
TEXTS = ("text ", "\n", "\n\n", "{{x}}", "{iteration}", "&lt;", "> ", '"', "'", "if x")
UNITS = (*OPENING, *CONDITIONS, *CLOSING, *JUMPS, *BROKEN, *TEXTS, EXEC)


def played(text: str) -> Play | None:
    """The play of instructions; None where they are refused with a place."""
    try:
        instructions = read_instructions(text, "instructions.md")
        definition = Definition("x", "workflow.yaml", {}, Variables({"x": "1"}), instructions)
        names_read(definition)
        return play(definition, {"step_2": "yes"})
    except InvalidError as error:
        problems: tuple[Problem, ...] = error.problems or (error.problem,)
        assert all(problem.line and problem.column for problem in problems)
        return None


@given(st.lists(st.sampled_from(UNITS) | st.text(max_size=5), max_size=30).map("".join))
def test_any_instructions_are_played_or_refused(text: str) -> None:
    found = played(text)
    assert found is None or len(found.elements) == sum(part.standing is Standing.RUN for part in found.parts)


@given(st.lists(st.sampled_from(UNITS), max_size=12).map("".join))
def test_nothing_in_a_check_that_is_the_agents_is_run(text: str) -> None:
    inside = text.replace("</step>", "").replace("</check>", "").replace("</workflow>", "")
    found = played(f'<step n="7"><check if="all is well">{inside}</check></step>')
    jumped = found is not None and any(part.standing is Standing.JUMPED for part in found.parts)
    assert found is None or jumped or not found.elements


@pytest.mark.parametrize("unit", UNITS)
def test_playing_takes_linear_time(unit: str) -> None:
    text = f"{EXEC}{unit * (60_000 // len(unit))}{EXEC}"
    started = time.perf_counter()
    played(text)
    assert time.perf_counter() - started < 3


@pytest.mark.parametrize("unit", ["<a>", '<check if="p">', '<step n="1">', "<action>"])
@pytest.mark.parametrize("closing", ["</a>", "</b>", "</check>", "</step>"])
def test_closing_what_is_nested_deep_takes_linear_time(unit: str, closing: str) -> None:
    started = time.perf_counter()
    played(f'<b><check if="p">{unit * 6_000}{closing * 6_000}{EXEC}')
    assert time.perf_counter() - started < 3


NAMES = st.sampled_from(["a", "b", "config_source", "date", "output_folder", "variables"])
VALUES = st.lists(
    st.sampled_from(
        ["{a}", "{{b}}", "{config_source}:a", " || ", "\\", "{date}", "x", "'", "{", "}", "system-generated"]
    )
).map("".join)


@given(st.dictionaries(NAMES, VALUES | st.booleans() | st.none() | st.lists(VALUES)), st.dictionaries(NAMES, VALUES))
def test_any_variables_are_resolved_or_refused(mapping: dict[str, object], config: dict[str, str]) -> None:
    with suppress(InvalidError):  # a circle
        found = resolve(
            mapping, {"output_folder": "."}, {"b": "{c}"}, messages.now(), lambda _: config, lambda _: False
        )
        assert found.values["output_folder"] is not None or mapping["output_folder"] is None
        assert set(found.texts({})) == set(found.values) - found.open_ones
