"""Tests of `bmad_messenger.workflow.history`: which runs may be forgotten."""

from __future__ import annotations

import pytest

from bmad_messenger import InvalidError, Messenger
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.history import old_runs
from bmad_messenger.workflow.ticking import tick
from tests.workflow.conftest import TELL, Begin, Clock, Write

QUICK = f"steps:\n  - id: a\n    {TELL}x}}}}\n"


def forgotten(engine: Engine, older_than: str = "30d", keep: int = 0) -> list[str]:
    runs = [engine.runs.read(run_id) for run_id in engine.runs.ids()]
    return [run.run_id for run in old_runs(runs, engine.messenger, older_than, keep)]


def test_a_run_that_is_over_for_long_is_forgotten(begin: Begin, engine: Engine, clock: Clock) -> None:
    run = begin(QUICK)
    clock.tick(30 * 86_400 - 1)
    assert forgotten(engine) == []

    clock.tick(1)

    assert forgotten(engine) == [run.run_id]


def test_a_run_that_is_not_over_stays(begin: Begin, engine: Engine, clock: Clock) -> None:
    begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n")
    clock.tick(365 * 86_400)

    assert forgotten(engine) == []


def test_the_last_of_each_workflow_stay_if_wanted(begin: Begin, engine: Engine, clock: Clock) -> None:
    runs = []
    for _ in range(3):
        runs.append(begin(QUICK).run_id)
        clock.tick(60)
    clock.tick(86_400)

    assert forgotten(engine, "1h", keep=2) == runs[:1]


def test_a_run_stays_while_the_message_that_started_it_is_open(
    write: Write, engine: Engine, messenger: Messenger, clock: Clock
) -> None:
    write(f"on: {{message: {{type: clarify}}}}\n{QUICK}", "triggered")
    asked = messenger.send(type="clarify", from_agent="dev", to_agent="pm", payload={"question": "JWT?"})
    tick(engine)
    clock.tick(86_400)
    assert forgotten(engine, "1h") == []

    messenger.close(asked.message_id)

    assert len(forgotten(engine, "1h")) == 1


def test_a_run_stays_while_another_waits_for_it(begin: Begin, engine: Engine, write: Write, clock: Clock) -> None:
    write(QUICK, "inner")
    begin("steps:\n  - id: a\n    workflow: inner\n  - id: b\n    wait: {message: {to: pm}}\n")
    clock.tick(86_400)

    assert forgotten(engine, "1h") == []


@pytest.mark.parametrize("span", ["soon", "", "-5d", "nan", "1e9d"])
def test_what_is_no_time_span_is_refused(engine: Engine, span: str) -> None:
    with pytest.raises(InvalidError, match="is no time span"):
        forgotten(engine, span)
