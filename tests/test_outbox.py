"""From a draft to a message: what is filled in, and which payloads are none."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger.config import Config
from bmad_messenger.errors import InvalidError, NotFoundError, UsageError
from bmad_messenger.message import Draft, Message, Priority, Status
from bmad_messenger.message_types import MessageTypes
from bmad_messenger.outbox import Outbox, plain_payload, read_payload
from bmad_messenger.routes import Routes

NOW = datetime(2025, 1, 15, 10, 30, tzinfo=UTC)
NEWS = {"message": "news"}
UI = {"prd_path": "prd.md", "priority_features": ["Login"], "user_personas": ["Ana"], "more": 1}
STORY = {"story_path": "story.md", "acceptance_criteria": "works"}
SMALL = 1000


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path, Config(), MessageTypes.load(), Routes.shipped())


def composed(outbox: Outbox, **options: Any) -> list[Message]:
    draft = {"type": "notify", "from_agent": "pm", "to_agent": "dev", "payload": NEWS, **options}
    return list(outbox.compose(Draft(**draft), NOW))


def test_a_message_is_complete_but_for_its_id(outbox: Outbox) -> None:
    (message,) = composed(outbox)

    assert (message.message_id, message.created, message.status) == ("", NOW, Status.PENDING)
    assert message.priority is Priority.LOW


def test_a_sender_s_priority_wins(outbox: Outbox) -> None:
    assert composed(outbox, priority=Priority.HIGH)[0].priority is Priority.HIGH


def test_one_who_is_named_twice_is_one_recipient(outbox: Outbox) -> None:
    assert composed(outbox, to_agent=None, to_agents=("tea", "dev", "tea"))[0].to_agents == ("tea", "dev")


def test_a_route_tells_type_sender_and_recipient(outbox: Outbox) -> None:
    (message,) = composed(outbox, type=None, from_agent=None, to_agent=None, route="story-ready")

    assert (message.type, message.from_agent, message.to_agent) == ("handoff", "sm", "dev")


@pytest.mark.parametrize("trigger", ["PRD complete, with UI", "prd-complete-with-ui"])
def test_a_trigger_makes_a_message_on_each_route_with_its_fields_and_the_common_ones(
    trigger: str, outbox: Outbox
) -> None:
    options = {"type": None, "from_agent": None, "to_agent": None, "route": trigger, "idempotency_key": "k"}

    found = composed(outbox, **options, payload=UI)

    assert [(message.route, set(message.payload), message.idempotency_key) for message in found] == [
        ("prd-complete", {"prd_path", "priority_features", "more"}, "k:prd-complete"),
        ("prd-with-ui-complete", {"prd_path", "user_personas", "more"}, "k:prd-with-ui-complete"),
    ]


def test_on_one_route_the_payload_and_the_key_are_the_sender_s(outbox: Outbox) -> None:
    options = {"type": None, "from_agent": None, "to_agent": None, "route": "prd-complete", "idempotency_key": "k"}

    (message,) = composed(outbox, **options, payload=UI)

    assert (message.payload, message.idempotency_key) == (UI, "k")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"from_agent": "nobody"}, NotFoundError),
        ({"to_agent": "nobody"}, NotFoundError),
        ({"to_agent": None, "to_agents": ("dev", "nobody")}, NotFoundError),
        ({"to_agents": "all"}, UsageError),
        ({"to_agent": None, "to_agents": "everybody"}, UsageError),
        ({"type": None}, UsageError),
        ({"type": "nonsense"}, InvalidError),
        ({"route": "nonsense"}, InvalidError),
        ({"payload": {"message": float("nan")}}, InvalidError),
    ],
)
def test_what_can_be_no_message_is_refused(options: dict[str, Any], error: type[Exception], outbox: Outbox) -> None:
    with pytest.raises(error):
        composed(outbox, **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"type": "handoff", "route": "story-ready", "payload": STORY}, "goes from sm, not from pm"),
        ({"payload": {}}, "payload"),
        (
            {"type": "clarify", "payload": {"question": "?", "context": "x"}, "to_agent": None, "to_agents": "all"},
            "one",
        ),
    ],
)
def test_a_message_that_breaks_a_rule_is_refused(options: dict[str, Any], words: str, outbox: Outbox) -> None:
    (message,) = composed(outbox, **options)

    with pytest.raises(InvalidError, match=words):
        outbox.check(message)


def test_a_warning_is_an_error_where_that_is_asked(outbox: Outbox) -> None:
    (message,) = composed(outbox, priority=Priority.CRITICAL)

    assert [problem.code for problem in outbox.check(message)] == ["best-practice-2"]
    with pytest.raises(InvalidError, match="best practice 2"):
        outbox.check(message, strict=True)


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("a: 1\nb: [x, 'y']\n", {"a": 1, "b": ["x", "y"]}),
        ('{"a": {"b": null}}', {"a": {"b": None}}),
        ("\ufeffa: 1", {"a": 1}),
        ("", {}),
        ("# nothing\n", {}),
    ],
)
def test_a_payload_is_read_from_yaml_and_json(text: str, payload: dict[str, Any]) -> None:
    assert read_payload(text, SMALL) == payload


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n", "not a mapping"),
        ("text", "not a mapping"),
        ("a: [", "not YAML"),
        ("a: 1\na: 2\n", "2:1"),
        ("a: " + "x" * SMALL, "larger than 1000 bytes"),
    ],
)
def test_a_text_that_is_no_payload_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        read_payload(text, SMALL, "payload.yaml")


def deep(levels: int) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"a": {"b": [1, datetime(2025, 1, 15)]}}, r"payload.a.b\[1\]: a datetime is not a value of JSON"),
        ({"a": {1: 2}}, "payload.a: the key 1 is not text"),
        ({"a": float("inf")}, "payload.a: inf is not a number"),
        ({"a": "\ud800"}, "payload.a: half a surrogate pair"),
        ({"a": "x" * SMALL}, "larger than 1000 bytes"),
        ({"a": "ä" * (SMALL // 2)}, "larger than 1000 bytes"),
        (deep(1000), "nests too deep"),
        ({"a": {1, 2}}, "a set is not a value of JSON"),
    ],
)
def test_what_json_can_not_hold_is_refused(payload: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        plain_payload(payload, SMALL)


def test_a_payload_is_copied() -> None:
    inner = ["a"]

    copy = plain_payload({"inner": inner, "pair": (1, 2)}, SMALL)
    inner.append("b")

    assert copy == {"inner": ["a"], "pair": [1, 2]}
