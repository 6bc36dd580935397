"""The queue: what makes it unreadable, what is wrong in it, and where it and the archive differ."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bmad_messenger import Message, Messenger
from bmad_messenger.doctor.examination import examine
from tests.doctor.visiting import codes, found, visit
from tests.git.real_git import git

NAME = "_bmad-output/messenger/message-queue.yaml"
PRIORITY = '    priority: "low"\n'
CONFLICT = f'<<<<<<< ours\n{PRIORITY}=======\n    priority: "high"\n>>>>>>> theirs\n'


def edit(messenger: Messenger, old: str, new: str) -> None:
    queue = messenger.project.queue
    assert old in queue.read_text()
    queue.write_text(queue.read_text().replace(old, new, 1))


def test_conflict_in_a_message_is_found_with_its_line(messenger: Messenger, sent: Message) -> None:
    edit(messenger, PRIORITY, CONFLICT)

    finding = found(messenger, "conflict")

    assert (finding.problem.path, finding.problem.line, finding.problem.severity) == (NAME, 9, "error")
    assert finding.mend == "bmad-messenger edit"


def test_conflict_between_messages_is_merged_anew_where_git_still_can(
    messenger: Messenger, root: Path, send: Callable[[], Message]
) -> None:
    git(root, "branch", "other")
    send()
    git(root, "commit", "--quiet", "-a", "-m", "Ours")
    git(root, "checkout", "--quiet", "other")
    send()
    git(root, "commit", "--quiet", "-a", "-m", "Theirs")
    git(root, "merge", "main", check=False)

    finding = found(messenger, "conflict")

    assert finding.mend == f"bmad-messenger git install && git checkout --merge -- {NAME}"
    assert "unmerged" not in codes(visit(messenger))  # it is one thing


def test_committed_conflict_between_messages_is_for_people(messenger: Messenger, sent: Message) -> None:
    edit(messenger, "messages:\n", f"messages:\n{CONFLICT}")

    finding = found(messenger, "conflict")

    assert finding.mend == "bmad-messenger edit"
    assert "take one side whole" in finding.problem.hint


def test_duplicate_id_is_found(messenger: Messenger, send: Callable[[], Message]) -> None:
    first, second = send(), send()
    edit(messenger, second.message_id, first.message_id)

    finding = found(messenger, "duplicate")

    assert (finding.problem.severity, finding.mend) == ("error", "bmad-messenger edit")
    assert f"{first.message_id} stands twice, first in line 5" in finding.problem.message


def test_unreadable_message_is_found(messenger: Messenger, sent: Message) -> None:
    edit(messenger, PRIORITY, "    priority: a: b\n")

    finding = found(messenger, "invalid")

    assert (finding.problem.path, finding.problem.line, finding.mend) == (NAME, 9, "bmad-messenger edit")


@pytest.mark.parametrize("text", ["just words\n", "messages: [\n", "messages:\n  - a: 1\n b: [\n"])
def test_garbage_is_set_aside_and_the_archive_brings_the_messages_back(
    text: str, messenger: Messenger, sent: Message, run: Callable[[str], None]
) -> None:
    messenger.project.queue.write_text(text)

    run(found(messenger, "damaged").mend)

    assert visit(messenger).findings == ()
    assert [message.message_id for message in messenger.list()] == [sent.message_id]
    assert messenger.project.queue.with_name("message-queue.yaml.damaged").read_text() == text


def test_queue_that_is_gone_is_brought_back_from_git(
    messenger: Messenger, root: Path, run: Callable[[str], None]
) -> None:
    messenger.project.queue.unlink()

    finding = next(one for one in visit(messenger).findings if one.problem.message == "the queue is gone")
    run(finding.mend)

    assert finding.mend == f"git checkout -- {NAME}"
    assert "missing" not in codes(visit(messenger))


def test_queue_that_is_gone_is_brought_back_from_the_archive(
    messenger: Messenger, sent: Message, run: Callable[[str], None]
) -> None:
    messenger.project.queue.unlink()

    finding = visit(messenger).findings[0]
    run(finding.mend)

    assert (finding.problem.message, finding.problem.severity) == ("the queue is gone", "error")
    assert [message.message_id for message in messenger.list()] == [sent.message_id]


def test_queue_that_leads_nowhere_is_found(messenger: Messenger) -> None:
    messenger.project.queue.unlink()
    messenger.project.queue.symlink_to("elsewhere/queue.yaml")

    assert found(messenger, "missing").problem.message == "the queue is a link that leads nowhere"


def test_two_messages_of_one_id_are_found_and_told_apart(
    messenger: Messenger, sent: Message, run: Callable[[str], None]
) -> None:
    path = messenger.archive.path(sent.message_id)
    path.write_text(
        path.read_text().replace(f'"{sent.from_agent}"', '"analyst"').replace("payload:", "payload:\n  x: y")
    )

    finding = found(messenger, "two-messages")
    run(finding.mend)

    assert finding.problem.message.endswith(sent.message_id)
    assert visit(messenger).findings == ()
    assert len(messenger.list()) == 2


def test_message_that_is_unread_again_is_found_and_marked_on_demand(
    messenger: Messenger, sent: Message, run: Callable[[str], None]
) -> None:
    buffer = messenger.project.queue.read_text()
    read = messenger.receive(str(sent.to_agent))
    messenger.project.queue.write_text(buffer)

    assert codes(examine(messenger.project, fix=True)) == ["unread-again"]
    run(found(messenger, "unread-again").mend)

    assert messenger.list() == list(read)
    assert visit(messenger).findings == ()


def test_message_that_the_queue_lost_is_found_and_not_brought_back_unasked(
    messenger: Messenger, sent: Message, run: Callable[[str], None]
) -> None:
    messenger.project.queue.write_text("messages: []\n")

    assert codes(examine(messenger.project, fix=True)) == ["missing"]
    finding = found(messenger, "missing")
    assert finding.problem.message == f"1 open message is gone from the queue: {sent.message_id}"
    run(finding.mend)
    assert visit(messenger).findings == ()


def teammate_s(messenger: Messenger, message: Message) -> None:
    """The state after a pull that brought an open message: its record is here, and nothing else."""
    messenger.project.queue.write_text("messages: []\n")
    (messenger.project.folder / ".queue.journal").unlink()


def closed_elsewhere(messenger: Messenger, message: Message) -> None:
    text = messenger.project.queue.read_text()
    messenger.close(message.message_id)
    messenger.project.queue.write_text(text)


def unrecorded(messenger: Messenger, message: Message) -> None:
    messenger.archive.path(message.message_id).unlink()


@pytest.mark.parametrize(
    ("disease", "code"),
    [(teammate_s, "unsettled"), (closed_elsewhere, "unsettled"), (unrecorded, "unrecorded")],
)
@pytest.mark.parametrize("by_fix", [True, False])
def test_what_sync_settles_is_found_and_mended(
    by_fix: bool,
    disease: Callable[[Messenger, Message], None],
    code: str,
    messenger: Messenger,
    sent: Message,
    run: Callable[[str], None],
) -> None:
    disease(messenger, sent)

    finding = found(messenger, code)
    if by_fix:
        assert examine(messenger.project, fix=True).fixed
    else:
        run(finding.mend)

    assert (finding.problem.severity, finding.mend) == ("warning", "bmad-messenger sync")
    assert sent.message_id in finding.problem.message
    assert visit(messenger).findings == ()


def test_without_the_archive_nobody_asks_whether_it_agrees(
    messenger: Messenger, sent: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BMAD_MESSENGER_DISABLE", "archive,btmsg")
    unrecorded(messenger, sent)

    assert visit(messenger).findings == ()
