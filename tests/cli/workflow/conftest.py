"""A project with workflows of its own, and the group `workflow` on a command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WAITING = "steps:\n  - id: a\n    wait: {message: {to: pm, type: notify}}\n"
ASKING = "steps:\n  - id: a\n    ask: {question: 'Go on?', options: [yes, no]}\n"
TELLING = """\
params:
  text: {type: string, description: What to say}
  to: {type: string, default: dev}
steps:
  - id: tell
    exec: send-message
    with: {type: notify, from_agent: pm, to_agent: "{{ params.to }}", payload: {message: "{{ params.text }}"}}
outputs:
  id: {value: "{{ steps.tell.message_id }}"}
"""
BROKEN = "steps:\n  - id: a\n    exec: send-mesage\n"
FAILING = """\
steps:
  - id: a
    exec: receive-message
    with: {agent: dev}
  - id: b
    exec: close-message
    with: {message_id: "{{ steps.a.agent }}"}
"""


@pytest.fixture
def workflow(cli: Callable[..., Any]) -> Callable[..., Any]:
    """Runs a command of the group in the project."""
    return lambda *arguments, **options: cli("workflow", *arguments, **options)


@pytest.fixture
def write(project: Path) -> Callable[[str, str], Path]:
    """Writes a workflow of the project."""

    def write(name: str, text: str) -> Path:
        path = project / "_bmad-output" / "messenger" / "workflows" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"name: {name}\n{text}", encoding="utf-8")
        return path

    return write


@pytest.fixture
def news(cli: Callable[..., Any]) -> Callable[[], str]:
    """Sends a notify to pm; gives its id."""
    arguments = ("--type", "notify", "--from", "dev", "--to", "pm", "--set", "message=go")

    def send() -> str:
        message_id: str = cli("send-message", *arguments).out.strip()
        return message_id

    return send
