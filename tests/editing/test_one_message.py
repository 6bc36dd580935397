"""One message, edited alone and put back in its place."""

from __future__ import annotations

import pytest

from bmad_messenger import InvalidError, Messenger, NotFoundError, Status
from tests.editing.person import TYPED, Person, adding, drafts, kept, meanwhile, read, replacing, send, texts


def test_one_message_is_shown_alone_and_put_back_in_its_place(messenger: Messenger) -> None:
    sent = [send(messenger, text) for text in ("one", "two", "three")]
    before = read(messenger).replace("\n\n", "\n\n  # between\n\n")
    messenger.project.queue.write_text(before)
    person = Person(replacing('"two"', '"second"  # mine'))
    outcome = person.edits(messenger, sent[1].message_id[-4:])

    assert f"#: The message {sent[1].message_id} alone.\n" in person.opened[0]
    assert all(one.message_id not in person.opened[0] for one in (sent[0], sent[2]))
    assert read(messenger) == before.replace('"two"', '"second"  # mine')
    assert outcome.changed == (sent[1].message_id,)


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_one_message_keeps_its_line_ends_where_nothing_is_changed_around_it(messenger: Messenger, eol: str) -> None:
    sent = send(messenger, "one")
    send(messenger, "two")
    before = read(messenger).replace("\n", eol)
    messenger.project.queue.write_bytes(before.encode())
    Person(replacing('"one"', '"first"')).edits(messenger, sent.message_id)

    assert read(messenger) == before.replace('"one"', '"first"')


def test_the_last_message_without_a_line_end_is_edited(messenger: Messenger) -> None:
    sent = send(messenger, "one")
    messenger.project.queue.write_text(read(messenger).rstrip("\n"))
    Person(replacing('"one"', '"first"')).edits(messenger, sent.message_id)

    assert texts(messenger) == ["first"]


def test_one_message_written_otherwise_keeps_its_words(messenger: Messenger) -> None:
    messenger.project.queue.write_text(
        "messages:\n- {type: notify, from: pm, to: dev, payload: {message: flow}} # mine\n\n- type: notify\n"
        "  from: pm\n  to: dev\n  payload:\n    message: |\n      block\n\n      text\n"
    )
    first, second = messenger.list()
    Person(replacing("message: flow", "message: flew")).edits(messenger, first.message_id)
    Person(replacing("      text\n", "      text!\n")).edits(messenger, second.message_id)

    assert texts(messenger) == ["flew", "block\n\ntext!\n"]
    assert "# mine" in read(messenger)


def test_the_others_may_change_meanwhile(messenger: Messenger) -> None:
    sent = send(messenger, "one")
    other = send(messenger, "two")

    def act() -> None:
        messenger.mark_read("dev", [sent.message_id])
        messenger.close(other.message_id)
        send(messenger, "three")

    Person(meanwhile(act, replacing('"one"', '"first"'))).edits(messenger, sent.message_id)

    assert texts(messenger) == ["first", "three"]
    assert messenger.get(sent.message_id).status is Status.READ


def test_one_message_in_conflict_is_shown_alone(messenger: Messenger) -> None:
    sent, other = send(messenger, "one"), send(messenger, "two")
    theirs = Person(replacing('"one"', '"theirs"'))
    with pytest.raises(InvalidError) as caught:
        Person(meanwhile(lambda: theirs.edits(messenger), replacing('"one"', '"mine"'))).edits(
            messenger, sent.message_id
        )

    text = kept(caught, messenger).read_text()
    assert "<<<<<<<" in text
    assert other.message_id not in text


def test_one_message_that_is_closed_meanwhile_keeps_the_draft(messenger: Messenger) -> None:
    sent = send(messenger, "one")
    with pytest.raises(InvalidError, match="is done already") as caught:
        Person(meanwhile(lambda: messenger.close(sent.message_id), replacing('"one"', '"mine"'))).edits(
            messenger, sent.message_id
        )

    assert '"mine"' in kept(caught, messenger).read_text()
    assert messenger.get(sent.message_id).payload == {"message": "one"}


def test_what_is_closed_is_history_and_not_edited(messenger: Messenger) -> None:
    sent = send(messenger)
    messenger.close(sent.message_id)
    with pytest.raises(InvalidError, match="the archive is history"):
        Person().edits(messenger, sent.message_id)

    assert drafts(messenger) == []


def test_what_is_gone_from_the_queue_has_to_be_brought_back_first(messenger: Messenger) -> None:
    sent = send(messenger)
    messenger.project.queue.write_text("messages: []\n")
    with pytest.raises(NotFoundError, match="is gone from the queue"):
        Person().edits(messenger, sent.message_id)


def test_what_there_is_not_is_not_found(messenger: Messenger) -> None:
    with pytest.raises(NotFoundError):
        Person().edits(messenger, "zzzz")


def test_an_invalid_message_can_be_mended_by_its_id(messenger: Messenger) -> None:
    sent = send(messenger, "one")
    messenger.project.queue.write_text(read(messenger).replace('to: "dev"', 'to: "dave"'))
    person = Person(replacing('"dave"', '"dev"'))
    person.edits(messenger, sent.message_id)

    assert texts(messenger) == ["one"]
    assert person.opened[0].splitlines()[(person.lines[0] or 0) - 1] == '    to: "dave"'


@pytest.mark.parametrize("rest", ["messages: []\n", "messages:\n"])
def test_one_message_that_is_deleted_is_cancelled(messenger: Messenger, rest: str) -> None:
    sent = send(messenger, "one")
    send(messenger, "two")
    outcome = Person(lambda text: rest).edits(messenger, sent.message_id)

    assert [message.message_id for message in outcome.closed] == [sent.message_id]
    assert texts(messenger) == ["two"]


def test_one_message_whose_id_was_changed_is_not_saved(messenger: Messenger) -> None:
    sent = send(messenger, "one")
    with pytest.raises(InvalidError, match="has lost its id"):
        Person(replacing(sent.message_id, "MSG-20250115-ffff")).edits(messenger, sent.message_id)

    assert [message.message_id for message in messenger.list()] == [sent.message_id]


def test_a_second_message_may_be_typed_below_the_one(messenger: Messenger) -> None:
    sent = send(messenger, "one")
    send(messenger, "two")
    Person(adding(TYPED)).edits(messenger, sent.message_id)

    assert texts(messenger) == ["one", "typed", "two"]


def test_one_message_may_come_back_indented_otherwise(messenger: Messenger) -> None:
    sent = send(messenger, "one")
    send(messenger, "two")

    def shift(text: str) -> str:
        head, mark, items = text.partition("messages:\n")
        lines = [line.removeprefix("  ") for line in items.splitlines(keepends=True)]
        return f"{head}{mark}{''.join(lines)}# a comment\n".replace('"one"', '"first"')

    Person(shift).edits(messenger, sent.message_id)

    assert texts(messenger) == ["first", "two"]
    assert messenger.validate() == []


@pytest.mark.parametrize("status", ["wrong", "[a, list]", "!!tag x"])
def test_a_status_that_there_is_not_can_be_mended(messenger: Messenger, status: str) -> None:
    sent = send(messenger, "one")
    messenger.project.queue.write_text(read(messenger).replace('"pending"', status))
    Person(replacing(status, "pending")).edits(messenger, sent.message_id)

    assert texts(messenger) == ["one"]
