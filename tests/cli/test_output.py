"""What may go to stdout, and what happens where it can't."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger.cli.output import (
    json_text,
    printable,
    wants_colour,
    write,
    write_json,
    write_json_list,
    write_table,
)
from bmad_messenger.errors import InvalidError, StorageError

Cli = Callable[..., Any]
Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "\x00\x1b[31m\x7f\x9b\u202e\u2066\u200f\u2028\ufeff"


def _shell(line: str, project: Path) -> subprocess.CompletedProcess[str]:
    """Runs a line of shell in which `$cli` is the program."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "cli": f"{sys.executable} -m bmad_messenger"}
    return subprocess.run(
        ["bash", "-c", line], cwd=project, env=environment, capture_output=True, text=True, check=False
    )


def test_text_keeps_its_letters_and_lines() -> None:
    assert printable("é 漢 🙂\tb\n") == "é 漢 🙂\tb\n"


def test_text_loses_its_power_over_the_terminal() -> None:
    text = printable(HOSTILE)

    assert text == "\\x00\\x1b[31m\\x7f\\x9b\\u202e\\u2066\\u200f\\u2028\\ufeff"


def test_one_line_stays_one() -> None:
    assert printable("a\r\nb\tc", lines=False) == "a\\x0d\\x0ab\\x09c"


def test_json_holds_no_raw_control_character_and_means_the_same() -> None:
    text = json_text({"text": f"é{HOSTILE}"})

    assert printable(text) == text
    assert "é" in text
    assert json.loads(text) == {"text": f"é{HOSTILE}"}


def test_json_is_one_line_in_a_pipe(capsys: Capture) -> None:
    write_json({"a": [1, 2]})

    assert capsys.readouterr().out == '{"a": [1, 2]}\n'


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_list_is_one_document(count: int, capsys: Capture) -> None:
    items = [{"n": number} for number in range(count)]
    write_json_list("items", items)

    assert json.loads(capsys.readouterr().out) == {"items": items}


def test_json_list_is_ended_where_an_item_fails(capsys: Capture) -> None:
    def items() -> Iterator[dict[str, int]]:
        yield {"n": 1}
        raise InvalidError("no")

    with pytest.raises(InvalidError):
        write_json_list("items", items())
    assert json.loads(capsys.readouterr().out) == {"items": [{"n": 1}]}


def test_json_list_says_nothing_where_the_first_item_fails(capsys: Capture) -> None:
    def items() -> Iterator[dict[str, int]]:
        raise InvalidError("no")
        yield {}

    with pytest.raises(InvalidError):
        write_json_list("items", items())
    assert capsys.readouterr().out == ""


def test_table_in_a_pipe_is_plain(capsys: Capture) -> None:
    write_table(("id", "to"), [("MSG-20250115-a1b2", "x\ny" * 40), ("b", "")], empty="none")
    header, first, second = capsys.readouterr().out.splitlines()

    assert header == "ID                 TO"
    assert first == "MSG-20250115-a1b2  " + "x\\x0ay" * 40
    assert second == "b"


def test_empty_table_is_a_sentence(capsys: Capture) -> None:
    write_table(("id",), [], empty="No messages.")

    assert capsys.readouterr().out == "No messages.\n"


def test_colour_needs_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR")
    assert wants_colour(Terminal())  # type: ignore[arg-type]
    assert not wants_colour(None)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(Terminal())  # type: ignore[arg-type]


def test_stdout_closed_before_the_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)

    with pytest.raises(StorageError, match="closed"):
        write("a")


def test_what_could_not_be_printed_stays_unread(project: Path, sent: str, cli: Cli) -> None:
    run = _shell("$cli receive-message --agent architect > /dev/full; echo $?; $cli list --json >&-; echo $?", project)

    assert run.stdout == "7\n7\n"
    assert "No space left on device" in run.stderr
    assert "Traceback" not in run.stderr
    assert [message["message_id"] for message in cli("list", "--status", "pending", "--json").document["messages"]] == [
        sent
    ]


def test_reader_that_leaves_early_is_no_error(project: Path, cli: Cli, sent: str) -> None:
    run = _shell("{ sleep 0.5; $cli receive-message --agent architect; echo $? >&2; } | true", project)

    assert run.stderr == "141\n"
    assert cli("show", sent, "--json").document["status"] == "pending"


def test_locale_does_not_matter(project: Path, cli: Cli) -> None:
    cli("send-message", "--type", "notify", "--from", "pm", "--to", "dev", "--set", "message=é 漢")
    run = _shell("LC_ALL=C PYTHONIOENCODING=ascii PYTHONUTF8=0 $cli receive-message --agent dev --json", project)

    assert json.loads(run.stdout)["messages"][0]["payload"] == {"message": "é 漢"}


def test_help_that_can_not_be_printed_is_no_bug(project: Path) -> None:
    run = _shell("$cli list --help >/dev/full", project)

    assert run.returncode == 7
    assert run.stderr.startswith("error: the system refused: No space left on device")


def test_message_whose_id_can_not_be_printed_is_said_to_be_sent(project: Path, cli: Cli) -> None:
    run = _shell("$cli send-message --type notify --from pm --to dev --set message=42 >/dev/full", project)
    (message,) = cli("list", "--json").document["messages"]

    assert run.returncode == 7
    assert f"sent all the same: {message['message_id']}" in run.stderr
