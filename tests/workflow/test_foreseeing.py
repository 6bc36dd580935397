"""Tests of `bmad_messenger.workflow.foreseeing`: what no run could get past is told before its first step."""

from __future__ import annotations

from typing import Any

import pytest

from bmad_messenger import InvalidError, Messenger
from bmad_messenger.workflow.checking import problems_of
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.library import Library
from tests.workflow.conftest import TELL, Problems, Write

SENDS = "exec: send-message\n    with: {from_agent: pm, to_agent: dev, "
SEND = "  - id: a\n    exec: send-message\n    with: {{type: notify, from_agent: pm, to_agent: dev, {}}}\n"


class TestBeforeTheFirstStep:
    """What a run is given is known when it starts, and with it what comes of its expressions."""

    @pytest.mark.parametrize(
        ("step", "value", "problem"),
        [
            ("exec: receive-message\n    with: {agent: '{{ params.x }}'}", "pmm", "there is no agent 'pmm'"),
            ("exec: receive-message\n    with: {agent: pm, limit: '{{ params.x }}'}", "ten", "wanted a whole number"),
            (f"{TELL}'{{{{ params.x }}}}'}}}}", "", "wanted text that is not empty"),
            (f"{TELL}'{{{{ params.x.y }}}}'}}}}", "", "has no attribute 'y'"),
            ("wait: {for: '{{ params.x }}'}", "long", "wait.for: wanted a number or a time span"),
            ("wait: {until: '{{ params.x }}'}", "later", 'until: "later" is no time'),
            ("wait: {for: 1h}\n    timeout: '{{ params.x }}'", "long", 'timeout: "long" is no time span'),
            ("wait: {message: {reply_to: '{{ params.x }}'}}", "MSG-20250115-abcd", "there is no message"),
            ("ask: {question: '{{ params.x }}'}", "", "question: wanted text that is not empty"),
            ("wait: {for: 1h}\n    foreach: params.x", "abc", 'foreach: wanted a list, found "abc"'),
            ("wait: {for: 1h}\n    when: params.x > 5", "abc", "not supported between"),
            ("workflow: inner\n    with: {n: '{{ params.x }}'}", "abc", "n: wanted a whole number"),
            ("workflow: inner\n    with: {n: 5, to: '{{ params.x }}'}", "pmm", "there is no agent 'pmm'"),
        ],
    )
    def test_a_value_that_can_t_be_is_refused(
        self, write: Write, engine: Engine, step: str, value: str, problem: str
    ) -> None:
        write(
            "params: {n: {type: integer}, to: {type: string, default: pm}}\n"
            "steps:\n  - id: a\n    exec: receive-message\n    with: {agent: '{{ params.to }}'}\n",
            "inner",
        )
        write(f"params: {{x: {{}}}}\nsteps:\n  - id: a\n    {step}\n")

        with pytest.raises(InvalidError) as caught:
            engine.start("example", {"x": value})

        assert problem in str(caught.value)
        assert caught.value.problem.line is not None
        assert engine.runs.ids() == []

    @pytest.mark.parametrize(
        ("step", "problem"),
        [
            ("exec: receive-message\n    with: {agent: pm, limit: -3}", "the limit is -3"),
            ("exec: receive-message\n    with: {agent: pm, limit: '0'}", "the limit is 0"),
            (
                f"foreach: [dev, nobody]\n    {TELL.replace('dev', '{{ item }}')}x}}}}".replace("{{", "'{{").replace(
                    " }},", " }}',"
                ),
                "there is no agent 'nobody'",
            ),
            (f"{SENDS}type: notify, priority: 5, payload: '{{{{ run.id }}}}'}}", "there is no priority 5"),
            (f"{SENDS}type: notify, expires: [1], payload: '{{{{ run.id }}}}'}}", "is no time"),
            ("exec: close-message\n    with: {message_id: '{{ run.id }}', status: read}", "can't be closed as read"),
            ("exec: run-command\n    with: {command: git log, folder: /}", "'/' lies outside the project"),
            ("exec: run-command\n    with: {command: git log, folder: ../x}", "lies outside the project"),
            ("exec: run-command\n    with: {command: git log, timeout: -1}", "wanted more than 0 seconds, found -1"),
            ("exec: run-command\n    with: {command: rm x, folder: '{{ run.id }}'}", "not allow the command 'rm'"),
            ("exec: run-command\n    with: {command: [rm, '{{ run.id }}']}", "not allow the command 'rm'"),
            ("exec: run-command\n    with: {command: 'rm -r {{ run.id }}'}", "not allow the command 'rm'"),
            ("exec: '{{ run.id }}'", "is no name"),
            ("workflow: '{{ params.y }}'", "is no name"),
            (
                f"{SENDS}type: notify, to_agents: all, payload: {{message: '{{{{ run.id }}}}'}}}}",
                "both one recipient and several",
            ),
            (
                f"{SENDS}type: clarify, strict: true, payload: {{question: '{{{{ run.id }}}}'}}}}",
                "a clarify without `context`",
            ),
            ("ask: {question: x, form: {type: nonsense}}", "form"),
            ("workflow: inner\n    with: {to: nobody}", "there is no agent 'nobody'"),
            ("workflow: inner\n    with: {to: '{{ run.id }}', who: nobody}", "there is no agent 'nobody'"),
        ],
    )
    def test_what_every_run_would_stumble_over_is_refused(
        self, write: Write, messenger: Messenger, problems: Problems, step: str, problem: str
    ) -> None:
        messenger.project.config.write_text("commands: {allow: [git log, ls]}\n")
        again = Messenger.open(messenger.project.root)
        write(
            "params: {to: {type: string}, who: {type: string, default: pm}}\nsteps:\n"
            "  - id: a\n    exec: receive-message\n    with: {agent: '{{ params.to }}'}\n"
            "  - id: b\n    exec: receive-message\n    with: {agent: '{{ params.who }}'}\n",
            "inner",
        )
        library = Library(again.project)
        path = write(f"params: {{y: {{default: x}}}}\nsteps:\n  - id: a\n    {step}\n")

        found = [str(one) for one in problems_of(path, again, library)]

        assert len(found) == 1, found
        assert problem in found[0]

    @pytest.mark.parametrize("allowed", ["git", "git log"])
    def test_a_command_that_may_turn_out_allowed_is_let_pass(
        self, write: Write, messenger: Messenger, allowed: str
    ) -> None:
        messenger.project.config.write_text(f"commands: {{allow: [{allowed}]}}\n")
        again = Messenger.open(messenger.project.root)
        path = write("steps:\n  - id: a\n    exec: run-command\n    with: {command: 'git {{ run.id }}', folder: new}\n")

        assert problems_of(path, again, Library(again.project)) == ()

    @pytest.mark.parametrize(
        ("with_", "params", "problem"),
        [
            ("reply_to: MSG-20260101-abcd, payload: {message: x}", {}, "there is no message"),
            ("reply_to: '{{ params.x }}', payload: {message: x}", {"x": "MSG-20260101-abcd"}, "there is no message"),
            ("priority: '{{ params.x }}', payload: {message: x}", {"x": "hihg"}, 'there is no priority "hihg"'),
            ("expires: '{{ params.x }}', payload: {message: x}", {"x": "soon"}, "'soon' is no time"),
            ("route: '{{ params.x }}', payload: {message: x}", {"x": "prd"}, 'there is no route "prd"'),
        ],
    )
    def test_a_message_that_can_t_be_sent_is_refused(
        self, write: Write, engine: Engine, with_: str, params: dict[str, Any], problem: str
    ) -> None:
        write(f"params: {{x: {{default: ''}}}}\nsteps:\n{SEND.format(with_)}")

        with pytest.raises(InvalidError) as caught:
            engine.start("example", params)

        assert problem in str(caught.value)
        assert engine.runs.ids() == []

    @pytest.mark.parametrize("params", [{}, {"to": ["dev", "nobody"]}])
    def test_the_items_of_a_parameter_are_checked_one_by_one(
        self, write: Write, engine: Engine, params: dict[str, Any]
    ) -> None:
        write(
            "params: {to: {type: array, default: [nobody]}}\nsteps:\n"
            "  - id: a\n    foreach: params.to\n    exec: receive-message\n    with: {agent: '{{ item }}'}\n"
        )

        with pytest.raises(InvalidError, match="there is no agent 'nobody'"):
            engine.start("example", params)

    def test_an_output_that_breaks_its_schema_is_refused(self, write: Write, engine: Engine) -> None:
        write(
            "params: {x: {default: a}}\noutputs: {n: {value: '{{ params.x }}', type: integer}}\n"
            f"steps:\n  - id: a\n    {TELL}x}}}}\n"
        )

        with pytest.raises(InvalidError, match=r"outputs\.n: wanted a whole number"):
            engine.start("example", {})

    def test_a_message_to_close_has_to_be_there(self, write: Write, engine: Engine) -> None:
        write("steps:\n  - id: a\n    exec: close-message\n    with: {message_id: MSG-20260101-abcd}\n")

        with pytest.raises(InvalidError, match="there is no message"):
            engine.start("example", {})

    def test_a_step_whose_condition_looks_at_the_parameters_is_let_pass(self, write: Write, engine: Engine) -> None:
        write(
            f"params: {{x: {{default: ''}}}}\nsteps:\n  - id: a\n    {TELL}x}}}}\n"
            f"  - id: b\n    when: steps.a.state == 'done' and params.x\n    {TELL}'{{{{ params.x }}}}'}}}}\n"
        )

        assert engine.advance(engine.start("example", {}).run_id).error is None

    def test_a_workflow_that_a_message_starts_is_checked_with_its_defaults(self, problems: Problems) -> None:
        found = problems(
            "on: {message: {type: notify}}\nparams: {to: {default: nobody}}\n"
            "steps:\n  - id: a\n    exec: receive-message\n    with: {agent: '{{ params.to }}'}\n"
        )

        assert len(found) == 1
        assert "there is no agent 'nobody'" in found[0]

    def test_a_step_that_will_be_skipped_may_lack_its_values(self, write: Write, engine: Engine) -> None:
        write(f"params: {{x: {{}}}}\nsteps:\n  - id: a\n    when: params.x\n    {TELL}'{{{{ params.x }}}}'}}}}\n")

        assert engine.start("example", {"x": ""}).params == {"x": ""}

    def test_a_secret_is_in_no_error(self, write: Write, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TOKEN", "s3cr3t")
        write("secrets: [TOKEN]\non_failure: nothing\nsteps:\n  - id: a\n    wait: {for: '{{ secrets.TOKEN }}'}\n")

        run = engine.advance(engine.start("example", {}).run_id)

        assert "s3cr3t" not in (run.error or "")

    def test_a_secret_that_only_a_nested_workflow_needs_is_asked_for(self, write: Write, engine: Engine) -> None:
        write(f"secrets: [NO_SUCH_SECRET]\nsteps:\n  - id: a\n    {TELL}x}}}}\n", "inner")
        write("steps:\n  - id: a\n    workflow: inner\n")

        with pytest.raises(InvalidError, match="needs the secret NO_SUCH_SECRET"):
            engine.start("example", {})
