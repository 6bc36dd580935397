"""Tests of steps that are done for each of several items."""

from __future__ import annotations

import pytest

from bmad_messenger import InvalidError, Messenger
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import State
from tests.workflow.conftest import TELL, AddTasks, Begin, Clock, texts


def fail(messenger: Messenger, *, why: str = "it broke") -> None:
    """Fail."""
    raise InvalidError(why)


@pytest.fixture(autouse=True)
def _a_task_that_fails(add_tasks: AddTasks) -> None:
    add_tasks(fail=fail)


class TestForeach:
    def test_does_its_step_for_each_item_and_leaves_a_list(self, begin: Begin, messenger: Messenger) -> None:
        run = begin(f"steps:\n  - id: a\n    foreach: [x, y]\n    as: word\n    {TELL}'{{{{ word }}}}'}}}}\n")

        assert texts(messenger) == ["x", "y"]
        assert [one["payload"]["message"] for one in run.step("a").outputs] == ["x", "y"]

    def test_over_nothing_is_done(self, begin: Begin, messenger: Messenger) -> None:
        run = begin(
            f"steps:\n  - id: a\n    foreach: []\n    {TELL}x}}}}\n"
            f"  - id: b\n    {TELL}'{{{{ steps.a | length }}}} of {{{{ steps.a.state }}}}'}}}}\n"
        )

        assert run.step("a").outputs == []
        assert texts(messenger) == ["0 of done"]

    def test_that_is_skipped_leaves_an_empty_list(self, begin: Begin, messenger: Messenger) -> None:
        begin(
            f"steps:\n  - id: a\n    when: false\n    foreach: [1]\n    {TELL}x}}}}\n"
            f"  - id: b\n    {TELL}'{{{{ steps.a | length }}}} of {{{{ steps.a.state }}}}'}}}}\n"
        )

        assert texts(messenger) == ["0 of skipped"]

    def test_over_what_is_no_list_fails(self, begin: Begin) -> None:
        run = begin(f"steps:\n  - id: a\n    {TELL}x}}}}\n  - id: b\n    foreach: steps.a.type\n    {TELL}y}}}}\n")

        assert (run.state, run.error) == (State.FAILED, 'b: foreach: wanted a list, found "notify"; name a list')

    def test_takes_no_more_rounds_in_hand_than_it_may(self, begin: Begin) -> None:
        run = begin("steps:\n  - id: a\n    foreach: [1, 2, 3]\n    max_parallel: 2\n    wait: {message: {to: pm}}\n")

        assert [one.state.value for one in run.step("a").rounds] == ["waiting", "waiting", "pending"]

    def test_stops_at_the_first_round_that_fails(self, begin: Begin, messenger: Messenger) -> None:
        run = begin(
            f"steps:\n  - id: m\n    {TELL}m}}}}\n"
            "  - id: a\n    foreach: [dev, '{{ steps.m.type }}', tea]\n    exec: send-message\n"
            "    with: {type: notify, from_agent: pm, to_agent: '{{ item }}', payload: {message: x}}\n"
        )

        assert [one.state.value for one in run.step("a").rounds] == ["done", "failed", "cancelled"]
        assert run.step("a").state is State.FAILED
        assert (run.error or "").startswith("a[1]: there is no agent 'notify'")

    def test_that_may_fail_goes_on_and_leaves_what_went_well(self, begin: Begin, messenger: Messenger) -> None:
        run = begin(
            f"steps:\n  - id: m\n    {TELL}m}}}}\n"
            "  - id: a\n    foreach: ['{{ steps.m.type }}', tea]\n    continue_on_error: true\n    exec: send-message\n"
            "    with: {type: notify, from_agent: pm, to_agent: '{{ item }}', payload: {message: x}}\n"
            f"  - id: b\n    {TELL}"
            '\'{{ steps.a.state }}: {{ steps.a | map(attribute="state") | join(" ") }}\'}}\n'
        )

        assert run.state is State.DONE
        assert texts(messenger)[-1] == "failed: failed done"

    def test_gives_each_round_its_own_time(self, begin: Begin, engine: Engine, clock: Clock) -> None:
        run = begin(
            "steps:\n  - id: a\n    foreach: [1, 2]\n    max_parallel: 1\n    wait: {for: 1h}\n    timeout: 90m\n"
        )
        clock.tick(3600)
        run = engine.advance(run.run_id)
        clock.tick(3600)

        assert engine.advance(run.run_id).state is State.DONE
