"""`answer`: what a run, or an agent, has asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]

ASKING = """\
name: asking
steps:
  - id: a
    ask: {question: "Go on?", options: [yes, no]}
"""


@pytest.fixture
def asked(cli: Cli, project: Path) -> str:
    """The id of a run's question."""
    path = project / "_bmad-output" / "messenger" / "workflows" / "asking.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(ASKING)
    waits: str = cli("workflow", "run", "asking", "--json").document["waits_for"][0]["answer_to"]
    return waits


def test_the_run_goes_on_with_the_answer(cli: Cli, asked: str) -> None:
    run = cli("answer", asked, "yes", "--note", "at last")

    assert (run.code, run.err) == (0, "")
    assert cli("show", run.out.strip(), "--json").document["payload"] == {
        "message": "yes",
        "answer": "yes",
        "note": "at last",
    }
    assert cli("show", asked, "--json").document["status"] == "done"
    assert cli("workflow", "tick", "--json").document["runs"][0]["state"] == "done"


def test_with_json_gives_the_message(cli: Cli, asked: str) -> None:
    assert cli("answer", asked[-4:], "no", "--json").document["reply_to"] == asked


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (("perhaps",), 3, "'perhaps' is none of the options; choose one of yes, no"),
        (("yes", "--from", "dev"), 6, "asks user, not dev"),
        (("yes", "--from", "devv"), 6, "asks user, not devv"),
        ((), 2, "missing argument"),
    ],
)
def test_what_is_no_answer_is_refused(
    cli: Cli, asked: str, arguments: tuple[str, ...], code: int, problem: str
) -> None:
    run = cli("answer", asked, *arguments)

    assert (run.code, problem in run.err) == (code, True)
    assert cli("show", asked, "--json").document["status"] == "pending"


def test_twice_is_refused_unless_it_is_the_same(cli: Cli, asked: str) -> None:
    cli("answer", asked, "yes")

    assert cli("answer", asked, "yes").code == 0
    run = cli("answer", asked, "no")
    assert (run.code, "was answered already" in run.err) == (2, True)


def test_to_no_message_ends_with_four(cli: Cli) -> None:
    assert cli("answer", "MSG-20250115-ffff", "yes").code == 4


def test_an_agent_s_question_is_answered_in_any_words(cli: Cli, sent: str) -> None:
    run = cli("answer", sent, "session", "cookies", "--json")

    assert (run.document["from"], run.document["to"], run.document["payload"]["message"]) == (
        "architect",
        "dev",
        "session cookies",
    )
    assert cli("show", sent, "--json").document["status"] == "done"
