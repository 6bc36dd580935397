"""What a review tells of the commits of a pull request, and what it finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmad_messenger import Messenger
from tests.git.real_git import git
from tests.git.reviewing import FOLDER, QUEUE, Commit, ask, edit, record, reviewed, the_finding


def test_what_agents_do_finds_nothing(messenger: Messenger, commit: Commit, asked: str) -> None:
    messenger.reply(asked, "Cookies")
    messenger.close(asked, note="answered")
    other = messenger.send(type="notify", from_agent="pm", to_agents="all", payload={"message": "m"})
    messenger.claim("dev", 60)
    messenger.mark_read("sm", [other.message_id])
    ask(messenger, expires="1h")
    commit()

    found = reviewed(messenger.project.root)

    assert found.findings == ()
    assert (len(found.comparison.new), len(found.comparison.closed), len(found.comparison.changed)) == (3, 1, 0)


def test_a_whole_life_in_one_range_finds_nothing(messenger: Messenger, commit: Commit) -> None:
    message_id = ask(messenger)
    messenger.receive("architect")
    messenger.close(message_id)
    commit()

    assert reviewed(messenger.project.root).findings == ()


def test_an_edit_before_anyone_has_read_is_a_change_and_no_finding(
    repository: Path, messenger: Messenger, commit: Commit
) -> None:
    ask(messenger)
    commit()
    edit(repository, "JWT or cookies?", "JWT or sessions?")
    commit()

    found = reviewed(repository)

    assert (len(found.comparison.changed), found.findings) == (1, ())


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('question: "JWT or cookies?"', 'question: "Which cookies?"', "payload.question"),
        ('to: "architect"', 'to: "pm"', "to"),
        ('type: "clarify"', 'type: "collaborate"\n    x-why: "more"', "type"),
    ],
)
def test_an_edit_after_it_was_read_is_found(
    old: str, new: str, field: str, repository: Path, commit: Commit, asked: str
) -> None:
    edit(repository, old, new)
    commit()

    found = next(one for one in reviewed(repository).findings if one.code == "edited-after-read")

    line = (repository / QUEUE).read_text("utf-8").splitlines()[(found.line or 0) - 1]
    assert (found.path, line.strip().partition(":")[0]) == (QUEUE, field.rpartition(".")[2])
    assert found.message.startswith(asked)
    assert found.message.endswith(f" was edited after architect had read it: {field}")


def test_a_priority_may_change_at_any_time(repository: Path, commit: Commit, asked: str) -> None:
    edit(repository, 'priority: "high"', 'priority: "low"')
    commit()

    assert reviewed(repository).findings == ()


def test_a_status_turned_back_is_found(repository: Path, commit: Commit, asked: str) -> None:
    edit(repository, 'status: "read"', 'status: "pending"')
    commit()

    found = the_finding(repository)

    assert (found.code, "went back from read to pending" in found.message) == ("turned-back", True)


def test_a_reader_who_is_gone_is_found(repository: Path, commit: Commit, asked: str) -> None:
    text = (repository / QUEUE).read_text("utf-8").splitlines(keepends=True)
    (repository / QUEUE).write_text("".join(line for line in text if "read_by" not in line), "utf-8")
    commit()

    assert "is no longer read by architect" in the_finding(repository).message


def test_a_closed_message_that_opens_again_is_found(
    repository: Path, messenger: Messenger, commit: Commit, asked: str
) -> None:
    messenger.close(asked)
    commit()
    git(repository, "checkout", "--quiet", "HEAD~1", "--", FOLDER)
    commit()

    assert "went back from done to read" in the_finding(repository).message


@pytest.mark.parametrize(("old", "new"), [('note: "fine"', 'note: "bad"'), ('status: "done"', 'status: "cancelled"')])
def test_a_closed_message_that_changes_is_found(
    old: str, new: str, repository: Path, messenger: Messenger, commit: Commit, asked: str
) -> None:
    messenger.close(asked, note="fine")
    commit()
    edit(repository, old, new, name=str(record(messenger, asked).relative_to(repository)))
    commit()

    found = the_finding(repository)

    assert (found.code, found.message.rpartition(": ")[2]) == ("closed-changed", old.partition(":")[0])


def test_a_message_deleted_from_the_queue_while_open_is_found(repository: Path, commit: Commit, asked: str) -> None:
    (repository / QUEUE).write_text("messages: []\n", "utf-8")
    commit()

    found = the_finding(repository)

    assert (found.code, found.path, found.line) == ("deleted", QUEUE, 5)
    assert "sync --restore" in found.hint


def test_a_message_deleted_everywhere_while_open_is_found(
    repository: Path, messenger: Messenger, commit: Commit, asked: str
) -> None:
    (repository / QUEUE).write_text("messages: []\n", "utf-8")
    record(messenger, asked).unlink()
    commit()

    found = the_finding(repository)

    assert (found.code, "while it was open" in found.message) == ("deleted", True)
    shown = found.hint.partition("`")[2].partition("`")[0].split()
    assert asked in git(repository, *shown[1:])


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_file_deleted_from_the_archive_is_found(
    is_closed: bool, repository: Path, messenger: Messenger, commit: Commit, asked: str
) -> None:
    if is_closed:
        messenger.close(asked)
        commit()
    record(messenger, asked).unlink()
    commit()

    assert the_finding(repository).code == "record-deleted"


def test_what_is_deleted_from_the_history_comes_back_with_the_command_of_the_finding(
    repository: Path, messenger: Messenger, commit: Commit, asked: str
) -> None:
    messenger.close(asked)
    commit()
    record(messenger, asked).unlink()
    commit()

    git(repository, *the_finding(repository).hint.partition("`")[2].partition("`")[0].split()[1:])

    assert record(messenger, asked).is_file()


def test_a_queue_that_left_git_is_one_finding(
    repository: Path, messenger: Messenger, commit: Commit, asked: str
) -> None:
    ask(messenger)
    commit()
    git(repository, "rm", "--quiet", "--cached", QUEUE)
    git(repository, "commit", "--quiet", "-m", "Gone")

    assert the_finding(repository).code == "queue-deleted"


def test_two_messages_under_one_id_are_found(repository: Path, messenger: Messenger, commit: Commit) -> None:
    ask(messenger)
    edit(repository, 'from: "dev"', 'from: "tea"')
    commit()

    assert the_finding(repository).code == "two-messages"


def test_a_thread_shows_where_it_began_though_that_is_long_ago(messenger: Messenger, commit: Commit) -> None:
    first = ask(messenger)
    second = messenger.reply(first, "Which ones?")
    messenger.close(first, second.message_id)
    commit()
    third = messenger.reply(second.message_id, "The signed ones")
    commit()

    (thread,) = reviewed(messenger.project.root).threads

    assert thread.first.message_id == first
    assert [message.message_id for message in thread.messages] == [third.message_id]


def test_messages_that_answer_each_other_in_a_circle_are_a_thread(
    repository: Path, messenger: Messenger, commit: Commit
) -> None:
    first, second = ask(messenger), ask(messenger)
    edit(repository, f'message_id: "{first}"', f'message_id: "{first}"\n    reply_to: "{second}"')
    edit(repository, f'message_id: "{second}"', f'message_id: "{second}"\n    reply_to: "{first}"')
    commit()

    assert {message.message_id for thread in reviewed(repository).threads for message in thread.messages} == {
        first,
        second,
    }


def test_messages_that_were_typed_in_by_hand_are_noted(repository: Path, commit: Commit) -> None:
    (repository / QUEUE).write_text(
        "messages:\n  - {type: notify, from: pm, to: dev, payload: {message: m}}\n", "utf-8"
    )
    commit()

    found = reviewed(repository)

    assert ([one.code for one in found.notes], found.findings) == (["unfinished"], ())


def test_a_base_that_went_on_is_noted(repository: Path, messenger: Messenger, commit: Commit) -> None:
    git(repository, "branch", "feature")
    ask(messenger)
    commit()

    found = reviewed(repository, "main..feature")

    assert "not before the second" in found.notes[0].message
    assert reviewed(repository, "main...feature").notes == ()


def test_a_repository_without_messages_says_so(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "_bmad-output").mkdir()
    git(tmp_path, "commit", "--quiet", "--allow-empty", "-m", "Start")

    found = reviewed(tmp_path, "HEAD..HEAD")

    assert not found.comparison
    assert "neither commit has a queue" in found.notes[0].message


def test_a_queue_that_stays_unreadable_is_noted(repository: Path, commit: Commit) -> None:
    (repository / QUEUE).write_text("messages: 5\n", "utf-8")
    commit()
    commit()

    found = reviewed(repository)

    assert ([one.path for one in found.notes], found.findings) == ([QUEUE], ())


def test_a_project_below_the_top_folder_has_its_places_from_there(tmp_path: Path) -> None:
    folder = tmp_path / "repo" / "a project"
    folder.mkdir(parents=True)
    git(tmp_path / "repo", "init", "--quiet")
    messenger = Messenger.open(folder)
    ask(messenger)
    git(tmp_path / "repo", "add", ".")
    git(tmp_path / "repo", "commit", "--quiet", "-m", "One")
    edit(folder, "clarify", "clarfy")
    git(tmp_path / "repo", "commit", "--quiet", "--all", "-m", "Two")

    assert the_finding(folder).path == f"a project/{QUEUE}"


def test_the_review_of_a_sparse_checkout_needs_no_file(repository: Path, commit: Commit, asked: str) -> None:
    edit(repository, 'status: "read"', 'status: "pending"')
    commit()
    git(repository, "sparse-checkout", "set", "nothing-of-this")

    assert not (repository / QUEUE).exists()
    assert the_finding(repository).code == "turned-back"


def test_json_has_what_the_review_has(repository: Path, messenger: Messenger, commit: Commit, asked: str) -> None:
    edit(
        repository,
        '    payload:\n      question: "JWT or cookies?"',
        '    payload:\n      impact: "high"\n      question: "?"',
    )
    new = ask(messenger)
    commit()

    mapping = reviewed(repository).to_mapping()

    assert [one["message_id"] for one in mapping["new"]] == [new]
    assert [(one["message_id"], one["fields"]) for one in mapping["changed"]] == [
        (
            asked,
            [
                {"field": "payload.question", "old": "JWT or cookies?", "new": "?"},
                {"field": "payload.impact", "new": "high"},
            ],
        )
    ]
    assert [one["code"] for one in mapping["findings"]] == ["edited-after-read"]
