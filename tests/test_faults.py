"""Whatever dies or fails, at whichever file-system call: no acknowledged message is lost, doubled or half-written."""

from __future__ import annotations

import builtins
import errno
import fcntl
import io
import json
import os
import shutil
import signal
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bmad_messenger import Messenger, MessengerError
from bmad_messenger.message import ID_PATTERN
from bmad_messenger.queue import journal

# The operations run in forks: pytest-xdist's threads are idle there, and the fork never returns to pytest.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

WRITING = ("open", "write", "fsync", "fchmod", "link", "replace", "rename", "unlink", "mkdir", "ftruncate", "close")
READING = ("stat", "lstat", "fstat", "pread", "listdir", "scandir")
PARSER = YAML(typ="safe")
ERRORS = (errno.EIO, errno.ENOSPC, errno.EACCES)
OWN_FILES = {
    ".gitignore",
    ".queue.journal",
    ".queue.lock",
    ".queue.lock.holder",
    "message-queue.yaml",
    "queue.schema.json",
}


class Calls:
    """Counts the calls that concern the files of a project, and lets `trip` act at the call number `at` (from 0).

    Where only `WRITING` ones are asked for, an `open` to read is not one: a death before it leaves the same files
    behind as a death before the next.
    """

    def __init__(self, names: tuple[str, ...], trip: Callable[..., Any], at: int = -1):
        self.names, self.trip, self.at = names, trip, at
        self.made: list[str] = []

    @contextmanager
    def watched(self, root: Path) -> Iterator[None]:
        places: list[tuple[Any, str]] = [(os, name) for name in self.names]
        places += [(builtins, "open"), (io, "open"), (fcntl, "flock")]
        with pytest.MonkeyPatch.context() as patch:
            for module, name in places:
                patch.setattr(module, name, self._counted(getattr(module, name), str(root)))
            yield

    def _counted(self, call: Callable[..., Any], root: str) -> Callable[..., Any]:
        def counted(file: Any, *args: Any, **options: Any) -> Any:
            if not isinstance(file, int) and not os.fspath(file).startswith(root):
                return call(file, *args, **options)
            if self.names is WRITING and call.__name__ == "open" and not _may_write(*args, **options):
                return call(file, *args, **options)
            self.made.append(call.__name__)
            if len(self.made) - 1 != self.at:
                return call(file, *args, **options)
            return self.trip(call, file, *args, **options)

        return counted


def _may_write(mode: str | int = "r", *_: Any, **__: Any) -> bool:
    if isinstance(mode, int):
        return bool(mode & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return not set(mode).isdisjoint("wax+")


@dataclass(frozen=True)
class Operation:
    """What is done to a project that `prepare` has made; `run` returns what it tells of messages, by their texts."""

    prepare: Callable[[Path], None]
    run: Callable[[Messenger], dict[str, list[str]]]
    restore: bool = False


def note(messenger: Messenger, text: str, **options: Any) -> str:
    """Sends one message and returns its text, which is what the tests know it by."""
    messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": text}, **options)
    return text


def nothing(root: Path) -> None:
    """A project that was never used."""


def used(root: Path) -> None:
    """A project with two open messages and a closed one."""
    messenger = Messenger.open(root)
    for text in ("first", "second", "third"):
        note(messenger, text)
    messenger.close(id_of(messenger, "third"))


def with_a_hand_typed_message(root: Path) -> None:
    used(root)
    queue = Messenger.open(root).project.queue
    typed = '\n  - type: notify\n    from: pm\n    to: dev\n    payload:\n      message: "typed"\n'
    queue.write_text(queue.read_text() + typed)


def with_an_expired_message(root: Path) -> None:
    used(root)
    queue = Messenger.open(root).project.queue
    queue.write_text(queue.read_text().replace("    payload:", '    expires: "2020-01-01T00:00:00Z"\n    payload:', 1))


def unsettled(root: Path) -> None:
    """Closed in the archive and still in the queue; in the queue alone; in the archive alone; and torn leftovers."""
    used(root)
    messenger = Messenger.open(root)
    first, second = messenger.list()
    path = messenger.archive.path(first.message_id)
    path.write_text(path.read_text().replace('"pending"', '"done"'))
    messenger.archive.path(second.message_id).unlink()
    other = path.read_text().replace(first.message_id, "MSG-20250101-abcd").replace('"first"', '"from elsewhere"')
    path.with_name("MSG-20250101-abcd.yaml").unlink(missing_ok=True)
    month = messenger.archive.path("MSG-20250101-abcd").parent
    month.mkdir()
    (month / "MSG-20250101-abcd.yaml").write_text(other.replace('"done"', '"pending"'))
    (month / ".MSG-20250101-abcd.yaml.99999999.tmp").write_text("torn")
    (messenger.project.folder / ".message-queue.yaml.99999999.tmp").write_text("torn")


def with_a_message_removed(root: Path) -> None:
    used(root)
    messenger = Messenger.open(root)
    head, _, *rest = messenger.project.queue.read_text().split("  - message_id:")
    messenger.project.queue.write_text("  - message_id:".join((head, *rest)))


def send(messenger: Messenger) -> dict[str, list[str]]:
    return {"sent": [note(messenger, "new")]}


def send_with_a_key(messenger: Messenger) -> dict[str, list[str]]:
    return {"sent": [note(messenger, "once", idempotency_key="key")]}


def receive(messenger: Messenger) -> dict[str, list[str]]:
    return {"sent": [str(message.payload["message"]) for message in messenger.receive("dev")]}


def close(messenger: Messenger) -> dict[str, list[str]]:
    messenger.close(*(message.message_id for message in messenger.list()), note="well done")
    return {"closed": ["first", "second"]}


def reply(messenger: Messenger) -> dict[str, list[str]]:
    messenger.reply(messenger.list()[0].message_id, "answer")
    return {"sent": ["answer"]}


def claim(messenger: Messenger) -> dict[str, list[str]]:
    return {"sent": [str(message.payload["message"]) for message in messenger.claim("dev", 60)]}


def look(messenger: Messenger) -> dict[str, list[str]]:
    return {"sent": [str(message.payload["message"]) for message in messenger.list()]}


def expire(messenger: Messenger) -> dict[str, list[str]]:
    return {"sent": [str(message.payload["message"]) for message in messenger.list()], "closed": ["first"]}


def sync(messenger: Messenger) -> dict[str, list[str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "_COMPACT_AT", 0)  # as when the journal has grown
        messenger.sync()
    return {"sent": ["from elsewhere", "second"], "closed": ["first", "third"]}


def restore(messenger: Messenger) -> dict[str, list[str]]:
    messenger.sync(restore=True)
    return {"sent": ["first"]}


OPERATIONS = {
    "the first send": Operation(nothing, send),
    "send": Operation(used, send),
    "receive": Operation(used, receive),
    "claim": Operation(used, claim),
    "done": Operation(used, close),
    "reply": Operation(used, reply),
    "adoption": Operation(with_a_hand_typed_message, look),
    "expiry": Operation(with_an_expired_message, expire),
    "sync": Operation(unsettled, sync),
    "sync --restore": Operation(with_a_message_removed, restore, restore=True),
}
SAFE = {"first": None, "second": None, "third": "done"}
"""The messages that every used project holds, and how those that are closed ended."""


@pytest.fixture(autouse=True)
def _without_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BMAD_MESSENGER_PLUGINS", "")


@pytest.fixture(autouse=True)
def _on_a_fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies takes nothing from the system's cache, so nothing here depends on the disk itself."""

    def fsync(descriptor: int) -> None:
        """Does nothing."""

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.fixture(params=OPERATIONS, ids=lambda name: name.replace(" ", "-"))
def operation(request: pytest.FixtureRequest) -> Operation:
    return OPERATIONS[request.param]


@pytest.fixture
def fresh(operation: Operation, tmp_path: Path) -> Callable[[], Path]:
    """Makes the same project again and again."""
    model, copy = tmp_path / "model", tmp_path / "copy"
    model.mkdir()
    operation.prepare(model)

    def make() -> Path:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(model, copy)
        return copy

    return make


def test_a_kill_at_any_call_loses_nothing(operation: Operation, fresh: Callable[[], Path]) -> None:
    made, told = calls_of(operation, fresh, WRITING)
    for at, name in enumerate(made):
        for trip in (die, die_half_way) if name == "write" else (die,):
            root = fresh()
            killed, _ = run_in_a_fork(operation, root, Calls(WRITING, trip, at))
            assert killed, f"call {at} ({name}) was not made again"
            check_project(root, operation, {}, f"{trip.__name__} at call {at}, {name}")
    root = fresh()
    killed, heard = run_in_a_fork(operation, root, Calls(WRITING, die, len(made)))
    assert (killed, heard) == (False, told)
    check_project(root, operation, heard, "dead after the last call")


@pytest.mark.parametrize("operation", [Operation(used, send_with_a_key)], ids=["send"])
def test_a_sender_that_died_may_send_again_under_its_key(operation: Operation, fresh: Callable[[], Path]) -> None:
    made, told = calls_of(operation, fresh, WRITING)
    for at, name in enumerate(made):
        root = fresh()
        run_in_a_fork(operation, root, Calls(WRITING, die, at))
        assert operation.run(Messenger.open(root)) == told
        check_project(root, operation, told, f"sent again after death at call {at}, {name}")


def test_an_error_at_any_call_is_told_and_loses_nothing(operation: Operation, fresh: Callable[[], Path]) -> None:
    names = (*WRITING, *READING)
    made, _ = calls_of(operation, fresh, names)
    refused: list[MessengerError] = []
    for at, name in enumerate(made):
        number = ERRORS[at % len(ERRORS)]  # any call may fail in any way, and the three are told apart in one place
        root = fresh()
        told: dict[str, list[str]] = {}
        try:
            with Calls(names, failing(number), at).watched(root):
                told = operation.run(Messenger.open(root))
        except MessengerError as error:
            refused.append(error)
        except OSError as error:
            pytest.fail(f"a raw {error!r} came from call {at}, {name}")
        check_project(root, operation, told, f"{errno.errorcode[number]} at call {at}, {name}")
    assert refused
    assert all(error.problem.hint for error in refused)


def calls_of(
    operation: Operation, fresh: Callable[[], Path], names: tuple[str, ...]
) -> tuple[list[str], dict[str, list[str]]]:
    """The calls that the operation makes, and what it tells, in a process that has read what is read but once."""
    operation.run(Messenger.open(fresh()))
    root, calls = fresh(), Calls(names, trip=die)
    with calls.watched(root):
        told = operation.run(Messenger.open(root))
    assert len(calls.made) > 10
    return calls.made, told


def die(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Ends the process in place of the call."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_half_way(call: Callable[..., Any], descriptor: int, content: bytes) -> Any:
    """Ends the process when half the bytes are written."""
    call(descriptor, bytes(content)[: len(content) // 2])
    os.kill(os.getpid(), signal.SIGKILL)


def failing(number: int) -> Callable[..., Any]:
    """Raises this error in place of the call; a file that fails to close is closed all the same."""

    def fail(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if call.__name__ == "close":
            call(*args, **options)
        raise OSError(number, os.strerror(number))

    return fail


def run_in_a_fork(operation: Operation, root: Path, calls: Calls) -> tuple[bool, dict[str, list[str]]]:
    """Whether the process was killed, and what it could still tell."""
    ear, mouth = os.pipe()
    child = os.fork()
    if not child:
        try:
            with calls.watched(root):
                told = operation.run(Messenger.open(root))
            os.write(mouth, json.dumps(told).encode())
            os._exit(0)
        except BaseException:  # noqa: BLE001  # the fork must end here
            traceback.print_exc()
            os._exit(1)
    os.close(mouth)
    with os.fdopen(ear) as pipe:
        heard = pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status), json.loads(heard or "{}")


def check_project(root: Path, operation: Operation, told: dict[str, list[str]], when: str) -> None:
    """After a crash: all can be read, and after `sync` each message is in one place, as its sender was told."""
    messenger = Messenger.open(root)
    read_strictly(messenger)
    messenger.sync(restore=operation.restore)
    open_texts = read_strictly(messenger)
    archived = archived_messages(messenger)

    assert list(messenger.sync(restore=operation.restore)) == [], when
    assert {path.name for path in messenger.project.folder.iterdir() if path.is_file()} <= OWN_FILES, when
    assert not list(root.rglob("*.tmp")), when
    safe = {} if operation.prepare is nothing else SAFE
    for text in {*safe, *told.get("sent", ()), *told.get("closed", ())}:
        assert len(archived[text]) == 1, f"{text}: {when}"
    for text, ids in archived.items():
        (message,) = ids.items()
        is_open = message[1] in ("pending", "read")
        assert open_texts.get(text) == (message[0] if is_open else None), f"{text}: {when}"
        assert not (is_open and (safe.get(text) or text in told.get("closed", ()))), f"{text}: {when}"
    assert open_texts.keys() <= archived.keys(), when


def read_strictly(messenger: Messenger) -> dict[str, str]:
    """The ids of the queue's messages by their texts, as another YAML parser reads them."""
    if not messenger.project.queue.exists():
        return {}
    mappings = (PARSER.load(messenger.project.queue.read_bytes()) or {}).get("messages") or []
    texts = {mapping["payload"]["message"]: mapping.get("message_id") for mapping in mappings}
    assert len(texts) == len(mappings) == len(set(texts.values()))
    return texts


def archived_messages(messenger: Messenger) -> dict[str, dict[str, str]]:
    """The status of each message of the archive, by text and id."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for path in messenger.archive.folder.rglob("*.yaml"):
        mapping = PARSER.load(path.read_bytes())
        assert mapping["message_id"] == path.stem
        found[mapping["payload"]["message"]][path.stem] = mapping["status"]
    return found


def id_of(messenger: Messenger, text: str) -> str:
    item = messenger.project.queue.read_text().partition(f'"{text}"')[0]
    return list(ID_PATTERN.finditer(item))[-1][0]
