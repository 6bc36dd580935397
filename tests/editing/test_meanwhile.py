"""What happens to the queue while somebody edits a copy of it: both stay, or the person decides."""

from __future__ import annotations

from contextlib import suppress

import pytest

from bmad_messenger import InvalidError, LockTimeoutError, Messenger, Status
from bmad_messenger.editing import Choice, Draft
from tests.editing.person import TYPED, Person, adding, drafts, kept, meanwhile, read, replacing, send, texts, without


def test_what_is_sent_read_and_closed_meanwhile_stays_so(messenger: Messenger) -> None:
    changed, closed = send(messenger, "one"), send(messenger, "two")

    def act() -> None:
        messenger.mark_read("dev", [changed.message_id])
        messenger.close(closed.message_id)
        send(messenger, "three")

    outcome = Person(meanwhile(act, replacing('"one"', '"first"'))).edits(messenger)

    assert texts(messenger) == ["first", "three"]
    assert [message.status for message in messenger.list()] == [Status.READ, Status.PENDING]
    assert outcome.changed == (changed.message_id,)
    assert messenger.get(closed.message_id).status is Status.DONE
    assert drafts(messenger) == []


def test_a_change_to_what_is_closed_meanwhile_is_left_out_and_kept(messenger: Messenger) -> None:
    closed, other = send(messenger, "one"), send(messenger, "two")

    def act() -> None:
        messenger.close(closed.message_id)

    step = meanwhile(act, lambda text: text.replace('"one"', '"first"').replace('"two"', '"second"'))
    outcome = Person(step).edits(messenger)

    (draft,) = drafts(messenger)
    assert texts(messenger) == ["second"]
    assert outcome.changed == (other.message_id,)
    assert outcome.drafts == (draft,)
    assert outcome.notes[0].startswith(f"{closed.message_id} is done since: ")
    assert '"first"' in draft.read_text()
    assert messenger.get(closed.message_id).payload == {"message": "one"}


def test_what_both_changed_is_a_conflict_and_not_written(messenger: Messenger) -> None:
    send(messenger, "one")
    other = Person(replacing('"one"', '"theirs"'))
    with pytest.raises(InvalidError) as caught:
        Person(meanwhile(lambda: other.edits(messenger), replacing('"one"', '"mine"'))).edits(messenger)

    draft = kept(caught, messenger)
    problem = caught.value.problems[0]
    lines = draft.read_text().splitlines()
    assert problem.code == "conflict"
    assert lines[(problem.line or 0) - 1].startswith("<<<<<<<")
    assert {'message: "mine"', 'message: "theirs"'} <= {line.strip() for line in lines}
    assert texts(messenger) == ["theirs"]


@pytest.mark.parametrize("again", [False, True], ids=["at once", "from the draft"])
def test_a_conflict_is_settled_in_the_editor(messenger: Messenger, again: bool) -> None:
    send(messenger, "one")

    def settle(text: str) -> str:
        assert text.count("<<<<<<<") == 1
        lines = [line for line in text.splitlines(keepends=True) if line[0] not in "<=>|"]
        return "".join(line for line in lines if '"theirs"' not in line)

    conflict = meanwhile(lambda: Person(replacing('"one"', '"theirs"')).edits(messenger), replacing('"one"', '"mine"'))
    if again:
        with pytest.raises(InvalidError) as caught:
            Person(conflict).edits(messenger)
        send(messenger, "two")
        Person(settle).edits(messenger, draft=kept(caught, messenger))
    else:
        person = Person(conflict, meanwhile(lambda: send(messenger, "two"), settle), answers=[Choice.EDIT])
        person.edits(messenger)
        assert person.opened[1].splitlines()[(person.lines[1] or 0) - 1].startswith("<<<<<<<")

    assert texts(messenger) == ["mine", "two"]
    assert drafts(messenger) == []


def test_a_kill_between_a_conflict_and_its_draft_takes_nothing_back(
    messenger: Messenger, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(messenger, "one")

    def act() -> None:
        Person(replacing('"one"', '"theirs"')).edits(messenger)
        send(messenger, "two")
        monkeypatch.setattr(Draft, "based_on", killed)

    based_on = Draft.based_on

    def killed(draft: Draft, base: str) -> None:
        based_on(draft, base)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Person(meanwhile(act, replacing('"one"', '"mine"'))).edits(messenger)
    monkeypatch.undo()
    (draft,) = drafts(messenger)
    with suppress(InvalidError):
        Person(lambda text: text).edits(messenger, draft=draft)

    assert texts(messenger) == ["theirs", "two"]


def test_markers_that_are_left_in_are_not_saved(messenger: Messenger) -> None:
    send(messenger, "one")
    conflict = meanwhile(lambda: Person(replacing('"one"', '"theirs"')).edits(messenger), replacing('"one"', '"mine"'))
    person = Person(conflict, lambda text: text + "# so\n", answers=[Choice.EDIT, Choice.KEEP])
    with pytest.raises(InvalidError):
        person.edits(messenger)

    assert Choice.SAVE not in person.asked[1][1]
    assert "<<<" not in read(messenger)


def test_two_edits_at_once_are_merged(messenger: Messenger) -> None:
    send(messenger, "one")
    send(messenger, "two")
    other = Person(lambda text: adding(TYPED)(text.replace('"two"', '"second"')))
    Person(meanwhile(lambda: other.edits(messenger), replacing('"one"', '"first"'))).edits(messenger)

    assert texts(messenger) == ["first", "second", "typed"]


def test_a_lock_that_is_not_free_keeps_the_draft(messenger: Messenger) -> None:
    send(messenger)
    messenger.project.config.write_text("limits: {lock_timeout: 0.05}\n")
    impatient = Messenger.open(messenger.project.root)
    with messenger.store.queue.locked(), pytest.raises(LockTimeoutError) as caught:
        Person(replacing('"text"', '"mended"')).edits(impatient)

    assert '"mended"' in kept(caught, messenger).read_text()


def test_what_is_deleted_is_cancelled_and_the_rest_is_saved(messenger: Messenger) -> None:
    gone = send(messenger, "gone")
    send(messenger, "stays")
    step = without(gone)
    outcome = Person(lambda text: step(text).replace('"stays"', '"stayed"')).edits(messenger)

    assert texts(messenger) == ["stayed"]
    assert [message.message_id for message in outcome.closed] == [gone.message_id]
    record = messenger.get(gone.message_id)
    assert (record.status, record.note) == (Status.CANCELLED, "deleted while editing")
    assert record.payload == {"message": "gone"}
    assert messenger.validate() == []


@pytest.mark.parametrize(
    ("answers", "left"), [([Choice.CANCEL], ["stays"]), ([Choice.BACK], ["stays", "gone"])], ids=["cancel", "back"]
)
def test_who_deletes_is_asked(messenger: Messenger, answers: list[Choice], left: list[str]) -> None:
    gone = send(messenger, "gone")
    send(messenger, "stays")
    person = Person(without(gone), answers=answers)
    person.edits(messenger)

    assert person.asked[0][0][0].message == f"{gone.message_id} is not in your copy any more"
    assert texts(messenger) == left
    assert messenger.get(gone.message_id).status is (Status.CANCELLED if len(left) == 1 else Status.PENDING)


def test_who_deleted_by_mistake_edits_again(messenger: Messenger) -> None:
    gone = send(messenger, "gone")
    person = Person(without(gone), lambda text: person.opened[0] + "# so\n", answers=[Choice.EDIT])
    person.edits(messenger)

    assert texts(messenger) == ["gone"]
    assert "# so" in read(messenger)


def test_what_is_deleted_here_and_read_there_is_cancelled(messenger: Messenger) -> None:
    gone = send(messenger, "gone")
    Person(meanwhile(lambda: messenger.receive("dev"), without(gone))).edits(messenger)

    record = messenger.get(gone.message_id)
    assert record.status is Status.CANCELLED
    assert "dev" in record.read_by


def test_what_is_deleted_here_and_done_there_is_done(messenger: Messenger) -> None:
    gone = send(messenger, "gone")
    outcome = Person(meanwhile(lambda: messenger.close(gone.message_id), without(gone))).edits(messenger)

    assert messenger.get(gone.message_id).status is Status.DONE
    assert outcome.closed == ()


def test_an_invalid_message_that_is_deleted_is_cancelled_as_the_archive_has_it(messenger: Messenger) -> None:
    gone = send(messenger, "gone")
    messenger.project.queue.write_text(read(messenger).replace('type: "notify"', "type: notfy"))
    Person(lambda text: without(gone)(text).replace("messages:", "messages: []")).edits(messenger)

    assert messenger.get(gone.message_id).status is Status.CANCELLED
    assert messenger.validate() == []


def test_a_conflict_shows_before_anything_is_cancelled(messenger: Messenger) -> None:
    gone = send(messenger, "gone")
    send(messenger, "one")
    step = without(gone)
    other = Person(replacing('"one"', '"theirs"'))
    with pytest.raises(InvalidError):
        Person(meanwhile(lambda: other.edits(messenger), lambda text: step(text).replace('"one"', '"mine"'))).edits(
            messenger
        )

    assert messenger.get(gone.message_id).status is Status.PENDING
