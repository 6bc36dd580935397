"""What a review finds between the commits of a range, where its two ends show nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import Messenger, Status
from bmad_messenger.git.repository import Answer, Repository
from tests.git.real_git import git
from tests.git.reviewing import FOLDER, QUEUE, Commit, ask, codes_of, commit_name, edit, record, reviewed, the_finding

OLD, NEW = 'question: "JWT or cookies?"', 'question: "Which cookies?"'


@pytest.fixture(autouse=True)
def _begun(repository: Path, messenger: Messenger, commit: Commit) -> None:
    """The range begins here: `begun..HEAD`."""
    git(repository, "tag", "begun")


def read(messenger: Messenger, commit: Commit) -> str:
    """The id of a message that was sent in one commit, and read in the next."""
    message_id = ask(messenger)
    commit()
    messenger.receive("architect")
    commit()
    return message_id


def run_hint(folder: Path, hint: str) -> str:
    """What the command prints that a hint begins with."""
    words = hint.partition("`")[2].partition("`")[0].split()
    assert words[0] == "git"
    return git(folder, *words[1:])


def test_an_edit_after_a_reading_of_the_same_range_is_found(
    repository: Path, messenger: Messenger, commit: Commit
) -> None:
    message_id = read(messenger, commit)
    edit(repository, OLD, NEW)
    commit()
    culprit = commit_name(repository)
    ask(messenger)
    commit()

    found = the_finding(repository, "begun..HEAD")

    assert (found.code, found.path, found.line) == ("edited-after-read", QUEUE, _line(repository, NEW))
    assert found.message == (
        f"in commit {culprit}, {message_id} (clarify dev → architect) was edited after architect had read it: "
        "payload.question"
    )
    assert OLD in run_hint(repository, found.hint)


def test_an_edit_is_found_where_the_message_was_there_before(
    repository: Path, messenger: Messenger, commit: Commit
) -> None:
    ask(messenger)
    commit()
    git(repository, "tag", "--force", "begun")
    messenger.receive("architect")
    commit()
    edit(repository, OLD, NEW)
    commit()

    assert codes_of(repository) == ["edited-after-read"]


def test_an_edit_is_found_though_the_message_was_closed_since(
    repository: Path, messenger: Messenger, commit: Commit
) -> None:
    message_id = read(messenger, commit)
    edit(repository, OLD, NEW)
    commit()
    messenger.close(message_id)
    commit()

    found = the_finding(repository, "begun..HEAD")

    assert (found.code, found.path) == ("edited-after-read", _record(messenger, message_id, repository))


def test_an_edit_in_the_commit_that_reads_is_none(repository: Path, messenger: Messenger, commit: Commit) -> None:
    ask(messenger)
    commit()
    edit(repository, OLD, NEW)
    messenger.receive("architect")
    commit()

    assert codes_of(repository) == []


def test_an_edit_that_was_undone_is_none(repository: Path, messenger: Messenger, commit: Commit) -> None:
    read(messenger, commit)
    edit(repository, OLD, NEW)
    commit()
    edit(repository, NEW, OLD)
    commit()

    assert codes_of(repository) == []


def test_an_edit_after_one_that_was_undone_names_its_own_commit(
    repository: Path, messenger: Messenger, commit: Commit
) -> None:
    read(messenger, commit)
    for old, new in ((OLD, NEW), (NEW, OLD), (OLD, NEW)):
        edit(repository, old, new)
        commit()

    assert commit_name(repository) in the_finding(repository, "begun..HEAD").message


def test_a_field_that_is_edited_twice_is_one_finding_with_what_was_read(
    repository: Path, messenger: Messenger, commit: Commit
) -> None:
    read(messenger, commit)
    edit(repository, OLD, NEW)
    commit()
    culprit = commit_name(repository)
    edit(repository, NEW, 'question: "No cookies?"')
    commit()

    found = the_finding(repository, "begun..HEAD")

    assert culprit in found.message
    assert OLD in run_hint(repository, found.hint)


def test_two_fields_edited_in_two_commits_are_a_finding_each(
    repository: Path, messenger: Messenger, commit: Commit
) -> None:
    read(messenger, commit)
    edit(repository, OLD, NEW)
    commit()
    edit(repository, 'context: "c"', 'context: "d"')
    commit()

    first, second = sorted(one.message.rpartition(": ")[2] for one in reviewed(repository, "begun..HEAD").findings)

    assert (first, second) == ("payload.context", "payload.question")


def test_what_the_ends_tell_is_told_once(repository: Path, messenger: Messenger, commit: Commit) -> None:
    read(messenger, commit)
    git(repository, "tag", "--force", "begun")
    edit(repository, OLD, NEW)
    commit()
    edit(repository, 'status: "read"', 'status: "pending"')
    commit()

    found = reviewed(repository, "begun..HEAD").findings

    assert sorted(one.code for one in found) == ["edited-after-read", "turned-back"]
    assert not any(one.message.startswith("in commit") for one in found)


def test_a_status_that_was_turned_back_is_found(repository: Path, messenger: Messenger, commit: Commit) -> None:
    read(messenger, commit)
    _unread(repository)
    commit()

    found = the_finding(repository, "begun..HEAD")

    assert (found.code, found.message.startswith(f"in commit {commit_name(repository)}, ")) == ("turned-back", True)
    assert 'status: "read"' in run_hint(repository, found.hint)


def test_a_status_that_went_forward_again_is_none(repository: Path, messenger: Messenger, commit: Commit) -> None:
    read(messenger, commit)
    _unread(repository)
    commit()
    messenger.receive("architect")
    commit()

    assert codes_of(repository) == []


def test_a_reader_who_is_gone_is_found(repository: Path, messenger: Messenger, commit: Commit) -> None:
    read(messenger, commit)
    text = (repository / QUEUE).read_text("utf-8").splitlines(keepends=True)
    (repository / QUEUE).write_text("".join(line for line in text if "read_by" not in line), "utf-8")
    commit()

    assert "is no longer read by architect" in the_finding(repository, "begun..HEAD").message


def test_a_message_that_was_closed_and_opened_again_is_found(
    repository: Path, messenger: Messenger, commit: Commit
) -> None:
    message_id = read(messenger, commit)
    git(repository, "tag", "--force", "begun")
    messenger.close(message_id)
    commit()
    git(repository, "checkout", "--quiet", "begun", "--", FOLDER)
    commit()

    assert "went back from done to read" in the_finding(repository, "begun..HEAD").message


def test_a_closed_message_that_changes_is_found(repository: Path, messenger: Messenger, commit: Commit) -> None:
    message_id = read(messenger, commit)
    messenger.close(message_id, note="fine")
    commit()
    edit(repository, 'note: "fine"', 'note: "bad"', name=_record(messenger, message_id, repository))
    commit()

    found = the_finding(repository, "begun..HEAD")

    assert (found.code, found.message.rpartition(": ")[2]) == ("closed-changed", "note")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('note: "fine"', 'note: "fine"\nread_by: {pm: "2025-01-15T10:00:00Z"}'),
        ('priority: "high"', 'priority: "low"'),
        ('created: "2', 'created: "1'),
        ('status: "done"\nclosed: "2', 'status: "cancelled"\nclosed: "1'),
    ],
)
def test_what_a_closed_message_gets_of_another_clone_is_none(
    old: str, new: str, repository: Path, messenger: Messenger, commit: Commit
) -> None:
    message_id = ask(messenger)
    messenger.close(message_id, note="fine")
    commit()
    git(repository, "commit", "--quiet", "--allow-empty", "-m", "Between")
    edit(repository, old, new, name=_record(messenger, message_id, repository))
    commit()

    assert codes_of(repository) == []


def test_a_message_that_came_and_went_is_found(repository: Path, messenger: Messenger, commit: Commit) -> None:
    message_id = read(messenger, commit)
    (repository / QUEUE).write_text("messages: []\n", "utf-8")
    record(messenger, message_id).unlink()
    commit()

    found = the_finding(repository, "begun..HEAD")

    assert (found.code, found.path, found.line) == ("deleted", QUEUE, 5)
    assert found.message == (
        f"in commit {commit_name(repository)}, {message_id} (clarify dev → architect) was deleted while it was open"
    )
    assert message_id in run_hint(repository, found.hint)


def test_a_message_that_went_from_the_queue_alone_is_found(
    repository: Path, messenger: Messenger, commit: Commit
) -> None:
    read(messenger, commit)
    (repository / QUEUE).write_text("messages: []\n", "utf-8")
    commit()

    found = the_finding(repository, "begun..HEAD")

    assert (found.code, "sync --restore" in found.hint) == ("deleted", True)


@pytest.mark.parametrize("way", ["restored", "cancelled"])
def test_a_message_that_came_back_or_was_closed_since_is_none(
    way: str, repository: Path, messenger: Messenger, commit: Commit
) -> None:
    message_id = ask(messenger)
    commit()
    whole = (repository / QUEUE).read_text("utf-8")
    (repository / QUEUE).write_text("messages: []\n", "utf-8")
    commit()
    (repository / QUEUE).write_text(whole, "utf-8")
    if way == "cancelled":
        messenger.close(message_id, status=Status.CANCELLED)
    commit()

    assert codes_of(repository) == []


def test_a_message_that_came_back_otherwise_is_edited(repository: Path, messenger: Messenger, commit: Commit) -> None:
    read(messenger, commit)
    whole = (repository / QUEUE).read_text("utf-8")
    (repository / QUEUE).write_text("messages: []\n", "utf-8")
    commit()
    (repository / QUEUE).write_text(whole.replace(OLD, NEW), "utf-8")
    commit()

    found = the_finding(repository, "begun..HEAD")

    assert (found.code, OLD in run_hint(repository, found.hint)) == ("edited-after-read", True)


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_file_of_the_archive_that_came_and_went_is_found(
    is_closed: bool, repository: Path, messenger: Messenger, commit: Commit
) -> None:
    message_id = read(messenger, commit)
    if is_closed:
        messenger.close(message_id)
        commit()
    record(messenger, message_id).unlink()
    commit()

    assert codes_of(repository) == ["record-deleted"]


def test_a_queue_that_came_and_went_is_one_finding(repository: Path, messenger: Messenger, commit: Commit) -> None:
    git(repository, "rm", "--quiet", "--cached", QUEUE)
    git(repository, "commit", "--quiet", "-m", "Without")
    git(repository, "tag", "--force", "begun")
    read(messenger, commit)
    git(repository, "rm", "--quiet", "--cached", QUEUE)
    git(repository, "commit", "--quiet", "-m", "Gone")

    found = the_finding(repository, "begun..HEAD")

    assert (found.code, commit_name(repository) in found.message) == ("queue-deleted", True)
    run_hint(repository, found.hint)


def test_a_queue_or_a_file_that_is_back_is_none(repository: Path, messenger: Messenger, commit: Commit) -> None:
    git(repository, "rm", "--quiet", "--cached", QUEUE)
    git(repository, "commit", "--quiet", "-m", "Without")
    git(repository, "tag", "--force", "begun")
    file = record(messenger, read(messenger, commit))
    text = file.read_text("utf-8")
    git(repository, "rm", "--quiet", "--cached", QUEUE)
    file.unlink()
    git(repository, "commit", "--quiet", "--all", "-m", "Gone")
    file.write_text(text, "utf-8")
    commit()

    assert codes_of(repository) == []


def test_a_queue_that_both_ends_tell_of_is_told_once(repository: Path, messenger: Messenger, commit: Commit) -> None:
    read(messenger, commit)
    git(repository, "rm", "--quiet", "--cached", QUEUE)
    git(repository, "commit", "--quiet", "-m", "Gone")

    assert codes_of(repository) == ["queue-deleted"]


def test_a_queue_that_cannot_be_read_in_the_end_tells_of_nothing_gone(
    repository: Path, messenger: Messenger, commit: Commit
) -> None:
    message_id = read(messenger, commit)
    (repository / QUEUE).write_text("messages: []\n", "utf-8")
    record(messenger, message_id).unlink()
    commit()
    (repository / QUEUE).write_text("messages: 5\n", "utf-8")
    commit()

    assert "deleted" not in codes_of(repository)


@pytest.mark.parametrize("mess", ["messages: 5\n", "<<<<<<< ours\nmessages: []\n=======\nmessages:\n>>>>>>> theirs\n"])
def test_a_commit_whose_queue_cannot_be_read_hides_nothing(
    mess: str, repository: Path, messenger: Messenger, commit: Commit
) -> None:
    read(messenger, commit)
    whole = (repository / QUEUE).read_text("utf-8")
    (repository / QUEUE).write_text(mess, "utf-8")
    commit()
    (repository / QUEUE).write_text(whole.replace(OLD, NEW), "utf-8")
    commit()

    assert codes_of(repository) == ["edited-after-read"]


def test_a_commit_in_which_the_message_cannot_be_read_hides_nothing(
    repository: Path, messenger: Messenger, commit: Commit
) -> None:
    read(messenger, commit)
    ask(messenger, "Another?")
    edit(repository, OLD, 'question: "JWT')
    commit()
    edit(repository, 'question: "JWT', NEW)
    commit()

    assert codes_of(repository) == ["edited-after-read"]


def test_what_agents_do_in_many_commits_finds_nothing(messenger: Messenger, commit: Commit) -> None:
    for number in range(3):
        message_id = ask(messenger, f"Question {number}?", expires="1h")
        commit()
        messenger.claim("architect", 60)
        commit()
        messenger.reply(message_id, "Cookies")
        commit()
        messenger.close(message_id, note="answered")
        commit()
        messenger.receive("dev")
        commit()

    assert codes_of(messenger.project.root) == []


def test_a_message_in_brackets_is_compared_too(repository: Path, commit: Commit) -> None:
    line = (
        "messages: [{message_id: MSG-20250115-a1b2, type: notify, from: pm, to: dev, priority: low, "
        'created: "2025-01-15T10:30:00Z", status: read, payload: {message: m}}]\n'
    )
    for text in (line, line.replace("message: m", "message: n")):
        (repository / QUEUE).write_text(text, "utf-8")
        commit()

    assert "edited-after-read" in codes_of(repository)


def test_commits_that_touch_other_files_are_not_looked_at(
    repository: Path, messenger: Messenger, commit: Commit
) -> None:
    read(messenger, commit)
    edit(repository, OLD, NEW)
    commit()
    culprit = commit_name(repository)
    for number in range(3):
        (repository / "code.py").write_text(f"x = {number}\n", "utf-8")
        commit()

    assert culprit in the_finding(repository, "begun..HEAD").message


@pytest.fixture
def asked_of_git(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that git is asked for, as they come."""
    commands: list[str] = []
    own = Repository.ask

    def counted(self: Repository, *arguments: str, **options: Any) -> Answer:
        commands.append(arguments[0])
        return own(self, *arguments, **options)

    monkeypatch.setattr(Repository, "ask", counted)
    return commands


def test_a_range_of_one_commit_is_read_no_more_than_its_ends(
    repository: Path, messenger: Messenger, commit: Commit, asked_of_git: list[str]
) -> None:
    read(messenger, commit)
    edit(repository, OLD, NEW)
    commit()

    assert codes_of(repository, "HEAD~1..HEAD") == ["edited-after-read"]
    assert (asked_of_git.count("rev-list"), asked_of_git.count("diff-tree")) == (1, 0)


def test_many_commits_take_no_more_runs_of_git_than_two(
    repository: Path, messenger: Messenger, commit: Commit, asked_of_git: list[str]
) -> None:
    for _ in range(6):
        ask(messenger)
        commit()
    codes_of(repository, "HEAD~2..HEAD")
    few = len(asked_of_git)
    codes_of(repository, "HEAD~6..HEAD")

    assert len(asked_of_git) <= 2 * few


def test_a_folder_with_odd_letters_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "repo" / "a [prj] *ä"
    folder.mkdir(parents=True)
    git(tmp_path / "repo", "init", "--quiet")
    messenger = Messenger.open(folder)
    git(tmp_path / "repo", "commit", "--quiet", "--allow-empty", "-m", "Start")

    def commit() -> None:
        git(tmp_path / "repo", "add", "--all")
        git(tmp_path / "repo", "commit", "--quiet", "-m", "More")

    message_id = read(messenger, commit)
    (folder / QUEUE).write_text("messages: []\n", "utf-8")
    record(messenger, message_id).unlink()
    commit()

    assert codes_of(folder, "HEAD~3..HEAD") == ["deleted"]


def _unread(folder: Path) -> None:
    text = (folder / QUEUE).read_text("utf-8").replace('status: "read"', 'status: "pending"')
    (folder / QUEUE).write_text("".join(line for line in text.splitlines(keepends=True) if "read_by" not in line))


def _record(messenger: Messenger, message_id: str, folder: Path) -> str:
    return record(messenger, message_id).relative_to(folder).as_posix()


def _line(folder: Path, words: str) -> int:
    lines = (folder / QUEUE).read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if words in line)
