"""A workflow with something of everything in it, and changes that break it anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

TELL = {"type": "notify", "from_agent": "pm", "to_agent": "dev", "payload": {"message": "{{ params.x }}"}}
WHOLE: dict[str, Any] = {
    "name": "whole",
    "agent": "pm",
    "on": {"message": {"to": "pm", "if": "message.type == 'notify'"}},
    "params": {"x": {"type": "string", "default": "a"}},
    "secrets": ["TOKEN"],
    "timeout": "1d",
    "outputs": {"y": {"value": "{{ steps.a.message_id }}", "type": "string"}},
    "steps": [
        {"id": "a", "exec": "send-message", "with": TELL, "retry": {"times": 1}},
        {"id": "b", "wait": {"message": {"reply_to": "{{ steps.a.message_id }}"}}, "timeout": "1h", "when": "run.id"},
        {"id": "c", "ask": {"question": "x", "options": ["y"]}, "needs": ["a"], "foreach": [1], "as": "one"},
        {"id": "d", "workflow": "other", "with": {"z": "{{ trigger.type }}"}},
        {"id": "e", "exec": "run-command", "with": {"command": ["{{ params.x }}"], "timeout": 5, "folder": "."}},
    ],
    "finally": [{"id": "f", "exec": "receive-message", "with": {"agent": "{{ item }}"}, "foreach": ["pm", "dev"]}],
}

_VALUES = st.one_of(
    st.none(),
    st.integers(),
    st.text("ab {}%.", max_size=4),
    st.sampled_from(["{{ params.x }}", "{{ steps.a }}", [], {}, [1], {"a": {}}, ["a", "a"], "a", "send-message"]),
)
CHANGES = st.tuples(st.lists(st.integers(0, 20), min_size=1, max_size=6), _VALUES)
"""A change: the way to what is changed, as the number of a key or an item on each level, and what it becomes."""


def changed(document: Any, changes: Sequence[tuple[list[int], Any]]) -> Any:
    """The document with these changes."""
    found = deepcopy(document)
    for way, value in changes:
        _change(found, way, deepcopy(value))
    return found


def _change(part: Any, way: list[int], value: Any) -> None:
    keys = [*part] if isinstance(part, dict) else [*range(len(part))]
    if not keys:
        return
    key = keys[way[0] % len(keys)]
    if way[1:] and isinstance(part[key], dict | list):
        _change(part[key], way[1:], value)
    else:
        part[key] = value
