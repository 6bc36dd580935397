"""Variables that refer to each other: what they resolve to, and where it ends."""

from __future__ import annotations

import pytest

from bmad_messenger.errors import InvalidError
from bmad_messenger.exec_reader import resolve_variables


def test_variables_in_variables_are_resolved() -> None:
    assert resolve_variables({"a": "{b}/x", "b": "{{ c }}", "c": "1", "d": r"\{c} {e}"}) == {
        "a": "1/x",
        "b": "1",
        "c": "1",
        "d": "{c} {e}",
    }


def test_a_circle_is_refused() -> None:
    with pytest.raises(InvalidError, match=r"'a' leads back to itself: a → b → a"):
        resolve_variables({"a": "{b}", "b": "{{a}}"})


def test_a_chain_without_end_is_refused() -> None:
    with pytest.raises(InvalidError, match="goes through more than"):
        resolve_variables({f"v{n}": f"{{v{n + 1}}}" for n in range(5000)})


def test_text_that_doubles_at_each_step_is_refused() -> None:
    with pytest.raises(InvalidError, match="grows to more than"):
        resolve_variables({f"v{n}": f"{{v{n + 1}}}" * 10 for n in range(30)} | {"v30": "x" * 10})
