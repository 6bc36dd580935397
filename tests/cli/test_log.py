"""`log`: the history on a terminal, in a pipe, as Markdown, JSON and a diagram."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bmad_messenger import Messenger
from bmad_messenger.archive import render_record
from bmad_messenger.message import Message
from tests.cli.conftest import Run
from tests.history.messages import NOON, done, message
from tests.test_markdown import cells_of

Cli = Callable[..., Run]


@pytest.fixture
def archive(project: Path) -> Callable[..., None]:
    """Writes messages into the archive, each as it is."""
    folder = Messenger.open(project).archive

    def write(*messages: Message) -> None:
        for one in messages:
            path = folder.path(one.message_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(render_record(one), "utf-8")

    return write


def test_a_line_says_who_handed_what_to_whom_and_how_long_it_took(cli: Cli, archive: Callable[..., None]) -> None:
    archive(done(1, waited=720, worked=11100), message(2))

    assert [re.split(r"  +", line.strip()) for line in cli("log").out.splitlines()] == [
        ["SENT", "ID", "MESSAGE", "READ", "CLOSED", "ABOUT"],
        ["2025-01-15 12:02", "MSG-20250115-0002", "clarify dev → architect", "-", "-", "Question 2?"],
        [
            "2025-01-15 12:01",
            "MSG-20250115-0001",
            "clarify dev → architect",
            "2025-01-15 12:13 after 12 min",
            "done 2025-01-15 15:18 after 3 h 5 min",
            "Question 1?",
        ],
    ]


def test_what_was_closed_unread_has_no_time_of_work(cli: Cli, archive: Callable[..., None]) -> None:
    archive(replace(done(1, 0, 0), read_by={}))

    assert "  -     done 2025-01-15 12:01  Question 1?\n" in cli("log").out


def test_without_messages_it_says_so(cli: Cli) -> None:
    assert cli("log").out == "No messages.\n"


@pytest.mark.parametrize("arguments", [("--json",), ("--format", "json"), ("--json", "--format", "json")])
def test_json_has_the_files_keys_and_the_times(
    arguments: tuple[str, ...], cli: Cli, archive: Callable[..., None]
) -> None:
    archive(done(1, waited=720, worked=60))

    (entry,) = cli("log", *arguments).document["entries"]

    assert (entry["message_id"], entry["waited_seconds"], entry["worked_seconds"]) == ("MSG-20250115-0001", 720, 60)


def test_markdown_is_a_table(cli: Cli, archive: Callable[..., None]) -> None:
    archive(message(1, payload={"question": "a | b <i> @you", "context": "c"}))

    assert cells_of(cli("log", "--format", "markdown").out)[0][5] == "a | b <i> @you"


def test_mermaid_is_a_sequence_diagram_oldest_first(cli: Cli, archive: Callable[..., None]) -> None:
    archive(message(1), message(2))

    assert [line[-1] for line in cli("log", "--format", "mermaid").out.replace("?", "").splitlines()[3:]] == ["1", "2"]


def test_a_diagram_that_is_too_long_is_warned_about(cli: Cli, archive: Callable[..., None]) -> None:
    long = "x" * 80
    archive(*(message(number, payload={"question": long, "context": "c"}) for number in range(500)))

    assert "by default Mermaid draws no more than 50000; use --limit" in cli("log", "--format", "mermaid").err


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        (("--agent", "architect"), "21"),
        (("--agent", "pm"), "3"),
        (("--type", "notify"), "3"),
        (("--route", "prd-complete"), "3"),
        (("--artifact", "docs/*"), "3"),
        (("--text", "question 1"), "1"),
        (("--since", "2025-01-15T12:02:00Z"), "32"),
        (("--until", "2025-01-15T12:02:00Z"), "21"),
        (("--since", "2025-01-15", "--until", "2025-01-15"), "321"),
        (("--limit", "1"), "3"),
        (("--thread", "0002"), "21"),
    ],
)
def test_filters(arguments: tuple[str, ...], numbers: str, cli: Cli, archive: Callable[..., None]) -> None:
    routed = {"route": "prd-complete", "payload": {"prd_path": "docs/prd.md", "priority_features": "login"}}
    archive(
        message(1),
        message(2, reply_to="MSG-20250115-0001"),
        message(3, type="notify", from_agent="pm", to_agent="sm", **routed),
    )

    entries = cli("log", "--json", *arguments).document["entries"]

    assert "".join(entry["message_id"][-1] for entry in entries) == numbers


def test_figures_stand_in_a_table_for_routes_types_and_agents(cli: Cli, archive: Callable[..., None]) -> None:
    archive(done(1, 60, 3600), done(2, 120, 60, route="prd-complete"), message(3, from_agent="pm", to_agent="sm"))

    assert cli("log", "--stat").out == (
        "ROUTE         MESSAGES  OPEN  WAITED  WORKED\n"
        "prd-complete  1         0     2 min   1 min\n"
        "\n"
        "TYPE     MESSAGES  OPEN  WAITED  WORKED\n"
        "clarify  2         1     1 min   1 h\n"
        "\n"
        "AGENT      MESSAGES  OPEN  WAITED  WORKED\n"
        "architect  2         0     1 min   30 min\n"
        "sm         1         1     -       -\n"
    )


def test_figures_in_json(cli: Cli, archive: Callable[..., None]) -> None:
    archive(done(1, 60, 3600))

    figures = {"messages": 1, "open": 0, "waited_seconds": 60, "worked_seconds": 3600}
    assert cli("log", "--stat", "--json").document == {
        "routes": [],
        "types": [{"type": "clarify", **figures}],
        "agents": [{"agent": "architect", **figures}],
    }


def test_figures_in_markdown(cli: Cli, archive: Callable[..., None]) -> None:
    archive(done(1, 60, 3600))

    assert "| `architect` | 1 | 0 | 1 min | 1 h |\n" in cli("log", "--stat", "--format", "markdown").out


def test_figures_of_nothing(cli: Cli) -> None:
    assert cli("log", "--stat").out == "No messages.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--since", "yesterday"), 3, "'yesterday' is no time"),
        (("--json", "--format", "table"), 2, "--json and --format table exclude each other"),
        (("--stat", "--format", "mermaid"), 2, "figures make no sequence diagram"),
        (("--limit", "0"), 2, "the limit is 0"),
        (("--agent", "architekt"), 4, "did you mean 'architect'"),
        (("--thread", "ffff"), 4, "there is no message"),
    ],
)
def test_errors(arguments: tuple[str, ...], code: int, words: str, cli: Cli) -> None:
    run = cli("log", *arguments)

    assert (run.code, words in run.err) == (code, True)


def test_a_damaged_file_is_warned_about_and_left_out(cli: Cli, archive: Callable[..., None], project: Path) -> None:
    archive(message(1), message(2))
    Messenger.open(project).archive.path("MSG-20250115-0001").write_text("{", "utf-8")

    run = cli("log")

    assert (run.code, len(run.out.splitlines())) == (0, 2)
    assert run.err.startswith("warning: _bmad-output/messenger/archive/2025-01/MSG-20250115-0001.yaml:")


@pytest.mark.parametrize("format", ["table", "markdown", "json", "mermaid"])
def test_no_control_character_comes_out_raw(format: str, cli: Cli, archive: Callable[..., None]) -> None:
    archive(message(1, payload={"question": "a\x1b[31mb\x07\u202ec", "context": "c"}, note="\x1b[2J"))

    assert re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", cli("log", "--format", format).out) is None


def test_wide_characters_keep_the_columns(
    cli: Cli, archive: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.cells import cell_len

    archive(message(1, from_agent="開発者"), message(2))
    monkeypatch.setattr("bmad_messenger.cli.output.is_terminal", lambda stream: True)

    lines = cli("log").out.splitlines()

    assert len({cell_len(line[: line.index("Question")]) for line in lines if "Question" in line}) == 1


def test_the_time_since_is_counted_back_from_now(
    cli: Cli, archive: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bmad_messenger.message.now", lambda: NOON + timedelta(days=2))
    archive(message(1), message(2, created=NOON + timedelta(days=1)))

    assert len(cli("log", "--json", "--since", "30h").document["entries"]) == 1
