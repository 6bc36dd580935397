"""`done` and `cancel`."""

from collections.abc import Callable
from typing import Any

Cli = Callable[..., Any]


def test_done_closes_by_the_end_of_an_id(cli: Cli, sent: str) -> None:
    assert cli("done", sent[-4:]).out == f"{sent} done\n"
    assert cli("list", "--json").document == {"messages": []}


def test_note_is_kept(cli: Cli, sent: str) -> None:
    document = cli("cancel", sent, "--note", "the scope changed", "--json").document

    assert [(m["status"], m["note"]) for m in document["messages"]] == [("cancelled", "the scope changed")]


def test_nothing_is_closed_where_one_id_is_wrong(cli: Cli, sent: str) -> None:
    assert cli("done", sent, "ffff-no").code == 4
    assert cli("show", sent, "--json").document["status"] == "pending"
