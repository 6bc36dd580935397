"""`reply`: the answer's content, and closing what was answered."""

from collections.abc import Callable
from typing import Any

import pytest

Cli = Callable[..., Any]


def test_text_becomes_a_notify_to_the_sender(cli: Cli, sent: str) -> None:
    answer = cli("reply", sent[-4:], "JWT: no cookies", "--json").document

    assert (answer["type"], answer["from"], answer["to"]) == ("notify", "architect", "dev")
    assert (answer["reply_to"], answer["payload"]) == (sent, {"message": "JWT: no cookies"})


def test_id_is_printed_alone(cli: Cli, sent: str) -> None:
    answer = cli("reply", sent, "JWT").out.strip()

    assert cli("show", answer, "--json").document["reply_to"] == sent


def test_payload_and_type_may_be_given(cli: Cli, sent: str) -> None:
    payload = '{question: "Which regions first?", context: "PRD, section 4"}'
    answer = cli("reply", sent, "--payload", payload, "--type", "clarify", "--set", "context=PRD", "--json").document

    assert answer["type"] == "clarify"
    assert answer["payload"] == {"question": "Which regions first?", "context": "PRD"}


def test_done_closes_what_was_answered(cli: Cli, sent: str) -> None:
    cli("reply", sent, "JWT", "--done")

    assert cli("show", sent, "--json").document["status"] == "done"


@pytest.mark.parametrize("content", [(), ("text", "--set", "message=x"), ("text", "--payload", "message: x")])
def test_answer_is_a_text_or_a_payload(cli: Cli, sent: str, content: tuple[str, ...]) -> None:
    run = cli("reply", sent, *content)

    assert run.code == 2
    assert "either TEXT or a payload" in run.err


def test_answer_to_a_broadcast_needs_its_sender(cli: Cli) -> None:
    arguments = ("send-message", "--type", "notify", "--from", "pm", "--to-agents", "all", "--set", "message=go")
    broadcast = cli(*arguments).out.strip()

    assert cli("reply", broadcast, "fine").code == 2
    assert cli("reply", broadcast, "fine", "--from", "dev", "--json").document["to"] == "pm"
