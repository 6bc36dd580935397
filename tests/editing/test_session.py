"""An edit from its beginning to its end: what is saved, what is refused, and what is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bmad_messenger import DamagedError, InvalidError, Messenger, Problem, Status, UsageError
from bmad_messenger.editing import Choice, Outcome, edit
from tests.editing.person import TYPED, Person, adding, drafts, kept, read, replacing, send, texts


@pytest.mark.parametrize("step", [lambda text: text, lambda text: "", lambda text: "\n \n"], ids=["same", "", "blank"])
def test_who_changes_nothing_changes_nothing(messenger: Messenger, step: Callable[[str], str]) -> None:
    send(messenger)
    before = messenger.project.queue.stat()

    assert Person(step).edits(messenger) == Outcome()
    assert messenger.project.queue.stat().st_ino == before.st_ino
    assert drafts(messenger) == []


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_change_changes_its_line_alone(messenger: Messenger, eol: str, mark: str) -> None:
    sent = send(messenger)
    before = f"{mark}# by hand ü\n{read(messenger)}\n# the end".replace("\n", eol)
    messenger.project.queue.write_bytes(before.encode())
    outcome = Person(replacing('"text"', "mended # so")).edits(messenger)

    assert read(messenger) == before.replace('"text"', "mended # so")
    assert outcome == Outcome(is_saved=True, changed=(sent.message_id,))
    assert drafts(messenger) == []


def test_a_comment_is_saved_too(messenger: Messenger) -> None:
    send(messenger)
    outcome = Person(replacing("messages:", "# remember\nmessages:")).edits(messenger)

    assert outcome == Outcome(is_saved=True)
    assert "\n# remember\nmessages:" in read(messenger)


def test_what_is_typed_in_has_its_id_at_once(messenger: Messenger) -> None:
    outcome = Person(adding(TYPED)).edits(messenger)
    (added,) = outcome.added

    assert added.message_id in read(messenger)
    assert messenger.archive.read(added.message_id) == added
    assert texts(messenger) == ["typed"]


def test_a_status_written_by_hand_is_carried_out_at_once(messenger: Messenger) -> None:
    sent = send(messenger)
    (closed,) = Person(replacing('status: "pending"', "status: done")).edits(messenger).closed

    assert (closed.message_id, closed.status) == (sent.message_id, Status.DONE)
    assert messenger.list() == []


def test_a_queue_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    messenger = Messenger.open(tmp_path)
    Person(adding(TYPED)).edits(messenger)

    assert texts(messenger) == ["typed"]


def test_what_is_wrong_is_told_with_its_place_in_the_copy_which_is_kept(messenger: Messenger) -> None:
    send(messenger)
    before = read(messenger)
    with pytest.raises(InvalidError, match="notfy") as caught:
        Person(replacing('type: "notify"', 'type: "notfy"')).edits(messenger)

    draft = kept(caught, messenger)
    problem = caught.value.problems[0]
    assert problem.path == messenger.project.name(draft)
    assert draft.read_text().splitlines()[(problem.line or 0) - 1] == '    type: "notfy"'
    assert f'\n#: line {problem.line}: type: there is no message type "notfy"\n' in draft.read_text()
    assert read(messenger) == before


def test_a_draft_that_was_kept_is_gone_on_with(messenger: Messenger) -> None:
    send(messenger)
    with pytest.raises(InvalidError) as caught:
        Person(replacing('type: "notify"', 'type: "notfy"')).edits(messenger)
    draft = kept(caught, messenger)
    send(messenger, "later")
    outcome = Person(replacing('"notfy"', '"notify"   # mended')).edits(messenger, draft=draft)

    assert len(outcome.changed) == 1
    assert texts(messenger) == ["text", "later"]
    assert "# mended" in read(messenger)
    assert drafts(messenger) == []


def test_who_is_asked_may_edit_again_at_the_failing_line(messenger: Messenger) -> None:
    send(messenger)
    person = Person(
        replacing('type: "notify"', 'type: "notfy"'), replacing('"notfy"', '"notify" #'), answers=[Choice.EDIT]
    )
    person.edits(messenger)

    assert person.lines[0] is None
    assert person.opened[1].splitlines()[(person.lines[1] or 0) - 1] == '    type: "notfy"'
    assert person.asked[0][0][0].line == person.lines[1]
    assert 'type: "notify" #' in read(messenger)


def test_who_is_asked_may_save_a_message_that_is_invalid_beside_the_others(messenger: Messenger) -> None:
    send(messenger, "one")
    send(messenger, "two")
    Person(
        lambda text: text.replace('type: "notify"', 'type: "notfy"', 1).replace('"two"', '"second"'),
        answers=[Choice.SAVE],
    ).edits(messenger)

    assert texts(messenger) == ["second"]
    assert '"notfy"' in read(messenger)


def test_who_is_asked_may_keep_the_draft(messenger: Messenger) -> None:
    send(messenger)
    before = read(messenger)
    with pytest.raises(InvalidError) as caught:
        Person(replacing('type: "notify"', "type: [notify"), answers=[Choice.KEEP]).edits(messenger)

    assert "type: [notify" in kept(caught, messenger).read_text()
    assert read(messenger) == before


@pytest.mark.parametrize("damage", ["messages: {\n", "Just words.\n", "messages:\n<<<<<<< a\n=======\n>>>>>>> b\n"])
def test_a_text_that_would_stop_every_command_is_never_saved(messenger: Messenger, damage: str) -> None:
    send(messenger)
    person = Person(lambda text: damage, lambda text: "", answers=[Choice.EDIT])
    person.edits(messenger)

    assert person.asked[0][1] == (Choice.EDIT, Choice.KEEP)
    assert texts(messenger) == ["text"]


def test_a_text_that_is_not_utf_8_is_kept_and_not_saved(messenger: Messenger) -> None:
    def save(path: Path, _: int | None) -> None:
        path.write_bytes(path.read_bytes() + b"# \xff\n")

    send(messenger)
    with pytest.raises(DamagedError, match="not UTF-8") as caught:
        edit(messenger, editor=save)

    assert kept(caught, messenger).read_bytes().endswith(b"# \xff\n")


def test_what_was_wrong_before_is_shown_and_does_not_stand_in_the_way(
    messenger: Messenger, problems: list[Problem]
) -> None:
    send(messenger)
    messenger.project.queue.write_text(read(messenger) + TYPED.replace("dev", "dave"))
    person = Person(replacing('"text"', '"mended"'))
    person.edits(messenger)

    assert texts(messenger) == ["mended"]
    assert "there is no agent 'dave'" in person.opened[0]
    assert person.opened[0].splitlines()[(person.lines[0] or 0) - 1] == "    to: dave"
    assert [problem.severity for problem in problems] == ["error"]


def test_a_queue_that_is_damaged_can_be_mended(messenger: Messenger) -> None:
    sent = send(messenger)
    whole = read(messenger)
    messenger.project.queue.write_text(whole.replace("messages:", "messages: {"))
    person = Person(replacing("messages: {", "messages:"))
    outcome = person.edits(messenger)

    assert outcome.is_saved
    assert read(messenger) == whole
    assert [message.message_id for message in messenger.list()] == [sent.message_id]


def test_an_editor_that_fails_changes_nothing(messenger: Messenger) -> None:
    def fail(path: Path, _: int | None) -> None:
        raise UsageError("the editor `vim` ended with exit code 1")

    send(messenger)
    with pytest.raises(UsageError, match="exit code 1"):
        edit(messenger, editor=fail)

    assert drafts(messenger) == []


def test_an_editor_that_fails_after_a_save_leaves_the_draft(messenger: Messenger) -> None:
    def fail(path: Path, _: int | None) -> None:
        path.write_text(path.read_text().replace('"text"', '"mended"'))
        raise UsageError("the editor `vim` ended with exit code 1")

    send(messenger)
    with pytest.raises(UsageError) as caught:
        edit(messenger, editor=fail)

    assert '"mended"' in kept(caught, messenger).read_text()
    assert texts(messenger) == ["text"]


def test_an_editor_that_leaves_no_file_changes_nothing(messenger: Messenger) -> None:
    send(messenger)
    with pytest.raises(InvalidError, match="the editor left no file"):
        edit(messenger, editor=lambda path, _: path.unlink())

    assert texts(messenger) == ["text"]
    assert [*(messenger.project.folder / ".drafts").glob("m*")] == []
