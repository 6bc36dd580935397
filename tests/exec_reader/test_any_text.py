"""Whatever the text, reading ends soon: with elements, or with problems that have a place."""

from __future__ import annotations

import time
from contextlib import suppress
from textwrap import dedent, indent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmad_messenger.errors import InvalidError, Problem
from bmad_messenger.exec_reader import read_exec

ELEMENT = '<exec task="t"><param name="a">1</param></exec>'
NAMES = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\r{\\"), max_size=20)
NOISE = st.text(st.sampled_from([*"<>&`~\"'=/ \n\t-!{}x[]\\", "\ue000", "\x85", "\x00"]), max_size=40)
TAGS = ("<exec ", '<exec task="t">', "</exec>", '<param name="a">', "<param", "</param>", ">", '"')
MARKS = ("<!--", "-->", "<![CDATA[", "]]>", "```", "~~~\n", "`", "{{x}}", "{y}", "\\", "&lt;", "&#10;")
TOKENS = st.sampled_from([*TAGS, *MARKS, "a: 1", "- ", "\t", "\n", " "])


class TestAnyText:
    @given(st.lists(TOKENS | NOISE, max_size=25).map("".join), st.booleans())
    def test_gives_elements_or_problems_with_a_place(self, text: str, fenced: bool) -> None:
        problems: tuple[Problem, ...] = ()
        try:
            elements = read_exec(text, path=None, variables={"x": "1"}, fenced=fenced)
        except InvalidError as error:
            elements, problems = [], error.problems
        assert all(element.task for element in elements)
        assert all(problem.line and problem.column for problem in problems)

    @given(
        before=st.text(st.sampled_from("ab <>&\"'=/\n!?.-"), max_size=60).filter(lambda text: "<!--" not in text),
        after=NOISE,
        params=st.dictionaries(NAMES, PLAIN.map(str.strip).filter(lambda text: text[:1] not in ("[", "\n"))),
    )
    def test_around_an_element_leaves_its_params_alone(self, before: str, after: str, params: dict[str, str]) -> None:
        params = {name: value for name, value in params.items() if name != "payload"}
        rendered = "".join(f'<param name="{name}">{escaped(value)}</param>\n' for name, value in params.items())
        (element, *_) = read_exec(f'{before}\n\n<exec task="t">\n{rendered}</exec>\n\n{after}', path=None, variables={})
        assert element.params == params

    @given(value=st.text(st.characters(codec="utf-8")), margin=st.integers(0, 8))
    def test_of_a_variable_arrives_whole(self, value: str, margin: int) -> None:
        block = indent(dedent("""\
            plain: {{v}}
            quoted: "a {{v}} b"
            list:
            - {{ v }}
            """), " " * margin)  # fmt: skip
        inside = f"\n{block}{' ' * margin}"
        (element,) = read_exec(
            f'<exec task="t"><param name="p">{inside}</param></exec>', path=None, variables={"v": value}
        )
        assert element.params["p"] == {"plain": value, "quoted": f"a {value} b", "list": [value]}


@pytest.mark.parametrize("unit", [*TAGS, *MARKS, "<exec>", '<exec task="t"><!--', "<", "` ", "``a\n", "{{", "\n", "- "])
@pytest.mark.parametrize("frame", ["{}" + ELEMENT, '<exec task="t"><param name="a">{}</param></exec>'])
def test_reading_takes_linear_time(unit: str, frame: str) -> None:
    text = frame.replace("{}", unit * (400_000 // len(unit)))
    started = time.perf_counter()
    with suppress(InvalidError):
        read_exec(text, path=None, variables={})
    # Far above what it takes, far below what the square of the length would.
    assert time.perf_counter() - started < 5


def escaped(value: str) -> str:
    """`value` as XML writes it on one line."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "&#10;")
