"""`cancel` of a message that can't be read: it leaves the queue, its record is closed, and no word of it is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bmad_messenger import InvalidError, Message, Messenger, Status
from bmad_messenger.yaml.parse import parse

BROKEN = {
    "no YAML": ('    priority: "low"\n', "    priority: a: b\n"),
    "open quote": ('      message: "news"\n', "      message: \"news # isn't\n"),
    "unknown agent": ('to: "dev"', 'to: "nobody"'),
    "conflict": ('    priority: "low"\n', '<<<<<<< ours\n    priority: "low"\n=======\n>>>>>>> theirs\n'),
    "NUL": ('"news"', '"ne\0ws"'),
    "line separator": ('    priority: "low"\n', "    priority: a: b\u2028message_id: x\n"),
}


def broken(messenger: Messenger, message: Message, change: tuple[str, str]) -> str:
    """Make a message unreadable; returns its text."""
    queue = messenger.project.queue
    head, mark, item = queue.read_text().partition(f'  - message_id: "{message.message_id}"')
    assert change[0] in item
    queue.write_text(f"{head}{mark}{item.replace(*change, 1)}")
    return f"{mark}{item.replace(*change, 1).partition('  # ')[0].partition('  - ')[0].rstrip()}"


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_it_leaves_the_queue_and_its_record_is_closed(
    change: tuple[str, str], messenger: Messenger, note: Callable[..., Message]
) -> None:
    message, other = note(), note("other")
    queue = messenger.project.queue
    queue.write_text(queue.read_text().replace("\n\n", '\n\n  # don\'t forget "this"\n'))
    alone = queue.read_text().replace(queue.read_text()[queue.read_text().index("  - ") :], "")
    broken(messenger, message, change)

    (closed,) = messenger.close(message.message_id, status=Status.CANCELLED, note="broken")

    assert (closed.status, closed.note, closed.payload) == (Status.CANCELLED, "broken", {"message": "news"})
    assert messenger.archive.read(message.message_id) == closed
    assert messenger.list() == [other]
    assert queue.read_text().startswith(f'{alone}  # don\'t forget "this"\n  - message_id: "{other.message_id}"')


def test_its_text_stays_in_the_record(messenger: Messenger, note: Callable[..., Message]) -> None:
    message = note()
    text = broken(messenger, message, BROKEN["no YAML"])

    messenger.close(message.message_id, status=Status.CANCELLED)

    record = messenger.archive.path(message.message_id).read_text()
    kept = record.partition("# It stood in the queue like this, and could not be read:\n")[2]
    assert "\n".join(line[1:] for line in kept.splitlines()) == text
    assert parse(record)["status"] == "cancelled"


def test_it_is_not_done(messenger: Messenger, note: Callable[..., Message]) -> None:
    message = note()
    broken(messenger, message, BROKEN["no YAML"])
    before = messenger.project.queue.read_text()

    with pytest.raises(InvalidError, match="or let `bmad-messenger cancel` take it out"):
        messenger.close(message.message_id)
    assert messenger.project.queue.read_text() == before


def test_one_without_a_record_stays(messenger: Messenger, note: Callable[..., Message]) -> None:
    message = note()
    broken(messenger, message, BROKEN["no YAML"])
    messenger.archive.path(message.message_id).unlink()

    with pytest.raises(InvalidError, match="or delete it from the file"):
        messenger.close(message.message_id, status=Status.CANCELLED)


def test_message_that_only_mentions_the_id_stays(messenger: Messenger, note: Callable[..., Message]) -> None:
    """It is the other one that is gone from the queue, and is cancelled."""
    message, other = note(), note()
    queue = messenger.project.queue
    head = queue.read_text().partition("  - message_id")[0]
    item = f"  - type: notify\n    priority: a: b\n    payload:\n      message_id: {message.message_id}\n"
    queue.write_text(f"{head}{item}")

    with pytest.raises(InvalidError):
        messenger.close(message.message_id, status=Status.CANCELLED)
    messenger.close(other.message_id, status=Status.CANCELLED)

    assert item in queue.read_text()
