"""Sending: what a draft becomes, what is refused, and that nothing is half sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import Draft, InvalidError, Message, Messenger, NotFoundError, Priority, Problem, Status, UsageError
from bmad_messenger.message import ID_PATTERN
from bmad_messenger.queue import file as queue_file

Note = Callable[..., Message]

REFERENCE: dict[str, tuple[dict[str, Any], Priority]] = {
    "handoff": (
        {
            "from_agent": "pm",
            "to_agent": "architect",
            "payload": {
                "artifact_path": "_bmad-output/planning-artifacts/prd.md",
                "context_summary": "PRD complete for user auth feature",
                "next_actions": ["Review technical requirements", "Identify infrastructure needs"],
            },
        },
        Priority.HIGH,
    ),
    "review": (
        {
            "from_agent": "dev",
            "to_agent": "tea",
            "payload": {
                "artifact_path": "_bmad-output/implementation-artifacts/stories/1-2-user-login.md",
                "review_type": "code-review",
                "files_changed": ["src/auth/login.ts"],
            },
        },
        Priority.MEDIUM,
    ),
    "clarify": (
        {
            "from_agent": "dev",
            "to_agent": "architect",
            "payload": {"question": "JWT or session cookies?", "context": "Story 1-2 does not say"},
        },
        Priority.HIGH,
    ),
    "escalate": (
        {
            "from_agent": "dev",
            "to_agent": "user",
            "payload": {"issue": "Dependency conflict", "severity": "blocker", "recommendation": "Downgrade"},
        },
        Priority.CRITICAL,
    ),
    "notify": (
        {"from_agent": "architect", "to_agents": "all", "payload": {"message": "Using PostgreSQL"}},
        Priority.LOW,
    ),
    "collaborate": (
        {
            "from_agent": "pm",
            "to_agents": ["architect", "ux-designer", "tea"],
            "payload": {"topic": "Complexity", "deadline": "2025-01-16T17:00:00Z", "context": "WebSockets"},
        },
        Priority.MEDIUM,
    ),
}
PRD = "_bmad-output/planning-artifacts/prd.md"


@pytest.mark.parametrize("type", REFERENCE)
def test_each_type_of_the_reference_is_sent_with_its_priority(type: str, messenger: Messenger) -> None:
    options, priority = REFERENCE[type]

    sent = messenger.send(type=type, **options)

    assert (sent.type, sent.priority, sent.status) == (type, priority, Status.PENDING)
    assert ID_PATTERN.fullmatch(sent.message_id)


def test_what_is_returned_is_what_the_queue_holds(note: Note, tmp_path: Path) -> None:
    sent = note(expires=datetime.now(UTC) + timedelta(days=1), priority="medium", idempotency_key="k")

    assert Messenger.open(tmp_path).list() == [sent]


def test_the_archive_records_what_was_sent(note: Note, messenger: Messenger) -> None:
    sent = note()

    assert messenger.archive.read(sent.message_id) == sent


def test_the_first_send_makes_the_queue_with_its_schema_comment(note: Note, messenger: Messenger) -> None:
    note()

    assert messenger.project.queue.read_text().startswith("# yaml-language-server: $schema=queue.schema.json\n")


def test_a_route_fills_in_type_sender_and_recipient(messenger: Messenger) -> None:
    sent = messenger.send(route="prd-complete", payload={"prd_path": PRD, "priority_features": ["Login"]})

    assert (sent.type, sent.from_agent, sent.to_agent, sent.route) == ("handoff", "pm", "architect", "prd-complete")


def test_a_trigger_with_several_routes_goes_to_each_with_its_own_fields(messenger: Messenger) -> None:
    payload = {"prd_path": PRD, "priority_features": ["Login"], "user_personas": ["Ana"]}

    sent = messenger.send_many([Draft(route="prd-complete-with-ui", payload=payload)])

    assert {message.to_agent: set(message.payload) for message in sent} == {
        "architect": {"prd_path", "priority_features"},
        "ux-designer": {"prd_path", "user_personas"},
    }


def test_a_trigger_with_several_routes_goes_to_one_recipient_where_that_is_given(messenger: Messenger) -> None:
    payload = {"prd_path": PRD, "user_personas": ["Ana"]}

    sent = messenger.send(route="prd-complete-with-ui", to_agent="ux-designer", payload=payload)

    assert sent.route == "prd-with-ui-complete"


def test_send_refuses_a_trigger_with_several_routes(messenger: Messenger) -> None:
    payload = {"prd_path": PRD, "priority_features": ["Login"], "user_personas": ["Ana"]}

    with pytest.raises(UsageError, match="several routes"):
        messenger.send(route="prd-complete-with-ui", payload=payload)

    assert messenger.list() == []


def test_all_errors_of_a_message_are_reported_together(messenger: Messenger) -> None:
    payload = {"prd_path": 5, "priority_feature": ["Login"]}

    with pytest.raises(InvalidError) as caught:
        messenger.send(route="prd-complete", payload=payload)

    texts = [str(problem) for problem in caught.value.problems]
    assert len(texts) == 2
    assert any("payload.prd_path" in text and "5" in text for text in texts)
    assert any("did you mean `priority_features`?" in text for text in texts)


@pytest.mark.parametrize(
    ("options", "error", "hint"),
    [
        ({"to_agent": "architetc"}, NotFoundError, "did you mean 'architect'?"),
        ({"from_agent": "pn"}, NotFoundError, "did you mean 'pm'?"),
        ({"to_agents": ["dev", "teaa"]}, NotFoundError, "did you mean 'tea'?"),
        ({"type": "notfy"}, InvalidError, "did you mean"),
        ({"route": "prd-complet"}, InvalidError, "prd-complete"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(
    options: dict[str, Any], error: type[Exception], hint: str, note: Note
) -> None:
    with pytest.raises(error, match=hint.replace("?", r"\?")):
        note(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"type": None}, "no type"),
        ({"from_agent": None}, "no sender"),
        ({"to_agent": None}, "no recipient"),
        ({"to_agent": "dev", "to_agents": ["tea"]}, "both one recipient and several"),
        ({"to_agents": "everyone"}, "everyone"),
    ],
)
def test_what_is_missing_or_contradicts_itself_is_wrong_usage(options: dict[str, Any], words: str, note: Note) -> None:
    with pytest.raises(UsageError, match=words):
        note(**options)


def test_an_escalate_goes_to_the_user_by_itself(messenger: Messenger) -> None:
    options, _ = REFERENCE["escalate"]

    assert messenger.send(type="escalate", from_agent="dev", payload=options["payload"]).to_agent == "user"


def test_a_handoff_to_several_is_refused(messenger: Messenger) -> None:
    options, _ = REFERENCE["handoff"]

    with pytest.raises(InvalidError, match="goes to one agent"):
        messenger.send(type="handoff", from_agent="pm", to_agents=["architect", "dev"], payload=options["payload"])


def test_a_broken_best_practice_is_a_warning(note: Note, problems: list[Problem]) -> None:
    note(priority="critical")

    assert [(problem.severity, problem.code) for problem in problems] == [("warning", "best-practice-2")]


def test_a_broken_best_practice_is_an_error_where_that_is_asked(note: Note, messenger: Messenger) -> None:
    with pytest.raises(InvalidError, match="best practice 2"):
        note(priority="critical", strict=True)

    assert messenger.list() == []


def test_many_are_sent_in_one_write(messenger: Messenger, monkeypatch: pytest.MonkeyPatch) -> None:
    messenger.init()
    written = []
    publish = queue_file.publish
    monkeypatch.setattr(
        queue_file, "publish", lambda path, *more, **kw: written.append(path) or publish(path, *more, **kw)
    )

    sent = messenger.send_many([Draft("notify", "pm", "dev", payload={"message": str(n)}) for n in range(5)])

    assert messenger.list() == sent
    assert written == [messenger.project.queue]


def test_of_many_none_is_sent_where_one_is_wrong(messenger: Messenger) -> None:
    drafts = [Draft("notify", "pm", "dev", payload={"message": "good"}), Draft("notify", "pm", "dev")]

    with pytest.raises(InvalidError):
        messenger.send_many(drafts)

    assert messenger.list() == []


def test_preparing_leaves_no_trace(messenger: Messenger, tmp_path: Path) -> None:
    prepared = messenger.prepare([Draft("notify", "pm", "dev", payload={"message": "news"})])

    assert [message.message_id for message in prepared] == [""]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "given",
    [
        datetime(2125, 1, 15, 10, 30, 0, 999, tzinfo=UTC),
        datetime(2125, 1, 15, 10, 30),  # without a zone
        datetime(2125, 1, 15, 12, 30, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_time_is_kept_in_utc_to_the_second(given: datetime, note: Note) -> None:
    assert note(expires=given).expires == datetime(2125, 1, 15, 10, 30, tzinfo=UTC)


def test_a_send_adopts_what_was_typed_in_by_hand(
    note: Note, type_in: Callable[[str], None], messenger: Messenger
) -> None:
    type_in("  - type: notify\n    from: pm\n    to: dev\n    payload: {message: typed}\n")

    note("sent")

    assert messenger.project.queue.read_text().count("message_id:") == 2
