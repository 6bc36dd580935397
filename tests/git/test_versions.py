"""All messages of one commit, read from git alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import Messenger, Status
from bmad_messenger.comparison import Version
from bmad_messenger.config import Project
from bmad_messenger.errors import DamagedError, GitError, NotFoundError
from bmad_messenger.git.repository import Repository
from bmad_messenger.git.versions import Blob, read_blobs, read_tree, read_versions
from tests.git.real_git import git

QUEUE = "_bmad-output/messenger/message-queue.yaml"


def send(folder: Path, text: str = "text", **options: Any) -> str:
    messenger = Messenger.open(folder)
    return messenger.send(
        type="notify", from_agent="pm", to_agent="dev", payload={"message": text}, **options
    ).message_id


def commit(folder: Path, *, name: str = ".") -> None:
    git(folder, "add", "--all", name)
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "More")


def at(folder: Path, name: str = "HEAD") -> Version:
    return between(folder, None, name)[1]


def between(folder: Path, before: str | None, after: str) -> tuple[Version, Version]:
    return read_versions(Repository.around(folder), Project(folder), before, after)


def test_an_open_message_is_read_from_the_queue_with_its_place(repository: Path) -> None:
    message_id = send(repository)
    commit(repository)

    record = at(repository).records[message_id]

    line = (repository / QUEUE).read_text("utf-8").splitlines().index(f'  - message_id: "{message_id}"') + 1
    assert (record.path, record.line, record.in_queue) == (QUEUE, line, True)


def test_a_closed_message_is_read_from_the_archive(repository: Path) -> None:
    message_id = send(repository)
    Messenger.open(repository).close(message_id, note="seen")
    commit(repository)

    record = at(repository).records[message_id]

    assert (record.message.status, record.message.note, record.in_queue) == (Status.DONE, "seen", False)
    assert (repository / record.path).is_file()


def test_what_the_archive_has_closed_is_closed_though_the_queue_still_has_it(repository: Path) -> None:
    message_id = send(repository)
    commit(repository)
    Messenger.open(repository).close(message_id)
    git(repository, "checkout", "--quiet", "HEAD", "--", QUEUE)
    commit(repository)

    assert not at(repository).records[message_id].is_open


def test_the_work_tree_is_not_looked_at(repository: Path) -> None:
    message_id = send(repository)
    commit(repository)
    shutil.rmtree(repository / "_bmad-output" / "messenger" / "archive")
    (repository / QUEUE).write_text("garbage", "utf-8")

    assert set(at(repository).records) == {message_id}


def test_any_tree_may_be_read(repository: Path) -> None:
    message_id = send(repository)
    git(repository, "add", ".")

    assert set(at(repository, git(repository, "write-tree").strip()).records) == {message_id}


def test_a_project_below_the_top_folder_is_found_by_its_own_path(tmp_path: Path) -> None:
    folder = tmp_path / "a repo" / "sub folder" / "prj ä"
    folder.mkdir(parents=True)
    git(tmp_path / "a repo", "init", "--quiet")
    Messenger.open(folder).init()
    message_id = send(folder)
    commit(tmp_path / "a repo")

    assert at(folder).records[message_id].path == f"sub folder/prj ä/{QUEUE}"


def test_a_work_tree_of_its_own_is_a_repository_too(repository: Path, tmp_path: Path) -> None:
    message_id = send(repository)
    commit(repository)
    git(repository, "worktree", "add", "--quiet", str(tmp_path / "other"))

    assert set(at(tmp_path / "other").records) == {message_id}


def test_before_the_first_commit_there_is_nothing(repository: Path) -> None:
    assert between(repository, None, "HEAD")[0] == Version()


def test_files_of_the_archive_that_are_the_same_are_not_read(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [send(repository) for _ in range(3)]
    Messenger.open(repository).close(*ids)
    commit(repository)
    new = send(repository)
    commit(repository)
    read: list[str] = []
    own = read_blobs

    def counted(repository: Repository, blobs: Any) -> dict[str, bytes]:
        contents = own(repository, blobs)
        read.extend(contents)
        return contents

    monkeypatch.setattr("bmad_messenger.git.versions.read_blobs", counted)
    before, after = between(repository, "HEAD~1", "HEAD")

    assert len(read) == 3  # both queues, and the new message's file
    assert before.same == after.same == frozenset(ids)
    assert set(after.records) == {new}
    assert all(after.holds(one) for one in ids)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"messages: {", "not YAML"),
        (b"messages:\n  - message_id: \xff\n", "byte 0xff is not UTF-8"),
        (b"messages: 5\n", "there is no list of messages"),
        (b"<<<<<<< ours\nmessages:\n=======\nmessages: []\n>>>>>>> theirs\n", "conflict"),
    ],
)
def test_a_queue_that_cannot_be_read_is_a_problem_with_its_place(
    content: bytes, problem: str, repository: Path
) -> None:
    (repository / QUEUE).write_bytes(content)
    commit(repository)

    version = at(repository)

    assert not version.is_clear
    assert problem in version.problems[0].message
    assert (version.problems[0].path, version.problems[0].line is None) == (QUEUE, False)


def test_a_message_that_cannot_be_read_leaves_the_others(repository: Path) -> None:
    broken, whole = send(repository, "broken"), send(repository, "whole")
    text = (repository / QUEUE).read_text("utf-8")
    (repository / QUEUE).write_text(text.replace('"broken"', '"bro'), "utf-8")
    commit(repository)

    version = at(repository)

    assert (version.is_clear, version.unreadable) == (True, {broken})
    assert version.records[whole].in_queue


def test_a_file_of_the_archive_that_cannot_be_read_is_a_problem(repository: Path) -> None:
    message_id = send(repository)
    messenger = Messenger.open(repository)
    messenger.close(message_id)
    messenger.archive.path(message_id).write_text("{", "utf-8")
    commit(repository)

    version = at(repository)

    assert version.holds(message_id)
    assert version.unreadable == {message_id}
    assert (
        version.problems[0].path
        == f"_bmad-output/messenger/archive/{message_id[4:8]}-{message_id[8:10]}/{message_id}.yaml"
    )


def test_a_message_typed_in_by_hand_is_noted(repository: Path) -> None:
    (repository / QUEUE).write_text(
        "messages:\n  - type: notify\n    from: pm\n    to: dev\n    payload: {message: m}\n", "utf-8"
    )
    commit(repository)

    problem = at(repository).problems[0]

    assert (problem.code, problem.severity, problem.line) == ("unfinished", "warning", 2)


def test_messages_in_brackets_are_read(repository: Path) -> None:
    (repository / QUEUE).write_text(
        "messages: [{message_id: MSG-20250115-a1b2, type: notify, from: pm, to: dev, priority: low, "
        'created: "2025-01-15T10:30:00Z", status: pending, payload: {message: m}}]\n',
        "utf-8",
    )
    commit(repository)

    assert at(repository).records["MSG-20250115-a1b2"].line_of("payload") == 1


def test_two_messages_under_one_id_are_told(repository: Path) -> None:
    message_id = send(repository)
    text = (repository / QUEUE).read_text("utf-8")
    (repository / QUEUE).write_text(text.replace('from: "pm"', 'from: "sm"'), "utf-8")
    commit(repository)

    problem = at(repository).problems[0]

    assert problem.code == "two-messages"
    assert message_id in problem.message


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
def test_a_link_is_not_followed(repository: Path) -> None:
    (repository / QUEUE).unlink()
    (repository / QUEUE).symlink_to("/etc/hostname")
    commit(repository)

    version = at(repository)

    assert (version.is_clear, version.problems[0].code) == (False, "link")


def test_other_files_are_no_messages(repository: Path) -> None:
    archive = repository / "_bmad-output" / "messenger" / "archive"
    for name in ("2025-01/note.txt", "2025-02/MSG-20250115-a1b2.yaml", "MSG-20250115-a1b2.yaml"):
        (archive / name).parent.mkdir(exist_ok=True)
        (archive / name).write_text("garbage", "utf-8")
    commit(repository)

    assert at(repository) == Version(queue=QUEUE)


def test_a_tree_that_does_not_exist_is_an_error(repository: Path) -> None:
    with pytest.raises(GitError, match="ls-tree"):
        at(repository, "no-such-branch")


def test_an_object_that_is_missing_is_an_error(repository: Path) -> None:
    with pytest.raises(DamagedError, match=f"git has not the object {'0' * 40}"):
        read_blobs(Repository(repository), [Blob("0" * 40, is_file=True)])


def test_a_folder_outside_of_the_repository_is_an_error(repository: Path, tmp_path: Path) -> None:
    shutil.move(repository / "_bmad-output", tmp_path / "elsewhere")
    (repository / "_bmad-output").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(NotFoundError, match="outside of the repository"):
        read_tree(Repository(repository), Project(repository), "HEAD")
