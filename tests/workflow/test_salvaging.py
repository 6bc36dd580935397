"""Tests of `bmad_messenger.workflow.salvaging`: a mistake in one part of a file hides none in the others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmad_messenger import Messenger
from bmad_messenger.workflow.checking import problems_of
from bmad_messenger.workflow.library import Library
from tests.workflow.conftest import Problems, Write
from tests.workflow.damaging import CHANGES, WHOLE, changed


class TestAllAtOnce:
    """What is wrong with the form of one part of a file hides nothing that is wrong with the others."""

    def test_each_kind_of_mistake_is_told_in_one_pass(self, write: Write, messenger: Messenger) -> None:
        path = write(
            """\
            name: example
            bogus: 1
            steps:
              - {id: a, exec: nope}
              - {id: b, exec: send-message, with: {route: prd-complete, payload: {}}}
              - {id: c, when: steps.zz.state, exec: receive-message, with: {agnt: pm}}
              - {id: d, needs: e, wait: {for: 1h}}
              - {id: e, needs: d, wait: {for: 1h}, bogus: 2}
              - {id: f, ask: {of: pmm, question: x}, exec: 5}
              - {id: z, needs: z, wait: {for: 1h}}
              - {id: d, wait: {until: tomorrow}}
            """
        )

        found = problems_of(path, messenger, Library(messenger.project))

        assert [(one.line, one.message.partition(",")[0]) for one in found] == [
            (2, "unknown key `bogus`"),
            (4, "there is no task 'nope'"),
            (5, "payload.prd_path: required"),
            (5, "payload.priority_features: required"),
            (6, '`steps.zz.state` reads the step "zz"'),
            (6, "steps[2].with: unknown key `agnt`: did you mean `agent`?"),
            (8, "steps[4]: unknown key `bogus`"),
            (9, "steps[5]: wanted either `exec` or `ask` or `wait` or `workflow`"),
            (9, "steps[5].exec: wanted text"),
            (10, "z needs itself"),
            (11, 'the step id "d" is taken'),
            (11, 'until: "tomorrow" is no time'),
        ]

    @pytest.mark.parametrize(
        "text",
        [
            "parms: {y: {}}\nsteps:\n  - {id: a, wait: {for: 1h}, when: params.y}\n",
            "params: 5\nsteps:\n  - {id: a, wait: {for: 1h}, when: params.y}\n",
            "params: {y: 5}\nsteps:\n  - {id: a, wait: {for: 1h}, when: params.y}\n",
            "params: {y: {type: nonsense}}\nsteps:\n  - {id: a, wait: {for: 1h}, when: params.y}\n",
            "on: 5\nsteps:\n  - {id: a, wait: {for: 1h}, when: trigger.type}\n",
            "agent: 5\nsteps:\n  - {id: a, wait: {for: 1h}, when: steps.inbox.messages}\n",
            "secrets: X\nsteps:\n  - {id: a, wait: {for: 1h}, when: secrets.X}\n",
            "steps:\n  - {di: a, wait: {for: 1h}}\n  - {id: b, wait: {for: 1h}, needs: a, when: steps.a.x}\n",
            "steps:\n  - {id: A, wait: {for: 1h}}\n  - {id: b, wait: {for: 1h}, when: steps.A.x}\n",
            "steps:\n  - {id: a, exec: receive-message, wiht: {agent: pm}}\n",
            "steps:\n  - {id: a, exec: receive-message, with: pm}\n",
            "steps:\n  - {id: a, exec: receive-message, with: {agent: '{{ item }}'}, foreahc: [pm]}\n",
            "steps:\n  - {id: a, wait: {for: 1h}, needs: {b: 1}}\n  - {id: b, wait: {for: 1h}}\n",
            "steps:\n  - {id: a, wait: {for: 1h}, as: one}\n",
            "steps:\n  - 5\n",
            "steps: {}\n",
            "outputs: {x: 5}\nsteps:\n  - {id: a, wait: {for: 1h}}\n",
        ],
    )
    def test_what_only_follows_is_not_told(self, write: Write, messenger: Messenger, text: str) -> None:
        found = problems_of(write(text), messenger, Library(messenger.project))

        assert len(found) == 1, found

    def test_a_doubled_id_makes_no_circle(self, write: Write, messenger: Messenger) -> None:
        steps = "".join(f"  - {{id: {name}, wait: {{for: 1h}}}}\n" for name in "abac")
        found = problems_of(write(f"steps:\n{steps}"), messenger, Library(messenger.project))

        assert [(one.line, one.message) for one in found] == [(5, 'the step id "a" is taken')]

    @given(st.lists(CHANGES, max_size=3))
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_whatever_is_wrong_is_told_and_never_a_traceback(
        self, messenger: Messenger, changes: list[tuple[list[int], Any]]
    ) -> None:
        path = messenger.project.folder / "workflows" / "whole.yaml"
        path.write_text(json.dumps(changed(WHOLE, changes)))

        found = problems_of(path, messenger, Library(messenger.project))

        assert changes or [one.message for one in found] == [
            "there is no workflow 'other'",
            "the project does not allow the command 'a'",
        ]
        assert all(one.path is not None for one in found)

    def test_a_nested_workflow_is_told_of_whole(self, problems: Problems) -> None:
        found = problems(
            "steps:\n  - id: n\n    workflow: inner\n", inner="bogus: 1\nsteps:\n  - id: a\n    exec: send-mesage\n"
        )

        assert len(found) == 2
