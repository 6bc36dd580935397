"""An idempotency key: the same thing sent again is the first message, another thing is an error."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import Draft, InvalidError, Message, Messenger, Status

Note = Callable[..., Message]


def test_the_same_again_is_the_first_message(note: Note, messenger: Messenger) -> None:
    first = note(idempotency_key="k")

    assert note(idempotency_key="k") == first
    assert messenger.list() == [first]


def test_a_key_holds_in_another_messenger(note: Note, tmp_path: Path) -> None:
    first = note(idempotency_key="k")

    options = {"type": "notify", "from_agent": "pm", "to_agent": "dev", "payload": first.payload}
    again = Messenger.open(tmp_path).send(**options, idempotency_key="k")

    assert again == first


def test_a_key_holds_when_the_message_is_closed(note: Note, messenger: Messenger) -> None:
    first = note(idempotency_key="k")
    messenger.close(first.message_id)

    again = note(idempotency_key="k")

    assert (again.message_id, again.status) == (first.message_id, Status.DONE)
    assert messenger.list() == []


def test_a_key_holds_when_the_message_was_read(note: Note, messenger: Messenger) -> None:
    first = note(idempotency_key="k")
    messenger.receive("dev")

    assert note(idempotency_key="k").message_id == first.message_id


@pytest.mark.parametrize(
    "other",
    [{"text": "other"}, {"to_agent": "tea"}, {"from_agent": "sm"}, {"priority": "high"}, {"to_agents": ["dev", "tea"]}],
)
@pytest.mark.parametrize("is_closed", [False, True])
def test_a_key_for_another_thing_is_an_error(
    other: dict[str, Any], is_closed: bool, note: Note, messenger: Messenger
) -> None:
    first = note(idempotency_key="k")
    if is_closed:
        messenger.close(first.message_id)

    with pytest.raises(InvalidError, match=f"'k' was used for {first.message_id}"):
        note(idempotency_key="k", **other)


def test_a_time_that_counts_from_now_is_no_other_thing(note: Note) -> None:
    first = note(idempotency_key="k", expires=datetime.now(UTC) + timedelta(days=2))

    assert note(idempotency_key="k", expires=datetime.now(UTC) + timedelta(days=2, seconds=5)) == first


def test_a_key_holds_within_one_sending(messenger: Messenger) -> None:
    draft = Draft("notify", "pm", "dev", payload={"message": "news"}, idempotency_key="k")

    first, second = messenger.send_many([draft, draft])

    assert first == second
    assert messenger.list() == [first]


def test_a_key_holds_for_each_route_of_a_trigger(messenger: Messenger) -> None:
    payload = {"prd_path": "prd.md", "priority_features": ["Login"], "user_personas": ["Ana"]}
    draft = Draft(route="prd-complete-with-ui", payload=payload, idempotency_key="k")

    first = messenger.send_many([draft])

    assert messenger.send_many([draft]) == first
    assert len(messenger.list()) == 2


def test_messages_of_two_keys_are_two(note: Note, messenger: Messenger) -> None:
    note(idempotency_key="k")
    note(idempotency_key="l")

    assert len(messenger.list()) == 2
