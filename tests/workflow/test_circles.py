"""Tests of `bmad_messenger.workflow.circles`: workflows that would run each other without end."""

from __future__ import annotations

import pytest

from bmad_messenger import InvalidError
from bmad_messenger.workflow.engine import Engine
from tests.workflow.conftest import Problems


class TestCirclesOfWorkflows:
    """A workflow that runs itself without a condition would never end."""

    @pytest.mark.parametrize(
        ("example", "other", "problem"),
        [
            ("workflow: example", "wait: {for: 1h}", "example runs itself; put a `when` on a step between"),
            ("workflow: other", "workflow: example", "example runs other, which runs example; put a `when`"),
            ("workflow: example\n    when: true", "wait: {for: 1h}", "example runs itself"),
            ("workflow: example\n    when: 1 < 2", "wait: {for: 1h}", "example runs itself"),
            ("workflow: example\n    foreach: [1]", "wait: {for: 1h}", "example runs itself"),
            ("workflow: other", "workflow: other", "other runs itself (other.yaml:4:5); put a `when`"),
        ],
    )
    def test_it_is_named_before_anything_runs(
        self, problems: Problems, engine: Engine, example: str, other: str, problem: str
    ) -> None:
        found = problems(f"steps:\n  - id: n\n    {example}\n", other=f"steps:\n  - id: n\n    {other}\n")

        assert len(found) == 1
        assert problem in found[0]
        assert found[0].startswith("example.yaml:4:5")
        with pytest.raises(InvalidError):
            engine.start("example", {})
        assert engine.runs.ids() == []

    @pytest.mark.parametrize(
        "guard", ["when: run.id", "when: false", "foreach: params.more", "foreach: []", "when: 1 > 2"]
    )
    def test_one_with_a_condition_is_valid(self, problems: Problems, guard: str) -> None:
        text = f"params: {{more: {{type: array, default: []}}}}\nsteps:\n  - id: n\n    workflow: other\n    {guard}\n"

        assert problems(text, other="steps:\n  - id: n\n    workflow: example\n") == []
