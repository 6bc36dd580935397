"""The group `git` on the command line: `install` and what git itself calls."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger.yaml.parse import parse

Cli = Callable[..., Any]

ROOT = Path(__file__).resolve().parents[2]
QUEUE = "_bmad-output/messenger/message-queue.yaml"
INVALID = "messages:\n  - type: clarify\n    from: dev\n    to: pm\n    payload:\n      question: 3\n"


@pytest.fixture
def repository(cli: Cli, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project in a git repository."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    subprocess.run(("git", "init", "--quiet"), cwd=project, check=True)
    cli("init")
    return project


def staged(folder: Path) -> None:
    subprocess.run(("git", "add", "."), cwd=folder, check=True)


class TestInstall:
    """`git install`."""

    def test_says_what_it_did(self, cli: Cli, repository: Path) -> None:
        run = cli("git", "install", "--pre-commit", "--post-merge")

        assert (run.code, run.err) == (0, "")
        assert run.out.startswith("wrote _bmad-output/messenger/.gitattributes: commit it")
        assert run.out.endswith("made the hook .git/hooks/post-rewrite\n")
        assert cli("git", "install").out == "Everything is there already.\n"

    def test_json_lists_it(self, cli: Cli, repository: Path) -> None:
        assert "set merge.bmad-messenger.driver" in cli("git", "install", "--json").document["actions"]
        assert cli("git", "install", "--json").document == {"actions": []}

    def test_check_says_what_is_missing(self, cli: Cli, repository: Path) -> None:
        run = cli("git", "install", "--check")

        assert run.code == 3
        assert len(run.out.splitlines()) == 5
        assert all(line.endswith("; run `bmad-messenger git install`") for line in run.out.splitlines())
        assert len(cli("git", "install", "--check", "--json").document["problems"]) == 5

    def test_check_finds_everything(self, cli: Cli, repository: Path) -> None:
        cli("git", "install", "--pre-commit")
        run = cli("git", "install", "--check", "--pre-commit")

        assert (run.code, run.out) == (0, "Everything is there.\n")

    def test_uninstall(self, cli: Cli, repository: Path) -> None:
        cli("git", "install", "--pre-commit")

        assert "removed the hook .git/hooks/pre-commit" in cli("git", "install", "--uninstall").out.splitlines()
        assert cli("git", "install", "--uninstall").out == "Nothing of it is here.\n"

    @pytest.mark.parametrize("option", ["--check", "--pre-commit", "--post-merge"])
    def test_uninstall_goes_with_nothing_else(self, cli: Cli, repository: Path, option: str) -> None:
        assert cli("git", "install", "--uninstall", option).code == 2

    def test_outside_of_git(self, cli: Cli, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
        cli("init")
        run = cli("git", "install")

        assert run.code == 4
        assert "no git repository" in run.err


class TestMergeDriver:
    """`git merge-driver`, for those who write their config themselves."""

    @pytest.fixture
    def merge(self, cli: Cli, project: Path) -> Callable[[str, str, str], Any]:
        def merge(base: str, ours: str, theirs: str) -> Any:
            for name, text in (("base", base), ("ours", ours), ("theirs", theirs)):
                (project / name).write_text(text)
            return cli("git", "merge-driver", "base", "ours", "theirs", QUEUE, "--marker-size", "7")

        return merge

    def test_merge_without_a_conflict(self, merge: Callable[[str, str, str], Any], project: Path) -> None:
        message = INVALID.replace("3", "What?")

        assert merge("messages: []\n", message, message.replace("What", "Why")).code == 0
        assert (project / "ours").read_text().count("question:") == 2

    def test_conflict_is_told_by_git_s_code(self, merge: Callable[[str, str, str], Any], project: Path) -> None:
        base = f'messages:\n  - message_id: "MSG-20250115-a1b2"\n    {INVALID[14:]}'
        run = merge(base, base.replace("3", "Why?"), base.replace("3", "How?"))

        assert run.code == 1
        assert f"{QUEUE}:" in run.err
        assert (project / "ours").read_text().count("<<<<<<< ours") == 1


def test_textconv_shows_a_line_a_message(cli: Cli, sent: str) -> None:
    assert f"\n{sent}  " in cli("git", "textconv", QUEUE).out


def test_pre_commit_tells_every_error(cli: Cli, repository: Path) -> None:
    (repository / QUEUE).write_text(INVALID.replace("pm", "nobody") + INVALID[10:])
    staged(repository)
    run = cli("git", "pre-commit")

    assert run.code == 3
    assert [line.partition(": payload")[0] for line in run.err.splitlines()] == [
        f"error: {QUEUE}:6:7",
        f"error: {QUEUE}:11:7",
    ]


def test_pre_commit_has_nothing_to_say_of_what_is_valid(cli: Cli, repository: Path, sent: str) -> None:
    staged(repository)
    run = cli("git", "pre-commit")

    assert (run.code, run.out, run.err) == (0, "", "")


def test_post_merge_says_what_it_did(cli: Cli, repository: Path, sent: str) -> None:
    staged(repository)
    (repository / QUEUE).write_text("messages: []\n")
    (repository / "_bmad-output/messenger/.queue.journal").unlink()

    assert cli("git", "post-merge").out == f"took {sent} into the queue from the archive\n"
    assert cli("git", "post-merge").out == ""


def test_post_merge_takes_no_error_for_its_own(cli: Cli, repository: Path) -> None:
    (repository / "_bmad-output/messenger/config.yaml").write_text("limits: 3\n")
    staged(repository)
    run = cli("git", "post-merge")

    assert run.code == 0
    assert "warning: " in run.err


class TestPreCommitUsers:
    """`.pre-commit-hooks.yaml`, with which https://pre-commit.com runs `validate` on the files of a commit."""

    @pytest.fixture
    def hook(self) -> dict[str, Any]:
        (hook,) = parse((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
        assert isinstance(hook, dict)
        return hook

    @pytest.mark.parametrize(
        ("path", "is_taken"),
        [
            (QUEUE, True),
            (f"sub folder/{QUEUE}", True),
            ("_bmad-output/messenger/archive/2025-01/MSG-20250115-a1b2.yaml", True),
            ("_bmad-output/messenger/config.yaml", True),
            ("_bmad-output/messenger/schemas/report.schema.json", True),
            ("_bmad-output/messenger/queue.schema.json", False),
            ("_bmad-output/messenger/.gitattributes", False),
            ("_bmad-output/messenger/archive/2025-01/notes.yaml", False),
            ("my_bmad-output/messenger/config.yaml", False),
        ],
    )
    def test_takes_the_messenger_s_files(self, hook: dict[str, Any], path: str, is_taken: bool) -> None:
        assert (re.search(hook["files"], path) is not None) == is_taken

    def test_refuses_what_is_invalid(self, cli: Cli, repository: Path, sent: str, hook: dict[str, Any]) -> None:
        staged(repository)
        listing = subprocess.run(("git", "ls-files"), cwd=repository, capture_output=True, text=True, check=True)
        names = [name for name in listing.stdout.splitlines() if re.search(hook["files"], name)]
        program, *arguments = hook["entry"].split()
        assert (program, hook["language"]) == ("bmad-messenger", "python")
        assert len(names) == 2
        assert cli(*arguments, *names).code == 0

        (repository / QUEUE).write_text(INVALID)
        assert cli(*arguments, *names).code == 3
