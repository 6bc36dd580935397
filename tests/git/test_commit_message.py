"""Tests of `bmad_messenger.git.commit_message`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bmad_messenger import Message, Priority, Status
from bmad_messenger.comparison import Record, Version, compare
from bmad_messenger.git.commit_message import Handoff, commit_message, counts, handoffs_in


def message(number: int = 1, **fields: Any) -> Message:
    base = Message(
        message_id=f"MSG-20250115-{number:04x}",
        type="handoff",
        from_agent="pm",
        to_agent="architect",
        to_agents=None,
        priority=Priority.HIGH,
        created=datetime(2025, 1, 15, 10, number, tzinfo=UTC),
        status=Status.PENDING,
        payload={},
    )
    return replace(base, **fields)


def version(*messages: Message) -> Version:
    records = (Record(one, "queue.yaml", 1, "", in_queue=not one.status.is_closed) for one in messages)
    return Version({record.message.message_id: record for record in records})


def events(before: Version, after: Version) -> list[tuple[str, str]]:
    return [(one.event, one.message.message_id[-4:]) for one in handoffs_in(compare(before, after))]


def test_a_line_tells_who_hands_what_to_whom() -> None:
    sent = Handoff("sent", message(route="prd-complete"))

    assert sent.line == "sent MSG-20250115-0001 pm → architect: handoff, prd-complete"


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({"payload": {"context_summary": "The PRD\n is  complete"}}, "architect: handoff, The PRD is complete"),
        ({"payload": {"question": "x" * 80}}, f"architect: handoff, {'x' * 59}…"),
        ({"payload": {"summary": 7}}, "architect: handoff"),
        ({"payload": {"artifact_path": "docs/prd.md"}}, "architect: handoff, docs/prd.md"),
        ({"to_agent": None, "to_agents": ("dev", "tea")}, "pm → dev, tea: handoff"),
        ({"to_agent": None, "to_agents": "all"}, "pm → all: handoff"),
        ({"payload": {"summary": "a\x1b[31m\u202eb"}}, "handoff, a[31mb"),
    ],
)
def test_a_line_is_short_and_plain(fields: dict[str, Any], end: str) -> None:
    assert Handoff("sent", message(**fields)).line.endswith(end)


def test_each_message_is_told_once() -> None:
    before = version(message(1), message(2), message(3), message(4), message(5))
    after = version(
        message(1, status=Status.READ),
        message(2, status=Status.DONE, note="well", payload={"summary": "edited too"}),
        message(3, payload={"summary": "edited"}),
        message(5),
        message(6),
        message(7, status=Status.CANCELLED),
    )

    assert events(before, after) == [
        ("sent", "0006"),
        ("read", "0001"),
        ("done", "0002"),
        ("cancelled", "0007"),
        ("deleted", "0004"),
        ("changed", "0003"),
    ]


def test_the_subject_counts_what_the_body_lists() -> None:
    handoffs = [Handoff("sent", message(1)), Handoff("sent", message(2)), Handoff("done", message(3))]

    subject, blank, *body = commit_message(None, handoffs).splitlines()
    assert (subject, blank) == ("Handoffs: 2 sent, 1 done", "")
    assert body == [one.line for one in handoffs]
    assert counts(handoffs) == "2 sent, 1 done"


def test_a_subject_that_is_given_takes_the_place_of_the_count() -> None:
    handoff = Handoff("sent", message())

    assert commit_message("Hand over the PRD", [handoff]) == f"Hand over the PRD\n\n{handoff.line}\n"


def test_a_commit_without_a_message_of_the_queue_says_so() -> None:
    assert commit_message(None, []) == "Update the messenger's files\n"
