"""Messages as sequence diagrams, whatever words they hold."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmad_messenger.diagrams import sequence_diagram
from bmad_messenger.message import Message, Priority, Status

SENT = datetime(2025, 1, 15, 10, 30, tzinfo=UTC)
QUESTION = Message(
    message_id="MSG-20250115-a1b2",
    type="clarify",
    from_agent="dev",
    to_agent="architect",
    to_agents=None,
    priority=Priority.HIGH,
    created=SENT,
    status=Status.PENDING,
    payload={"question": "JWT or cookies?"},
)
DONE = replace(QUESTION, status=Status.DONE, closed=SENT + timedelta(hours=1), note="see the PRD")
ANSWER = replace(
    QUESTION,
    message_id="MSG-20250115-c3d4",
    type="notify",
    from_agent="architect",
    to_agent="dev",
    created=SENT + timedelta(minutes=5),
    reply_to=QUESTION.message_id,
    payload={"message": "Cookies"},
)

# Mermaid's documentation has these lines; no text in them has what begins a comment, a setting, an entity or a new
# statement.
_TEXT = r"(?:[^#;%{}<>:$\\`\"@\n]|#\d+;)+"
_TEXTS = rf"{_TEXT}(?:: {_TEXT})?"
_LINES = re.compile(
    rf"    (?:participant agent\d+ as {_TEXT}|agent\d+--?>>agent\d+: {_TEXTS}|Note over agent\d+: {_TEXTS})"
)


def test_an_arrow_says_who_hands_what_to_whom() -> None:
    assert sequence_diagram([QUESTION]) == (
        "sequenceDiagram\n"
        "    participant agent1 as dev\n"
        "    participant agent2 as architect\n"
        "    agent1->>agent2: clarify a1b2: JWT or cookies?\n"
    )


def test_a_reply_is_dashed() -> None:
    assert "    agent2-->>agent1: notify c3d4: Cookies\n" in sequence_diagram([QUESTION, ANSWER])


def test_a_note_tells_a_messages_end_when_it_came() -> None:
    assert [line.partition(":")[0].strip() for line in sequence_diagram([DONE, ANSWER]).splitlines()[3:]] == [
        "agent1->>agent2",
        "agent2-->>agent1",
        "Note over agent2",
    ]


def test_of_one_second_the_answer_stands_above_the_end() -> None:
    answered_at_once = [replace(DONE, closed=ANSWER.created), ANSWER]

    assert sequence_diagram(answered_at_once).endswith("    Note over agent2: a1b2 done: see the PRD\n")


def test_each_recipient_has_an_arrow() -> None:
    broadcast = replace(QUESTION, to_agent=None, to_agents=("pm", "sm"))

    assert sequence_diagram([broadcast]).count("agent1->>") == 2


def test_all_is_one_recipient() -> None:
    broadcast = replace(QUESTION, to_agent=None, to_agents="all", status=Status.EXPIRED)

    assert sequence_diagram([broadcast]).splitlines()[2:] == [
        "    participant agent2 as all",
        "    agent1->>agent2: clarify a1b2: JWT or cookies?",
        "    Note over agent2: a1b2 expired",
    ]


def test_no_message_is_an_empty_diagram() -> None:
    assert sequence_diagram([]) == "sequenceDiagram\n"


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("a; b", "a#59; b"),
        ("#35;", "#35;35#59;"),
        ("a\nb", "a b"),
        ("the end", "the #101;nd"),
        ("wrap: <br>", "#119;rap#58; #60;br#62;"),
        ("%%{init}%%", "#37;#37;#123;init#125;#37;#37;"),
    ],
)
def test_what_means_something_to_mermaid_is_written_as_a_number(text: str, drawn: str) -> None:
    diagram = sequence_diagram([replace(QUESTION, payload={"question": text})])

    assert diagram.endswith(f": clarify a1b2: {drawn}\n")


@given(*[st.text(max_size=30)] * 4)
def test_any_text_keeps_to_the_grammar(agent: str, type: str, question: str, note: str) -> None:
    message = replace(DONE, from_agent=agent, type=type, payload={"question": question}, note=note)

    head, *lines = sequence_diagram([message]).split("\n")[:-1]

    assert head == "sequenceDiagram"
    assert [line for line in lines if not _LINES.fullmatch(line)] == []


@given(st.text(max_size=60).filter(lambda text: text.split()))
def test_any_text_is_drawn_as_it_is(text: str) -> None:
    line = sequence_diagram([replace(QUESTION, payload={"question": text})]).splitlines()[-1]
    drawn = line.partition("clarify a1b2: ")[2]

    assert re.sub(r"#(\d+);", lambda number: chr(int(number[1])), drawn) == " ".join(text.split())


def test_the_numbers_are_those_of_html() -> None:
    diagram = sequence_diagram([replace(QUESTION, payload={"question": "<b>"})])

    assert html.unescape(diagram.replace("#", "&#")).endswith(": <b>\n")
