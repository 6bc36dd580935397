"""Edits of the queue with other programs, while commands run: nothing is lost, nothing comes twice, and what an old
buffer dropped is reported by the next command.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmad_messenger import Message, Messenger, MessengerError, Problem, Status
from bmad_messenger.queue import file

QUIET = 0.1
TYPED = "  - type: notify\n    from: user\n    to: dev\n    payload: {{message: {}}}\n"

# The senders are forks, which share what is imported; pytest-xdist's threads are idle there.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture
def _as_in_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most tests save the file whole and go on at once; here somebody may be half-way through it."""
    monkeypatch.setattr(file, "QUIET", QUIET)


in_life = pytest.mark.usefixtures("_as_in_life")


@pytest.fixture
def problems() -> list[Problem]:
    """What the messenger reports."""
    return []


@pytest.fixture
def messenger(tmp_path: Path, problems: list[Problem]) -> Messenger:
    root = tmp_path / "a project"
    root.mkdir()
    messenger = Messenger.open(root, report=problems.append)
    messenger.init()
    messenger.project.config.write_text("limits: {lock_timeout: 60}\n")  # a busy machine is no failure
    return messenger


def send(messenger: Messenger, text: str) -> Message:
    return messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": text})


def texts(messages: list[Message]) -> list[str]:
    return [str(message.payload["message"]) for message in messages]


def missed(problems: list[Problem]) -> list[str]:
    """The ids of the messages that were reported as gone."""
    return sorted({problem.message.split()[0] for problem in problems if problem.code == "missing"})


def save_in_place(queue: Path, content: bytes) -> None:
    queue.write_bytes(content)


def save_by_rename(queue: Path, content: bytes) -> None:
    aside = queue.with_name(".message-queue.yaml.swx")
    aside.write_bytes(content)
    aside.replace(queue)


def save_anew(queue: Path, content: bytes) -> None:
    """As vim does where it keeps a backup: the old file is moved away first."""
    queue.rename(queue.with_name("message-queue.yaml~"))
    queue.write_bytes(content)


any_save = pytest.mark.parametrize("save", [save_in_place, save_by_rename, save_anew])


# While senders run.

SENDERS, EACH = 3, 8


@contextmanager
def senders(root: Path) -> Iterator[Callable[[], bool]]:
    """Processes that send at once, each `EACH` messages; gives a function that tells whether any is still at it."""
    children: dict[int, int | None] = {}
    for number in range(SENDERS):
        child = os.fork()
        if not child:
            code = 1
            try:
                mine = Messenger.open(root)
                for n in range(EACH):
                    send(mine, f"{number}/{n}")
                code = 0
            except MessengerError:
                traceback.print_exc()
            finally:
                os._exit(code)
        children[child] = None

    def running() -> bool:
        for child, code in children.items():
            if code is None:
                ended, status = os.waitpid(child, os.WNOHANG)
                children[child] = status if ended else None
        return None in children.values()

    yield running
    while running():
        time.sleep(0.01)
    assert [*children.values()] == [0] * SENDERS


EDITORS = {
    "sed": ["sed", "-i", "s/^# edited.*/& ./"],
    "perl": ["perl", "-pi", "-e", "s/^# edited.*/$& ./"],
    "vim": ["vim", "-u", "NONE", "-es", "-c", "set backup backupcopy=no", "-c", "1s/$/ ./", "-c", "wq!"],
    "vim in place": ["vim", "-u", "NONE", "-es", "-c", "set backupcopy=yes", "-c", "1s/$/ ./", "-c", "wq!"],
    "ed": ["sh", "-c", "printf '1s/$/ ./\\nw\\nq\\n' | ed -s \"$1\"", "sh"],
}


@in_life
@pytest.mark.parametrize("command", EDITORS.values(), ids=EDITORS)
def test_editor_in_a_loop_while_messages_are_sent_loses_none(
    command: list[str], messenger: Messenger, problems: list[Problem]
) -> None:
    if shutil.which(command[0]) is None or (command[-1] == "sh" and shutil.which("ed") is None):
        pytest.skip("not installed")
    queue = messenger.project.queue
    queue.write_text(f"# edited\n{queue.read_text()}")
    edits = 0
    with senders(messenger.project.root) as running:
        while running() or not edits:
            edits += not subprocess.run([*command, str(queue)], check=False, stdin=subprocess.DEVNULL).returncode
            time.sleep(0.2)  # vim may also refuse to save over what it has not read

    left = {message.message_id for message in messenger.list()}
    dropped = set(messenger.archive.ids()) - left
    messenger.sync(restore=True)

    assert missed(problems) == sorted(dropped)
    assert Counter(texts(messenger.list())) == Counter(f"{s}/{n}" for s in range(SENDERS) for n in range(EACH))
    assert queue.read_text().startswith("# edited")
    assert messenger.validate() == []


@in_life
def test_what_is_typed_in_and_saved_in_pieces_while_messages_are_sent_is_adopted_once(messenger: Messenger) -> None:
    queue = messenger.project.queue
    typed = 0
    with senders(messenger.project.root) as running:
        while running() or typed < 5:
            text = queue.read_text().replace("messages: []", "messages:")
            typed += 1
            save_in_pieces(queue, f"{text}\n{TYPED.format(f'typed {typed}')}".encode())
            time.sleep(0.3)
    messenger.list()
    messenger.sync(restore=True)

    sent = [f"{s}/{n}" for s in range(SENDERS) for n in range(EACH)]
    assert Counter(texts(messenger.list())) == Counter([*sent, *(f"typed {n + 1}" for n in range(typed))])


def save_in_pieces(queue: Path, content: bytes) -> None:
    """As a slow editor does: open the file that is there, empty it, write."""
    with queue.open("wb", buffering=0) as stream:
        for at in range(0, len(content), max(1, len(content) // 4)):
            time.sleep(QUIET / 5)
            stream.write(content[at : at + max(1, len(content) // 4)])


# Half a file.


@pytest.fixture
def slowly() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Starts a save, and returns when it is half-way."""
    threads: list[threading.Thread] = []

    def start(save: Callable[[], None]) -> None:
        threads.append(threading.Thread(target=save))
        threads[-1].start()
        time.sleep(QUIET / 4)

    yield start
    for thread in threads:
        thread.join()


Slowly = Callable[[Callable[[], None]], None]


@in_life
@pytest.mark.parametrize("at", [0, 20, 0.3, 0.5, -30, -1])
def test_a_send_waits_for_who_is_half_way_through_a_save(
    at: float, messenger: Messenger, slowly: Slowly, problems: list[Problem]
) -> None:
    first = send(messenger, "😀 first")
    queue = messenger.project.queue
    content = queue.read_bytes() + b"\n" + TYPED.format("typed in 😀").encode()
    cut = int(len(content) * at) if 0 < at < 1 else int(at)

    def save() -> None:
        with queue.open("wb", buffering=0) as stream:
            stream.write(content[:cut] if cut else b"")
            time.sleep(QUIET / 2)
            stream.write(content[cut:])

    slowly(save)
    sent = send(messenger, "sent")

    assert texts(messenger.list()) == ["😀 first", "typed in 😀", "sent"]
    assert [message.message_id for message in messenger.list()][::2] == [first.message_id, sent.message_id]
    assert problems == []


@in_life
def test_a_send_waits_for_who_has_moved_the_file_away_to_save_it(
    messenger: Messenger, slowly: Slowly, problems: list[Problem]
) -> None:
    send(messenger, "first")
    queue = messenger.project.queue
    content = queue.read_bytes() + b"# by hand\n"

    def save() -> None:
        queue.rename(queue.with_name("message-queue.yaml~"))
        time.sleep(QUIET / 2)
        queue.write_bytes(content)

    slowly(save)
    send(messenger, "sent")

    assert texts(messenger.list()) == ["first", "sent"]
    assert "# by hand" in queue.read_text()
    assert problems == []


@in_life
def test_who_looks_while_somebody_saves_sees_no_half_file(
    messenger: Messenger, slowly: Slowly, problems: list[Problem]
) -> None:
    for number in range(3):
        send(messenger, str(number))
    content = messenger.project.queue.read_bytes() + b"# by hand\n"
    slowly(lambda: save_in_pieces(messenger.project.queue, content))

    assert texts(messenger.receive("dev", peek=True)) == ["0", "1", "2"]
    assert problems == []


@in_life
def test_a_large_file_that_takes_its_time_to_be_written_is_read(messenger: Messenger, slowly: Slowly) -> None:
    text = messenger.project.queue.read_text()

    def save() -> None:
        with messenger.project.queue.open("w") as stream:
            for _ in range(200):
                stream.write("# a line\n" * 100)
                stream.flush()
                time.sleep(0.001)
            stream.write(text)

    slowly(save)

    assert messenger.list() == []


@in_life
def test_a_file_that_never_rests_holds_nobody_up(messenger: Messenger) -> None:
    stop = threading.Event()
    queue = messenger.project.queue
    text = queue.read_text()

    def save() -> None:
        number = 0
        while not stop.wait(0.05):
            number += 1
            save_by_rename(queue, f"# {number}\n{text}".encode())

    thread = threading.Thread(target=save)
    thread.start()
    try:
        start = time.monotonic()
        sent = send(messenger, "sent")
        took = time.monotonic() - start
    finally:
        stop.set()
        thread.join()

    assert took < 5
    assert messenger.get(sent.message_id) == sent


@in_life
def test_what_commands_write_is_not_waited_for(messenger: Messenger) -> None:
    queue = messenger.project.queue
    queue.write_text("messages:\n  - type: nonsense\n    from: pm\n    to: dev\n    payload: {}\n")
    send(messenger, "first")
    start = time.monotonic()
    for number in range(10):
        send(Messenger.open(messenger.project.root), str(number))

    assert time.monotonic() - start < 10 * QUIET


# Old buffers.

COMMANDS: dict[str, Callable[[Messenger, str], object]] = {
    "receive": lambda messenger, _: messenger.receive("dev"),
    "peek": lambda messenger, _: messenger.receive("tea", peek=True),
    "list": lambda messenger, _: messenger.list(),
    "send": lambda messenger, _: send(messenger, "next"),
    "show": lambda messenger, kept: messenger.get(kept),
    "reply": lambda messenger, kept: messenger.reply(kept, "thanks"),
    "done": lambda messenger, kept: messenger.close(kept),
    "sync": lambda messenger, _: messenger.sync(),
    "validate": lambda messenger, _: messenger.validate(),
}


@any_save
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_what_an_old_buffer_dropped_is_reported_by_the_next_command_and_restored(
    command: Callable[[Messenger, str], object],
    save: Callable[[Path, bytes], None],
    messenger: Messenger,
    problems: list[Problem],
) -> None:
    kept = send(messenger, "kept")
    buffer = messenger.project.queue.read_bytes()
    dropped = sorted(send(messenger, text).message_id for text in ("one", "two"))
    save(messenger.project.queue, buffer + b"# by hand\n")

    answer = command(messenger, kept.message_id)
    said = [problem for problem in answer if isinstance(problem, Problem)] if isinstance(answer, tuple | list) else []
    assert missed([*problems, *said]) == dropped
    assert all("`bmad-messenger sync --restore`" in problem.hint for problem in [*problems, *said])

    messenger.sync(restore=True)
    assert {"one", "two"} <= set(texts(messenger.list()))
    assert "# by hand" in messenger.project.queue.read_text()
    problems.clear()
    messenger.list()
    assert problems == []


@any_save
def test_an_old_buffer_from_before_it_was_read_lets_a_message_be_read_again(
    save: Callable[[Path, bytes], None], messenger: Messenger, problems: list[Problem]
) -> None:
    send(messenger, "read")
    buffer = messenger.project.queue.read_bytes()
    messenger.receive("dev")
    save(messenger.project.queue, buffer)

    assert texts(messenger.receive("dev")) == ["read"]  # rather twice than never
    assert messenger.list()[0].status is Status.READ
    assert {problem.code for problem in problems} == {"unread-again"}


@any_save
def test_an_old_buffer_does_not_open_again_what_was_closed(
    save: Callable[[Path, bytes], None], messenger: Messenger, problems: list[Problem]
) -> None:
    send(messenger, "open")
    sent = send(messenger, "closed")
    buffer = messenger.project.queue.read_bytes()
    messenger.close(sent.message_id, note="over")
    save(messenger.project.queue, buffer)

    assert texts(messenger.receive("dev")) == ["open"]
    line = buffer.decode().partition(sent.message_id)[0].count("\n") + 1
    assert [(problem.code, problem.line, problem.column) for problem in problems] == [("closed", line, 3)]
    assert problems[0].message == f"{sent.message_id} stands in the queue, and the archive has it as done"
    assert "`bmad-messenger sync`" in problems[0].hint
    assert messenger.get(sent.message_id).note == "over"
    assert texts(messenger.list()) == ["open"]
    assert [problem.code for problem in messenger.validate()] == ["closed"]

    assert messenger.sync() == [f"took {sent.message_id} from the queue: the archive has it closed"]
    problems.clear()
    assert texts(messenger.list()) == ["open"]
    assert problems == []
    assert "closed" not in messenger.project.queue.read_text()


@any_save
def test_an_old_buffer_from_before_a_typed_message_got_its_id_does_not_double_it(
    save: Callable[[Path, bytes], None], messenger: Messenger, problems: list[Problem]
) -> None:
    send(messenger, "sent")
    buffer = messenger.project.queue.read_bytes() + b"\n" + TYPED.format("typed").encode()
    save(messenger.project.queue, buffer)
    (adopted,) = messenger.list()[1:]
    save(messenger.project.queue, buffer + TYPED.format("typed later").encode())

    assert texts(messenger.list()) == ["sent", "typed", "typed later"]
    assert messenger.list()[1] == adopted
    assert problems == []


def test_two_messages_typed_alike_stay_two(messenger: Messenger) -> None:
    queue = messenger.project.queue
    buffer = queue.read_bytes().replace(b"[]", b"") + TYPED.format("typed").encode()
    save_in_place(queue, buffer)
    (first,) = messenger.list()
    save_in_place(queue, queue.read_bytes() + TYPED.format("typed").encode())

    assert texts(messenger.list()) == ["typed", "typed"]
    ids = [message.message_id for message in messenger.list()]
    assert ids[0] == first.message_id
    save_in_place(queue, buffer + TYPED.format("typed").encode())
    assert sorted(message.message_id for message in messenger.list()) == sorted(ids)


STEPS = st.lists(
    st.tuples(st.sampled_from(("send", "type", "read", "done", "list", "save", "save")), st.integers(0, 99)),
    max_size=25,
)


@settings(max_examples=60)
@given(STEPS)
def test_whatever_old_buffers_are_saved_no_message_is_lost_doubled_or_opened_again(
    steps: list[tuple[str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)  # nothing dies here
        messenger = Messenger.open(folder)
        messenger.init()
        queue = messenger.project.queue
        buffers, seen, closed = [queue.read_bytes()], set[str](), set[str]()
        for number, (step, at) in enumerate(steps):
            if step == "send":
                seen.add(send(messenger, f"sent {number}").payload["message"])
            elif step == "type":
                text = queue.read_bytes().replace(b"messages: []", b"messages:")
                save_by_rename(queue, text + TYPED.format(f"typed {number}").encode())
            elif step == "read":
                assert closed.isdisjoint(texts(messenger.receive("dev", limit=1 + at % 2)))
            elif step == "done":
                ids = [message.message_id for message in messenger.list()][at % 3 :][:1]
                closed.update(text for text in texts(messenger.close(*ids)) if text.startswith("sent"))
            elif step == "save":
                save_in_place(queue, buffers[at % len(buffers)])
            else:
                seen.update(texts(messenger.list()))
            buffers.append(queue.read_bytes())
        messenger.list()
        messenger.sync(restore=True)

        left = texts(messenger.list())
        assert len(left) == len(set(left))
        assert closed.isdisjoint(left)
        assert seen <= {*left, *texts(messenger.list(status=Status.DONE))}
        assert messenger.validate() == []


def test_an_empty_buffer_saved_over_everything_loses_nothing(messenger: Messenger, problems: list[Problem]) -> None:
    ids = sorted(send(messenger, str(number)).message_id for number in range(3))
    save_in_place(messenger.project.queue, b"")
    send(messenger, "after")

    assert missed(problems) == ids
    messenger.sync(restore=True)
    assert sorted(texts(messenger.list())) == ["0", "1", "2", "after"]


def test_the_command_line_tells_what_to_do(messenger: Messenger) -> None:
    buffer = messenger.project.queue.read_bytes()
    dropped = send(messenger, "dropped").message_id
    save_in_place(messenger.project.queue, buffer)
    command = [sys.executable, "-m", "bmad_messenger", "list", "--project", str(messenger.project.root)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)

    assert run.stderr == (
        f"warning: _bmad-output/messenger/message-queue.yaml: {dropped} was open and is gone from the queue; "
        "`bmad-messenger sync --restore` brings it back, `bmad-messenger cancel` closes it\n"
    )
