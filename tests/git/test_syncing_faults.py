"""What must never break a sync: many at once, others at work meanwhile, and a death at any moment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import Messenger, MessengerError, Problem
from bmad_messenger.git import advancing
from bmad_messenger.git.repository import Repository
from tests.git.clones import Clone, clone_of, empty_remote, first_clone_of
from tests.git.real_git import git

_CHANGING = ("fetch", "merge", "push", "reset", "update-ref")
"""The commands of git that change anything; the others look, or make what nothing leads to yet."""


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return empty_remote(tmp_path / "remote.git")


@pytest.fixture
def ann(remote: Path, tmp_path: Path) -> Clone:
    return first_clone_of(remote, tmp_path / "ann")


def test_clones_that_sync_at_once_are_all_in_step(remote: Path, ann: Clone, tmp_path: Path) -> None:
    clones = [ann, *(clone_of(remote, tmp_path / name) for name in ("ben", "cem", "dee"))]
    for clone in clones:
        clone.send(clone.folder.name)
    for run in [_start(clone) for clone in clones]:
        assert run.wait() == 0
    for clone in clones:
        clone.sync()

    assert {tuple(sorted(clone.open_texts())) for clone in clones} == {("ann", "ben", "cem", "dee")}
    assert len({clone.head() for clone in clones}) == 1
    assert all(clone.is_clean() for clone in clones)


def test_syncs_of_one_clone_at_once_wait_for_each_other(remote: Path, ann: Clone, tmp_path: Path) -> None:
    ben = clone_of(remote, tmp_path / "ben")
    ben.send("from ben")
    ben.sync()
    ann.send("from ann")
    for run in [_start(ann) for _ in range(3)]:
        assert run.wait() == 0

    assert sorted(ann.open_texts()) == ["from ann", "from ben"]
    assert ann.git("log", "--format=%s", "--no-merges").splitlines()[:-1].count("Handoffs: 1 sent") == 2
    assert ann.is_clean()


def test_agents_send_read_and_close_while_syncs_run(remote: Path, ann: Clone, tmp_path: Path) -> None:
    ben = clone_of(remote, tmp_path / "ben")
    problems: list[Problem] = []
    sent: list[str] = []
    stop = threading.Event()

    def work() -> None:
        messenger = ann.messenger
        while not stop.wait(0.05):
            sent.append(ann.send(str(len(sent))).message_id)
            if len(sent) % 5 == 0:
                messenger.close(sent[-3])

    def read() -> None:
        while not stop.wait(0.005):
            try:
                Messenger(ann.project, problems.append).list()
            except MessengerError as error:
                problems.append(error.problem)

    threads = [threading.Thread(target=work), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    try:
        for number in range(2):
            ben.send(f"from ben {number}")
            ben.sync()
            ann.sync()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    ann.sync()
    ben.sync()

    assert problems == []
    assert len(sent) > 5
    known = {message.message_id for message in ben.messenger.list()} | set(ben.messenger.archive.ids())
    assert set(sent) <= known
    assert ann.messenger.list() == ben.messenger.list()
    assert ann.is_clean()


def test_a_sync_that_dies_at_any_moment_loses_nothing(remote: Path, ann: Clone, tmp_path: Path) -> None:
    """Each commit of both, each closed message and each unfinished change is there after the next sync."""
    ben = clone_of(remote, tmp_path / "ben")
    closed = ann.send("closed by ben")
    ann.sync()
    ben.sync()
    ben.messenger.close(closed.message_id)
    ben.send("from ben")
    ben.write("more.py", "print(1)\n")
    ben.git("add", "more.py")
    ben.git("commit", "--quiet", "-m", "code")
    ben.sync()
    ann.messenger.receive("dev")
    ann.send("from ann")
    ann.write("code.py", "print('unfinished')\n")
    ann.write("staged.py", "")
    ann.git("add", "staged.py")
    shutil.copytree(tmp_path, tmp_path.with_name("start"), symlinks=True)

    moment, has_died = 0, True
    while has_died:
        shutil.rmtree(tmp_path)
        shutil.copytree(tmp_path.with_name("start"), tmp_path, symlinks=True)
        has_died = _died_at(moment, ann)
        moment += 1
        ann.sync()

        assert sorted(ann.open_texts()) == ["from ann", "from ben"], moment
        assert ann.messenger.get(closed.message_id).status.value == "done", moment
        assert ann.git("status", "--porcelain") == " M code.py\nA  staged.py\n", moment
        assert (ann.folder / "more.py").exists(), moment
        assert git(remote, "rev-parse", "main").strip() == ann.head(), moment
    assert moment > 10


def _start(clone: Clone) -> subprocess.Popen[bytes]:
    """A sync in a process of its own."""
    command = [sys.executable, "-m", "bmad_messenger", "git", "sync", "--project", str(clone.folder)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def _died_at(moment: int, clone: Clone) -> bool:
    """Sync in a process that dies like from `kill -9` at its n-th change of anything; whether it came that far."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 9
    left = [moment]

    def mortal(act: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            result = act(*arguments, **options)
            if act is not ask or arguments[1] in _CHANGING:
                if left[0] == 0:
                    os._exit(9)
                left[0] -= 1
            return result

        return run

    ask = Repository.ask
    try:
        Repository.ask = mortal(ask)  # type: ignore[method-assign]
        advancing.publish = mortal(advancing.publish)  # type: ignore[attr-defined]
        clone.sync()
    finally:
        os._exit(0)
