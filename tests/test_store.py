"""Queue and archive together: ids and their parts, keys, threads, and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bmad_messenger import InvalidError, Messenger, NotFoundError, Problem, Status
from bmad_messenger.message import format_time, now


@pytest.fixture
def problems() -> list[Problem]:
    return []


@pytest.fixture
def messenger(tmp_path: Path, problems: list[Problem], monkeypatch: pytest.MonkeyPatch) -> Messenger:
    monkeypatch.setenv("BMAD_MESSENGER_PLUGINS", "")
    return Messenger.open(tmp_path, report=problems.append)


@pytest.fixture
def send(messenger: Messenger) -> Callable[..., str]:
    def send(text: str = "text", **options: str) -> str:
        return messenger.send(
            type="notify", from_agent="pm", to_agent="dev", payload={"message": text}, **options
        ).message_id

    return send


def edit(messenger: Messenger, change: Callable[[str], str]) -> None:
    """What a human does to the queue."""
    path = messenger.project.queue
    path.write_text(change(path.read_text()))


def without(message_id: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        head, *items = text.split("  - message_id: ")
        return "  - message_id: ".join((head, *(item for item in items if message_id not in item)))

    return change


def test_an_id_may_be_given_by_a_part_that_only_it_has(messenger: Messenger, send: Callable[..., str]) -> None:
    sent, closed = send(), send()
    messenger.close(closed)

    for message_id in (sent, closed):
        assert messenger.get(message_id).message_id == message_id
        assert messenger.get(message_id[4:]).message_id == message_id
        assert messenger.get(message_id[-4:]).message_id == message_id


def test_a_part_that_several_have_names_them(messenger: Messenger, send: Callable[..., str]) -> None:
    ids = sorted(send() for _ in range(7))
    with pytest.raises(NotFoundError, match="may mean 7 messages: ") as caught:
        messenger.get("MSG-")

    assert f"{', '.join(ids[:5])}, …" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["", "MSG-19990101-0000", "../../etc/passwd", "/etc/passwd", "MSG-20250115-a1b2/../x", "\0", "%", "-" * 9999],
)
def test_a_name_that_no_message_has_is_not_found(messenger: Messenger, send: Callable[..., str], name: str) -> None:
    send()
    with pytest.raises(NotFoundError) as caught:
        messenger.get(name)

    assert len(str(caught.value)) < 400


def test_an_id_in_a_payload_is_no_message(messenger: Messenger, send: Callable[..., str]) -> None:
    send("see MSG-20200101-beef")
    with pytest.raises(NotFoundError):
        messenger.get("MSG-20200101-beef")


def test_ids_are_never_given_twice(
    messenger: Messenger, send: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda length: "abcd" * (length // 2))
    first, second = send(), send()
    messenger.close(first)
    third = send()

    assert [one.rpartition("-")[2] for one in (first, second, third)] == ["abcd", "abcda", "abcdab"]


def test_a_key_finds_its_message_open_closed_and_in_another_clone(
    messenger: Messenger, send: Callable[..., str]
) -> None:
    sent = send(idempotency_key="key")
    assert send(idempotency_key="key") == sent
    messenger.close(sent)
    assert send(idempotency_key="key") == sent
    messenger.project.queue.unlink()

    assert send(idempotency_key="key") == sent
    assert messenger.list() == []


def test_a_thread_is_whole_wherever_its_messages_are(messenger: Messenger, send: Callable[..., str]) -> None:
    first = send("first")
    second = messenger.reply(first, "second").message_id
    third = messenger.reply(second, "third", from_agent="pm").message_id
    messenger.close(second)

    for message_id in (first, second, third):
        assert [one.message_id for one in messenger.thread(message_id)] == [first, second, third]


def test_a_circle_of_answers_ends(messenger: Messenger, send: Callable[..., str]) -> None:
    first = send("first")
    second = messenger.reply(first, "second").message_id
    edit(
        messenger, lambda text: text.replace('status: "pending"\n', f'status: "pending"\n    reply_to: "{second}"\n', 1)
    )

    assert {one.message_id for one in messenger.thread(first)} == {first, second}


def test_a_message_that_a_hand_removed_is_reported_once(
    messenger: Messenger, send: Callable[..., str], problems: list[Problem]
) -> None:
    gone, kept = send(), send()
    edit(messenger, without(gone))

    assert [one.message_id for one in messenger.list()] == [kept]
    assert [one.message_id for one in messenger.list()] == [kept]
    assert [(p.code, p.severity) for p in problems] == [("missing", "warning")]
    assert problems[0].message == f"{gone} was open and is gone from the queue"


def test_a_message_that_a_command_closed_is_not_missed(
    messenger: Messenger, send: Callable[..., str], problems: list[Problem]
) -> None:
    closed = send()
    messenger.close(closed)
    edit(messenger, lambda text: f"{text}# by hand\n")
    messenger.list()

    assert problems == []


def test_a_message_that_can_t_be_read_is_not_missing(
    messenger: Messenger, send: Callable[..., str], problems: list[Problem]
) -> None:
    send()
    edit(messenger, lambda text: text.replace('type: "notify"', "type: [notify"))

    assert messenger.list() == []
    assert "missing" not in {problem.code for problem in problems}


def test_a_lost_message_can_still_be_read_and_closed(messenger: Messenger, send: Callable[..., str]) -> None:
    gone = send("lost")
    edit(messenger, without(gone))

    assert messenger.get(gone).payload == {"message": "lost"}
    messenger.close(gone)
    assert messenger.get(gone).status is Status.DONE


def test_a_journal_that_is_lost_costs_nothing(
    messenger: Messenger, send: Callable[..., str], problems: list[Problem]
) -> None:
    sent = [send(), send()]
    (messenger.project.folder / ".queue.journal").unlink()

    assert [one.message_id for one in messenger.list()] == sent
    assert problems == []


@pytest.mark.parametrize("content", [b"garbage", b"\xff", b"a: 1\n"])
def test_a_damaged_record_is_reported_and_the_others_are_listed(
    messenger: Messenger, send: Callable[..., str], problems: list[Problem], content: bytes
) -> None:
    damaged, whole = send(), send()
    messenger.close(damaged, whole)
    messenger.archive.path(damaged).write_bytes(content)

    assert [one.message_id for one in messenger.list(status=Status.DONE)] == [whole]
    assert [problem.severity for problem in problems] == ["warning"]
    assert problems[0].path == messenger.archive.name_of(damaged)


def test_a_date_typed_by_hand_is_kept(messenger: Messenger, send: Callable[..., str]) -> None:
    send()
    typed = '  - { type: notify, from: pm, to: dev, created: "2025-01-15T10:30:00Z", payload: { message: typed } }\n'
    edit(messenger, lambda text: text + typed)
    adopted = messenger.list()[-1]

    assert format_time(adopted.created) == "2025-01-15T10:30:00Z"
    assert adopted.message_id.startswith("MSG-20250115-")
    assert adopted.created < now()


@pytest.mark.parametrize(
    "change",
    [('from: "pm"', 'from: "nobody"'), ('type: "notify"', 'type: "notify"\n    type: "notify"'), ('"text"', "!x y")],
    ids=["agent", "key twice", "tag"],
)
@pytest.mark.parametrize("command", ["get", "close"])
def test_an_invalid_message_is_said_to_be_invalid_and_where(
    change: tuple[str, str], command: str, messenger: Messenger, send: Callable[..., str]
) -> None:
    send("before")
    message_id = send()
    head, mark, item = messenger.project.queue.read_text().rpartition("  - message_id")
    edit(messenger, lambda _: f"{head}{mark}{item.replace(*change)}")
    before = messenger.project.queue.read_text()

    with pytest.raises(InvalidError, match=f"{message_id} is invalid: ") as caught:
        getattr(messenger, command)(message_id[-4:])

    assert (caught.value.problem.line or 0) > head.count("\n")
    assert caught.value.problem.path == "_bmad-output/messenger/message-queue.yaml"
    assert messenger.project.queue.read_text() == before
