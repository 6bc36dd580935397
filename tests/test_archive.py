"""The history: one file a message, which anybody may have touched since."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bmad_messenger.archive import Archive, render_record
from bmad_messenger.errors import DamagedError, InvalidError, MessengerError
from bmad_messenger.message import Message, Priority, Status

MESSAGE = Message(
    message_id="MSG-20250115-a1b2",
    type="notify",
    from_agent="pm",
    to_agent="dev",
    to_agents=None,
    priority=Priority.LOW,
    created=datetime(2025, 1, 15, 10, 30, tzinfo=UTC),
    status=Status.PENDING,
    payload={"message": "Using PostgreSQL"},
)
DONE = replace(MESSAGE, status=Status.DONE, closed=datetime(2025, 1, 16, tzinfo=UTC), note="fine")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive", "archive")


@pytest.fixture
def file(archive: Archive) -> Path:
    """The message's file, which holds it."""
    archive.record(MESSAGE)
    return archive.path(MESSAGE.message_id)


def test_a_message_is_kept_by_month_and_read_back(archive: Archive) -> None:
    assert archive.record(MESSAGE)
    assert archive.path(MESSAGE.message_id) == archive.folder / "2025-01" / "MSG-20250115-a1b2.yaml"
    assert archive.read(MESSAGE.message_id) == MESSAGE
    assert archive.holds(MESSAGE.message_id)


def test_a_message_is_recorded_once(archive: Archive, file: Path) -> None:
    assert not archive.record(replace(MESSAGE, payload={"message": "other"}))
    assert archive.read(MESSAGE.message_id) == MESSAGE


def test_a_closed_message_takes_the_place_of_the_sent_one(archive: Archive, file: Path) -> None:
    archive.rewrite(DONE.message_id, render_record(DONE))

    assert archive.read(MESSAGE.message_id) == DONE


def test_what_is_not_kept_is_none(archive: Archive) -> None:
    assert archive.read(MESSAGE.message_id) is None
    assert archive.text(MESSAGE.message_id) is None
    assert not archive.holds(MESSAGE.message_id)
    assert list(archive.ids()) == []
    assert archive.sweep() == []


def test_ids_come_by_month_and_strangers_are_passed_over(archive: Archive, file: Path) -> None:
    for message_id in ("MSG-20241231-ffff", "MSG-20250101-00ff"):
        archive.record(replace(MESSAGE, message_id=message_id))
    for stranger in ("README.md", "2025-01/notes.yaml", "2025-01/MSG-20241231-ffff.yaml", "2025-01/MSG-x.yaml"):
        (archive.folder / stranger).write_text("stranger")

    assert list(archive.ids()) == ["MSG-20241231-ffff", "MSG-20250101-00ff", "MSG-20250115-a1b2"]


@pytest.mark.parametrize(
    "content",
    [
        "garbage",
        "[]",
        "a: 1",
        "message_id: MSG-20250115-a1b2",
        render_record(replace(MESSAGE, message_id="MSG-20250115-ffff")),
        render_record(MESSAGE).replace('"pending"', "5"),
        render_record(MESSAGE).replace('"pending"', '"lost"'),
        render_record(MESSAGE).replace('"2025-01-15T10:30:00Z"', '"soon"'),
        render_record(MESSAGE).replace('"2025-01-15T10:30:00Z"', "2025"),
        render_record(MESSAGE).replace("2025-01-15T10:30:00Z", "9999-12-31T23:59:59-23:59"),
        render_record(MESSAGE).replace('"pm"', "[pm]"),
        render_record(MESSAGE).replace('  message: "Using PostgreSQL"', "  - 5"),
        render_record(replace(MESSAGE, reply_to="../../../etc/passwd")),
        render_record(MESSAGE) + "read_by: [dev]\n",
        render_record(MESSAGE).replace('"dev"', "null"),
        "payload: !!python/object:os.system {}",
        "a: &a [*a, *a]",
    ],
)
def test_a_file_that_is_not_its_message_any_more_is_refused(archive: Archive, file: Path, content: str) -> None:
    file.write_text(content)
    with pytest.raises(InvalidError, match=r"archive/2025-01/MSG-20250115-a1b2\.yaml"):
        archive.read(MESSAGE.message_id)


def test_a_file_that_is_no_text_is_refused(archive: Archive, file: Path) -> None:
    file.write_bytes(b"\xff\xfe\0")
    with pytest.raises(DamagedError, match="not UTF-8"):
        archive.read(MESSAGE.message_id)


def test_a_file_that_can_t_be_read_may_contain_anything(archive: Archive, file: Path) -> None:
    archive.record(replace(MESSAGE, message_id="MSG-20250115-0000"))
    file.write_bytes(b"\xff")

    assert list(archive.containing(("nothing of the kind",))) == [MESSAGE.message_id]


def test_words_are_found_in_the_text(archive: Archive, file: Path) -> None:
    assert list(archive.containing(("other", "PostgreSQL"))) == [MESSAGE.message_id]
    assert list(archive.containing(("other",))) == []


@pytest.mark.parametrize("is_known", [False, True])
def test_a_link_out_of_the_project_is_never_written_through(archive: Archive, tmp_path: Path, is_known: bool) -> None:
    """A repository may come with links that lead to the files of whoever clones it."""
    precious = tmp_path / "precious"
    if is_known:
        precious.write_text("precious")
    path = archive.path(MESSAGE.message_id)
    path.parent.mkdir(parents=True)
    path.symlink_to(precious)
    assert not archive.record(MESSAGE)
    archive.rewrite(DONE.message_id, render_record(DONE))

    assert not path.is_symlink()
    assert archive.read(MESSAGE.message_id) == DONE
    assert precious.exists() == is_known
    assert not is_known or precious.read_text() == "precious"


def test_a_folder_may_be_a_link(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    archive.folder.symlink_to("elsewhere")
    archive.record(MESSAGE)

    assert archive.read(MESSAGE.message_id) == MESSAGE
    assert list(archive.ids()) == [MESSAGE.message_id]


@pytest.mark.parametrize("what", ["file", "loop", "dangling link"])
def test_a_folder_that_is_none_is_a_clear_error(archive: Archive, what: str) -> None:
    if what == "file":
        archive.folder.write_text("")
    else:
        archive.folder.symlink_to("archive" if what == "loop" else "absent")
    with pytest.raises(MessengerError, match=r"can't (write|read) archive"):
        archive.record(MESSAGE)
    with pytest.raises(MessengerError, match="can't write archive"):
        archive.rewrite(DONE.message_id, render_record(DONE))


def test_what_dead_processes_left_is_swept(archive: Archive, file: Path) -> None:
    torn = file.with_name(f".{file.name}.99999999.tmp")
    torn.write_text("torn")

    assert archive.sweep() == [torn]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_an_empty_file_as_a_power_failure_leaves_it_is_recorded_anew(archive: Archive) -> None:
    archive.record(MESSAGE)
    archive.path(MESSAGE.message_id).write_bytes(b"")

    assert archive.read(MESSAGE.message_id) is None
    assert archive.record(MESSAGE)
    assert archive.read(MESSAGE.message_id) == MESSAGE
