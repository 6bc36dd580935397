"""What plugins add to types and routes holds like the project's own, and is checked first."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bmad_messenger import InvalidError, Messenger, Priority

Install = Callable[..., None]
RETRO = {
    "type": "object",
    "required": ["learned"],
    "properties": {"learned": {"type": "string"}},
    "default_priority": "low",
}
ROUTE = {"id": "epic-complete", "from": "dev", "to": "sm", "trigger": "Epic complete", "types": ["retro"]}


def test_a_type_is_sent_and_received(install: Install, messenger: Messenger) -> None:
    install("retro", message_types=lambda: {"retro": RETRO})

    sent = messenger.send(type="retro", from_agent="dev", to_agent="sm", payload={"learned": "much"})

    assert sent.priority is Priority.LOW
    assert messenger.receive("sm", type_filter="retro", peek=True) == [sent]
    assert messenger.types.names[-1] == "retro"


def test_a_payload_of_the_type_is_checked(install: Install, messenger: Messenger) -> None:
    install("retro", message_types=lambda: {"retro": RETRO})

    with pytest.raises(InvalidError, match="did you mean `learned`"):
        messenger.send(type="retro", from_agent="dev", to_agent="sm", payload={"learnd": "much"})


def test_a_type_of_the_project_wins(install: Install, messenger: Messenger) -> None:
    install("retro", message_types=lambda: {"retro": RETRO})
    messenger.project.schemas.mkdir(parents=True)
    (messenger.project.schemas / "retro.schema.json").write_text(json.dumps({**RETRO, "default_priority": "high"}))

    assert messenger.types.default_priority("retro") is Priority.HIGH


def test_a_route_is_travelled(install: Install, messenger: Messenger) -> None:
    install("retro", message_types=lambda: {"retro": RETRO}, routes=lambda: [ROUTE])

    sent = messenger.send(route="Epic complete", payload={"learned": "much"})

    assert (sent.type, sent.from_agent, sent.to_agent, sent.route) == ("retro", "dev", "sm", "epic-complete")


@pytest.mark.parametrize("hook", ["message_types", "routes"])
def test_nothing_may_be_added(hook: str, install: Install, messenger: Messenger) -> None:
    install("retro", **{hook: lambda: None})

    assert len(messenger.types.names) == 6
    assert len(messenger.routes) == 8


@pytest.mark.parametrize(
    ("hook", "answer", "words"),
    [
        ("message_types", "retro", "its hook message_types failed"),
        ("message_types", {"retro": {"type": "objekt"}}, "the schema of the type 'retro'"),
        ("routes", [{**ROUTE, "form": "dev"}], "the routes of the plugin 'retro': .*form"),
        ("routes", [{"id": "x"}], "the routes of the plugin 'retro'"),
        ("routes", [ROUTE, ROUTE], "is taken"),
        ("routes", 5, "its hook routes failed"),
        ("routes", "no", "the routes of the plugin 'retro'"),
    ],
)
def test_what_is_wrong_is_told_with_the_plugin_s_name(
    hook: str, answer: Any, words: str, install: Install, messenger: Messenger
) -> None:
    install("retro", **{hook: lambda: answer})

    with pytest.raises(InvalidError, match=words):
        messenger.send(type="retro", from_agent="dev", to_agent="sm", payload={"learned": "much"})
