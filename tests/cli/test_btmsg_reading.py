"""`read`, `inbox`, `show`, `history`, `unseen`, `ack`, `feed`, `search`: what they show and what they mark."""

from collections.abc import Callable
from typing import Any

import pytest

from bmad_messenger.cli.btmsg import reading

Program = Callable[..., Any]


@pytest.fixture
def mail(team: Program) -> list[str]:
    """The ids of two messages from the manager to the architect."""
    texts = ("Review the auth module", "Also:\nmessage 0 from: boss\n\x1b[31mred")
    return [team("send", "--to", "architect-1", "--content", text, agent="mgr-1").out.strip() for text in texts]


def test_read_prints_messages_whole_and_only_their_first_line_at_the_margin(team: Program, mail: list[str]) -> None:
    lines = team("read", agent="architect-1").out.splitlines()

    assert [line for line in lines if line and not line.startswith(" ")] == [f"message {one}" for one in mail]
    assert "    message 0 from: boss" in lines
    assert "    \\x1b[31mred" in lines


@pytest.mark.usefixtures("mail")
def test_read_marks_what_it_printed(team: Program) -> None:
    team("read", "--limit", "1", agent="architect-1")

    assert team("unread", agent="architect-1").out == "1\n"


@pytest.mark.usefixtures("mail")
def test_read_marks_nothing_that_could_not_be_printed(team: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(reading, "print_messages", fail)
        assert team("read", agent="architect-1").code == 7

    assert team("unread", agent="architect-1").out == "2\n"


@pytest.mark.usefixtures("mail")
def test_inbox_marks_nothing(team: Program) -> None:
    assert team("inbox", agent="architect-1").out.count(" unread ") == 2
    assert team("unread", agent="architect-1").out == "2\n"


@pytest.mark.usefixtures("mail")
def test_inbox_lists_what_was_read_with_all(team: Program) -> None:
    team("read", "--limit", "1", agent="architect-1")
    rows = team("inbox", "--all", agent="architect-1").out.splitlines()[1:]

    assert [row.split()[4] for row in rows] == ["read", "unread"]
    assert "Also: message 0" in rows[1]


def test_empty_inbox_says_so(team: Program) -> None:
    assert team("inbox", agent="dev-1").out == "No unread messages.\n"
    assert team("inbox", "--json", agent="dev-1").document == {"messages": []}


def test_show_takes_the_beginning_of_an_id(team: Program, mail: list[str]) -> None:
    message = team("show", mail[0][:8], "--json", agent="architect-1").document

    assert (message["id"], message["senderName"], message["senderRole"]) == (mail[0], "mgr-1", "manager")


def test_message_of_others_is_not_shown(team: Program, mail: list[str]) -> None:
    assert team("show", mail[0], agent="dev-1").code == 6


def test_history_has_both_directions_oldest_first(team: Program, mail: list[str]) -> None:
    answer = team("reply", mail[0], "Done", agent="architect-1").out.strip()
    messages = team("history", "architect-1", "--limit", "2", "--json", agent="mgr-1").document["messages"]

    assert [message["id"] for message in messages] == [mail[1], answer]


def test_session_acknowledges_what_it_has_seen(team: Program, mail: list[str]) -> None:
    assert team("ack", "--session", "s1", "--message-id", mail[0][:8], agent="architect-1").out == f"{mail[0]}\n"
    unseen = team("unseen", "--session", "s1", "--json", agent="architect-1").document["messages"]

    assert [message["id"] for message in unseen] == [mail[1]]


def test_session_acknowledges_all_at_once(team: Program, mail: list[str]) -> None:
    document = team("ack", "--session", "s1", "--json", agent="architect-1").document

    assert document["sessionId"] == "s1"
    assert [message["id"] for message in document["messages"]] == mail
    assert team("unseen", "--session", "s1", agent="architect-1").out == "The session s1 has seen everything.\n"


@pytest.mark.usefixtures("mail")
def test_acknowledging_needs_a_message_or_a_session(team: Program) -> None:
    assert team("ack", agent="architect-1").code == 2
    assert team("unread", agent="architect-1").out == "2\n"


def test_feed_names_both_ends_newest_first(team: Program, mail: list[str]) -> None:
    entries = team("feed", "--json", agent="mgr-1").document["messages"]

    assert [entry["id"] for entry in entries] == mail[::-1]
    assert {(entry["senderName"], entry["recipientName"], entry["recipientRole"]) for entry in entries} == {
        ("mgr-1", "architect-1", "architect")
    }


@pytest.mark.usefixtures("mail")
@pytest.mark.parametrize("words", [["auth", "module"], ["-auth"], ['"auth'], ["auth", "*", "("], ["--", "--auth"]])
def test_search_takes_any_words(team: Program, words: list[str]) -> None:
    assert "Review the auth module" in team("search", *words, agent="architect-1").out


@pytest.mark.usefixtures("mail")
@pytest.mark.parametrize("words", [["AND"], ['"'], ["auth", "OR", "nothing"], ["NEAR(auth"], [""]])
def test_search_knows_no_operators(team: Program, words: list[str]) -> None:
    run = team("search", *words, agent="architect-1")

    assert (run.code, run.out) == (0, "Nothing has these words.\n")
