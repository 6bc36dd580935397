"""`show`, `thread` and `list`."""

from collections.abc import Callable
from typing import Any

import pytest

Cli = Callable[..., Any]


def test_show_leaves_a_message_unread(cli: Cli, sent: str) -> None:
    assert cli("show", sent).out.startswith(f"message {sent}\n")
    assert cli("show", sent, "--json").document["status"] == "pending"


def test_show_finds_closed_messages(cli: Cli, sent: str) -> None:
    cli("done", sent, "--note", "x: y\nz")

    assert '  note: "x: y\\nz"\n' in cli("show", sent).out


def test_thread_is_oldest_first(cli: Cli, sent: str) -> None:
    answer = cli("reply", sent, "JWT").out.strip()

    assert [m["message_id"] for m in cli("thread", answer, "--json").document["messages"]] == [sent, answer]
    assert [line for line in cli("thread", sent).out.splitlines() if line.startswith("message")] == [
        f"message {sent}",
        f"message {answer}",
    ]


def test_list_is_a_row_each(cli: Cli, sent: str) -> None:
    header, row = cli("list").out.splitlines()

    assert header.split() == ["ID", "TYPE", "FROM", "TO", "PRIORITY", "STATUS", "CREATED"]
    assert row.split()[:6] == [sent, "clarify", "dev", "architect", "high", "pending"]


def test_empty_list_says_so(cli: Cli) -> None:
    assert cli("list").out == "No messages.\n"


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (("--agent", "dev"), 1),
        (("--agent", "tea"), 0),
        (("--type", "clarify"), 1),
        (("--type", "notify"), 0),
        (("--status", "pending"), 1),
        (("--status", "done"), 0),
        (("--priority", "high"), 1),
        (("--priority", "low"), 0),
        (("--route", "prd-complete"), 0),
    ],
)
def test_filters_choose(cli: Cli, sent: str, filters: tuple[str, ...], count: int) -> None:
    assert len(cli("list", *filters, "--json").document["messages"]) == count
