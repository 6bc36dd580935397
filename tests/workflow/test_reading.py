"""Tests of `bmad_messenger.workflow.reading`: what is wrong with a workflow by itself, each with its place."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmad_messenger.workflow.reading import problems_of, read_as_far_as_possible, read_workflow
from tests.workflow.damaging import CHANGES, WHOLE, changed

STEP = "  - id: {0}\n    exec: send-message\n"
ASK = "name: ask\nsteps:\n  - id: a\n    ask: {question: x}\n"
ON = "on: {{message: {{type: notify, {}}}}}\n" + f"name: on\nsteps:\n{STEP.format('a')}"
TWO = f"name: two\nsteps:\n{STEP.format('a')}{STEP.format('b')}"


def needs_of(text: str) -> dict[str, tuple[str, ...]]:
    workflow, _ = read_workflow(text, "w.yaml")
    return {step.id: step.needs for step in workflow.all_steps}


def test_a_step_needs_the_one_above() -> None:
    assert needs_of(TWO) == {"a": (), "b": ("a",)}


def test_a_step_that_names_its_needs_needs_these_alone() -> None:
    assert needs_of(TWO + "    needs: []\n")["b"] == ()
    assert needs_of(f"{TWO}{STEP.format('c')}    needs: a\n")["c"] == ("a",)


def test_a_step_needs_those_that_it_reads() -> None:
    text = f"{TWO}{STEP.format('c')}    needs: []\n    when: steps.a.message_id == steps.b.message_id\n"

    assert set(needs_of(text)["c"]) == {"a", "b"}


def test_a_parameter_called_like_a_step_is_no_need() -> None:
    text = f"params: {{b: {{}}}}\n{TWO}".replace("id: a\n", "id: a\n    when: params.b\n")

    assert needs_of(text) == {"a": (), "b": ("a",)}


def test_a_workflow_with_an_agent_begins_with_its_messages() -> None:
    assert needs_of("agent: pm\n" + TWO) == {"inbox": (), "a": ("inbox",), "b": ("a",)}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: x\n", "w.yaml:1:1: steps: required, but missing"),
        ("name: X y\nsteps:\n" + STEP.format("a"), "w.yaml:1:1: name: wanted a name of lower-case letters"),
        (TWO + "    needz: a\n", "w.yaml:7:5: steps[1]: unknown key `needz`: did you mean `needs`?"),
        (TWO + "    ask: {question: x}\n", "w.yaml:5:5: steps[1]: wanted either `exec` or `ask`"),
        (TWO + "    needs: c\n", 'w.yaml:7:5: there is no step "c" here'),
        (TWO + "    timeout: 3 days\n", "w.yaml:7:5: steps[1].timeout: wanted a number or a time span"),
        (TWO + "    as: item\n", "steps[1]"),
        (TWO.replace("id: b", "id: a"), 'w.yaml:5:5: the step id "a" is taken'),
        (TWO.replace("id: a\n", "id: a\n    needs: b\n"), "a needs b, which needs a"),
        (TWO + "    when: steps.c.x\n", 'reads the step "c", which there is not; there are a, b'),
        (TWO + "    when: steps.b.x\n", 'reads the step "b", which has not ended by then'),
        (TWO + "    when: nope\n", 'reads "nope", which there is not'),
        (TWO + "    when: params.x\n", 'reads the parameter "x", which there is not'),
        (TWO + "    when: secrets.X\n", 'reads the secret "X", which there is not'),
        (TWO + "    when: a ==\n", "is no expression"),
        (TWO + "    with: {a: ['{{ a b }}']}\n", "w.yaml:7:16: `{{ a b }}` is no expression"),
        ("params: {n: {type: integer, default: x}}\n" + TWO, "w.yaml:1:29: params.n.default: wanted a whole number"),
        ("params: {n: {type: nonsense}}\n" + TWO, "w.yaml:1:14: params.n.type"),
        (TWO.replace("id: a\n", "id: a\n    when: steps.b.x\n"), "w.yaml:3:5: a needs b, which needs a"),
        (TWO + "    needs: b\n", "w.yaml:7:5: b needs itself; break the circle"),
        (TWO + "    neesd: a\n", "unknown key `neesd`: did you mean `needs`?"),
        (
            TWO + "    on_timeout: fail\n",
            "w.yaml:7:5: steps[1].on_timeout means nothing without `timeout`; add `timeout`",
        ),
        (TWO.replace("send-message", "'{{ run.id }}'"), 'w.yaml:4:5: exec: "{{ run.id }}" is no name'),
        ("outputs: {n: {value: '{{ steps.z.x }}'}}\n" + TWO, 'reads the step "z"'),
        (TWO + "finally:\n" + STEP.format("z") + "    needs: a\n", 'there is no step "a" here'),
        (TWO + "    when: steps.z.x\nfinally:\n" + STEP.format("z"), "which has not ended by then"),
        ("name: [\n", "w.yaml:"),
        ("", "w.yaml: wanted a mapping, found null"),
        ("- a\n", "w.yaml:1:1"),
        (TWO + "    timeout: 99999d\n", "steps[1].timeout: wanted a number or a time span"),
        (
            TWO + "    retry: {times: 2, delay: '{{ params.x }}'}\n",
            "steps[1].retry.delay: wanted a number or a time span",
        ),
        ("timeout: '{{ params.x }}'\n" + TWO, "timeout: wanted a number or a time span"),
        (ASK + "    with: {a: 1}\n", "w.yaml:5:5: `with` means nothing beside `ask`"),
        (ASK.replace("x}", "x, form: {type: nonsense}}"), "form"),
        (TWO + "    foreach: [1]\n    as: steps\n", 'w.yaml:8:5: "steps" means something else'),
        (TWO + "    foreach: [1]\n    when: item > 1\n", 'reads "item", which there is not'),
        (TWO + "    when: run.name\n", 'reads the part of the run "name"'),
        (TWO + "    when: trigger.type\n", "reads the trigger, which there is not; no message starts this workflow"),
        (TWO + "    with: {payload: {if: '{{ nope }}'}}\n", 'reads "nope", which there is not'),
        (ON.format("if: mesage.type"), 'reads "mesage", which there is not; it can read message'),
        (ON.format("if: 'message.type =='"), "is no expression"),
        (ON.format("to: '{{ params.x }}'"), "nothing can be read here"),
        ("params: {n: {type: integer}}\n" + ON.format("to: pm"), 'the parameter "n" has no default'),
        (TWO + "    with: {payload: {form: {type: nosuch}}}\n", "with.payload.form.type"),
        (TWO + "    when: steps.a.x | nosuch\n", "there is no filter 'nosuch'"),
        (TWO + "    when: steps.a.x is nosuch\n", "there is no test 'nosuch'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, problem: str) -> None:
    found = problems_of(text, "w.yaml")

    assert any(problem in str(one) for one in found), [str(one) for one in found]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    text = TWO + "    when: steps.c.x\n    needs: [d]\n    with: {a: '{{ nope }}'}\n"

    assert len(problems_of(text, "w.yaml")) == 3


@pytest.mark.parametrize(
    ("needs", "circles"),
    [
        ({"a": "c", "b": "a", "c": "b", "d": "c"}, ["a needs c, which needs b, which needs a"]),
        ({"a": "", "b": "d", "c": "b", "d": "c"}, ["b needs d, which needs c, which needs b"]),
        ({"a": "b", "b": "a", "c": "d", "d": "c"}, ["a needs b, which needs a", "c needs d, which needs c"]),
        ({"a": "b", "b": "a c", "c": "b", "d": ""}, ["a needs b, which needs a"]),
        ({"a": "b c d", "b": "c d", "c": "d", "d": ""}, []),
    ],
)
def test_each_circle_of_steps_is_told_once(needs: dict[str, str], circles: list[str]) -> None:
    steps = "".join(f"  - {{id: {name}, exec: x, needs: {needed.split()}}}\n" for name, needed in needs.items())

    assert [one.message for one in problems_of(f"name: x\nsteps:\n{steps}", "w.yaml")] == circles


def test_a_circle_of_many_steps_is_found_in_no_time() -> None:
    steps = "".join(f"  - {{id: s{n}, exec: x, needs: s{(n + 1) % 2000}}}\n" for n in range(2000))
    start = time.process_time()

    (one,) = problems_of(f"name: x\nsteps:\n{steps}", "w.yaml")

    assert time.process_time() - start < 3
    assert one.message.startswith("s0 needs s1, which needs s2, ")
    assert one.message.endswith(", which needs …, which needs s1999, which needs s0")


@given(st.lists(CHANGES, max_size=3))
@settings(max_examples=200, deadline=None)
def test_whatever_is_wrong_is_told_and_never_a_traceback(changes: list[tuple[list[int], Any]]) -> None:
    reading = read_as_far_as_possible(json.dumps(changed(WHOLE, changes)), "w.yaml")

    assert bool(reading.problems()) == bool(reading.findings)
    assert changes or not reading.findings
    assert all(one.line is not None for one in reading.problems())


def test_five_hundred_steps_are_read_in_a_second() -> None:
    step = "  - id: s{0}\n    exec: send-message\n    when: steps.s{1}.message_id != '{0}'\n"
    text = f"name: big\nsteps:\n{STEP.format('s0')}" + "".join(step.format(n, n - 1) for n in range(1, 500))
    start = time.process_time()

    read_workflow(text, "w.yaml")

    assert time.process_time() - start < 1
