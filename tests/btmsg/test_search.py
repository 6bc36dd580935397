"""Search finds what anyone wrote, whoever's SQLite they used, and no word crashes it."""

from __future__ import annotations

import re
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmad_messenger.btmsg import Database
from bmad_messenger.btmsg.search import WORTHWHILE, index_pending, search
from tests.btmsg.plain_sql import MESSAGE, as_they_do
from tests.btmsg.team import As


def found(team: As, words: str, agent_id: str | None = None) -> list[str]:
    return [hit.content for hit in team(agent_id).search(words)]


def test_messages_posts_and_tasks_are_found(team: As) -> None:
    team("mgr").send("dev", "The Café's auth-module")
    team("mgr").channel_post("review-log", "auth module posted")
    team("mgr").board.add("Auth task", description="of the module")

    hits = team(None).search("AUTH module")
    assert {(hit.kind, hit.place) for hit in hits} == {("message", "dev"), ("post", "#review-log"), ("task", "todo")}
    assert found(team, "cafe") == ["The Café's auth-module"]
    assert found(team, "auth nothing") == []


def test_the_newest_is_first_and_the_limit_holds(team: As) -> None:
    for number in range(5):
        team("mgr").send("dev", f"word {number}")

    assert [hit.content for hit in team(None).search("word", limit=2)] == ["word 4", "word 3"]


def take_in(path: Path) -> None:
    """Take what is noted into the index."""
    with Database(path).writing() as connection:
        index_pending(connection)
        assert connection.execute("SELECT count(*) FROM btmsg_search_pending").fetchone()[0] == 0


@pytest.mark.parametrize("indexed", [False, True])
def test_what_other_programs_write_change_and_delete_is_followed(team: As, path: Path, indexed: bool) -> None:
    with closing(as_they_do(path)) as theirs:
        for name in ("kept", "changed", "deleted"):
            theirs.execute(MESSAGE, (name, "mgr", "dev", f"word {name}", "g"))
        if indexed:
            take_in(path)
        theirs.execute("UPDATE messages SET content = 'another text' WHERE id = 'changed'")
        theirs.execute("DELETE FROM messages WHERE id = 'deleted'")
    for _ in range(2):
        assert found(team, "word") == ["word kept"]
        assert found(team, "another") == ["another text"]
        take_in(path)


def test_a_row_number_used_again_is_not_mistaken(team: As, path: Path) -> None:
    with closing(as_they_do(path)) as theirs:
        theirs.execute(MESSAGE, ("one", "mgr", "dev", "first", "g"))
        take_in(path)
        theirs.execute("DELETE FROM messages WHERE id = 'one'")
        theirs.execute(MESSAGE, ("two", "mgr", "dev", "second", "g"))

    assert (found(team, "first"), found(team, "second")) == ([], ["second"])


def test_a_program_without_fts5_can_insert(team: As, path: Path) -> None:
    """No statement of a trigger names a virtual table, which such a program could not prepare."""
    with closing(as_they_do(path)) as theirs:
        triggers = [row["sql"] for row in theirs.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'")]

    assert len(triggers) > 9
    assert [one for one in triggers if re.search(r"\bbtmsg_search\b", one)] == []


def test_a_backlog_is_taken_in_by_and_by(team: As, path: Path) -> None:
    with closing(as_they_do(path)) as theirs, theirs:
        theirs.execute("BEGIN")
        theirs.executemany(MESSAGE, [(f"m{n}", "mgr", "dev", f"word {n}", "g") for n in range(1200)])
    with Database(path).writing() as connection:
        index_pending(connection, 1000)
        assert connection.execute("SELECT count(*) FROM btmsg_search_pending").fetchone()[0] == 200

    assert len(team(None).search("word", limit=None)) == 1200


def test_writes_take_in_what_others_left_many_at_a_time(team: As, path: Path) -> None:
    with closing(as_they_do(path)) as theirs:
        for number in range(WORTHWHILE):
            theirs.execute(MESSAGE, (f"m{number}", "mgr", "dev", f"word {number}", "g"))
        team("dev").heartbeat()

        assert theirs.execute("SELECT count(*) FROM btmsg_search_pending").fetchone()[0] == 0
    assert len(found(team, "word")) == 50


def test_the_first_search_after_a_hundred_thousand_inserts_takes_no_second(team: As, path: Path) -> None:
    with closing(as_they_do(path)) as theirs, theirs:
        theirs.execute("PRAGMA synchronous = OFF")
        theirs.execute("BEGIN")
        texts = ((f"{n:06}-m", "mgr", "dev", f"message number {n} of a program that knows no index", "g") for n in range(100_000))  # fmt: skip # noqa: E501
        theirs.executemany(MESSAGE, texts)
    started = time.perf_counter()

    assert found(team, "number 99998") == ["message number 99998 of a program that knows no index"]
    assert time.perf_counter() - started < 1


def test_an_id_that_another_program_changes_is_followed(team: As, path: Path) -> None:
    with closing(as_they_do(path)) as theirs:
        theirs.execute(MESSAGE, ("before", "mgr", "dev", "word", "g"))
        take_in(path)
        theirs.execute("UPDATE messages SET id = 'after' WHERE id = 'before'")

    assert [hit.id for hit in team(None).search("word")] == ["after"]
    take_in(path)
    assert [hit.id for hit in team(None).search("word")] == ["after"]


def test_a_post_of_a_channel_that_is_gone_is_found(team: As, path: Path) -> None:
    with closing(as_they_do(path)) as theirs:
        theirs.execute("PRAGMA foreign_keys = OFF")
        theirs.execute(
            "INSERT INTO channel_messages (id, channel_id, from_agent, content) VALUES ('p', 'x', 'y', 'word')"
        )

    assert found(team, "word") == ["word"]
    assert found(team, "word", "dev") == []


_ALPHABET = "aAbéÉe\u0301ß\u017f\u212a\u0131 12_-'\"%\0\n日"


@given(
    texts=st.lists(st.text(_ALPHABET, min_size=1, max_size=8), min_size=1, max_size=6),
    words=st.text(_ALPHABET, max_size=4),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_only_noted_is_found_as_if_it_was_in_the_index(texts: list[str], words: str) -> None:
    with Database(":memory:").reading() as connection:
        connection.execute("PRAGMA query_only = OFF")
        connection.execute("PRAGMA foreign_keys = OFF")
        for number, text in enumerate(texts):
            connection.execute(MESSAGE, (f"{number}", "a", "b", text, "g"))
        noted = [hit.id for hit in search(connection, words)]
        index_pending(connection)

        assert noted == [hit.id for hit in search(connection, words)]


def test_an_agent_finds_what_it_may_read(team: As) -> None:
    team("mgr").send("dev", "secret of dev")
    team("mgr").channel_post("review-log", "secret of all")
    team(None).register("other", group_id="h", role="manager")

    assert sorted(found(team, "secret", "dev")) == ["secret of all", "secret of dev"]
    assert found(team, "secret", "ops") == ["secret of all"]
    assert found(team, "secret", "other") == []
    assert len(found(team, "secret", "boss")) == 2


@pytest.mark.parametrize(
    "words", ['"', "-", "a-b", "a AND", "NOT", "a OR (", "content:x", "^a", "a*", "{a} : b", "\0", "' OR 1"]
)
def test_operators_are_words(team: As, words: str) -> None:
    team("mgr").send("dev", f"here is {words} as text")

    assert len(found(team, words)) == any(character.isalnum() for character in words)


def test_a_query_of_thousands_of_words_is_answered(team: As) -> None:
    team("mgr").send("dev", "a word")

    assert found(team, "word " * 20_000) == ["a word"]
    assert found(team, " ".join(f"word{n}" for n in range(5_000))) == []
    assert found(team, "w" * 100_000) == []


@given(words=st.text(max_size=30))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_word_crashes_it(team: As, words: str) -> None:
    team(None).search(words)
