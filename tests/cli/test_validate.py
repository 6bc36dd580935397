"""`validate`: each problem with its place, for people, programs and GitHub."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger.cli.validate import _annotation
from bmad_messenger.errors import Problem

Cli = Callable[..., Any]
QUEUE = "_bmad-output/messenger/message-queue.yaml"


@pytest.fixture
def broken(cli: Cli, project: Path) -> Path:
    """A project whose queue holds a message that is invalid."""
    cli("init")
    text = "messages:\n  - type: clarify\n    from: dev\n    to: pm\n    payload:\n      question: 3\n"
    (project / QUEUE).write_text(text, encoding="utf-8")
    return project


def test_sound_project_has_no_problems(cli: Cli, sent: str) -> None:
    run = cli("validate")

    assert (run.code, run.out, run.err) == (0, "No problems.\n", "")
    assert cli("validate", "--json").document == {"problems": []}
    assert cli("validate", "--format", "github").out == ""


def test_problem_has_its_place_and_code_three(cli: Cli, broken: Path) -> None:
    run = cli("validate")

    assert run.code == 3
    assert f"{QUEUE}:6:7: error: payload.question: wanted text, found 3" in run.out


def test_json_tells_errors_from_warnings(cli: Cli, broken: Path) -> None:
    run = cli("validate", "--json")

    assert run.code == 3
    assert {problem["severity"] for problem in run.document["problems"]} == {"error"}


def test_broken_config_is_a_problem_like_others(cli: Cli, project: Path) -> None:
    cli("init")
    (project / "_bmad-output/messenger/config.yaml").write_text("limits:\n  thread_lenght: 3\n", encoding="utf-8")
    run = cli("validate", "--format", "github")

    assert (run.code, run.err) == (3, "")
    assert run.out.startswith("::error file=_bmad-output/messenger/config.yaml,line=2,col=3::")


def test_file_may_be_named(cli: Cli, broken: Path) -> None:
    good = broken / "good.yaml"
    good.write_text("messages: []\n", encoding="utf-8")

    assert cli("validate", str(good)).code == 0
    assert cli("validate", QUEUE).code == 3


def test_file_of_another_project_is_judged_by_that_one_s_settings(cli: Cli, broken: Path) -> None:
    other = broken / "an other"
    cli("init", "--project", str(other.mkdir() or other))
    (other / "_bmad-output/messenger/config.yaml").write_text("agents:\n  add: [security]\n", encoding="utf-8")
    text = "messages:\n  - {type: notify, from: pm, to: security, payload: {message: hi}}\n"
    (other / QUEUE).write_text(text, encoding="utf-8")
    assert cli("validate", f"an other/{QUEUE}").code == 0

    (other / QUEUE).write_text(text.replace("security", "securty"), encoding="utf-8")
    lines = cli("validate", QUEUE, f"an other/{QUEUE}").out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [f"{QUEUE}:6:7", f"an other/{QUEUE}:2:30"]


def test_project_that_is_named_judges_every_file(cli: Cli, sent: str, project: Path) -> None:
    (project / "_bmad-output/messenger/config.yaml").write_text("agents: [dev]\n", encoding="utf-8")
    (project / "elsewhere").mkdir()

    assert cli("validate", QUEUE).code == 3
    assert cli("validate", "--project", "elsewhere", QUEUE).code == 0


def test_github_gets_annotations(cli: Cli, broken: Path) -> None:
    run = cli("validate", "--format", "github")

    assert run.code == 3
    assert f"::error file={QUEUE},line=6,col=7::payload.question: wanted text" in run.out


def test_annotation_escapes_what_would_end_it() -> None:
    problem = Problem("100%\r\n::error::x", "a, b", "a,b:c%.yaml", 1, 2, severity="warning")

    assert _annotation(problem) == "::warning file=a%2Cb%3Ac%25.yaml,line=1,col=2::100%25%0D%0A::error::x; a, b"


def test_annotation_without_a_place() -> None:
    assert _annotation(Problem("bad")) == "::error::bad"


def test_warnings_alone_are_no_failure(cli: Cli) -> None:
    cli("send-message", "--type", "handoff", "--from", "pm", "--to", "architect", "--set", "artifact_path=gone.md")
    run = cli("validate")

    assert run.code == 0
    assert ": warning: best practice" in run.out
