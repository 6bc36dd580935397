"""The archive: records that are damaged, empty, in conflict or misplaced, each with what brings it back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bmad_messenger import Message, Messenger
from bmad_messenger.doctor.examination import examine
from tests.doctor.visiting import codes, found, visit
from tests.git.real_git import git


def record(messenger: Messenger, message: Message) -> Path:
    return messenger.archive.path(message.message_id)


def test_damaged_record_of_an_open_message_is_made_anew(
    messenger: Messenger, sent: Message, run: Callable[[str], None]
) -> None:
    record(messenger, sent).write_text("message_id: a: b\n")

    finding = found(messenger, "invalid")
    run(finding.mend)

    assert (finding.problem.path, finding.problem.line) == (messenger.archive.name_of(sent.message_id), 1)
    assert finding.mend == f"rm {messenger.archive.name_of(sent.message_id)} && bmad-messenger sync"
    assert visit(messenger).findings == ()


def test_damaged_record_is_brought_back_from_git(
    messenger: Messenger, root: Path, sent: Message, run: Callable[[str], None]
) -> None:
    before = record(messenger, sent).read_text()
    record(messenger, sent).write_bytes(b"\xff\xfe")

    run(found(messenger, "damaged").mend)

    assert record(messenger, sent).read_text() == before


def test_record_of_another_message_is_found(messenger: Messenger, send: Callable[[], Message]) -> None:
    one, other = send(), send()
    record(messenger, one).write_text(record(messenger, other).read_text())

    assert found(messenger, "invalid").problem.message == f"this file holds the message {other.message_id}"


def test_damaged_record_of_a_closed_message_is_for_people(messenger: Messenger, sent: Message) -> None:
    messenger.close(sent.message_id)
    record(messenger, sent).write_text("words\n")

    finding = found(messenger, "invalid")

    assert (finding.mend, finding.problem.hint) == ("", "bring it back from git, or delete it")


def test_conflict_in_a_record_is_found_with_its_line(messenger: Messenger, sent: Message) -> None:
    text = record(messenger, sent).read_text()
    record(messenger, sent).write_text(f"<<<<<<< ours\n=======\n>>>>>>> theirs\n{text}")

    finding = found(messenger, "conflict")

    assert (finding.problem.path, finding.problem.line) == (messenger.archive.name_of(sent.message_id), 1)
    assert finding.mend == ""


def test_conflict_in_a_record_is_merged_anew_where_git_still_can(
    messenger: Messenger, root: Path, sent: Message
) -> None:
    git(root, "branch", "other")
    for note, branch in (("done here", "other"), ("done there", None)):
        path = record(messenger, sent)
        path.write_text(path.read_text().replace('status: "pending"', f'status: "{note}"'))
        git(root, "commit", "--quiet", "-a", "-m", note)
        if branch:
            git(root, "checkout", "--quiet", branch)
    git(root, "merge", "main", check=False)

    finding = found(messenger, "conflict")

    name = messenger.archive.name_of(sent.message_id)
    assert finding.mend == f"bmad-messenger git install && git checkout --merge -- {name}"


def test_empty_record_of_an_open_message_is_filled(messenger: Messenger, sent: Message) -> None:
    record(messenger, sent).write_text("")

    assert found(messenger, "empty").problem.severity == "warning"
    assert examine(messenger.project, fix=True).fixed == (f"recorded {sent.message_id} in the archive",)
    assert visit(messenger).findings == ()


def test_empty_record_is_brought_back_from_git(
    messenger: Messenger, root: Path, sent: Message, run: Callable[[str], None]
) -> None:
    messenger.close(sent.message_id)
    git(root, "commit", "--quiet", "-a", "-m", "Closed")
    record(messenger, sent).write_text("")

    run(found(messenger, "empty").mend)

    assert "empty" not in codes(visit(messenger))


def test_empty_record_that_nobody_has_is_said_to_be_lost(messenger: Messenger, sent: Message) -> None:
    messenger.close(sent.message_id)
    record(messenger, sent).write_text("")

    finding = found(messenger, "empty")

    assert (finding.problem.severity, finding.fix) == ("error", None)
    assert "it is lost" in finding.problem.hint


def test_misplaced_record_is_put_where_it_is_looked_for(
    messenger: Messenger, sent: Message, run: Callable[[str], None]
) -> None:
    messenger.close(sent.message_id)
    path = record(messenger, sent)
    for wrong in (
        path.parent.with_name("1999-01") / path.name,
        path.with_suffix(".yml"),
        messenger.archive.folder / path.name,
    ):
        wrong.parent.mkdir(exist_ok=True)
        path.rename(wrong)
        run(found(messenger, "misplaced").mend)

        assert path.is_file()


def test_copy_of_a_record_may_be_deleted(messenger: Messenger, sent: Message, run: Callable[[str], None]) -> None:
    path = record(messenger, sent)
    path.with_name(f"{path.name}.orig").write_text(path.read_text())

    run(found(messenger, "misplaced").mend)

    assert visit(messenger).findings == ()


def test_other_files_in_the_archive_are_nobody_s_business(messenger: Messenger, sent: Message) -> None:
    (messenger.archive.folder / "README.md").write_text("ours")
    (record(messenger, sent).parent / ".keep").write_text("")

    assert visit(messenger).findings == ()
