"""What happens to messages is told once, whenever one looks, and looking changes nothing."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmad_messenger import Message, Messenger, Status
from bmad_messenger.following import Event, Follower, Kind, follow
from bmad_messenger.queue import journal as journals

NOW = datetime(2025, 1, 15, 10, 30, tzinfo=UTC)


@pytest.fixture
def messenger(tmp_path: Path) -> Messenger:
    messenger = Messenger.open(tmp_path)
    messenger.init()
    return messenger


@pytest.fixture
def follower(messenger: Messenger) -> Follower:
    """One that has looked before anything happened."""
    follower = Follower(Messenger.open(messenger.project.root))
    assert follower.look().events == ()
    return follower


def send(messenger: Messenger, text: str = "text", to: str = "dev") -> Message:
    return messenger.send(type="notify", from_agent="pm", to_agent=to, payload={"message": text})


def told(events: tuple[Event, ...]) -> list[tuple[str, str]]:
    return [(event.kind.value, str(event.message.payload["message"])) for event in events]


def edit(messenger: Messenger, old: str, new: str) -> None:
    """Changes the queue as a person does."""
    path = messenger.project.queue
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_first_look_tells_the_life_of_what_is_open_oldest_first(
    messenger: Messenger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minutes, act in enumerate(
        (
            lambda: send(messenger, "one"),
            lambda: send(messenger, "two"),
            lambda: messenger.receive("dev", limit=1),
            lambda: messenger.close(send(messenger, "closed").message_id),
            lambda: send(messenger, "three"),
        )
    ):
        monkeypatch.setattr("bmad_messenger.message.now", lambda minutes=minutes: NOW + timedelta(minutes=minutes))
        act()

    news = Follower(messenger).look()

    assert told(news.events) == [("sent", "one"), ("sent", "two"), ("read", "one"), ("sent", "three")]
    assert [event.time for event in news.events] == [NOW + timedelta(minutes=n) for n in (0, 1, 2, 4)]
    assert news.events[2].by == "dev"


def test_each_step_of_a_message_is_told_once(messenger: Messenger, follower: Follower) -> None:
    steps: list[tuple[Callable[[], object], Kind, str | None]] = [
        (lambda: send(messenger), Kind.SENT, None),
        (lambda: messenger.claim("dev", 60), Kind.CLAIMED, f"{os.uname().nodename}:{os.getpid()}"),
        (lambda: messenger.mark_read("dev", [messenger.list()[0].message_id]), Kind.READ, "dev"),
        (lambda: edit(messenger, 'message: "text"', 'message: "mended"'), Kind.EDITED, None),
        (lambda: messenger.close(messenger.list()[0].message_id, note="over"), Kind.CLOSED, None),
    ]
    for act, kind, by in steps:
        act()
        (event,) = follower.look().events
        assert (event.kind, event.by) == (kind, by)
        assert event.fields == (("payload",) if kind is Kind.EDITED else ())
        assert follower.look().events == ()

    assert (event.message.status, event.message.note, event.time) == (Status.DONE, "over", event.message.closed)


def test_what_came_and_was_closed_between_two_looks_is_told(messenger: Messenger, follower: Follower) -> None:
    sent = send(messenger, "quick")
    messenger.receive("dev")
    messenger.close(sent.message_id)

    assert told(follower.look().events) == [("sent", "quick"), ("read", "quick"), ("closed", "quick")]
    assert follower.look().events == ()


def test_a_broadcast_is_told_as_read_by_each_of_its_readers(messenger: Messenger, follower: Follower) -> None:
    messenger.send(type="notify", from_agent="pm", to_agents=["dev", "tea"], payload={"message": "all"})
    follower.look()
    messenger.receive("tea")
    messenger.receive("dev")

    assert [(event.kind, event.by) for event in follower.look().events] == [(Kind.READ, "tea"), (Kind.READ, "dev")]


def test_a_comment_is_no_edit_and_a_move_neither(messenger: Messenger, follower: Follower) -> None:
    send(messenger, "one")
    send(messenger, "two")
    follower.look()
    head, *items = messenger.project.queue.read_text().rstrip("\n").split("  - message_id: ")
    messenger.project.queue.write_text("  - message_id: ".join((f"# mine\n{head}", *(f"{i}\n" for i in items[::-1]))))

    assert follower.look().events == ()


def test_a_status_turned_back_by_hand_is_an_edit(messenger: Messenger, follower: Follower) -> None:
    send(messenger)
    text = messenger.project.queue.read_text()
    messenger.receive("dev")
    follower.look()
    messenger.project.queue.write_text(text)

    assert [(event.kind, event.fields) for event in follower.look().events] == [(Kind.EDITED, ("status", "read_by"))]


def test_what_is_typed_in_is_told_when_a_command_has_given_it_its_id(messenger: Messenger, follower: Follower) -> None:
    edit(messenger, "[]", "\n  - {type: notify, from: pm, to: dev, payload: {message: typed}}")
    assert follower.look().events == ()
    messenger.list()

    assert told(follower.look().events) == [("sent", "typed")]


def test_what_is_dropped_and_brought_back_is_told_once(messenger: Messenger, follower: Follower) -> None:
    buffer = messenger.project.queue.read_text()
    sent = send(messenger)
    follower.look()
    messenger.project.queue.write_text(buffer)
    news = follower.look()
    assert news.events == ()
    assert [problem.message for problem in news.problems] == [f"{sent.message_id} was open and is gone from the queue"]
    assert follower.look().problems == ()
    messenger.sync(restore=True)
    assert follower.look().events == ()
    messenger.close(sent.message_id)

    assert told(follower.look().events) == [("closed", "text")]


def test_what_is_dropped_before_anybody_looked_is_told_all_the_same(messenger: Messenger, follower: Follower) -> None:
    buffer = messenger.project.queue.read_text()
    sent = send(messenger)
    messenger.project.queue.write_text(buffer)
    assert told(follower.look().events) == [("sent", "text")]
    messenger.close(sent.message_id)  # which does not touch the queue

    assert told(follower.look().events) == [("closed", "text")]


def test_a_damaged_queue_is_told_once_and_followed_again_when_it_is_mended(
    messenger: Messenger, follower: Follower
) -> None:
    text = messenger.project.queue.read_text()
    for _ in range(2):
        messenger.project.queue.write_text("messages: [\n")
        assert len(follower.look().problems) == 1
        assert follower.look().problems == ()
        messenger.project.queue.write_text(text)
        assert follower.look().problems == ()
    send(messenger)

    assert told(follower.look().events) == [("sent", "text")]


def test_an_invalid_message_is_told_once_beside_the_others(messenger: Messenger, follower: Follower) -> None:
    edit(messenger, "[]", "\n  - {type: notify, from: pm, to: dave, payload: {message: typed}}\n")
    send(messenger)
    news = follower.look()

    assert "'dave'" in news.problems[0].message
    assert told(news.events) == [("sent", "text")]
    assert follower.look().problems == ()


@pytest.mark.parametrize("what", ["queue", "folder"])
def test_a_queue_that_vanishes_and_comes_back_is_followed_on(
    what: str, messenger: Messenger, follower: Follower
) -> None:
    send(messenger, "before")
    follower.look()
    path = messenger.project.queue if what == "queue" else messenger.project.folder
    path.rename(path.with_name("aside"))
    assert follower.look().events == ()
    path.with_name("aside").rename(path)
    send(messenger, "after")

    assert told(follower.look().events) == [("sent", "after")]


def test_a_project_begun_anew_is_followed(messenger: Messenger, follower: Follower) -> None:
    send(messenger, "before")
    follower.look()
    shutil.rmtree(messenger.project.folder)
    follower.look()
    anew = Messenger.open(messenger.project.root)
    sent = send(anew, "after")
    anew.close(sent.message_id)

    assert told(follower.look().events) == [("sent", "after"), ("closed", "after")]


@pytest.mark.parametrize("how", ["compacted", "deleted", "garbage"])
def test_a_journal_begun_anew_doubles_nothing(
    how: str, messenger: Messenger, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(messenger, "before")
    follower.look()
    journal = messenger.store.queue.journal
    if how == "compacted":
        monkeypatch.setattr(journals, "_COMPACT_AT", 10)
        messenger.sync()
    elif how == "deleted":
        journal.path.unlink()
    else:
        journal.path.write_bytes(b"\xff\n" * 1_000)
    sent = send(messenger, "after")
    messenger.close(sent.message_id)

    assert told(follower.look().events) == [("sent", "after"), ("closed", "after")]


def test_what_sync_takes_from_the_archive_is_told(messenger: Messenger, follower: Follower, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    there = Messenger.open(tmp_path / "there")
    sent = send(there, "from there")
    record = messenger.archive.path(sent.message_id)
    record.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(there.archive.path(sent.message_id), record)
    messenger.sync()

    assert told(follower.look().events) == [("sent", "from there")]


def test_what_was_closed_and_is_saved_back_is_not_told_again(messenger: Messenger, follower: Follower) -> None:
    sent = send(messenger)
    text = messenger.project.queue.read_text()
    messenger.close(sent.message_id)
    follower.look()
    messenger.project.queue.write_text(text)
    news = follower.look()

    assert news.events == ()
    assert [problem.code for problem in news.problems] == ["closed"]


def test_looking_changes_nothing_and_takes_no_lock(messenger: Messenger) -> None:
    send(messenger)
    edit(messenger, "messages:", "x-mine: 1\nmessages:")
    messenger.project.folder.joinpath(".queue.lock").unlink(missing_ok=True)
    Follower(messenger).look()  # the journal learns that the text is good, as with every command
    files = {path: path.read_bytes() for path in messenger.project.folder.rglob("*") if path.is_file()}
    follower = Follower(messenger)
    follower.look()
    follower.look()

    assert {path: path.read_bytes() for path in messenger.project.folder.rglob("*") if path.is_file()} == files
    assert not any(path.name.endswith(".lock") for path in files)


def test_a_queue_that_did_not_change_is_not_read_again(
    messenger: Messenger, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(messenger)
    follower.look()
    monkeypatch.setattr("bmad_messenger.store.Store.view", None)

    assert follower.look().events == ()


def test_following_ends_at_the_deadline_with_news_at_least_every_second(messenger: Messenger) -> None:
    send(messenger)
    start = time.monotonic()
    looks = list(follow(messenger, start + 0.3))

    assert told(looks[0].events) == [("sent", "text")]
    assert time.monotonic() - start < 3
    assert not any(news.events for news in looks[1:])


def test_a_folder_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "_bmad-output").mkdir()
    looks = follow(Messenger.open(tmp_path), time.monotonic() + 20)
    assert next(looks).events == ()
    assert not (tmp_path / "_bmad-output" / "messenger").exists()
    send(Messenger.open(tmp_path))

    assert told(next(news.events for news in looks if news.events)) == [("sent", "text")]


STEPS = st.lists(
    st.tuples(st.sampled_from(("send", "send", "read", "done", "look", "drop", "restore")), st.integers(0, 9)),
    max_size=25,
)


@settings(max_examples=50)
@given(STEPS)
def test_whenever_one_looks_each_thing_is_told_once_and_in_its_order(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)  # nothing dies here
        messenger = Messenger.open(folder)
        messenger.init()
        follower, events = Follower(Messenger.open(folder)), list[tuple[str, str]]()
        follower.look()
        done: dict[str, list[str]] = {}
        for number, (step, at) in enumerate(steps):
            found = messenger.list()[at % 3 :][:1]
            text = str(found[0].payload["message"]) if found else ""
            if step == "send":
                done[f"{number}"] = ["sent"]
                send(messenger, f"{number}")
            elif step == "read" and found and messenger.mark_read("dev", [found[0].message_id]):
                done[text] += ["read"] if "read" not in done[text] else []
            elif step == "done" and found:
                messenger.close(found[0].message_id)
                done[text].append("closed")
            elif step == "drop" and not any(
                one.read_by for one in messenger.list()
            ):  # what comes back is as it was sent
                messenger.project.queue.write_text("messages: []\n")
                messenger.sync(restore=True)
            elif step == "restore":
                messenger.sync(restore=True)
            elif step == "look":
                events += told(follower.look().events)
        events += told(follower.look().events)

    assert {text: [kind for kind, of in events if of == text and kind != "edited"] for text in done} == done


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_nothing_is_missed_or_doubled_while_many_work(messenger: Messenger) -> None:
    fork = multiprocessing.get_context("fork")
    root = messenger.project.root

    def work(number: int) -> None:
        mine = Messenger.open(root)
        for n in range(15):
            sent = send(mine, f"{number}/{n}")
            if n % 3:
                mine.mark_read("dev", [sent.message_id])
                mine.close(sent.message_id)

    children = [fork.Process(target=work, args=(number,)) for number in range(3)]
    follower, events = Follower(Messenger.open(root)), list[Event]()
    for child in children:
        child.start()
    while any(child.is_alive() for child in children):
        events += follower.look().events
    events += follower.look().events

    assert [child.exitcode for child in children] == [0, 0, 0]
    told_once = Counter((event.kind, event.message.payload["message"]) for event in events)
    assert set(told_once.values()) == {1}
    assert Counter(kind for kind, _ in told_once) == {Kind.SENT: 45, Kind.READ: 30, Kind.CLOSED: 30}
