"""`doctor`: what is wrong, for people and for programs, and an exit code for both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
QUEUE = "_bmad-output/messenger/message-queue.yaml"


@pytest.fixture(autouse=True)
def _no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


def test_sound_project_is_told_line_by_line(cli: Cli, sent: str) -> None:
    run = cli("doctor")

    about, *lines = run.out.splitlines()
    assert (run.code, run.err) == (0, "")
    assert about.startswith("project /")
    assert {line.partition(" ")[0] for line in lines} == {"ok:"}


def test_finding_has_its_cause_its_place_and_what_mends_it(cli: Cli, project: Path, sent: str) -> None:
    text = (project / QUEUE).read_text()
    (project / QUEUE).write_text(text.replace('    priority: "high"\n', "    priority: a: b\n"))
    run = cli("doctor")

    assert run.code == 3
    assert f"{QUEUE}:9:16: error: not YAML: mapping values are not allowed in this context; mend the text" in run.out
    assert "  mend: `bmad-messenger edit`" in run.out
    assert "--fix" not in run.out


def test_warnings_alone_are_no_failure_and_are_mended(cli: Cli, project: Path, sent: str) -> None:
    (project / "_bmad-output/messenger/.gitignore").write_text("")
    first = cli("doctor")
    fixed = cli("doctor", "--fix")

    assert first.code == 0
    assert first.out.splitlines()[-1] == "`bmad-messenger doctor --fix` mends 1 of 1"
    assert "\nfixed: added .*.lock" in fixed.out
    assert not [line for line in fixed.out.splitlines()[1:] if "warning" in line]


def test_document_has_findings_and_what_was_fixed(cli: Cli, project: Path, sent: str) -> None:
    ignored = project / "_bmad-output/messenger/.gitignore"
    ignored.write_text(ignored.read_text().replace(".*.tmp\n", ""))
    document = cli("doctor", "--json").document

    (finding,) = document["findings"]
    assert finding == {
        "code": "outdated",
        "message": ".*.tmp is missing here: git may take local files for the project's",
        "hint": "",
        "path": "_bmad-output/messenger/.gitignore",
        "line": None,
        "column": None,
        "severity": "warning",
        "mend": "bmad-messenger doctor --fix",
        "fixable": True,
    }
    assert document["fixed"] == []
    assert list(document["about"]) == ["project", "bmad-messenger", "python", "git", "sqlite"]
    mended = cli("doctor", "--fix", "--json").document
    assert (mended["findings"], len(mended["fixed"])) == ([], 1)


def test_broken_config_stops_nothing(cli: Cli, project: Path, sent: str) -> None:
    (project / "_bmad-output/messenger/config.yaml").write_text("limits: {thread_lenght: 3}\n")
    (project / QUEUE).write_text("messages: []\n")
    run = cli("doctor")

    assert run.code == 3
    assert "did you mean `thread_length`?" in run.out
    assert f"1 open message is gone from the queue: {sent}" in run.out


def test_without_a_project_there_is_nobody_to_see(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nowhere").mkdir()
    monkeypatch.chdir(tmp_path / "nowhere")

    assert cli("doctor").code == 4
