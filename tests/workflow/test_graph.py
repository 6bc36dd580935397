"""Tests of `bmad_messenger.workflow.graph`: pictures of workflows and runs."""

from __future__ import annotations

import time

import pytest

from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.graph import direct_needs, drawing, mermaid
from bmad_messenger.workflow.model import Workflow
from bmad_messenger.workflow.reading import read_workflow
from tests.workflow.conftest import Begin

FORK = """\
name: fork
steps:
  - {id: brief, exec: send-message}
  - {id: design, exec: send-message, needs: brief, when: 'steps.brief.x == "a|b" and 1 < 2'}
  - {id: build, needs: brief, wait: {for: 1h}}
  - {id: review, needs: [design, build], ask: {question: x}}
  - {id: ship, workflow: other, foreach: [1]}
finally:
  - {id: end, exec: send-message}
"""


def workflow(text: str) -> Workflow:
    return read_workflow(text, "w.yaml")[0]


def test_a_drawing_has_a_line_a_step_and_joins_them() -> None:
    assert drawing(workflow(FORK)) == [
        "● brief: send-message",
        '├─● design: send-message  (when steps.brief.x == "a|b" and 1 < 2)',
        "● │ build: wait",
        "●─┘ review: ask",
        "● ship: workflow other for each",
        "● end: send-message",
    ]


def test_a_flowchart_has_an_arrow_from_every_step_that_is_needed() -> None:
    lines = mermaid(workflow(FORK)).splitlines()

    assert lines[0] == "flowchart TD"
    assert '    s0["brief: send-message"]' in lines
    assert '    s2(["build: wait"])' in lines
    assert '    s3{{"review: ask"}}' in lines
    assert '    s4[["ship: workflow other for each"]]' in lines
    assert "    s0 --> s2" in lines
    assert "    s4 -.-> s5" in lines
    (condition,) = [line for line in lines if "s0 -->|" in line]
    assert condition == '    s0 -->|"steps.brief.x == #34;a#124;b#34; and 1 #60; 2"| s1'


def test_an_arrow_that_goes_without_saying_is_left_out() -> None:
    found = workflow(
        "name: x\nsteps:\n  - {id: a, exec: x}\n  - {id: b, exec: x}\n  - {id: c, exec: x, needs: [a, b]}\n"
    )

    assert direct_needs(found) == {"a": [], "b": ["a"], "c": ["b"]}


def test_a_run_shows_how_it_stands(begin: Begin, engine: Engine) -> None:
    run = begin(
        "steps:\n  - {id: a, when: false, wait: {for: 1h}}\n"
        "  - {id: b, wait: {for: 1h}}\n  - {id: c, wait: {for: 1h}}\n"
    )
    found, _ = engine.library.read("example")

    assert [line[0] for line in drawing(found, run)] == ["-", "…", "·"]
    assert "    class s1 waiting" in mermaid(found, run).splitlines()


@pytest.mark.parametrize("count", [1, 60])
def test_many_branches_are_drawn(count: int) -> None:
    steps = "".join(f"  - {{id: s{n}, exec: x, needs: a}}\n" for n in range(count))
    names = ", ".join(f"s{n}" for n in range(count))
    found = workflow(f"name: x\nsteps:\n  - {{id: a, exec: x}}\n{steps}  - {{id: z, exec: x, needs: [{names}]}}\n")

    lines = drawing(found)

    assert len(lines) == count + 2
    assert lines[-1].endswith("z: x")


def test_more_branches_than_an_eye_can_follow_are_listed() -> None:
    steps = "".join(f"  - {{id: s{n}, exec: x, needs: a}}\n" for n in range(200))
    names = [f"s{n}" for n in range(200)]
    found = workflow(f"name: x\nsteps:\n  - {{id: a, exec: x}}\n{steps}  - {{id: z, exec: x, needs: {names}}}\n")

    lines = drawing(found)

    assert len(lines) == 202
    assert lines[1] == "● s0: x  (after a)"
    assert lines[-1] == f"● z: x  (after {', '.join(names)})"


@pytest.mark.parametrize("needed", [1, 20])
def test_five_hundred_steps_are_drawn_in_no_time(needed: int) -> None:
    names = [[f"s{other}" for other in range(max(0, n - needed), n)] for n in range(500)]
    found = workflow(
        "name: x\nsteps:\n" + "".join(f"  - {{id: s{n}, exec: x, needs: {names[n]}}}\n" for n in range(500))
    )
    start = time.process_time()

    assert drawing(found) == [f"● s{n}: x" for n in range(500)]
    assert mermaid(found).count("-->") == 499
    assert time.process_time() - start < 0.5


def test_a_lattice_of_five_hundred_steps_is_drawn_in_no_time() -> None:
    needs = {n: [f"s{other}" for other in range(n // 20 * 20 - 20, n // 20 * 20) if other >= 0] for n in range(500)}
    found = workflow(
        "name: x\nsteps:\n" + "".join(f"  - {{id: s{n}, exec: x, needs: {names}}}\n" for n, names in needs.items())
    )
    start = time.process_time()

    assert len(drawing(found)) == 500
    assert mermaid(found).count("-->") == 480 * 20
    assert time.process_time() - start < 0.5
