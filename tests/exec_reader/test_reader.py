"""Which `<exec>` elements are read, which are examples or prose, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmad_messenger.errors import InvalidError, Problem
from bmad_messenger.exec_reader import ExecElement, read_exec

SAMPLES = Path(__file__).parents[1] / "samples" / "exec"
VARIABLES = {"project-root": "/srv/shop", "output_folder": "{project-root}/_bmad-output", "story_key": "1-2-login"}

# The two usage examples of the reference, without indentation, as its text is handed around.
SENDING = """\
<exec task="send-message">
<param name="type">handoff</param>
<param name="from_agent">pm</param>
<param name="to_agent">architect</param>
<param name="payload">
artifact_path: "_bmad-output/planning-artifacts/prd.md"
context_summary: "PRD complete, ready for architecture"
next_actions:
- Review technical requirements
- Design system architecture
</param>
</exec>
"""
RECEIVING = """\
<exec task="receive-message">
<param name="agent">architect</param>
<param name="type_filter">handoff</param>
</exec>
"""
ELEMENT = '<exec task="t"><param name="a">1</param></exec>'


def read(text: str, *, fenced: bool = False, **variables: str) -> list[ExecElement]:
    return read_exec(text, path="step.md", variables={**VARIABLES, **variables}, fenced=fenced)


def problems_of(text: str, *, fenced: bool = False, **variables: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidError) as caught:
        read(text, fenced=fenced, **variables)
    return caught.value.problems


def problem_of(text: str, *, fenced: bool = False, **variables: str) -> Problem:
    (problem,) = problems_of(text, fenced=fenced, **variables)
    return problem


def place_of(text: str) -> tuple[int | None, int | None]:
    problem = problem_of(text)
    return problem.line, problem.column


class TestTheReferencesExamples:
    def test_sending_is_read_as_it_stands(self) -> None:
        (element,) = read(SENDING)
        assert element == ExecElement(
            task="send-message",
            params={
                "type": "handoff",
                "from_agent": "pm",
                "to_agent": "architect",
                "payload": {
                    "artifact_path": "_bmad-output/planning-artifacts/prd.md",
                    "context_summary": "PRD complete, ready for architecture",
                    "next_actions": ["Review technical requirements", "Design system architecture"],
                },
            },
            path="step.md",
            line=1,
            column=1,
        )

    def test_receiving_is_read_as_it_stands(self) -> None:
        (element,) = read(RECEIVING)
        assert (element.task, element.params) == ("receive-message", {"agent": "architect", "type_filter": "handoff"})

    @pytest.mark.parametrize("example", [SENDING, RECEIVING])
    def test_in_its_fence_it_is_an_example(self, example: str) -> None:
        assert read(f"```xml\n{example}```\n") == []

    @pytest.mark.parametrize("example", [SENDING, RECEIVING])
    def test_in_its_fence_it_is_read_when_asked_for(self, example: str) -> None:
        (inside,) = read(f"```xml\n{example}```\n", fenced=True)
        assert inside.params == read(example)[0].params


class TestSamples:
    def test_an_xml_task_that_is_not_well_formed(self) -> None:
        text = (SAMPLES / "story-ready.xml").read_text(encoding="utf-8")
        handoff, notify, receive = read(text)
        assert (handoff.line, handoff.column) == (16, 5)
        assert handoff.params == {
            "type": "handoff",
            "from_agent": "sm",
            "to_agent": "dev",
            "payload": {
                "artifact_path": "/srv/shop/_bmad-output/stories/1-2-login.md",
                "context_summary": "Latency must stay < 200 ms & p99 > p50",
                "next_actions": ["Write the failing test for 1-2-login", "Keep `parse()` & <Login/> as they are"],
            },
        }
        assert notify.params["to_agents"] == "dev, tea"
        assert notify.params["payload"] == {"message": "Story 1-2-login is ready & waiting"}
        assert (receive.task, receive.params) == ("receive-message", {"agent": "sm"})

    def test_markdown_instructions(self) -> None:
        text = (SAMPLES / "instructions.md").read_text(encoding="utf-8")
        receive, clarify = read(text)
        assert receive.params == {"agent": "architect", "type_filter": "handoff"}
        assert clarify.params["payload"] == {
            "question": "Which of the two?",
            "context": "The text says:\n```\nlimit < 10\n```\n",
        }

    def test_fenced_examples_are_read_in_order_when_asked_for(self) -> None:
        text = (SAMPLES / "instructions.md").read_text(encoding="utf-8")
        assert [element.params.get("type") for element in read(text, fenced=True)] == [
            "example",
            "example in an example",
            None,
            "clarify",
        ]

    def test_every_problem_of_a_broken_file_is_reported_at_its_place(self) -> None:
        text = (SAMPLES / "broken.md").read_text(encoding="utf-8")
        assert [(p.line, p.column, p.message.partition(":")[0]) for p in problems_of(text)] == [
            (3, 1, "this <exec> is not closed before the next one begins in line 6"),
            (7, 3, "this <param> has no name"),
            (9, 3, "the param 'type' stands twice in one <exec>"),
            (10, 3, "text stands inside an <exec> but outside its params"),
            (13, 3, "not YAML"),
            (16, 1, "the task of this <exec> is not in quotes"),
            (17, 23, "there is no variable 'agnt'"),
        ]


class TestWhatIsAnElement:
    @pytest.mark.parametrize(
        "text",
        [
            '<exec task="t"/>',
            "<exec task='t' />",
            '<EXEC Task = "t"></Exec >',
            '<exec if="a < b > c" task="t"></exec>',
            "<exec\n\ttask='t'\n>\n</exec>",
            '\ufeff<exec task="t"></exec>',
            'x < y & <b>z <exec task="t"></exec></i>',
            '        <exec task="t"></exec>',
            'it\'s "<exec task="t"/>" & more',
        ],
    )
    def test_it_is_found(self, text: str) -> None:
        assert [(e.task, e.params) for e in read(text)] == [("t", {})]

    @pytest.mark.parametrize(
        "text",
        [
            "use the <exec> tag",
            "close an <exec> with </exec>",
            "<exec>\n",
            "the <exec/> tag",
            "an <exec task> or an <exec task=…> element",
            'write <exec task="send-message"> to send a message',
            "<executable task='x'/> <exec-all task='x'/>",
            "<exec",
            "<exec ",
            "<exec and so on",
        ],
    )
    def test_a_tag_named_in_prose_is_none(self, text: str) -> None:
        assert read(text) == []

    def test_prose_does_not_hide_the_element_after_it(self) -> None:
        (element,) = read(f'Write <exec task="x"> or <exec>, then:\n{ELEMENT}')
        assert (element.task, element.line) == ("t", 2)

    @pytest.mark.parametrize(
        "text",
        [
            "`{}`",
            "``a ` {} ``",
            "see `this {}\n  wrapped` line",
            "\\` `{}`",
            "```\n{}\n```",
            "~~~ xml\n{}\n```\n~~~~",
            "````\n```\n{}\n```\n````\n",
            "- ```xml\n  {}\n  ```",
            "   1. ~~~\n      {}\n      ~~~",
            "> ```\n> {}\n> ```",
            "```\r\n{}\r\n```\r\n",
            "<!-- {} -->",
            "<!--\n```\n{}\n-->",
            "<![CDATA[ {} ]]>",
        ],
    )
    def test_an_example_is_none(self, text: str) -> None:
        assert read(text.format(ELEMENT)) == []

    @pytest.mark.parametrize(
        "text",
        [
            "the ` key\n{}\nand ` again",
            "the ` key: {}\n\nand ` again",
            "a `b` {} `c`",
            "\\`{}\\`",
            "```\nx\n```\n{}\n```\ny\n```",
            "```a``` {} ```b```",
            "<!-- a --> {} <!-- b -->",
            "`<!--` {} `-->`",
            "<![CDATA[ <!-- ]]> {}",
        ],
    )
    def test_an_element_near_an_example_is_read(self, text: str) -> None:
        assert [element.task for element in read(text.format(ELEMENT))] == ["t"]

    def test_comments_stay_unread_with_fenced(self) -> None:
        assert read(f"<!-- {ELEMENT} -->\n```\n<!-- {ELEMENT} -->\n```\n`{ELEMENT}`", fenced=True) == []

    def test_a_fence_in_a_value_does_not_open_one_in_the_text(self) -> None:
        text = '<exec task="t"><param name="a">\nm: |\n  ```\n  x\n</param></exec>\n' + ELEMENT
        assert [element.params["a"] for element in read(text)] == [{"m": "```\nx\n"}, "1"]

    def test_line_ends_of_windows_and_of_old_macs_count_as_one(self) -> None:
        assert [(e.line, e.column) for e in read(f"a\r\n  {ELEMENT}\rb {ELEMENT}")] == [(2, 3), (3, 3)]

    def test_the_path_is_kept(self) -> None:
        assert read_exec(ELEMENT, path="-", variables={})[0].path == "-"


class TestBrokenElements:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('<exec task="t">\n<param name="a">1</param>\n', "this <exec> is not closed"),
            ('<exec task="t">\n', "this <exec> is not closed"),
            ('<exec task="t"><exec task="u"/></exec>', "this <exec> is not closed before the next one begins"),
            ('<exec task="t">words</exec>', "text stands inside an <exec> but outside its params: 'words'"),
            ('<exec task="t"><![CDATA[x]]></exec>', "text stands inside an <exec>"),
            ('<exec><param name="a">1</param></exec>', "this <exec> has no task"),
            ('<exec task=""></exec>', "the task of this <exec> is empty"),
            ("<exec task=t></exec>", "the task of this <exec> is not in quotes"),
            ('<exec task="t" task="u"></exec>', "the task of this <exec> stands twice"),
            ('<exec task="t>\n<param name="a">1</param></exec>', "this <exec> tag can't be read"),
            ('<exec task="t"><param>1</param></exec>', "this <param> has no name"),
            ('<exec task="t"><param name=" ">1</param></exec>', "the name of this <param> is empty"),
            ('<exec task="t"><param name="a" value="1"/></exec>', "a <param> has no attribute value"),
            ('<exec task="t"><param name="a"b>1</param></exec>', "this <param> tag can't be read"),
            ('<exec task="t"><param name="a">1</exec>', "this <param> is not closed"),
            ('<exec task="t"><param name="a">1<param name="b">2</param></exec>', "this <param> is not closed"),
            ('<exec task="t"><!-- </exec>', "this comment is not closed"),
            (f"<!-- note {ELEMENT}", "this comment is not closed, and an <exec> stands after it"),
            (f"```xml\n{ELEMENT}\n", "this code fence is not closed, and an <exec> stands after it"),
        ],
    )
    def test_refused(self, text: str, message: str) -> None:
        assert problem_of(text).message.startswith(message)

    def test_a_fence_that_is_not_closed_is_read_when_fences_are(self) -> None:
        assert len(read(f"```xml\n{ELEMENT}\n", fenced=True)) == 1

    def test_a_param_twice_names_it(self) -> None:
        text = '<exec task="t"><param name="a">1</param><param name="a">2</param></exec>'
        assert problem_of(text).message == "the param 'a' stands twice in one <exec>"

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ('x\n  <exec task="t">\n  <param name="a">1</param>', (2, 3)),
            ('<exec task="t">\n\n  words\n</exec>', (3, 3)),
            ('<exec task="t">\n  <param name="a">\n    x: 1\n      y: 2\n  </param></exec>', (4, 8)),
            ('<exec task="t">\n<param name="a">x: &quot;1&quot;\n   y: *z\n</param></exec>', (3, 7)),
            ('<exec task="t"><param name="a">{a: [&lt;, *z]}</param></exec>', (1, 43)),
            ('<exec task="t"><param name="a">\n  k: {{story_key}}\n  k: 2</param></exec>', (3, 3)),
        ],
    )
    def test_the_place_is_that_in_the_file(self, text: str, place: tuple[int, int]) -> None:
        assert place_of(text) == place

    def test_a_tab_in_the_indentation_is_named(self) -> None:
        problem = problem_of('<exec task="t"><param name="a">\n  k:\n  \tx: 1\n  </param></exec>')
        assert (problem.message, problem.line) == ("a tab indents this line, which YAML does not allow", 3)

    def test_a_bracket_that_begins_plain_text_gets_a_hint(self) -> None:
        problem = problem_of('<exec task="t"><param name="a">[draft] of it</param></exec>')
        assert problem.hint == "write &#91; or &#123; where a [ or { begins plain text"

    def test_one_problem_speaks_for_itself(self) -> None:
        with pytest.raises(InvalidError, match=r"^step\.md:1:1: this <exec> is not closed; write </exec>"):
            read('<exec task="t">')

    def test_reading_ends_at_a_hundred_problems(self) -> None:
        assert len(problems_of('<exec task="t"></exec>' + '<exec task=""/>' * 500)) == 100
