"""`sync`: the archive decides what is closed, the queue holds what is open, and a second run finds nothing to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bmad_messenger import Message, Messenger, Problem, Status
from bmad_messenger.errors import InvalidError


@pytest.fixture
def problems() -> list[Problem]:
    return []


@pytest.fixture
def messenger(tmp_path: Path, problems: list[Problem], monkeypatch: pytest.MonkeyPatch) -> Messenger:
    monkeypatch.setenv("BMAD_MESSENGER_PLUGINS", "")
    root = tmp_path / "here"
    root.mkdir()
    return Messenger.open(root, report=problems.append)


def send(messenger: Messenger, text: str = "text") -> Message:
    return messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": text})


def edit(messenger: Messenger, change: Callable[[str], str]) -> None:
    path = messenger.project.queue
    path.write_text(change(path.read_text()))


def open_ids(messenger: Messenger) -> list[str]:
    return [message.message_id for message in messenger.list()]


def clone(messenger: Messenger, name: str) -> Messenger:
    """Another clone of the repository, which has the history and a queue of its own."""
    root = messenger.project.root.with_name(name)
    there = Messenger.open(_made(root))
    there.init()
    pull(messenger, there)
    return there


def pull(source: Messenger, target: Messenger) -> None:
    shutil.copytree(source.archive.folder, target.archive.folder, dirs_exist_ok=True)


def _made(root: Path) -> Path:
    root.mkdir()
    return root


def test_a_settled_project_stays_as_it_is(messenger: Messenger) -> None:
    send(messenger)
    messenger.close(send(messenger).message_id)
    before = {path: path.read_bytes() for path in messenger.project.folder.rglob("*") if path.is_file()}

    assert list(messenger.sync()) == []
    after = {path: path.read_bytes() for path in messenger.project.folder.rglob("*") if path.is_file()}
    assert {p: c for p, c in after.items() if ".lock" not in p.name} == {
        p: c for p, c in before.items() if ".lock" not in p.name
    }


def test_an_empty_project_has_nothing_to_settle(messenger: Messenger) -> None:
    assert list(messenger.sync(restore=True)) == []


def test_what_the_archive_has_closed_leaves_the_queue(messenger: Messenger) -> None:
    closed, kept = send(messenger), send(messenger)
    record = messenger.archive.path(closed.message_id)
    record.write_text(record.read_text().replace('"pending"', '"done"'))

    assert list(messenger.sync()) == [f"took {closed.message_id} from the queue: the archive has it closed"]
    assert open_ids(messenger) == [kept.message_id]
    assert list(messenger.sync()) == []


def test_what_the_queue_alone_has_is_recorded(messenger: Messenger) -> None:
    sent = send(messenger)
    messenger.archive.path(sent.message_id).unlink()

    assert list(messenger.sync()) == [f"recorded {sent.message_id} in the archive"]
    assert messenger.archive.read(sent.message_id) == sent


def test_a_teammate_s_message_enters_the_queue(messenger: Messenger) -> None:
    sent = send(messenger, "to all clones")
    there = clone(messenger, "there")

    assert list(there.sync()) == [f"took {sent.message_id} into the queue from the archive"]
    assert there.list() == [sent]
    assert list(there.sync()) == []


def test_a_teammate_s_close_closes_here(messenger: Messenger) -> None:
    sent = send(messenger)
    there = clone(messenger, "there")
    there.sync()
    there.close(sent.message_id, note="done there")
    pull(there, messenger)
    messenger.sync()

    assert open_ids(messenger) == []
    assert messenger.get(sent.message_id).note == "done there"


def test_what_others_wrote_is_checked_before_it_is_trusted(messenger: Messenger, problems: list[Problem]) -> None:
    sent = send(messenger)
    there = clone(messenger, "there")
    record = there.archive.path(sent.message_id)
    record.write_text(record.read_text().replace('"dev"', '"../x"'))
    there.sync()
    fresh = Messenger.open(there.project.root, report=problems.append)

    assert fresh.list() == []
    assert problems[0].severity == "error"
    assert '"../x"' in problems[0].message


def test_a_message_removed_by_hand_comes_back_only_on_demand(messenger: Messenger) -> None:
    gone = send(messenger, "gone")
    kept = send(messenger, "kept")
    head, _, item = messenger.project.queue.read_text().split("  - message_id: ")
    edit(messenger, lambda _: f"{head}  - message_id: {item}")

    assert list(messenger.sync()) == []
    assert list(messenger.sync(restore=True)) == [f"brought {gone.message_id} back into the queue"]
    assert messenger.list() == [kept, gone]
    assert list(messenger.sync(restore=True)) == []


def test_a_queue_that_is_lost_is_rebuilt_on_demand(messenger: Messenger) -> None:
    sent = [send(messenger, str(number)) for number in range(3)]
    messenger.close(send(messenger).message_id)
    messenger.project.queue.unlink()
    messenger.sync(restore=True)

    assert sorted(open_ids(messenger)) == sorted(message.message_id for message in sent)


@pytest.mark.parametrize("is_restored", [False, True])
@pytest.mark.parametrize("is_journal_lost", [False, True])
def test_a_message_that_can_t_be_read_is_not_doubled_and_told(
    messenger: Messenger, is_restored: bool, is_journal_lost: bool
) -> None:
    sent = send(messenger)
    edit(messenger, lambda text: text.replace('to: "dev"', 'to: "nobody"'))
    if is_journal_lost:
        (messenger.project.folder / ".queue.journal").unlink()

    done = messenger.sync(restore=is_restored)

    assert list(done) == ["left 1 unreadable in the queue: `bmad-messenger validate` says why"]
    assert messenger.project.queue.read_text().count(sent.message_id) == 1


def test_comments_travel_with_a_closed_message(messenger: Messenger) -> None:
    sent = send(messenger)
    edit(messenger, lambda text: text.replace('    status: "pending"', '    status: "pending" # ask Ann'))
    messenger.close(sent.message_id)

    assert "# ask Ann" in (messenger.archive.text(sent.message_id) or "")


@pytest.mark.parametrize("content", [b"garbage", b"\xff\0", b"message_id: MSG-20250115-a1b2\n"])
def test_a_damaged_record_is_reported_and_stops_nothing(
    messenger: Messenger, problems: list[Problem], content: bytes
) -> None:
    damaged, closed = send(messenger), send(messenger)
    messenger.archive.path(damaged.message_id).write_bytes(content)
    record = messenger.archive.path(closed.message_id)
    record.write_text(record.read_text().replace('"pending"', '"cancelled"'))
    messenger.sync()

    assert open_ids(messenger) == [damaged.message_id]
    assert messenger.archive.path(damaged.message_id).read_bytes() == content
    assert [problem.path for problem in problems] == [messenger.archive.name_of(damaged.message_id)]


def test_a_record_swapped_for_another_message_changes_nothing(messenger: Messenger, problems: list[Problem]) -> None:
    first, second = send(messenger, "first"), send(messenger, "second")
    messenger.close(second.message_id)
    shutil.copy(messenger.archive.path(second.message_id), messenger.archive.path(first.message_id))
    messenger.sync()

    assert messenger.list() == [first]
    assert "holds the message" in problems[0].message


def test_without_the_archive_nothing_is_settled(messenger: Messenger) -> None:
    sent = send(messenger)
    record = messenger.archive.path(sent.message_id)
    record.write_text(record.read_text().replace('"pending"', '"done"'))
    messenger.project.config.write_text("plugins: {disable: [archive]}\n")
    there = Messenger.open(messenger.project.root)

    assert list(there.sync(restore=True)) == []
    assert there.get(sent.message_id).status is Status.PENDING


@pytest.mark.parametrize("status", ["done", "cancelled", "expired"])
@pytest.mark.parametrize("command", ["list", "sync"])
def test_a_closing_written_by_hand_is_carried_out_by_the_next_command(
    messenger: Messenger, status: str, command: str
) -> None:
    sent, kept = send(messenger), send(messenger, "is it done, or expired?")
    edit(messenger, lambda text: text.replace('"pending"', status, 1))
    getattr(messenger, command)()

    assert sent.message_id not in messenger.project.queue.read_text()
    archived = messenger.archive.read(sent.message_id)
    assert archived is not None
    assert (archived.status.value, archived.closed is None) == (status, False)
    assert messenger.list() == [kept]
    assert list(messenger.sync()) == []


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_message_whose_id_another_has_too_gets_the_one_that_it_has_in_the_archive(
    messenger: Messenger, monkeypatch: pytest.MonkeyPatch, is_closed: bool
) -> None:
    messenger.init()
    other = clone(messenger, "there")
    monkeypatch.setattr("secrets.token_hex", lambda length: "a1b2" * 16)
    theirs, ours = send(other, "theirs"), send(messenger, "ours")
    messenger.mark_read("dev", [ours.message_id])
    if is_closed:
        other.close(theirs.message_id)
    longer = f"{ours.message_id}c3d4"
    record = messenger.archive.path(ours.message_id)
    record.with_name(f"{longer}.yaml").write_text(record.read_text().replace(ours.message_id, longer))
    pull(other, messenger)

    done = messenger.sync()
    assert done[0] == f"renamed {ours.message_id} to {longer}: the archive has another message as {ours.message_id}"
    assert open_ids(messenger) == ([longer] if is_closed else [longer, ours.message_id])
    assert messenger.get(longer).status is Status.READ
    assert list(messenger.sync()) == []


@pytest.mark.parametrize("is_closed", [False, True])
def test_two_messages_of_one_id_that_nobody_told_apart_are_both_kept(
    messenger: Messenger, problems: list[Problem], is_closed: bool
) -> None:
    ours = send(messenger, "ours")
    path = messenger.archive.path(ours.message_id)
    theirs = path.read_text().replace('"pm"', '"analyst"').replace('"ours"', '"theirs"')
    path.write_text(theirs.replace('"pending"', '"done"') if is_closed else theirs)
    (problem,) = [one for one in messenger.validate() if one.code == "two-messages"]
    with pytest.raises(InvalidError, match="the archive has another message as"):
        messenger.close(ours.message_id)

    done = messenger.sync()
    (longer,) = [one.message_id for one in messenger.list() if one.payload == ours.payload]
    assert problem.line == 5
    assert done[0] == f"renamed {ours.message_id} to {longer}: the archive has another message as {ours.message_id}"
    assert longer.startswith(ours.message_id)
    assert messenger.get(ours.message_id).payload == {"message": "theirs"}
    assert list(messenger.sync()) == []
    assert [one for one in messenger.validate() if one.code == "two-messages"] == []
    messenger.close(longer)
    assert messenger.get(longer).payload == ours.payload


def test_a_sender_mended_by_hand_makes_no_second_message(messenger: Messenger) -> None:
    sent = send(messenger)
    edit(messenger, lambda text: text.replace('from: "pm"', 'from: "analyst"'))

    assert list(messenger.sync()) == []
    (closed,) = messenger.close(sent.message_id)
    assert closed.from_agent == "analyst"


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_reply_to_a_message_that_has_a_longer_id_now_follows_it(messenger: Messenger, is_closed: bool) -> None:
    first = messenger.send(type="notify", from_agent="pm", to_agent="tea", payload={"message": "first"})
    second = messenger.send(type="notify", from_agent="sm", to_agent="dev", payload={"message": "second"})
    reply, other = (messenger.reply(one.message_id, "yes") for one in (second, first))
    if is_closed:
        messenger.close(reply.message_id)
    longer = f"{first.message_id}c3d4"
    for path in (messenger.project.queue, *messenger.archive.folder.rglob("*.yaml")):
        path.write_text(path.read_text().replace(second.message_id, longer))
        path.rename(path.with_name(path.name.replace(second.message_id, longer)))
        text = path.with_name(path.name.replace(second.message_id, longer))
        text.write_text(text.read_text().replace(f'reply_to: "{longer}"', f'reply_to: "{first.message_id}"'))

    assert f"made {reply.message_id} the reply to {longer} that it was sent as" in messenger.sync()
    assert messenger.get(reply.message_id).reply_to == longer
    record = messenger.archive.read(reply.message_id)
    assert record is not None
    assert record.reply_to == longer
    assert messenger.get(other.message_id).reply_to == first.message_id
    assert list(messenger.sync()) == []


def test_a_reading_that_an_old_buffer_wrote_over_is_told_and_comes_back_on_demand(
    messenger: Messenger, problems: list[Problem]
) -> None:
    sent = send(messenger)
    buffer = messenger.project.queue.read_text()
    read = messenger.mark_read("dev", [sent.message_id])
    messenger.project.queue.write_text(buffer)

    assert messenger.list() == [sent]
    (problem,) = problems
    assert (problem.code, problem.line) == ("unread-again", 5)
    assert problem.message.startswith(f"{sent.message_id} is unread again: dev had read it at ")
    assert list(messenger.sync()) == []
    assert messenger.sync(restore=True) == [f"marked {sent.message_id} as read by dev again"]
    assert messenger.list() == list(read)
    assert list(messenger.sync(restore=True)) == []


def test_a_reading_that_an_old_buffer_wrote_over_is_in_the_history_all_the_same(messenger: Messenger) -> None:
    sent = send(messenger)
    buffer = messenger.project.queue.read_text()
    (read,) = messenger.mark_read("dev", [sent.message_id])
    messenger.project.queue.write_text(buffer)

    (closed,) = messenger.close(sent.message_id)
    assert closed.read_by == read.read_by


def test_a_message_read_once_more_is_no_longer_told_as_unread_again(
    messenger: Messenger, problems: list[Problem]
) -> None:
    sent = send(messenger)
    buffer = messenger.project.queue.read_text()
    messenger.mark_read("dev", [sent.message_id])
    messenger.project.queue.write_text(buffer)

    assert [one.message_id for one in messenger.receive("dev")] == [sent.message_id]
    problems.clear()
    messenger.list()
    assert problems == []


@pytest.mark.parametrize("has_left", [False, True])
def test_a_reading_here_is_added_to_what_a_teammate_closed(messenger: Messenger, has_left: bool) -> None:
    sent = send(messenger)
    other = clone(messenger, "there")
    other.sync()
    other.close(sent.message_id)
    empty = other.project.queue.read_text()
    (read,) = messenger.mark_read("dev", [sent.message_id])
    pull(other, messenger)
    if has_left:  # as a merge of the two queues leaves it
        messenger.project.queue.write_text(empty)

    assert f"added to {sent.message_id} in the archive that dev read it" in messenger.sync()
    closed = messenger.get(sent.message_id)
    assert (closed.status, closed.read_by) == (Status.DONE, read.read_by)
    assert list(messenger.sync()) == []


@pytest.fixture
def closed_elsewhere(messenger: Messenger) -> Message:
    """A message that a teammate has closed, and the history with it is here."""
    sent = send(messenger, "the text")
    other = clone(messenger, "there")
    other.sync()
    other.close(sent.message_id)
    pull(other, messenger)
    return sent


def test_a_text_that_was_corrected_here_and_closed_elsewhere_is_kept(
    messenger: Messenger, closed_elsewhere: Message
) -> None:
    message_id = closed_elsewhere.message_id
    edit(messenger, lambda text: text.replace("the text", "the CORRECTED text").replace('"low"', '"medium"'))

    done = messenger.sync()

    told = f"took {message_id} from the queue: the archive has it closed, with another text: kept as a comment in its"
    assert list(done) == [f"{told} record"]
    record = messenger.archive.path(message_id).read_text()
    assert record.endswith(
        "# When it was closed, another queue had it otherwise in this:\n"
        '# priority: "medium"\n# payload:\n#   message: "the CORRECTED text"\n'
    )
    assert (messenger.get(message_id).payload, messenger.list()) == ({"message": "the text"}, [])
    assert list(messenger.sync()) == []


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_text_is_kept_once(messenger: Messenger, closed_elsewhere: Message, line_end: str) -> None:
    """It comes back with an old buffer, or the process was killed before it took the message from the queue."""
    path = messenger.archive.path(closed_elsewhere.message_id)
    edit(messenger, lambda text: text.replace("the text", "the CORRECTED text"))
    buffer = messenger.project.queue.read_bytes()
    messenger.sync()
    path.write_bytes(path.read_bytes().replace(b"\n", line_end.encode()))
    record = path.read_bytes()
    messenger.project.queue.write_bytes(buffer)

    assert len(messenger.sync()) == 1
    assert path.read_bytes() == record


def test_a_reading_and_a_claim_are_no_text_that_is_kept(messenger: Messenger, closed_elsewhere: Message) -> None:
    edit(
        messenger,
        lambda text: text.replace(
            '    status: "pending"\n',
            '    status: "read"\n    read_by:\n      dev: "2025-01-15T10:30:00Z"\n'
            '    claimed_by: "x"\n    claimed_until: "2025-01-15T10:30:00Z"\n',
        ),
    )

    (added, took) = messenger.sync()

    assert added.startswith("added to ")
    assert took == f"took {closed_elsewhere.message_id} from the queue: the archive has it closed"
    assert "#" not in messenger.archive.path(closed_elsewhere.message_id).read_text()


def test_a_text_that_was_kept_stays_where_a_reading_is_added(messenger: Messenger, closed_elsewhere: Message) -> None:
    edit(messenger, lambda text: text.replace("the text", "the CORRECTED text"))
    buffer = messenger.project.queue.read_text()
    messenger.sync()
    messenger.project.queue.write_text(
        buffer.replace(
            '    status: "pending"\n', '    status: "read"\n    read_by:\n      dev: "2025-01-15T10:30:00Z"\n'
        )
    )

    messenger.sync()

    record = messenger.archive.path(closed_elsewhere.message_id).read_text()
    assert record.count("the CORRECTED text") == 1
    assert messenger.get(closed_elsewhere.message_id).read_by.keys() == {"dev"}
