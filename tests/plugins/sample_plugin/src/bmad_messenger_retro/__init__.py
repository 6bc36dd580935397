"""A plugin as others write it: retrospectives, with a type, a route, a task and a command of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bmad_messenger import Message, Messenger, NotPermittedError, hookimpl

LEDGER = "retro.log"
"""Where the plugin keeps its own record of what was sent: in the project's folder."""


@hookimpl
def message_types() -> Mapping[str, Mapping[str, Any]]:
    """A retrospective says what was learned."""
    learned = {"title": "Learned", "description": "What was learned.", "type": "string", "minLength": 1}
    return {
        "retro": {
            "title": "Retrospective",
            "description": "What the team has learned.",
            "type": "object",
            "required": ["learned"],
            "properties": {"learned": learned},
            "default_priority": "low",
        }
    }


@hookimpl
def routes() -> Sequence[Mapping[str, Any]]:
    """A developer tells the scrum master."""
    return [{"id": "epic-complete", "from": "dev", "to": "sm", "trigger": "Epic complete", "types": ["retro"]}]


@hookimpl
def tasks() -> Mapping[str, Any]:
    """Count the retrospectives that are open."""
    return {"count-retros": count_retros}


@hookimpl
def commands() -> Mapping[str, Any]:
    """Show the plugin's own record."""
    return {"retros": show_retros}


@hookimpl
def before_send(message: Message) -> Message | None:
    """Refuse blame; add who it was that learned."""
    if message.type != "retro":
        return None
    if "blame" in message.payload["learned"]:
        raise NotPermittedError("a retrospective blames nobody", hint="say what was learned")
    return replace(message, payload={**message.payload, "learned_by": message.from_agent})


@hookimpl
def after_send(messenger: Messenger, message: Message) -> None:
    """Keep a record."""
    if message.type == "retro":
        _record(messenger, message)


@hookimpl
def sync(messenger: Messenger, messages: Sequence[Message]) -> list[str]:
    """Record what was missed."""
    recorded = _recorded(messenger)
    missed = [message for message in messages if message.type == "retro" and message.message_id not in recorded]
    for message in missed:
        _record(messenger, message)
    return [f"recorded the retrospective {message.message_id}" for message in missed]


def count_retros(messenger: Messenger, *, agent: str = "sm") -> dict[str, int]:
    """Count the retrospectives that wait for an agent."""
    return {"retros": len(messenger.receive(agent, type_filter="retro", peek=True))}


def show_retros(project: Path) -> None:
    """Print the record of retrospectives of the PROJECT."""
    import typer

    for message_id in _recorded(Messenger.open(project)):
        typer.echo(message_id)


def _record(messenger: Messenger, message: Message) -> None:
    with (messenger.project.root / LEDGER).open("a", encoding="utf-8") as ledger:
        ledger.write(f"{message.message_id}\n")


def _recorded(messenger: Messenger) -> list[str]:
    ledger = messenger.project.root / LEDGER
    return ledger.read_text(encoding="utf-8").split() if ledger.exists() else []
