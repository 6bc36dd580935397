"""A lease: a claimed message is nobody else's until it is closed or the lease runs out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from bmad_messenger import Message, Messenger, Status, UsageError

Note = Callable[..., Message]


@pytest.fixture
def leased(note: Note, messenger: Messenger, clock: Any) -> Message:
    """A message that a worker has claimed for a minute, and read."""
    note()
    (claimed,) = messenger.claim("dev", 60)
    messenger.mark_read("dev", [claimed.message_id])
    return claimed


def test_a_claimed_message_says_by_whom_and_until_when(
    note: Note, messenger: Messenger, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BMAD_MESSENGER_WORKER", "worker 1")
    note()

    (claimed,) = messenger.claim("dev", 60)

    assert claimed.claimed_by == "worker 1"
    assert claimed.claimed_until is not None
    assert 60 <= (claimed.claimed_until - clock.time).total_seconds() <= 61
    assert claimed.status is Status.PENDING
    assert messenger.get(claimed.message_id) == claimed


def test_nobody_else_gets_it_while_the_lease_lasts(leased: Message, messenger: Messenger, clock: Any) -> None:
    clock.tick(60)

    assert messenger.receive("dev") == []
    assert messenger.claim("dev", 60) == []


def test_it_comes_back_when_the_lease_has_run_out(leased: Message, messenger: Messenger, clock: Any) -> None:
    clock.tick(61)

    assert [message.message_id for message in messenger.receive("dev", peek=True)] == [leased.message_id]


def test_it_comes_back_unread_too(note: Note, messenger: Messenger, clock: Any) -> None:
    sent = note()
    messenger.claim("dev", 60)
    clock.tick(61)

    (received,) = messenger.receive("dev")

    assert (received.message_id, received.status) == (sent.message_id, Status.READ)


@pytest.mark.parametrize("later", [0, 30])
def test_it_comes_back_once_to_who_receives_it(leased: Message, messenger: Messenger, clock: Any, later: int) -> None:
    clock.tick(61 + later)

    assert len(messenger.receive("dev")) == 1
    clock.tick(3600)
    assert messenger.receive("dev") == []


def test_it_can_be_claimed_again(leased: Message, messenger: Messenger, clock: Any) -> None:
    clock.tick(61)

    (again,) = messenger.claim("dev", 60)

    assert again.message_id == leased.message_id
    assert messenger.receive("dev") == []
    clock.tick(61)
    assert len(messenger.receive("dev", peek=True)) == 1


def test_done_ends_it(leased: Message, messenger: Messenger, clock: Any) -> None:
    (closed,) = messenger.close(leased.message_id)
    clock.tick(61)

    assert closed.status is Status.DONE
    assert messenger.receive("dev") == []


def test_claiming_takes_the_most_urgent_first_and_no_more_than_is_asked(note: Note, messenger: Messenger) -> None:
    note("low")
    note("high", priority="high")

    assert [message.payload["message"] for message in messenger.claim("dev", 60, limit=1)] == ["high"]
    assert [message.payload["message"] for message in messenger.claim("dev", 60)] == ["low"]


def test_a_broadcast_is_not_leased(note: Note, messenger: Messenger) -> None:
    sent = note(to_agents=["dev", "tea"])

    assert messenger.claim("dev", 60) == [sent]
    assert messenger.receive("tea", peek=True) == [sent]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e12])
def test_a_lease_has_a_length(seconds: float, messenger: Messenger) -> None:
    with pytest.raises(UsageError, match="lease"):
        messenger.claim("dev", seconds)


def test_a_lease_of_part_of_a_second_is_one(note: Note, messenger: Messenger, clock: Any) -> None:
    note()
    messenger.claim("dev", 0.2)

    assert messenger.receive("dev") == []


def test_of_workers_that_claim_at_once_each_gets_its_own(note: Note, messenger: Messenger) -> None:
    sent = {note(str(number)).message_id for number in range(8)}
    root, claimed = messenger.project.root, list[str]()
    start = threading.Barrier(4)

    def work() -> None:
        worker = Messenger.open(root)
        start.wait()
        while found := worker.claim("dev", 60, limit=1):
            claimed.append(found[0].message_id)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(claimed) == sorted(sent)
