"""`btmsg` as a program: the reference's examples, the help, the shared options, the exit codes."""

import shlex
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import __version__
from bmad_messenger.cli.btmsg.commands import SECTIONS

Program = Callable[..., Any]

COMMANDS = [name for section in SECTIONS.values() for name in section]


def test_examples_of_the_reference_run_as_they_stand(team: Program) -> None:
    team("send", "--to", "mgr-1", "--content", "hello", agent="architect-1")
    (message,) = team("inbox", "--json", agent="mgr-1").document["messages"]
    examples = f"""
        btmsg register --id mgr-1 --name "Manager" --role manager --group my-team --tier 1
        btmsg send --to architect-1 --content "Review the auth module architecture"
        btmsg channel-post --channel review-queue --content "Task T-42 moved to review"
        btmsg read
        btmsg channels
        btmsg heartbeat
        btmsg ack --message-id {message["id"]}
    """
    runs = [team(*shlex.split(line)[1:], agent="mgr-1") for line in examples.strip().splitlines()]

    assert [(run.code, run.err) for run in runs] == [(0, "")] * 7


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_its_text_with_an_example(btmsg: Program, name: str) -> None:
    text = btmsg(name, "--help").out.partition("\nOptions:")[0].partition("\nArguments:")[0]

    assert f"  Example:\n    btmsg {name}" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_the_shared_options(btmsg: Program, name: str) -> None:
    text = btmsg(name, "--help").out

    assert all(option in text for option in ("--agent AGENT", "--db FILE", "--json"))


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_lists_every_command_on_a_line_of_its_own(btmsg: Program, arguments: tuple[str, ...]) -> None:
    listed = btmsg(*arguments).out.partition("\nMessages:\n")[2].splitlines()

    assert [line.split()[0] for line in listed if line.startswith("  ")] == COMMANDS


def test_version_is_one_line(btmsg: Program) -> None:
    assert btmsg("--version").out == f"btmsg {__version__}\n"


def test_misspelt_command_names_the_nearest(btmsg: Program) -> None:
    run = btmsg("snd")

    assert (run.code, run.err) == (2, "error: there is no command 'snd'; did you mean 'send'?\n")


def test_agent_is_who_calls_in_place_of_the_environment(team: Program) -> None:
    assert team("whoami", "--agent", "dev-1", "--json", agent="mgr-1").document["id"] == "dev-1"


def test_db_is_the_database_in_place_of_the_environment(team: Program, tmp_path: Path) -> None:
    assert team("agents", "--db", str(tmp_path / "other.db")).out == "No agents.\n"


def test_writing_as_nobody_is_wrong_usage(team: Program) -> None:
    assert team("send", "--to", "mgr-1", "--content", "hello").code == 2


def test_caller_that_is_not_registered_is_told_how_to(team: Program) -> None:
    run = team("heartbeat", agent="dev-9")

    assert run.code == 4
    assert "btmsg register --id dev-9" in run.err


def test_refusal_says_which_role_may(team: Program) -> None:
    run = team("channel-create", "releases", agent="dev-1", stdin="")

    assert run.code == 6
    assert run.err == "error: dev-1 (project) may not create channels; only manager or admin may\n"


def test_error_is_a_document_with_json(team: Program) -> None:
    run = team("show", "nothing", "--json", agent="mgr-1")

    assert (run.code, run.out) == (4, "")
    assert run.error["error"]["code"] == "not-found"


def test_newer_database_is_refused(team: Program, database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("INSERT INTO btmsg_migrations (name, applied_at) VALUES ('9999_future', 'later')")
    connection.close()

    assert team("agents").code == 7
    assert team("unread", agent="mgr-1").code == 7


def test_corrupt_database_is_reported_and_left_alone(btmsg: Program, database: Path) -> None:
    database.parent.mkdir()
    database.write_bytes(b"no database" * 100)

    assert btmsg("notify", agent="mgr-1").code == 7
    assert btmsg("register", "--id", "mgr-1", "--group", "my-team").code == 7
    assert database.read_bytes() == b"no database" * 100


def test_argument_that_is_no_text_is_wrong_usage(team: Program) -> None:
    assert team("send", "--to", "mgr-1", "--content", "\udcff", agent="dev-1").code == 2


def test_bug_names_the_program(btmsg: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bmad_messenger.btmsg.api.Btmsg.visible_agents", lambda *_: 1 / 0)

    assert f"this is a bug in btmsg {__version__}: ZeroDivisionError" in btmsg("agents").err
