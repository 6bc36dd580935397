"""What `git diff` shows for a queue and for a file of the archive: `bmad_messenger.git.readable`."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmad_messenger.git.readable import readable

QUEUE = """\
# what the agents hand over
messages:
  - message_id: "MSG-20250115-a1b2"
    type: "handoff"
    from: "pm"
    to: "architect"
    priority: "high"
    created: "2025-01-15T10:30:00Z"
    status: "pending"
    route: "prd-complete"
    payload:
      artifact_path: "prd.md"
      context_summary: "PRD complete"

  # a comment
  - type: notify
    from: architect
    to_agents: [dev, tea]
    payload: {message: "Using PostgreSQL\\nwith Prisma"}
"""
RECORD = """\
message_id: "MSG-20250115-c3d4"
type: "clarify"
from: "dev"
to: "architect"
priority: "high"
created: "2025-01-15T10:30:00Z"
status: "done"
payload:
  question: "JWT or session cookies?"
"""
PRINTABLE = re.compile(r"(?:[^\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff])*")


def shown(text: str) -> list[str]:
    """The lines of a diff's side, without their digests."""
    return [re.sub(r"  \([0-9a-f]{7}\)$", "", line) for line in readable(text.encode()).splitlines()]


def test_queue_is_a_line_a_message_below_what_stands_above_them() -> None:
    assert shown(QUEUE) == [
        "# what the agents hand over",
        "messages:",
        'MSG-20250115-a1b2  2025-01-15T10:30:00Z  pm → architect  handoff  high  pending  prd-complete  "PRD complete"',
        '-  -  architect → dev, tea  notify  -  -  "Using PostgreSQL with Prisma"',
    ]


def test_file_of_the_archive_is_one_line() -> None:
    assert shown(RECORD) == [
        'MSG-20250115-c3d4  2025-01-15T10:30:00Z  dev → architect  clarify  high  done  "JWT or session cookies?"'
    ]


@pytest.mark.parametrize(
    ("payload", "about"),
    [
        ('{summary: "Done", message: "More"}', '  "Done"'),
        ('{issue: "Slow", context_summary: " "}', '  "Slow"'),
        ("{count: 3, parts: [{name: first}, second]}", '  "first"'),
        ("{count: 3}", ""),
        ("3", ""),
    ],
)
def test_message_is_about_what_every_command_says_it_is(payload: str, about: str) -> None:
    (line,) = shown(RECORD.partition("payload:")[0] + f"payload: {payload}\n")

    assert line.partition("  done")[2] == about


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('artifact_path: "prd.md"', 'artifact_path: "other.md"'),
        ("# a comment", "# another comment"),
        ("# what the", "# all that the"),
        ('"high"', "high"),
        ("[dev, tea]", "[dev, sm]"),
    ],
)
def test_no_change_goes_unseen(old: str, new: str) -> None:
    before, after = (readable(text.encode()).splitlines() for text in (QUEUE, QUEUE.replace(old, new)))

    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


def test_message_that_can_t_be_read_is_shown_as_it_is() -> None:
    text = QUEUE.replace("    from: architect\n", "    from: [\n")

    assert shown(text)[2].startswith("MSG-20250115-a1b2")
    assert shown(text)[3:5] == ["  - type: notify", "    from: ["]


@pytest.mark.parametrize("text", ["", "no queue\n", "[1, 2]\n", "a: b: c\n", "message: [\n", "messages: {a: 1}\n"])
def test_what_holds_no_messages_is_shown_as_it_is(text: str) -> None:
    assert readable(text.encode()) == text


def test_what_stands_below_the_messages_is_shown() -> None:
    assert shown(f"{QUEUE}more: here\n")[-1] == "more: here"


@pytest.mark.parametrize("text", [QUEUE, RECORD, "no queue {}\n"])
def test_nothing_is_obeyed_by_a_terminal(text: str) -> None:
    hostile = "\x1b]0;owned\x07\x9b31m\u202e"
    for word in ("architect", "PRD complete", "JWT", "# what", "no queue"):
        output = readable(text.replace(word, hostile).encode())
        assert "\x1b" not in output
        assert "\u202e" not in output


@given(st.binary() | st.text().map(str.encode) | st.text().map(lambda text: f"messages:\n  - {text}\n".encode()))
def test_any_bytes_give_lines_of_printable_text(content: bytes) -> None:
    assert PRINTABLE.fullmatch(readable(content))


@given(st.integers(0, len(QUEUE)), st.text(max_size=8))
def test_any_edit_of_a_queue_gives_lines_of_printable_text(at: int, text: str) -> None:
    assert PRINTABLE.fullmatch(readable((QUEUE[:at] + text + QUEUE[at:]).encode("utf-8", "surrogatepass")))
