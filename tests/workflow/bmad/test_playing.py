"""Tests of `bmad_messenger.workflow.bmad.playing`: what is run, what is left out, what is the agent's, in order."""

from __future__ import annotations

import pytest

from bmad_messenger import InvalidError
from tests.workflow.bmad.conftest import INSTRUCTIONS, Bmad, tell, words_of

EXEC = tell()


class TestSteps:
    def test_their_parts_come_in_the_files_order(self, bmad: Bmad) -> None:
        text = f"<workflow><step n='2' goal='B'><action>b</action>{EXEC}</step><step n='1' goal='A'>c</step></workflow>"
        assert bmad.parts(text) == [
            "begun step B",
            "agent action b",
            "run exec send-message",
            "begun step A",
            "agent text c",
        ]

    def test_one_whose_condition_does_not_hold_is_left_out(self, bmad: Bmad) -> None:
        text = f"<step n='1' goal='A' if='mode == x'>{EXEC}</step><step n='2' goal='B' if='mode == y'>{EXEC}</step>"
        assert bmad.parts(text, mode="y") == ["skipped step A", "begun step B", "run exec send-message"]

    def test_one_whose_condition_is_prose_is_the_agents_with_all_that_it_holds(self, bmad: Bmad) -> None:
        play = bmad.play(f"<step n='1' if='all is well'>{EXEC}<action>a</action></step><step n='2'>{EXEC}</step>")
        assert [words_of(part) for part in play.parts] == [
            "agent step",
            "agent exec send-message",
            "agent action a",
            "begun step",
            "run exec send-message",
        ]
        assert [part.depends_on for part in play.parts[:3]] == [("all is well",)] * 3

    def test_an_optional_one_is_left_out_and_says_how_it_is_chosen(self, bmad: Bmad) -> None:
        (part,) = bmad.play(f"<step n='3' optional='true'>{EXEC}</step>").parts
        assert (part.standing.value, part.why) == ("skipped", "it is optional; --param step_3=yes plays it")

    @pytest.mark.parametrize("answer", [True, "yes", "true"])
    def test_an_optional_one_that_is_chosen_is_played(self, bmad: Bmad, answer: object) -> None:
        text = f"<step n='3.a' optional='true'>{EXEC}</step>"
        assert bmad.parts(text, step_3_a=answer) == ["begun step", "run exec send-message"]

    def test_a_repeated_one_is_played_so_often(self, bmad: Bmad) -> None:
        play = bmad.play("<step n='1' repeat='3'><action>{{iteration}}</action></step>")
        assert [(part.kind, part.visit, part.text) for part in play.parts] == [
            ("step", 1, ""),
            ("action", 1, "1"),
            ("step", 2, ""),
            ("action", 2, "2"),
            ("step", 3, ""),
            ("action", 3, "3"),
        ]

    @pytest.mark.parametrize("repeat", ["until-approved", "for-each-epic", "", "{{unknown}}", "-2"])
    def test_one_that_is_repeated_as_the_agent_sees_fit_is_played_once(self, bmad: Bmad, repeat: str) -> None:
        play = bmad.play(f"<step n='1' repeat='{repeat}'>{EXEC}</step>")
        assert [words_of(part) for part in play.parts] == ["begun step", "run exec send-message"]
        assert play.parts[0].attributes["repeat"] == repeat

    def test_how_often_may_be_a_variable(self, bmad: Bmad) -> None:
        assert len(bmad.play(f"<step n='1' repeat='{{{{rounds}}}}'>{EXEC}</step>", "rounds: 2\n").elements) == 2

    def test_one_that_is_to_be_played_no_time_is_left_out(self, bmad: Bmad) -> None:
        assert bmad.parts(f"<step n='1' repeat='0'>{EXEC}</step>") == ["skipped step"]

    @pytest.mark.parametrize("repeat", ["1001", "999999999"])
    def test_too_many_times_are_refused(self, bmad: Bmad, repeat: str) -> None:
        with pytest.raises(InvalidError, match=f"{INSTRUCTIONS}:2:1: this step is to be played"):
            bmad.play(f"\n<step n='1' repeat='{repeat}'>x</step>")

    def test_repeats_inside_each_other_are_bounded(self, bmad: Bmad) -> None:
        with pytest.raises(InvalidError, match="more than"):
            bmad.play("<step n='1' repeat='1000'><step n='1a' repeat='1000'>x</step></step>")

    def test_without_steps_what_there_is_is_played_all_the_same(self, bmad: Bmad) -> None:
        assert bmad.parts(f"Tell\n\n{EXEC}\n\n<action>a</action>") == [
            "agent text Tell",
            "run exec send-message",
            "agent action a",
        ]

    def test_text_around_them_is_none_of_theirs(self, bmad: Bmad) -> None:
        assert bmad.parts("# Title\n\n<step n='1'>a</step>\n\n---\n") == ["begun step", "agent text a"]

    def test_steps_inside_a_step_are_played_where_they_stand(self, bmad: Bmad) -> None:
        play = bmad.play("<step n='1'><step n='1a'>a</step>b<substep n='1b'>c</substep></step>")
        assert [(part.step, part.text) for part in play.parts if part.kind == "text"] == [
            ("1a", "a"),
            ("1", "b"),
            ("1b", "c"),
        ]


class TestChecks:
    def test_what_one_holds_is_played_where_its_condition_holds(self, bmad: Bmad) -> None:
        text = f"<check if='mode == a'>{EXEC}</check><check if='mode == b'><action>x</action></check>"
        assert bmad.parts(text, mode="a") == ["run exec send-message", "skipped check"]

    def test_one_in_prose_is_shown_with_what_depends_on_it(self, bmad: Bmad) -> None:
        play = bmad.play(f"<check if='a story is ready'><check if='it is large'>{EXEC}</check></check>{EXEC}")
        assert [(words_of(part), part.depends_on) for part in play.parts] == [
            ("agent check a story is ready", ()),
            ("agent check it is large", ("a story is ready",)),
            ("agent exec send-message", ("a story is ready", "it is large")),
            ("run exec send-message", ()),
        ]

    def test_what_is_known_not_to_hold_is_left_out_inside_prose_too(self, bmad: Bmad) -> None:
        text = f"<check if='a story is ready'><check if='mode == a'>{EXEC}</check></check>"
        assert bmad.parts(text, mode="b") == ["agent check a story is ready", "skipped check"]

    def test_the_old_form_is_for_what_follows_it_up_to_the_next(self, bmad: Bmad) -> None:
        text = f"""
            <step n='1'>
            <check>If mode == a:</check>{EXEC}<action>a</action>
            <check>If mode == b:</check>{EXEC}
            </step>
            <step n='2'>{EXEC}</step>
            """
        assert bmad.parts(text, mode="b") == [
            "begun step",
            "skipped check",
            "run exec send-message",
            "begun step",
            "run exec send-message",
        ]

    def test_the_old_form_in_prose_leaves_what_follows_it_to_the_agent(self, bmad: Bmad) -> None:
        play = bmad.play(f"<step n='1'><check>If the tests fail:</check><action>a</action>{EXEC}</step>{EXEC}")
        assert [(words_of(part), part.depends_on) for part in play.parts[1:]] == [
            ("agent check the tests fail", ()),
            ("agent action a", ("the tests fail",)),
            ("agent exec send-message", ("the tests fail",)),
            ("run exec send-message", ()),
        ]

    def test_an_empty_one_is_of_the_old_form(self, bmad: Bmad) -> None:
        assert bmad.parts(f"<check if='the tests fail'/>{EXEC}")[1] == "agent exec send-message"

    def test_the_old_form_around_something_holds_that(self, bmad: Bmad) -> None:
        text = f"<step n='1'><check>If mode == a → <goto step='3'>x</goto></check>{EXEC}</step><step n='3'>b</step>"
        assert bmad.parts(text, mode="a") == ["begun step", "jumped goto step 3", "begun step", "agent text b"]
        assert bmad.parts(text, mode="b")[:3] == ["begun step", "skipped check", "run exec send-message"]

    @pytest.mark.parametrize("text", ["If not found → HALT with a message", "Confirm that the document is saved"])
    def test_one_that_says_itself_what_to_do_is_the_agents(self, bmad: Bmad, text: str) -> None:
        assert bmad.parts(f"<check>{text}</check>{EXEC}") == [f"agent text {text}", "run exec send-message"]


class TestElements:
    @pytest.mark.parametrize("tag", ["example", "ask", "output", "note", "template-output", "loop", "catch", "else"])
    def test_in_a_tag_that_does_not_say_when_they_are_the_agents(self, bmad: Bmad, tag: str) -> None:
        (part,) = [part for part in bmad.play(f"<{tag}>{EXEC}</{tag}>").parts if part.kind == "exec"]
        assert (part.standing.value, part.why) == ("agent", f"it stands in <{tag}>")

    @pytest.mark.parametrize("tag", ["workflow", "action", "substep", "section"])
    def test_in_a_tag_that_only_holds_them_they_are_run(self, bmad: Bmad, tag: str) -> None:
        assert "run exec send-message" in bmad.parts(f"<{tag}>{EXEC}</{tag}>")

    def test_with_a_condition_of_their_own_they_are_run_where_it_holds(self, bmad: Bmad) -> None:
        text = tell(attributes=" if='mode == a'")
        assert bmad.parts(text, mode="a") == ["run exec send-message"]
        assert bmad.parts(text, mode="b") == ["skipped exec"]
        assert bmad.parts(text) == ["agent exec send-message"]

    def test_an_optional_one_is_the_agents(self, bmad: Bmad) -> None:
        assert bmad.parts(tell(attributes=" optional='true'")) == ["agent exec send-message"]

    def test_their_ids_tell_step_and_pass(self, bmad: Bmad) -> None:
        text = f"{EXEC}<step n='1' repeat='2'>{EXEC}{EXEC}</step><step n='2.A b'>{EXEC}</step><step n='1'>{EXEC}</step>"
        assert [*bmad.play(text).elements] == [
            "exec-1",
            "step-1-exec-1",
            "step-1-exec-2",
            "step-1-exec-1-pass-2",
            "step-1-exec-2-pass-2",
            "step-2.a-b-exec-1",
            "step-1-exec-3",
        ]

    def test_their_variables_are_filled_in(self, bmad: Bmad) -> None:
        text = "<step n='1' repeat='2'>" + tell("{{user_name}} {date} {project-root} {{iteration}} {{key}}") + "</step>"
        found = bmad.play(text, key="1-2").elements.values()
        assert [one.params["payload"]["message"] for one in found] == [
            "Ada 2025-01-15 . 1 1-2",
            "Ada 2025-01-15 . 2 1-2",
        ]

    def test_a_value_is_text_whatever_it_holds(self, bmad: Bmad) -> None:
        (element,) = bmad.play(tell("{{key}}"), key='{user_name} \\{x} {{y}} "z: [').elements.values()
        assert element.params["payload"]["message"] == 'Ada {x} {{y}} "z: ['

    def test_a_variable_that_is_not_known_is_a_problem_at_its_place(self, bmad: Bmad) -> None:
        play = bmad.play(f"<action>a</action>\n  {tell('{{user_nam}}')}\n\n<step n='1'>\n{tell('{{wanted}}')}</step>")
        column = tell("{{").index("{{") + 1
        assert [one.where for one in play.problems] == [f"{INSTRUCTIONS}:2:{column + 2}", f"{INSTRUCTIONS}:5:{column}"]
        assert play.problems[0].message == "there is no variable 'user_nam'"
        assert play.problems[0].hint.startswith("did you mean 'user_name'? give it with --param user_nam=VALUE")

    def test_a_variable_with_something_open_in_it_is_not_known(self, bmad: Bmad) -> None:
        play = bmad.play(tell("{{context}}"), "context: '{output_folder}/{{story_key}}.xml'\n")
        assert [problem.message for problem in play.problems] == [
            "the variable 'context' is \"./_bmad-output/{{story_key}}.xml\", in which something is not known"
        ]
        assert bmad.play(tell("{{context}}"), "context: '{{story_key}}.xml'\n", story_key="1-2").problems == ()

    def test_what_the_agent_depends_on_may_hold_what_is_not_known(self, bmad: Bmad) -> None:
        play = bmad.play(f"<check if='found'>{tell('{{whatever}}')}</check>")
        assert play.problems == ()
        assert play.parts[1].element is not None
        assert play.parts[1].element.params["payload"] == {"message": "{{whatever}}"}


class TestJumps:
    def test_a_goto_goes_on_at_its_step(self, bmad: Bmad) -> None:
        text = f"<step n='1'><goto step='3'>on</goto>{EXEC}</step><step n='2'>b</step><step n='3'>c</step>"
        assert bmad.parts(text) == ["begun step", "jumped goto step 3", "begun step", "agent text c"]

    @pytest.mark.parametrize(
        "goto",
        [
            '<goto step="2A"/>',
            "<goto>step 2a</goto>",
            '<goto anchor="here"/>',
            "<goto> anchor with id here</goto>",
            "<action>GOTO step 2a</action>",
            "<action>Jump to Step 2a.</action>",
            '<action if="true"><goto step="2a">x</goto></action>',
            '<goto step="{{next}}"/>',
        ],
    )
    def test_its_forms(self, bmad: Bmad, goto: str) -> None:
        text = f"<step n='1'>{goto}{EXEC}</step><step n='2'>b<step n='2a'><anchor id='here'/>c</step>d</step>"
        parts = bmad.parts(text, next="2a")
        assert "run exec send-message" not in parts
        assert parts[-2:] == ["agent text c", "agent text d"]

    def test_one_that_depends_on_the_agent_is_not_followed(self, bmad: Bmad) -> None:
        text = f"<step n='1'><check if='tests fail'><goto step='2'>x</goto></check>{EXEC}</step><step n='2'>b</step>"
        assert bmad.parts(text)[2:4] == ["agent goto step 2", "run exec send-message"]

    def test_one_that_names_nothing_is_the_agents(self, bmad: Bmad) -> None:
        assert bmad.parts(f"<goto next iteration />{EXEC}") == ["agent goto", "run exec send-message"]

    def test_a_step_that_there_is_not_is_an_error_at_its_place(self, bmad: Bmad) -> None:
        with pytest.raises(InvalidError, match=f'{INSTRUCTIONS}:2:2: there is no step "12" to go to; did you mean'):
            bmad.play("<step n='1'>a</step>\n <goto step='12'/>")

    def test_an_optional_step_that_is_jumped_to_is_played(self, bmad: Bmad) -> None:
        assert bmad.parts("<goto step='1'/><step n='1' optional='true'>a</step>")[-1] == "agent text a"

    def test_a_loop_may_count(self, bmad: Bmad) -> None:
        text = f"<step n='1'>{EXEC}</step><step n='2'><check if='iteration < 3'><goto step='1'/></check></step>"
        assert [*bmad.play(text).elements] == ["step-1-exec-1", "step-1-exec-1-pass-2", "step-1-exec-1-pass-3"]

    def test_a_loop_without_end_is_an_error_at_its_goto(self, bmad: Bmad) -> None:
        with pytest.raises(InvalidError, match=f"{INSTRUCTIONS}:1:13: more than 100 jumps: this loop has no end"):
            bmad.play("<step n='1'><goto step='1'/></step>")

    def test_an_anchor_in_a_check_is_reached_whatever_that_says(self, bmad: Bmad) -> None:
        text = f"<goto anchor='a'/><check if='prose here'><anchor id='a'/>{EXEC}</check>"
        assert bmad.parts(text) == ["jumped goto anchor a", "run exec send-message"]

    @pytest.mark.parametrize("text", ["HALT", "HALT: no story", "Exit workflow", "Return control to calling workflow"])
    @pytest.mark.parametrize("tag", ["<action>{}</action>", "<check if='true'>{}</check>"])
    def test_an_action_that_says_so_ends_the_play(self, bmad: Bmad, tag: str, text: str) -> None:
        parts = bmad.parts(f"<step n='1'>{tag.format(text)}{EXEC}</step>{EXEC}")
        assert (len(parts), parts[-1].split()[0]) == (2, "ended")

    @pytest.mark.parametrize("tag", ["<check if='no story'><action>HALT</action></check>", "<note>HALT</note>"])
    def test_one_that_may_not_be_reached_does_not(self, bmad: Bmad, tag: str) -> None:
        assert bmad.parts(f"{tag}{EXEC}")[-1] == "run exec send-message"


class TestTheAgentsPart:
    def test_its_text_is_on_one_line_with_the_variables_that_are_known(self, bmad: Bmad) -> None:
        text = "<action>Read {output_folder}/x.md\n   and &lt;{{story}}&gt; <!-- no --> of\n\n{user_name}</action>"
        assert bmad.parts(text) == ["agent action Read ./_bmad-output/x.md and <{{story}}> of Ada"]

    def test_every_tag_that_says_something_is_shown(self, bmad: Bmad) -> None:
        text = """<critical>a</critical><ask>b</ask><template-output file="{output_folder}/x">c</template-output>
            <invoke-task>d</invoke-task><invoke-workflow path="p"/><elicit-required/><output>e</output><note>f</note>"""
        play = bmad.play(text)
        assert [(part.kind, part.text) for part in play.parts] == [
            ("critical", "a"),
            ("ask", "b"),
            ("template-output", "c"),
            ("invoke-task", "d"),
            ("invoke-workflow", ""),
            ("elicit-required", ""),
            ("output", "e"),
            ("note", "f"),
        ]
        assert play.parts[2].attributes == {"file": "./_bmad-output/x"}

    def test_text_between_tags_stays_between_them(self, bmad: Bmad) -> None:
        assert bmad.parts(
            "<step n='1'>a <action>b</action> c <!-- d --> e <action>f <note>g</note> h</action></step>"
        ) == [
            "begun step",
            "agent text a",
            "agent action b",
            "agent text c e",
            "agent action f h",
            "agent note g",
        ]

    def test_tags_inside_its_text_belong_to_it(self, bmad: Bmad) -> None:
        assert bmad.parts("<action>a <b>c</b> <number> d</action>") == ["agent action a c <number> d"]

    def test_an_action_whose_condition_does_not_hold_is_left_out(self, bmad: Bmad) -> None:
        assert bmad.parts("<action if='mode == a'>x</action><ask if='mode == b'>y</ask>", mode="b") == [
            "skipped action",
            "agent ask y",
        ]

    @pytest.mark.parametrize(
        "ask",
        [
            "<ask>Which?</ask> <action>Store as {{platform}}</action>",
            '<ask response="platform">Which?</ask>',
            '<ask var="platform">Which?</ask>',
        ],
    )
    def test_a_question_that_the_command_line_answers_is_answered(self, bmad: Bmad, ask: str) -> None:
        part = bmad.play(ask, platform="web").parts[0]
        assert (part.standing.value, part.why) == ("answered", "web")
        assert bmad.parts(ask, "platform: cli\n")[0] == "agent ask Which?"

    def test_an_answer_decides_what_depends_on_it(self, bmad: Bmad) -> None:
        text = f"<ask response='go'>Go on?</ask><check if='go == y OR go == yes'>{EXEC}</check>"
        assert bmad.parts(text, go="yes")[-1] == "run exec send-message"
        assert bmad.parts(text)[-1] == "agent exec send-message"

    def test_a_file_of_nothing_but_text_is_shown(self, bmad: Bmad) -> None:
        assert bmad.parts("# Title\n\nDo this, then that.\n") == ["agent text # Title Do this, then that."]
