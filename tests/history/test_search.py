"""The history: archive and queue together, newest first, as far as it fits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmad_messenger import Message, Messenger, Problem, Status
from bmad_messenger.archive import render_record
from bmad_messenger.errors import InvalidError, NotFoundError, UsageError
from bmad_messenger.history.search import Wanted, read_history
from tests.history.messages import NOON, done, message

Archive = Callable[..., None]


def found(messenger: Messenger, **wanted: Any) -> list[str]:
    """The last digits of the ids that fit."""
    problems: list[Problem] = []
    entries = read_history(messenger, Wanted(**wanted), problems.append)
    assert problems == []
    return [entry.message.message_id[-1] for entry in entries]


def test_the_newest_comes_first(messenger: Messenger, archive: Archive) -> None:
    archive(done(1, 0, 0), message(3), done(2, 0, 0))

    assert found(messenger) == ["3", "2", "1"]


def test_of_one_second_an_answer_is_newer(messenger: Messenger, archive: Archive) -> None:
    second = {"created": NOON}
    archive(done(9, 0, 0, **second), done(5, 0, 0, **second, reply_to="MSG-20250115-0009"))
    archive(done(1, 0, 0, **second, reply_to="MSG-20250115-0005"))

    assert found(messenger) == ["1", "5", "9"]


def test_answers_in_a_circle_end(messenger: Messenger, archive: Archive) -> None:
    archive(
        message(1, created=NOON, reply_to="MSG-20250115-0002"), message(2, created=NOON, reply_to="MSG-20250115-0001")
    )

    assert sorted(found(messenger)) == ["1", "2"]


def test_an_open_message_is_as_the_queue_has_it(messenger: Messenger) -> None:
    sent = messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "m"})
    messenger.receive("dev")

    entries = read_history(messenger, Wanted(), pytest.fail)

    assert [(entry.message.message_id, entry.message.status) for entry in entries] == [(sent.message_id, Status.READ)]


def test_a_closed_message_is_as_the_archive_has_it(messenger: Messenger) -> None:
    sent = messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "m"})
    messenger.close(sent.message_id, note="seen")

    assert [entry.message.note for entry in read_history(messenger, Wanted(), pytest.fail)] == ["seen"]


def test_what_a_pull_brought_closed_counts_though_the_queue_still_has_it(messenger: Messenger) -> None:
    sent = messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "m"})
    path = messenger.archive.path(sent.message_id)
    path.write_text(path.read_text("utf-8").replace('"pending"', '"done"'), "utf-8")

    assert [entry.message.status for entry in read_history(messenger, Wanted(), pytest.fail)] == [Status.DONE]


@pytest.mark.parametrize(
    ("wanted", "fitting"),
    [
        ({"agent": "pm"}, ["3", "2"]),
        ({"agent": "sm"}, ["3"]),
        ({"type": "notify"}, ["3"]),
        ({"route": "prd-complete"}, ["2"]),
        ({"since": NOON + timedelta(minutes=2)}, ["3", "2"]),
        ({"until": NOON + timedelta(minutes=2)}, ["2", "1"]),
        ({"text": "QUESTION 1"}, ["1"]),
        ({"text": "answered"}, ["1"]),
        ({"text": "priority_features"}, ["2"]),
        ({"text": "?"}, ["1"]),
        ({"text": ""}, ["3", "2", "1"]),
        ({"artifact": "prd"}, ["2"]),
        ({"artifact": "docs/*.md"}, ["2"]),
        ({"artifact": "[op]rd.md"}, ["2"]),
        ({"artifact": "*.txt"}, []),
        ({"artifact": "Question"}, []),
        ({"limit": 2}, ["3", "2"]),
        ({"agent": "dev", "text": "hello"}, ["3"]),
    ],
)
def test_a_filter_leaves_what_fits(
    wanted: dict[str, Any], fitting: list[str], messenger: Messenger, archive: Archive
) -> None:
    archive(
        done(1, 0, 0, note="answered in the PRD"),
        done(
            2,
            0,
            0,
            type="handoff",
            from_agent="pm",
            route="prd-complete",
            payload={"prd_path": "out/docs/prd.md#goals", "priority_features": ["login"]},
        ),
        message(3, type="notify", from_agent="pm", to_agent=None, to_agents="all", payload={"message": "Hello"}),
    )

    assert found(messenger, **wanted) == fitting


@pytest.mark.parametrize(
    "payload",
    [
        'question: "caf\\u00e9 au lait"',
        "question: 'café\n  au lait'",
        "question: >-\n    café\n    au lait",
        "question: café\n    au\n    lait",
    ],
)
def test_a_text_is_found_however_yaml_writes_it(payload: str, messenger: Messenger) -> None:
    sent = message(1)
    path = messenger.archive.path(sent.message_id)
    path.parent.mkdir(parents=True)
    path.write_text(f"{render_record(sent).partition('payload:')[0]}payload:\n  {payload}\n  context: c\n", "utf-8")

    assert found(messenger, text="CAFÉ AU") == ["1"]


@given(text=st.text(min_size=1, max_size=12), around=st.text(max_size=8))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_payload_says_is_found(messenger: Messenger, archive: Archive, text: str, around: str) -> None:
    archive(message(1, payload={"question": f"{around}{text}{around}", "context": "c"}))

    assert found(messenger, text=text.upper() if text.upper().casefold() == text.casefold() else text) == ["1"]


def test_a_thread_is_found_by_any_of_its_messages(messenger: Messenger) -> None:
    first = messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "m"})
    answer = messenger.reply(first.message_id, "yes")
    messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "other"})

    entries = read_history(messenger, Wanted(thread=first.message_id), pytest.fail)

    assert [entry.message.message_id for entry in entries] == [answer.message_id, first.message_id]


def test_filters_hold_in_a_thread(messenger: Messenger) -> None:
    first = messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "m"})
    messenger.reply(first.message_id, "yes")

    entries = read_history(messenger, Wanted(thread=first.message_id, text="yes"), pytest.fail)

    assert [entry.message.payload for entry in entries] == [{"message": "yes"}]


@pytest.mark.parametrize(
    "content",
    ["", "{", "- a list", "message_id: 5\n", "message_id: MSG-20250115-0007\n", "<<<<<<< ours\n", "\udcff", "\x07"],
)
def test_a_damaged_file_is_reported_and_left_out(content: str, messenger: Messenger, archive: Archive) -> None:
    archive(done(1, 0, 0), done(2, 0, 0))
    messenger.archive.path("MSG-20250115-0001").write_bytes(content.encode("utf-8", "surrogateescape"))
    problems: list[Problem] = []

    entries = read_history(messenger, Wanted(), problems.append)

    assert [entry.message.message_id for entry in entries] == ["MSG-20250115-0002"]
    assert [problem.severity for problem in problems] == ["warning"] * bool(content)


def test_a_file_that_is_damaged_in_its_payload_alone_is_left_out_too(messenger: Messenger, archive: Archive) -> None:
    archive(done(1, 0, 0))
    path = messenger.archive.path("MSG-20250115-0001")
    path.write_text(path.read_text("utf-8") + '  broken: "\n', "utf-8")
    problems: list[Problem] = []

    assert read_history(messenger, Wanted(), problems.append) == []
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("wanted", "error", "words"),
    [
        ({"agent": "architekt"}, NotFoundError, "did you mean 'architect'"),
        ({"type": "clarfy"}, InvalidError, "did you mean `clarify`"),
        ({"route": "prd-complet"}, InvalidError, "did you mean `prd-complete`"),
        ({"thread": "ffff"}, NotFoundError, "there is no message"),
    ],
)
def test_a_name_that_does_not_exist_is_an_error(
    wanted: dict[str, Any], error: type[Exception], words: str, messenger: Messenger
) -> None:
    with pytest.raises(error, match=words):
        read_history(messenger, Wanted(**wanted), pytest.fail)


def test_an_agent_that_has_left_is_still_found(messenger: Messenger, archive: Archive) -> None:
    archive(done(1, 0, 0, from_agent="somebody-who-left"))

    assert found(messenger, agent="somebody-who-left") == ["1"]


def test_a_type_that_is_gone_names_no_documents(messenger: Messenger, archive: Archive) -> None:
    archive(done(1, 0, 0, type="old-type", payload={"path": "docs/a.md"}))

    assert found(messenger, artifact="docs") == []


def test_a_limit_below_one_is_an_error() -> None:
    with pytest.raises(UsageError, match="the limit is 0"):
        Wanted(limit=0)


def test_a_project_without_messages_has_no_history(messenger: Messenger) -> None:
    assert found(messenger) == []


def test_an_archived_message_is_not_parsed_where_its_lines_tell_that_it_does_not_fit(
    messenger: Messenger, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(*(message(number) for number in range(5)))
    parsed: list[str] = []
    whole = type(messenger.archive).message

    def counted(self: Any, message_id: str, text: str) -> Message:
        parsed.append(message_id)
        return whole(self, message_id, text)

    monkeypatch.setattr(type(messenger.archive), "message", counted)

    found(messenger, text="Question 3")

    assert parsed == ["MSG-20250115-0003"]
