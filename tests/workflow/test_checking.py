"""Tests of `bmad_messenger.workflow.checking` and `task_checking`: a wrong file never half-runs."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bmad_messenger import Messenger, task
from bmad_messenger.workflow.checking import problems_in
from bmad_messenger.workflow.library import Library
from tests.workflow.conftest import TELL, AddTasks, Problems, Write

SEND = "  - id: a\n    exec: send-message\n    with: {{type: notify, from_agent: pm, to_agent: dev, {}}}\n"
SENDS = "exec: send-message\n    with: {from_agent: pm, to_agent: dev, "
HANDOFF = """\
params: {{features: {{type: [string, array]}}}}
steps:
  - id: a
    exec: send-message
    with:
      route: prd-complete
      payload:
        prd_path: prd.md
        {}
"""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "agent: pmm\nsteps:\n" + SEND.format("payload: {message: x}"),
            "2:1: there is no agent 'pmm'; did you mean 'pm'",
        ),
        ("on: {message: {to: pmm}}\nsteps:\n" + SEND.format("payload: {message: x}"), "2:16: there is no agent 'pmm'"),
        (
            "on: {message: {type: notfy}}\nsteps:\n" + SEND.format("payload: {message: x}"),
            "2:16: there is no message type",
        ),
        (
            "on: {message: {route: prd}}\nsteps:\n" + SEND.format("payload: {message: x}"),
            '2:16: there is no route "prd"',
        ),
        (
            "steps:\n  - id: a\n    exec: send-mesage\n",
            "4:5: there is no task 'send-mesage'; did you mean 'send-message'?",
        ),
        ("steps:\n" + SEND.format("paylod: {message: x}"), "unknown key `paylod`: did you mean `payload`?"),
        ("steps:\n" + SEND.format("payload: {}"), "payload.message: required, but missing"),
        ("steps:\n" + SEND.format("payload: {message: 5}"), "payload.message: wanted text, found 5"),
        ("steps:\n" + SEND.format("payload: '{message: 5}'"), "payload.message: wanted text, found 5"),
        ("steps:\n" + SEND.format("payload: '{message: '"), "not YAML"),
        ("steps:\n" + SEND.format("payload: {message: x}, priority: hihg"), 'there is no priority "hihg"'),
        ("steps:\n" + SEND.format("payload: {message: x}, expires: soon"), "'soon' is no time"),
        ("steps:\n" + SEND.format("payload: {message: x}, strict: 5"), "strict: wanted true or false, found 5"),
        ("steps:\n" + SEND.format("payload: {message: x}, to_agents: [dev, teaa]"), "there is no agent 'teaa'"),
        ("steps:\n" + SEND.format("payload: {message: x}, to_agents: all"), "both one recipient and several"),
        ("steps:\n  - id: a\n    exec: send-message\n    with: {payload: {}}\n", "the message has no type"),
        ("steps:\n  - id: a\n    exec: receive-message\n", "receive-message needs the parameter 'agent'; add `agent`"),
        ("steps:\n  - id: a\n    exec: receive-message\n    with: {agent: pmm}\n", "there is no agent 'pmm'"),
        ("steps:\n  - id: a\n    exec: receive-message\n    with: {agent: pm, limit: ten}\n", "wanted a whole number"),
        ("steps:\n  - id: a\n    exec: receive-message\n    with: {agent: pm, type_filter: x}\n", "no message type"),
        ("steps:\n  - id: a\n    exec: close-message\n    with: {message_id: x, status: dnoe}\n", "there is no status"),
        ("steps:\n  - id: a\n    exec: run-command\n    with: {command: ls}\n", "does not allow the command 'ls'"),
        (HANDOFF.format(""), "payload.priority_features: required, but missing"),
        (HANDOFF.format("priority_features: 5"), "payload.priority_features: wanted text or a list, found 5"),
        (HANDOFF.format("x: 1").replace("prd-complete", "prd-done"), 'there is no route "prd-done"'),
        ("steps:\n  - id: a\n    ask: {of: usr, question: x}\n", "there is no agent 'usr'; did you mean 'user'?"),
        ("steps:\n  - id: a\n    ask: {from: pmm, question: x}\n", "there is no agent 'pmm'"),
        ("steps:\n  - id: a\n    wait: {message: {from: pmm}}\n", "there is no agent 'pmm'"),
        ("steps:\n  - id: a\n    wait: {until: tomorrow}\n", '4:12: until: "tomorrow" is no time'),
        ("steps:\n  - id: a\n    workflow: inner\n", "there is no workflow 'inner'"),
    ],
)
def test_what_a_project_lacks_is_told_with_its_place(problems: Problems, text: str, problem: str) -> None:
    found = problems(text)

    assert any(problem in one for one in found), found
    assert all(one.startswith("example.yaml:") for one in found)


@pytest.mark.parametrize(
    "text",
    [
        "steps:\n" + SEND.format("payload: {message: '{{ run.id }}'}"),
        "steps:\n" + SEND.format("payload: '{{ run.id }}'"),
        "steps:\n" + SEND.format("payload: {message: x}, priority: '{{ run.id }}'"),
        "steps:\n  - id: a\n    exec: receive-message\n    with: {agent: '{{ run.id }}', limit: '{{ run.id }}'}\n",
        HANDOFF.format('priority_features: "{{ params.features }}"'),
        HANDOFF.format("priority_features: x").replace("prd-complete", '"{{ run.id }}"'),
    ],
)
def test_what_is_only_known_when_it_runs_is_let_pass(problems: Problems, text: str) -> None:
    assert problems(text) == []


def test_a_command_that_is_allowed_is_no_problem(problems: Problems, messenger: Messenger, write: Write) -> None:
    path = write("steps:\n  - id: a\n    exec: run-command\n    with: {command: git status --short}\n")
    messenger.project.config.write_text("commands: {allow: [git status]}\n")
    again = Messenger.open(messenger.project.root)
    library = Library(again.project)

    assert problems_in(*library.read_file(path), again, library) == ()


class TestNested:
    INNER = f"params: {{word: {{type: string}}}}\nsteps:\n  - id: a\n    {TELL}'{{{{ params.word }}}}'}}}}\n"

    @pytest.mark.parametrize(
        ("with_", "problem"),
        [
            ("{}", "the workflow inner needs the parameter 'word'"),
            ("{word: 5}", "word: wanted text, found 5"),
            ("{word: x, wrod: y}", "unknown key `wrod`"),
        ],
    )
    def test_parameters_are_checked(self, problems: Problems, with_: str, problem: str) -> None:
        found = problems(f"steps:\n  - id: n\n    workflow: inner\n    with: {with_}\n", inner=self.INNER)

        assert any(problem in one for one in found), found

    def test_problems_are_told_however_deep(self, problems: Problems) -> None:
        found = problems(
            "steps:\n  - id: n\n    workflow: middle\n",
            middle="steps:\n  - id: n\n    workflow: inner\n",
            inner="steps:\n  - id: a\n    exec: send-mesage\n",
        )

        (one,) = found
        assert one.startswith("example.yaml:4:5: there is no task 'send-mesage'")
        assert "inner.yaml:4:5" in one

    def test_a_workflow_that_runs_itself_is_looked_at_once(self, problems: Problems) -> None:
        assert problems("steps:\n  - id: n\n    when: run.id\n    workflow: example\n") == []

    def test_a_problem_is_told_once_for_each_step_that_meets_it(self, problems: Problems) -> None:
        found = problems(
            "steps:\n  - id: m\n    workflow: inner\n  - id: n\n    workflow: inner\n",
            inner="steps:\n  - id: a\n    exec: send-mesage\n",
        )

        assert [one.partition(": ")[0] for one in found] == ["example.yaml:4:5", "example.yaml:6:5"]

    def test_a_diamond_of_many_workflows_is_checked_in_no_time(self, problems: Problems) -> None:
        runs = "steps:\n  - id: m\n    workflow: w{0}\n  - id: n\n    workflow: w{0}\n"
        others = {f"w{number}": runs.format(number + 1) for number in range(20)}
        start = time.process_time()

        assert len(problems(runs.format(0), **others, w20="steps:\n  - id: a\n    exec: nope\n")) == 2
        assert time.process_time() - start < 2


class TestPlugins:
    def test_parameters_are_checked_by_the_annotations(self, problems: Problems, add_tasks: AddTasks) -> None:
        def work(messenger: Messenger, *, times: int, names: list[str] | None = None) -> None:
            """Work."""

        add_tasks(work=work)

        found = problems("steps:\n  - id: a\n    exec: work\n    with: {times: often, names: [1], nmaes: 2}\n")

        assert [one.partition(": ")[2].partition(";")[0] for one in found] == [
            'times: wanted a whole number, found "often"',
            "names[0]: wanted text, found 1",
            "with: unknown key `nmaes`: did you mean `names`?".replace("with: ", "steps[0].with: "),
        ]

    def test_parameters_are_checked_by_a_schema(self, problems: Problems, add_tasks: AddTasks) -> None:
        @task(schema={"type": "object", "properties": {"env": {"enum": ["prod", "test"]}}, "required": ["env"]})
        def deploy(messenger: Messenger, **params: Any) -> None:
            """Deploy."""

        add_tasks(deploy=deploy)

        assert "env: wanted" in problems("steps:\n  - id: a\n    exec: deploy\n    with: {env: stage}\n")[0]
        assert "needs the parameter 'env'" in problems("steps:\n  - id: a\n    exec: deploy\n")[0]
        assert problems("steps:\n  - id: a\n    exec: deploy\n    with: {env: '{{ run.id }}'}\n") == []

    def test_a_schema_s_rules_for_several_parameters_have_their_place(
        self, problems: Problems, add_tasks: AddTasks
    ) -> None:
        @task(
            schema={
                "type": "object",
                "properties": {"times": {"type": "integer"}, "every": {"type": "string"}},
                "dependentRequired": {"times": ["every"]},
            }
        )
        def remind(messenger: Messenger, **params: Any) -> None:
            """Remind."""

        add_tasks(remind=remind)
        text = "steps:\n  - id: a\n    exec: remind\n    with: {{times: '5'{}}}\n"

        assert problems(text.format(", every: 1d")) == []
        assert problems(text.format("")) == [
            "example.yaml:5:12: steps[0].with.times means nothing without `every`; add `every`",
        ]

    def test_a_task_with_open_keywords_takes_any(self, problems: Problems, add_tasks: AddTasks) -> None:
        def record(messenger: Messenger, **params: Any) -> None:
            """Record."""

        add_tasks(record=record)

        assert problems("steps:\n  - id: a\n    exec: record\n    with: {anything: 1, agent: nobody}\n") == []

    def test_a_schema_that_is_none_is_told(self, problems: Problems, add_tasks: AddTasks) -> None:
        @task(schema={"type": "nonsense"})
        def work(messenger: Messenger, **params: Any) -> None:
            """Work."""

        add_tasks(work=work)

        assert "the JSON Schema of the task work is broken" in problems("steps:\n  - id: a\n    exec: work\n")[0]


def test_every_shipped_workflow_is_valid(messenger: Messenger) -> None:
    library = Library(messenger.project)

    assert {name: problems_in(*library.read(name), messenger, library) for name in library.files()} == dict.fromkeys(
        library.files(), ()
    )


def test_five_hundred_steps_are_checked_in_a_second(problems: Problems) -> None:
    def step(number: int) -> str:
        above = f"steps.s{number - 1}"
        return f"  - id: s{number}\n    when: {above}.state != 'x'\n    {TELL}'{{{{ {above}.message_id }}}}'}}}}\n"

    text = f"steps:\n  - id: s0\n    {TELL}x}}}}\n" + "".join(map(step, range(1, 500)))
    start = time.process_time()

    assert problems(text) == []
    assert time.process_time() - start < 1
