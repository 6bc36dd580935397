"""The hooks of `git install`, run by the real git: what they refuse, what they settle, and what they leave be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bmad_messenger import Messenger
from bmad_messenger.config import Project
from bmad_messenger.errors import InvalidError, NotPermittedError
from bmad_messenger.git.install import install, missing, uninstall
from tests.git.real_git import git

QUEUE = "_bmad-output/messenger/message-queue.yaml"
CONFIG = "_bmad-output/messenger/config.yaml"
VALID = "messages:\n  - type: notify\n    from: pm\n    to: dev\n    payload: {message: hi}\n"
INVALID = "messages:\n  - type: clarify\n    from: dev\n    to: pm\n    payload:\n      question: 3\n"
MARKED = f"messages:\n<<<<<<< ours\n{VALID[10:]}=======\n{VALID[10:]}>>>>>>> theirs\n"


@pytest.fixture
def checked(repository: Path) -> Path:
    """A repository whose commits are checked."""
    install(Project(repository), pre_commit=True)
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "Install")
    return repository


@pytest.fixture
def settled(repository: Path) -> Path:
    """A repository in which merges are settled."""
    install(Project(repository), post_merge=True)
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "Install")
    return repository


def commit(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit code of a commit, and what it and its hooks printed."""
    return told(folder, "commit", "-m", "A change", *arguments)


def told(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit code of git, and all that it and its hooks printed."""
    done = subprocess.run(("git", *arguments), cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def script(path: Path, text: str, *, mode: int = 0o755) -> Path:
    """A hook of the user's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


class TestBeforeCommit:
    """The hook `pre-commit`."""

    @pytest.mark.parametrize(
        ("text", "words"), [(INVALID, f"{QUEUE}:6:7: payload.question: wanted text, found 3"), (MARKED, f"{QUEUE}:2:1")]
    )
    def test_refuses_what_is_invalid(self, checked: Path, text: str, words: str) -> None:
        (checked / QUEUE).write_text(text)
        git(checked, "add", QUEUE)
        code, output = commit(checked)

        assert code != 0
        assert words in output
        assert git(checked, "log", "--format=%s", "-1") == "Install\n"

    def test_takes_what_is_valid_without_a_word(self, checked: Path) -> None:
        (checked / QUEUE).write_text(VALID)
        git(checked, "add", QUEUE)
        code, output = commit(checked, "--quiet")

        assert (code, output) == (0, "")

    def test_looks_at_what_is_staged_and_not_at_the_file(self, checked: Path) -> None:
        (checked / QUEUE).write_text(VALID)
        git(checked, "add", QUEUE)
        (checked / QUEUE).write_text(INVALID)
        assert commit(checked)[0] == 0

        git(checked, "add", QUEUE)
        (checked / QUEUE).write_text(VALID)
        assert commit(checked)[0] != 0

    @pytest.mark.parametrize("arguments", [("-a",), (QUEUE,), ("--only", QUEUE), ("--include", QUEUE)])
    def test_sees_what_the_commit_itself_takes(self, checked: Path, arguments: tuple[str, ...]) -> None:
        (checked / QUEUE).write_text(INVALID)

        assert commit(checked, *arguments)[0] != 0

    def test_leaves_out_what_the_commit_leaves_out(self, checked: Path) -> None:
        (checked / QUEUE).write_text(INVALID)
        (checked / "README").touch()
        git(checked, "add", ".")

        assert commit(checked, "--only", "README")[0] == 0

    def test_commit_of_other_files_starts_nothing(self, checked: Path) -> None:
        hook = checked / ".git/hooks/pre-commit"
        hook.write_text(hook.read_text().replace(sys.executable, "/no/such/python"))
        (checked / "README").touch()
        git(checked, "add", "README")

        assert commit(checked, "--quiet") == (0, "")

    def test_archive_and_settings_are_checked(self, checked: Path) -> None:
        sent = Messenger.open(checked).send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "hi"})
        record = Messenger.open(checked).archive.path(sent.message_id)
        record.write_text(record.read_text().replace('"notify"', '"notfy"'))
        (checked / CONFIG).write_text("limits:\n  thread_lenght: 3\n")
        git(checked, "add", str(record))
        assert f"{record.relative_to(checked)}:2:1: type: there is no message type" in commit(checked)[1]

        git(checked, "add", CONFIG)
        assert f"{CONFIG}:2:3: limits: unknown key `thread_lenght`" in commit(checked)[1]

    def test_settings_are_those_that_are_staged(self, checked: Path) -> None:
        (checked / QUEUE).write_text(VALID.replace("dev", "security"))
        (checked / CONFIG).write_text("agents:\n  add: [security]\n")
        git(checked, "add", QUEUE)
        assert "there is no agent 'security'" in commit(checked)[1]

        git(checked, "add", CONFIG)
        assert commit(checked)[0] == 0

    def test_types_of_the_project_count(self, checked: Path) -> None:
        schema = checked / "_bmad-output/messenger/schemas/report.schema.json"
        schema.parent.mkdir()
        schema.write_text('{"type": "object"}')
        (checked / QUEUE).write_text(VALID.replace("notify", "report"))
        git(checked, "add", ".")

        assert commit(checked, "--quiet") == (0, "")

    def test_deleted_files_are_no_concern(self, checked: Path) -> None:
        git(checked, "rm", "--quiet", QUEUE)

        assert commit(checked, "--quiet") == (0, "")

    def test_first_commit_of_all(self, tmp_path: Path) -> None:
        git(tmp_path, "init", "--quiet")
        Messenger.open(tmp_path).init()
        install(Project(tmp_path), pre_commit=True)
        (tmp_path / QUEUE).write_text(INVALID)
        git(tmp_path, "add", ".")

        assert "wanted text, found 3" in commit(tmp_path)[1]

    def test_git_s_own_way_past_a_hook(self, checked: Path) -> None:
        (checked / QUEUE).write_text(INVALID)

        assert commit(checked, "-a", "--no-verify")[0] == 0

    def test_each_project_of_a_repository_is_checked_by_its_own_settings(self, checked: Path) -> None:
        other = checked / "an other"
        Messenger.open(other.mkdir() or other).init()
        (other / CONFIG).write_text("agents:\n  add: [security]\n")
        for folder in (checked, other):
            (folder / QUEUE).write_text(VALID.replace("dev", "security"))
        git(checked, "add", ".")
        code, output = commit(checked)

        assert code != 0
        assert [line.split(": ")[1] for line in output.splitlines()] == [f"{QUEUE}:4:5"]

    def test_linked_work_tree_checks_its_own_index(self, checked: Path, tmp_path: Path) -> None:
        linked = tmp_path / "linked tree"
        git(checked, "worktree", "add", "--quiet", "-b", "other", str(linked))
        (linked / QUEUE).write_text(INVALID)
        git(linked, "add", ".")

        assert "wanted text, found 3" in commit(linked)[1]
        (checked / "README").touch()
        git(checked, "add", "README")
        assert commit(checked)[0] == 0

    def test_work_tree_away_from_its_repository(self, checked: Path, tmp_path: Path) -> None:
        (checked / ".git").rename(tmp_path / "elsewhere.git")
        (checked / QUEUE).write_text(INVALID)
        places = (f"--git-dir={tmp_path / 'elsewhere.git'}", f"--work-tree={checked}")

        assert "wanted text, found 3" in told(checked, *places, "commit", "-a", "-m", "A change")[1]

    def test_repository_of_the_output_folder_alone(self, tmp_path: Path) -> None:
        Messenger.open(tmp_path).init()
        output = tmp_path / "_bmad-output"
        git(output, "init", "--quiet")
        install(Project(tmp_path), pre_commit=True)
        (tmp_path / QUEUE).write_text(INVALID)
        git(output, "add", ".")

        assert "messenger/message-queue.yaml:6:7: payload.question" in commit(output)[1]

    def test_program_that_is_gone_lets_no_message_pass(self, checked: Path) -> None:
        hook = checked / ".git/hooks/pre-commit"
        hook.write_text(hook.read_text().replace(sys.executable, "/no/such/python"))
        (checked / QUEUE).write_text(VALID)
        code, output = commit(checked, "-a")

        assert code != 0
        (said,) = (line for line in output.splitlines() if line.startswith("bmad-messenger "))
        assert said.startswith("bmad-messenger is not where it was: run `bmad-messenger git install` again, or with")
        assert said.endswith("; `git commit --no-verify` commits without its check")

    def test_program_that_refuses_is_not_said_to_be_gone(self, checked: Path) -> None:
        (checked / QUEUE).write_text(INVALID)

        assert "not where it was" not in commit(checked, "-a")[1]

    def test_program_that_was_gone_is_found_again_by_the_install(self, checked: Path) -> None:
        hook = checked / ".git/hooks/pre-commit"
        hook.write_text(hook.read_text().replace(sys.executable, "/no/such/python"))
        install(Project(checked))
        (checked / QUEUE).write_text(VALID)

        assert commit(checked, "-a")[0] == 0


class TestAfterMerge:
    """The hooks `post-merge` and `post-rewrite`."""

    @pytest.fixture
    def teammate(self, settled: Path, tmp_path: Path) -> Path:
        """A clone in which a message was sent and pushed, and the queue is not shared."""
        git(settled, "rm", "--quiet", "--cached", QUEUE)
        (settled / ".gitignore").write_text("message-queue.yaml\n")
        git(settled, "add", ".")
        git(settled, "commit", "--quiet", "-m", "The queue is each clone's own")
        clone = tmp_path / "teammate"
        git(tmp_path, "clone", "--quiet", str(settled), str(clone))
        Messenger.open(clone).send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "hi"})
        git(clone, "add", ".")
        git(clone, "commit", "--quiet", "-m", "A message")
        git(settled, "remote", "add", "teammate", str(clone))
        return clone

    def waiting(self, folder: Path) -> list[str]:
        return [str(message.payload["message"]) for message in Messenger.open(folder).list()]

    def test_pull_brings_a_teammate_s_messages_into_the_queue(self, settled: Path, teammate: Path) -> None:
        _, output = told(settled, "pull", "--quiet", "--ff-only", "teammate", "main")

        assert "into the queue from the archive" in output
        assert self.waiting(settled) == ["hi"]

    def test_rebase_does_so_too(self, settled: Path, teammate: Path) -> None:
        (settled / "README").touch()
        git(settled, "add", ".")
        git(settled, "commit", "--quiet", "-m", "A change")
        git(settled, "pull", "--quiet", "--rebase", "teammate", "main")

        assert self.waiting(settled) == ["hi"]

    def test_amended_commit_is_no_rebase(self, settled: Path, teammate: Path) -> None:
        git(settled, "fetch", "--quiet", "teammate")
        git(settled, "checkout", "--quiet", "teammate/main", "--", "_bmad-output")
        git(settled, "commit", "--quiet", "--amend", "--no-edit")

        assert self.waiting(settled) == []

    def test_nothing_to_do_is_nothing_to_say(self, settled: Path, teammate: Path) -> None:
        git(settled, "pull", "--quiet", "--ff-only", "teammate", "main")
        git(settled, "commit", "--quiet", "--allow-empty", "-m", "Here")
        git(teammate, "commit", "--quiet", "--allow-empty", "-m", "There")
        git(settled, "fetch", "--quiet", "teammate")

        assert told(settled, "merge", "--quiet", "--no-edit", "teammate/main") == (0, "")

    def test_sync_that_is_under_way_is_left_alone(
        self, settled: Path, teammate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BMAD_MESSENGER_GIT_SYNC", "1")
        git(settled, "pull", "--quiet", "--ff-only", "teammate", "main")

        assert self.waiting(settled) == []

    @pytest.mark.parametrize("how", ["--ff-only", "--rebase"])
    def test_changes_that_git_holds_back_come_back(self, settled: Path, teammate: Path, how: str) -> None:
        note = settled / "_bmad-output/messenger/note.md"
        note.write_text("one")
        git(settled, "add", "-f", str(note), QUEUE)
        git(settled, "commit", "--quiet", "-m", "The queue is in git after all")
        (settled / QUEUE).write_text(VALID)
        note.write_text("two")
        how_to_pull = ("--no-ff", "--no-rebase", "--no-edit") if how == "--ff-only" else ("--rebase",)
        _, output = told(settled, "pull", "--quiet", *how_to_pull, "--autostash", "teammate", "main")

        assert "run `bmad-messenger sync` then" in output
        assert git(settled, "stash", "list") == ""
        assert (note.read_text(), (settled / QUEUE).read_text()) == ("two", VALID)

    def test_queue_in_conflict_stops_no_merge(self, settled: Path, teammate: Path) -> None:
        (settled / QUEUE).write_text(MARKED)
        git(settled, "pull", "--quiet", "--ff-only", "teammate", "main")

        assert (settled / QUEUE).read_text() == MARKED

    def test_program_that_is_gone_stops_no_merge(self, settled: Path, teammate: Path) -> None:
        hook = settled / ".git/hooks/post-merge"
        hook.write_text(hook.read_text().replace(sys.executable, "/no/such/python"))

        code, output = told(settled, "pull", "--quiet", "--ff-only", "teammate", "main")
        assert code == 0
        assert "\nbmad-messenger is not where it was: run `bmad-messenger git install` again" in output

    def test_each_project_of_a_repository_is_settled(self, settled: Path, teammate: Path) -> None:
        other = teammate / "an other"
        Messenger.open(other.mkdir() or other).init()
        (other / QUEUE).write_text("messages: []\n")
        Messenger.open(other).send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "there"})
        git(teammate, "add", ".")
        git(teammate, "commit", "--quiet", "-m", "Another project")
        _, output = told(settled, "pull", "--quiet", "--ff-only", "teammate", "main")

        assert {line.partition(": took")[0] for line in output.splitlines()} == {".", "an other"}
        assert (self.waiting(settled), self.waiting(settled / "an other")) == (["hi"], ["there"])

    def test_linked_work_tree_settles_its_own(self, settled: Path, teammate: Path, tmp_path: Path) -> None:
        linked = tmp_path / "linked tree"
        git(settled, "worktree", "add", "--quiet", "-b", "other", str(linked))
        git(linked, "pull", "--quiet", "--ff-only", "teammate", "main")

        assert (self.waiting(linked), self.waiting(settled)) == (["hi"], [])


class TestOtherHooks:
    """Hooks that are there already, and other places for hooks."""

    @pytest.mark.parametrize(
        "mine",
        [
            "#!/bin/sh\ntouch mine",
            "#!/bin/bash -e\ntouch mine\nexit 0\n",
            "#! /usr/bin/env -S bash\nset -eu\nexec touch mine\n",
        ],
    )
    def test_both_run(self, repository: Path, mine: str) -> None:
        hook = script(repository / ".git/hooks/pre-commit", mine)
        assert "added our part to the hook .git/hooks/pre-commit" in install(Project(repository), pre_commit=True)
        (repository / QUEUE).write_text(VALID)
        assert commit(repository, "-a")[0] == 0
        assert (repository / "mine").exists()

        (repository / QUEUE).write_text(INVALID)
        assert commit(repository, "-a")[0] != 0
        assert "took our part out of the hook .git/hooks/pre-commit" in uninstall(Project(repository))
        assert hook.read_text() == mine

    def test_list_of_rewritten_commits_is_left_to_the_user_s_hook(self, settled: Path) -> None:
        uninstall(Project(settled))
        script(settled / ".git/hooks/post-rewrite", "#!/bin/sh\ncat >list\n")
        install(Project(settled), post_merge=True)
        git(settled, "commit", "--quiet", "--allow-empty", "-m", "Here")
        git(settled, "rebase", "--quiet", "--force-rebase", "HEAD^")

        assert len((settled / "list").read_text().split()) >= 2

    @pytest.mark.parametrize("text", ["#!/usr/bin/env python3\nprint()\n", "#!/usr/bin/fish\n", "true\n", "\x7fELF"])
    def test_other_kind_of_hook_is_left_alone(self, repository: Path, text: str) -> None:
        hook = script(repository / ".git/hooks/pre-commit", text)
        config = (repository / ".git/config").read_bytes()

        with pytest.raises(InvalidError, match=r"no shell script; let it run `bmad-messenger git pre-commit` itself"):
            install(Project(repository), pre_commit=True)
        assert hook.read_text() == text
        assert (repository / ".git/config").read_bytes() == config

    def test_hook_that_was_switched_off_is_not_switched_on(self, repository: Path) -> None:
        hook = script(repository / ".git/hooks/pre-commit", "#!/bin/sh\ntrue\n", mode=0o644)

        with pytest.raises(InvalidError, match="it is not executable"):
            install(Project(repository), pre_commit=True)
        assert not os.access(hook, os.X_OK)

    def test_hook_of_ours_that_was_switched_off_is_missed(self, checked: Path) -> None:
        (checked / ".git/hooks/pre-commit").chmod(0o644)
        assert [problem.message for problem in missing(Project(checked))] == ["the hook pre-commit does not run"]

        assert install(Project(checked)) == []
        assert install(Project(checked), pre_commit=True) == ["renewed our part of the hook .git/hooks/pre-commit"]
        assert missing(Project(checked)) == []

    def test_hooks_of_ours_are_kept_up_to_date(self, checked: Path) -> None:
        hook = checked / ".git/hooks/pre-commit"
        text = hook.read_text()
        hook.write_text(text.replace(sys.executable, "/old/python"))

        assert install(Project(checked)) == ["renewed our part of the hook .git/hooks/pre-commit"]
        assert hook.read_text() == text

    def test_folder_of_the_repository_s_own_config(self, repository: Path) -> None:
        git(repository, "config", "core.hooksPath", ".git/my hooks")
        install(Project(repository), pre_commit=True)

        assert (repository / ".git/my hooks/pre-commit").exists()
        (repository / QUEUE).write_text(INVALID)
        assert "wanted text, found 3" in commit(repository, "-a")[1]

    def test_hooks_that_others_get_call_the_program_by_name(
        self, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        git(repository, "config", "core.hooksPath", "hooks")
        install(Project(repository), pre_commit=True)
        assert sys.executable not in (repository / "hooks/pre-commit").read_text()
        assert [problem.message for problem in missing(Project(repository))] == ["the hook pre-commit does not run"]

        script(tmp_path / "bin/bmad-messenger", f'#!/bin/sh\nexec {sys.executable} -m bmad_messenger "$@"\n')
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
        assert missing(Project(repository)) == []

    def test_hooks_of_every_repository_are_left_alone(
        self, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "settings").write_text(f"[core]\n\thooksPath = {tmp_path / 'hooks'}\n")
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "settings"))

        with pytest.raises(NotPermittedError, match="leads all repositories to"):
            install(Project(repository), pre_commit=True)
        assert not (tmp_path / "hooks").exists()
