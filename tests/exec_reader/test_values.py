"""What the value of a `<param>` is: text or YAML, decoded, with its variables in their places."""

from __future__ import annotations

from typing import Any

import pytest

from bmad_messenger.errors import InvalidError, Problem
from bmad_messenger.exec_reader import ExecElement, read_exec

VARIABLES = {"project-root": "/srv/shop", "output_folder": "{project-root}/_bmad-output", "story_key": "1-2-login"}


def read(text: str, *, fenced: bool = False, **variables: str) -> list[ExecElement]:
    return read_exec(text, path="step.md", variables={**VARIABLES, **variables}, fenced=fenced)


def value_of(inside: str, name: str = "a", **variables: str) -> Any:
    (element,) = read(f'<exec task="t"><param name="{name}">{inside}</param></exec>', fenced=False, **variables)
    return element.params[name]


def problems_of(text: str, *, fenced: bool = False, **variables: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidError) as caught:
        read(text, fenced=fenced, **variables)
    return caught.value.problems


def problem_of(text: str, *, fenced: bool = False, **variables: str) -> Problem:
    (problem,) = problems_of(text, fenced=fenced, **variables)
    return problem


class TestValues:
    @pytest.mark.parametrize(
        ("inside", "value"),
        [
            ("handoff", "handoff"),
            ("  dev, tea ", "dev, tea"),
            ("", ""),
            ("\n\n", ""),
            ("5", "5"),
            ("remember: call", "remember: call"),
            ("a &lt; b &gt; c &amp;amp; &quot;d&apos;", "a < b > c &amp; \"d'"),
            ("a&#10;b&#x41;", "a\nbA"),
            ("AT&T & R&D; &nbsp; &#0; &#xD800;", "AT&T & R&D; &nbsp; &#0; &#xD800;"),
            ("1 < 2 > 0 </p> <exec> <param>", "1 < 2 > 0 </p> <exec> <param>"),
            ("<![CDATA[a </param> &lt; <b>]]> c", "a </param> &lt; <b> c"),
            ("a<!-- </param> -->b", "ab"),
            ("a <!-- b <![CDATA[ c", "a <!-- b <![CDATA[ c"),
            ("[a, 1]", ["a", 1]),
            ("&#91;draft] of &#x7b;x}", "[draft] of {x}"),
            ("{message: hi}", {"message": "hi"}),
            ("\n  7\n", 7),
            ("a: 1\n     b: 2", {"a": 1, "b": 2}),
            ("<![CDATA[\n    a: 1\n    b:\n      - 2\n]]>", {"a": 1, "b": [2]}),
            ("\n\t\ta: |\n\t\t  x\n\n\t\t    y\n\t\tb: 2\n\t", {"a": "x\n\n  y\n", "b": 2}),
            ("\n  <!-- who -->\n  a: 1\n  <!-- why\n  -->\n  b: 2\n", {"a": 1, "b": 2}),
            ('\n  a: "x &lt; y & z"\n', {"a": "x < y & z"}),
        ],
    )
    def test_value(self, inside: str, value: Any) -> None:
        assert value_of(inside) == value

    def test_a_payload_is_yaml_on_one_line_too(self) -> None:
        assert value_of("message: hi", "payload") == {"message": "hi"}

    def test_a_param_may_be_empty(self) -> None:
        assert read('<exec task="t"><param name="a"/><param name="b"></param></exec>')[0].params == {"a": "", "b": ""}

    def test_attributes_are_decoded(self) -> None:
        (element,) = read('<exec task=" {kind}-&quot;x&quot; "><param name="{kind}">1</param></exec>', kind="run")
        assert (element.task, element.params) == ('run-"x"', {"run": "1"})


class TestVariables:
    @pytest.mark.parametrize(
        ("inside", "value"),
        [
            ("{project-root}/a", "/srv/shop/a"),
            ("{output_folder}", "/srv/shop/_bmad-output"),
            ("{{story_key}}", "1-2-login"),
            ("{{ story_key }}/{{project-root}}", "1-2-login//srv/shop"),
            ("<![CDATA[{{story_key}}]]>", "1-2-login"),
            (r"\{project-root} \{{story_key}}", "{project-root} {{story_key}}"),
            ("&#123;project-root}", "{project-root}"),
            ("${HOME} {} { x } x{2,3} {{", "${HOME} {} { x } x{2,3} {{"),
            ("\nkey: {{story_key}}\n", {"key": "1-2-login"}),
            ("\n{{story_key}}: [{{story_key}}, {project-root}]\n", {"1-2-login": ["1-2-login", "/srv/shop"]}),
            ("{key: {{story_key}}}", {"key": "1-2-login"}),
            ("\nkey: \\{{story_key}}\n", {"key": "{{story_key}}"}),
            ("\nkey: \ue0000\ue001 {{story_key}}\n", {"key": "\ue0000\ue001 1-2-login"}),
            ('\nkey: "\\ue0009\\ue001 {{story_key}}"\n', {"key": "\ue0009\ue001 1-2-login"}),
        ],
    )
    def test_replaced(self, inside: str, value: Any) -> None:
        assert value_of(inside) == value

    @pytest.mark.parametrize("value", ['"', "'", "a: b", "x\ny: z", "- 1", "{a: 1}", "5", "null", "", " # c", "\ue000"])
    @pytest.mark.parametrize("template", ["\nk: {{v}}\n", '\nk: "{{v}}"\n', "{k: '{v}'}"])
    def test_a_value_is_text_whatever_it_holds(self, template: str, value: str) -> None:
        assert value_of(template, v=value) == {"k": value}

    def test_a_value_does_not_end_its_param(self) -> None:
        assert value_of("{{v}}", v="</param></exec>") == "</param></exec>"

    def test_an_unknown_one_is_an_error_that_names_the_nearest(self) -> None:
        problem = problem_of('<exec task="t"><param name="a">x {{story_kee}}</param></exec>')
        assert (problem.line, problem.column) == (1, 34)
        assert problem.message == "there is no variable 'story_kee'"
        assert problem.hint.startswith("did you mean 'story_key'? set it with --var NAME=VALUE")

    @pytest.mark.parametrize("inside", ["{unknown}", "{{}}", "{{not a name}}", "\na: {{unknown}}\n", "{{#if x}}"])
    def test_unknown(self, inside: str) -> None:
        assert problem_of(f'<exec task="t"><param name="a">{inside}</param></exec>').message.startswith("there is no")

    def test_unknown_ones_outside_elements_are_none_of_our_business(self) -> None:
        assert len(read("<action>Load {{sprint}} and {config}</action><exec task='t'/>")) == 1

    def test_keys_that_become_the_same_are_refused(self) -> None:
        text = '<exec task="t"><param name="payload">\n{{story_key}}: 1\n1-2-login: 2\n</param></exec>'
        assert "two keys become the same" in problem_of(text).message
