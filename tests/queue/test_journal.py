"""The local log: what it remembers, and that losing it, or part of it, is harmless."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmad_messenger.queue.journal import UNCHECKED, Journal, digest_of, hash_of

FIRST, SECOND = "MSG-20250115-a1b2", "MSG-20250115-c3d4"


def digest(content: bytes, flavour: str) -> str:
    return digest_of(hash_of(content, flavour))


ONE, TWO = digest(b"one", ""), digest(b"two", "")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / ".queue.journal")


def ids(count: int) -> list[str]:
    return [f"MSG-20250115-{number:05x}" for number in range(count)]


def test_digest_depends_on_the_rules_as_on_the_text() -> None:
    assert len({digest(b"a", "1"), digest(b"b", "1"), digest(b"a", "2"), digest(b"1a", "")}) == 4


def test_without_a_file_nothing_is_known(journal: Journal) -> None:
    assert (journal.recall(ONE), journal.held()) == ((False, False), set())


def test_last_version_is_known_as_the_last(journal: Journal) -> None:
    journal.note(ONE)
    journal.note(TWO)

    assert (journal.recall(ONE), journal.recall(TWO)) == ((True, False), (True, True))


def test_messages_are_held_until_they_leave(journal: Journal) -> None:
    journal.note(ONE, entered=(FIRST, SECOND))
    journal.note(TWO, left=(FIRST,))

    assert journal.held() == {SECOND}


def test_version_with_many_messages_is_remembered_whole(journal: Journal) -> None:
    many = ids(2_000)
    journal.note(ONE, entered=many)

    assert journal.held() == set(many)
    assert journal.recall(ONE) == (True, True)


def test_old_versions_are_forgotten(journal: Journal) -> None:
    journal.note(ONE)
    for number in range(1_000):
        journal.note(digest(str(number).encode(), ""))

    assert journal.recall(ONE) == (False, False)


@pytest.mark.parametrize("torn", [TWO[:10], f"{TWO} +{SECOND[:-2]}", f"{TWO} +{SECOND}", "\0" * 30, "é"])
def test_line_torn_by_a_crash_is_skipped(journal: Journal, torn: str) -> None:
    journal.note(ONE, entered=(FIRST,))
    with journal.path.open("a", encoding="utf-8") as file:
        file.write(torn)

    assert (journal.held(), journal.recall(ONE)) == ({FIRST}, (True, True))


def test_line_after_a_torn_one_is_whole(journal: Journal) -> None:
    journal.path.write_text(f"{ONE} +{FIRST[:8]}")
    journal.note(TWO, entered=(SECOND,))

    assert (journal.held(), journal.recall(TWO)) == ({SECOND}, (True, True))


def test_small_log_is_left_as_it_is(journal: Journal) -> None:
    journal.note(ONE, entered=(FIRST,))
    before = journal.path.read_bytes()
    journal.compact()

    assert journal.path.read_bytes() == before


@pytest.mark.parametrize("count", [1, 2_000])
def test_large_log_is_cut_to_what_it_says(journal: Journal, count: int) -> None:
    journal.note(ONE, entered=ids(30_000))
    journal.note(ONE, left=ids(30_000))
    journal.note(TWO, entered=ids(count))
    size = journal.path.stat().st_size
    journal.compact()

    assert (journal.held(), journal.recall(TWO)) == (set(ids(count)), (True, True))
    assert journal.path.stat().st_size < size / 10


def test_cut_log_survives_that_its_last_line_was_torn(journal: Journal) -> None:
    journal.note(ONE, entered=ids(60_000))
    with journal.path.open("a") as file:
        file.write("torn\n")
    journal.compact()

    assert len(journal.held()) == 60_000


def test_cutting_a_log_that_is_not_there_does_nothing(journal: Journal) -> None:
    journal.compact()

    assert not journal.path.exists()


def test_unchecked_is_no_text_s_digest() -> None:
    assert len(UNCHECKED) == len(ONE)
    assert UNCHECKED != ONE


def test_last_version_is_known_as_the_last_though_it_holds_something_wrong(journal: Journal) -> None:
    journal.note(ONE)
    journal.note(TWO, is_clean=False, entered=(FIRST,))

    assert (journal.ends_with(ONE), journal.ends_with(TWO)) == (False, True)
    assert journal.recall(TWO) == (False, False)
    assert journal.held() == {FIRST}


def test_what_entered_since_a_mark_is_told_once(journal: Journal) -> None:
    nothing, mark = journal.entered_since(None)
    journal.note(ONE, entered=(FIRST,))
    first, mark = journal.entered_since(mark)
    none, mark = journal.entered_since(mark)
    journal.note(TWO, entered=(SECOND,), left=(FIRST,))

    assert (nothing, first, none) == ([], [FIRST], [])
    assert journal.entered_since(mark)[0] == [SECOND]


def test_a_line_that_is_half_written_is_told_when_it_is_whole(journal: Journal) -> None:
    journal.note(ONE)
    _, mark = journal.entered_since(None)
    line = f"{TWO} +{FIRST}\n".encode()
    with journal.path.open("ab", buffering=0) as file:
        file.write(line[:40])
        half, mark = journal.entered_since(mark)
        file.write(line[40:])

    assert half == []
    assert journal.entered_since(mark)[0] == [FIRST]


@pytest.mark.parametrize("content", [b"", b"\xff\n", b"x" * 10_000])
def test_a_log_that_was_begun_anew_is_told_from_its_beginning(journal: Journal, content: bytes) -> None:
    journal.note(ONE, entered=(FIRST,))
    _, mark = journal.entered_since(None)
    journal.path.write_bytes(content)
    journal.note(TWO, entered=(SECOND,))

    assert journal.entered_since(mark)[0] == [SECOND]


def test_readings_are_remembered_until_the_message_leaves(journal: Journal) -> None:
    first, second = "2025-01-15T10:30:00Z", "2025-01-15T10:31:00Z"
    journal.note(ONE, entered=(FIRST, SECOND), read={FIRST: {"dev": first, "pm": first}, SECOND: {"dev": first}})
    journal.note(TWO, left=(FIRST,), read={SECOND: {"dev": second}})

    assert journal.readings() == {SECOND: {"dev": second}}
    assert journal.held() == {SECOND}


def test_rewriting_the_log_keeps_readings(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bmad_messenger.queue.journal._COMPACT_AT", 10)
    journal.note(ONE, entered=(FIRST,), read={FIRST: {"dev": "2025-01-15T10:30:00Z"}})
    journal.compact()

    assert journal.readings() == {FIRST: {"dev": "2025-01-15T10:30:00Z"}}
