"""Many processes at once, and a hundred thousand messages."""

from __future__ import annotations

import multiprocessing
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bmad_messenger.btmsg import Btmsg
from tests.btmsg.plain_sql import MESSAGE, as_they_do

PROCESSES, SENDS = 8, 200
MANY = 100_000
FAST = 0.020  # seconds

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def send_many(path: Path, sender: int) -> None:
    with Btmsg(path, agent=f"a{sender}") as btmsg:
        btmsg.register(f"a{sender}", group_id="g", role="architect")
        btmsg.register("sink", group_id="g", role="tester")
        for number in range(SENDS):
            btmsg.send("sink", f"{sender}/{number}")


def test_eight_processes_send_two_hundred_each_into_a_new_database(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=send_many, args=(path, number)) for number in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0] * PROCESSES
    contents = Counter(message.content for message in Btmsg(path).unread_messages("sink"))
    assert contents == Counter(f"{sender}/{number}" for sender in range(PROCESSES) for number in range(SENDS))
    for sender in range(PROCESSES):
        mine = [one.content for one in Btmsg(path).history("sink", None, agent_id=f"a{sender}")]
        assert mine == [f"{sender}/{number}" for number in range(SENDS)]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a hundred thousand messages, half of them unread by one agent, some of those acknowledged."""
    path = tmp_path_factory.mktemp("crowded") / "btmsg.db"
    with Btmsg(path) as btmsg:
        for number in range(10):
            btmsg.register(f"a{number}", group_id="g" if number else "h", role="architect")
    with closing(as_they_do(path)) as theirs:
        theirs.execute("PRAGMA synchronous = OFF")
        theirs.execute("BEGIN")
        theirs.executemany(
            MESSAGE,
            (
                (f"{n:06}-{n}", f"a{1 + n % 9}", "a0" if n % 2 else f"a{n // 2 % 10}", f"text {n}", "g")
                for n in range(MANY)
            ),
        )
        theirs.execute("UPDATE messages SET read = 1 WHERE rowid % 10 = 0 AND to_agent <> 'a0'")
        theirs.execute(
            "INSERT INTO seen_messages (session_id, message_id) SELECT 's', id FROM messages WHERE rowid < 99"
        )
        theirs.execute(
            "INSERT INTO seen_messages (session_id, message_id) SELECT 't', id FROM messages "
            "WHERE to_agent = 'a8' OR (to_agent = 'a0' AND rowid < 40000)"
        )
        theirs.execute("COMMIT")
    return path


def of(agent_id: str, btmsg: Btmsg) -> Btmsg:
    """The same connection, used by an agent; `a0` is the owner of the large inbox."""
    btmsg.session.agent = agent_id
    return btmsg


VIEWS: dict[str, Callable[[Btmsg], object]] = {
    "a large inbox's count": lambda btmsg: btmsg.unread_count("a0"),
    "a small inbox's count": lambda btmsg: btmsg.unread_count("a1"),
    "the count of an inbox of which all was acknowledged": lambda btmsg: btmsg.unread_count("a8"),
    "an inbox of which all was acknowledged": lambda btmsg: btmsg.unread_messages("a8", 50),
    "everyone's counts": lambda btmsg: btmsg.get_agents(),
    "the feed of one's own": lambda btmsg: of("a0", btmsg).get_feed("g", 50),
    "the inbox": lambda btmsg: btmsg.unread_messages("a0", 50),
    "all of an inbox": lambda btmsg: of("a0", btmsg).inbox(50),
    "what a session has not seen": lambda btmsg: btmsg.unseen("s", "a9")[:1],
    "a history": lambda btmsg: btmsg.history("a0", 50, agent_id="a1"),
    "the feed": lambda btmsg: btmsg.get_feed("g", 50),
    "the feed of all groups": lambda btmsg: btmsg.get_feed(None, 50),
    "a message": lambda btmsg: btmsg.get_message("000999"),
}


@pytest.mark.parametrize("view", [one for one in VIEWS if one != "what a session has not seen"])
def test_a_hundred_thousand_messages_are_viewed_fast(crowded: Path, view: str) -> None:
    def seconds() -> Iterator[float]:
        with Btmsg(crowded) as btmsg:
            VIEWS[view](btmsg)
            for _ in range(7):
                started = time.perf_counter()
                VIEWS[view](btmsg)
                yield time.perf_counter() - started

    assert min(seconds()) < FAST


@pytest.mark.parametrize("view", VIEWS)
def test_views_use_an_index(crowded: Path, view: str) -> None:
    with Btmsg(crowded) as btmsg:
        queries: list[str] = []
        with btmsg.database.reading() as connection:
            connection.set_trace_callback(queries.append)
        VIEWS[view](btmsg)
        with btmsg.database.reading() as connection:
            connection.set_trace_callback(None)
            plans = [row["detail"] for one in queries for row in connection.execute(f"EXPLAIN QUERY PLAN {one}")]

    assert plans
    # The agents (`a`), the groups (`g`) and a short list of row numbers (`(subquery)`) may be gone
    # through, not messages.
    short = ("SCAN a", "SCAN g", "SCAN found", "SCAN (")
    assert [plan for plan in plans if plan.startswith("SCAN") and not plan.startswith(short)] == []
    of_few_rows = {"a history", "the feed of all groups", "the feed of one's own", "everyone's counts"}
    assert [plan for plan in plans if "TEMP B-TREE FOR ORDER BY" in plan and view not in of_few_rows] == []


def test_the_counts_of_the_large_inbox_agree(crowded: Path) -> None:
    with Btmsg(crowded) as btmsg:
        assert btmsg.unread_count("a0") == len(btmsg.unread_messages("a0")) < MANY
