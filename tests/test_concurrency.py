"""Many processes at once: nothing is lost, nothing comes twice, and whoever reads without a lock sees a whole queue."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bmad_messenger import LockTimeoutError, Messenger, Status, message
from bmad_messenger.config import Limits, Project
from bmad_messenger.queue.file import QueueFile

# The workers are forks, which share what is imported; pytest-xdist's threads are idle there.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

SENDERS, EACH = 8, 100


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BMAD_MESSENGER_PLUGINS", "")
    messenger = Messenger.open(tmp_path)
    messenger.init()
    messenger.project.config.write_text("limits: {lock_timeout: 60}\n")  # a busy machine is no failure
    return tmp_path


class Crew:
    """Processes that work on one project at once; what each returns is kept in a file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.finished = multiprocessing.get_context("fork").Event()
        self.members: list[tuple[Any, Path]] = []

    def start(self, work: Callable[[Messenger], Any]) -> None:
        answer = self.root / f"answer-{len(self.members)}.json"
        member = multiprocessing.get_context("fork").Process(target=self._do, args=(work, answer))
        self.members.append((member, answer))
        member.start()

    def join(self, first: int | None = None) -> list[Any]:
        """What the first so many returned, or all, once they have ended well."""
        for member, _ in self.members[:first]:
            member.join(120)
            assert member.exitcode == 0
        return [json.loads(answer.read_text()) for _, answer in self.members[:first]]

    def _do(self, work: Callable[[Messenger], Any], answer: Path) -> None:
        answer.write_text(json.dumps(work(Messenger.open(self.root))))


def note(messenger: Messenger, text: str, to: str = "dev", **options: Any) -> str:
    return messenger.send(type="notify", from_agent="pm", to_agent=to, payload={"message": text}, **options).message_id


def test_senders_receivers_and_a_closer_at_once(root: Path) -> None:
    crew = Crew(root)

    def send(number: int) -> Callable[[Messenger], list[str]]:
        return lambda messenger: [note(messenger, f"{number}/{n}", ("dev", "tea")[n % 2]) for n in range(EACH)]

    def receive(agent: str) -> Callable[[Messenger], list[str]]:
        def work(messenger: Messenger) -> list[str]:
            got: list[str] = []
            is_last = False
            while not is_last:
                is_last = crew.finished.is_set()
                got += (one.message_id for one in messenger.receive(agent))
                time.sleep(0.03)
            return got

        return work

    def close(messenger: Messenger) -> list[str]:
        closed: list[str] = []
        while not crew.finished.is_set():
            closed += (
                one.message_id for one in messenger.close(*(m.message_id for m in messenger.list(status=Status.READ)))
            )
            time.sleep(0.05)
        return closed

    def read(messenger: Messenger) -> int:
        reads = 0
        while not crew.finished.is_set():
            ids = [one["message_id"] for one in YAML(typ="safe").load(messenger.project.queue.read_bytes())["messages"]]
            assert len(ids) == len(set(ids))
            reads += 1
            time.sleep(0.02)
        return reads

    for number in range(SENDERS):
        crew.start(send(number))
    for work in (receive("dev"), receive("tea"), close, read):
        crew.start(work)
    crew.join(SENDERS)
    crew.finished.set()
    answers = crew.join()
    sent = set(chain(*answers[:SENDERS]))
    got, closed, reads = [*answers[SENDERS], *answers[SENDERS + 1]], answers[-2], answers[-1]

    messenger = Messenger.open(root)
    assert len(sent) == SENDERS * EACH
    assert Counter(got) == dict.fromkeys(sent, 1)
    assert reads > 10
    assert len(closed) == len(set(closed)) > 0
    assert {one.message_id for one in messenger.list()} == sent - set(closed)
    assert {one.message_id for one in messenger.list(status=Status.DONE)} == set(closed)
    assert list(messenger.sync()) == []


def test_no_message_is_leased_twice(root: Path) -> None:
    messenger, crew = Messenger.open(root), Crew(root)
    sent = [note(messenger, str(number)) for number in range(60)]

    def work(messenger: Messenger) -> list[str]:
        done: list[str] = []
        while claimed := messenger.claim("dev", 60, limit=2):
            done += (one.message_id for one in messenger.close(*(one.message_id for one in claimed)))
        return done

    for _ in range(6):
        crew.start(work)

    assert sorted(chain(*crew.join())) == sorted(sent)


def test_a_lease_that_runs_out_returns_the_message(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    messenger = Messenger.open(root)
    sent = note(messenger, "work")
    now = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
    for seconds, expected in ((0, [sent]), (59, []), (120, [sent]), (121, [])):
        monkeypatch.setattr(message, "now", lambda seconds=seconds: now + timedelta(seconds=seconds))
        assert [one.message_id for one in messenger.claim("dev", 60)] == expected, seconds


def test_one_idempotency_key_makes_one_message(root: Path) -> None:
    crew = Crew(root)
    for _ in range(8):
        crew.start(lambda messenger: [note(messenger, "once", idempotency_key="key") for _ in range(5)])

    ids = set(chain(*crew.join()))
    assert [one.message_id for one in Messenger.open(root).list()] == [*ids]


def test_who_waits_for_the_lock_in_vain_is_told_who_holds_it(root: Path) -> None:
    crew = Crew(root)
    queue = QueueFile(Project(root), Limits(lock_timeout=0.1), "")
    held = multiprocessing.get_context("fork").Event()

    def hold(messenger: Messenger) -> int:
        with QueueFile(messenger.project, Limits(), "").locked():
            held.set()
            crew.finished.wait(60)
        return os.getpid()

    crew.start(hold)
    held.wait(60)
    with pytest.raises(LockTimeoutError) as caught, queue.locked():
        pass
    names = [one.message_id for one in Messenger.open(root).receive("dev", peek=True)]
    crew.finished.set()

    assert f"process {crew.join()[0]} (" in str(caught.value)
    assert caught.value.exit_code == 5
    assert names == []  # whoever only reads has not waited


def test_a_killed_holder_leaves_the_lock_free(root: Path) -> None:
    child = os.fork()
    if not child:
        with QueueFile(Project(root), Limits(), "").locked():
            os._exit(0)
    os.waitpid(child, 0)

    assert note(Messenger.open(root), "after")


def test_a_clock_set_back_loses_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    messenger = Messenger.open(root)
    first = note(messenger, "first")
    monkeypatch.setattr(message, "now", lambda: datetime(2001, 2, 3, tzinfo=UTC))
    second = note(messenger, "second")
    messenger.receive("dev")
    messenger.close(first)

    assert second.startswith("MSG-20010203-")
    assert [one.message_id for one in messenger.list()] == [second]
    assert messenger.get(first).status is Status.DONE
    assert list(messenger.sync()) == []


@pytest.mark.parametrize("name", ["with space", "ünïcode 漢字 ✓", 'quote\'s "and" $x', "-dash", "a\nb"])
def test_any_folder_can_hold_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / name / ".git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / name)
    messenger = Messenger.open()
    sent = note(messenger, "here")
    messenger.close(sent)

    assert messenger.project.root == tmp_path / name
    assert messenger.get(sent).status is Status.DONE


def test_a_git_worktree_is_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / ".git").write_text("gitdir: /elsewhere/.git/worktrees/x\n")  # in a worktree, it is a file
    monkeypatch.chdir(tmp_path / "deep" / "er")

    assert Messenger.open().project.root == tmp_path
