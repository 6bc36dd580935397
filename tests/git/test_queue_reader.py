"""The texts of one queue read in turn say what each says when it is read alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmad_messenger.comparison import Version
from bmad_messenger.git import queue_reader
from bmad_messenger.git.queue_reader import QueueReader, legible
from bmad_messenger.git.versions import Blob, Tree, read_queue

PATH = "messenger/message-queue.yaml"


def item(number: int, *, words: str = "m", status: str = "pending", sender: str = "pm") -> str:
    return (
        f'  - message_id: "MSG-20250115-{number:04x}"\n    type: notify\n    from: {sender}\n    to: dev\n'
        f'    priority: low\n    created: "2025-01-15T10:30:00Z"\n    status: {status}\n'
        f"    payload:\n      message: {words}\n"
    )


ITEMS = [
    *(item(number, words=words) for number in range(3) for words in ("m", "n")),
    item(0, status="read"),
    item(1, status="done"),
    "  - type: notify\n    from: pm\n    to: dev\n    payload: {message: typed}\n",
    item(2, words='"broken'),
    item(3, words='"two\n  - message_id: lines"'),
    item(4, words="|+\n        kept\n\n"),
    item(4, words="|\n        *kept*"),
    item(5, words="&a anchored"),
    item(6, words="*a"),
    f"{item(7)}# a note below\n\n",
    "  - 5\n",
    "<<<<<<< ours\n",
    "=======\n",
    ">>>>>>> theirs\n",
    "\tx\n",
]
FRAMES = [
    "messages:\n",
    "# ours\nmessages:\n",
    "messages: []\n",
    "messages: [\n",
    "title: x\nmessages:\n",
    "\ufeffmessages:\n",
]
TEXTS = st.builds(
    lambda frame, items, end: f"{frame}{''.join(items)}{end}",
    st.sampled_from(FRAMES),
    st.lists(st.sampled_from(ITEMS), max_size=5),
    st.sampled_from(["", "", "other: 1\n", "]\n"]),
)


def both(reader: QueueReader, text: str) -> tuple[Version, Version]:
    blob = Blob(str(hash(text)), is_file=True)
    tree, texts = Tree("messenger", queue=blob), {blob.oid: text.encode()}
    return reader.read(tree, texts), read_queue(tree, texts)


@settings(max_examples=300)
@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_texts_read_in_turn_say_what_each_says_alone(texts: list[str]) -> None:
    reader = QueueReader()
    for text in texts:
        quick, whole = both(reader, text)

        assert (dict(quick.records), quick.is_clear, quick.queue) == (dict(whole.records), whole.is_clear, whole.queue)
        assert quick.unreadable == whole.unreadable


def test_a_message_that_was_read_before_is_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    own = queue_reader.checked_view

    def counted(text: str, path: str | None, check: queue_reader.Check) -> queue_reader.QueueView:
        parsed.append(text)
        return own(text, path, check)

    monkeypatch.setattr(queue_reader, "checked_view", counted)
    reader = QueueReader()
    first, _ = both(reader, f"messages:\n{item(1)}{item(2)}")
    second, _ = both(reader, f"messages:\n{item(1)}{item(2)}{item(3)}")
    both(reader, f"messages:\n{item(2)}{item(3)}")

    assert parsed == [f"messages:\n{item(1)}{item(2)}", f"messages:\n{item(3)}"]
    assert second.records["MSG-20250115-0002"].message is first.records["MSG-20250115-0002"].message


@pytest.mark.parametrize("queue", [Version(), Version(queue=PATH, is_clear=False)])
def test_a_queue_that_is_gone_or_unclear_stands_as_it_last_stood(queue: Version) -> None:
    last, _ = both(QueueReader(), f"messages:\n{item(1)}")

    assert legible(queue, [Version(), last]) is last


def test_a_message_that_cannot_be_read_stands_as_it_last_stood() -> None:
    reader = QueueReader()
    last, _ = both(reader, f"messages:\n{item(1)}{item(2)}")
    broken, _ = both(reader, f"messages:\n{item(1, words=chr(34) + 'x')}{item(2, words='n')}")

    mended = legible(broken, [last])

    assert mended.records["MSG-20250115-0001"] is last.records["MSG-20250115-0001"]
    assert mended.records["MSG-20250115-0002"].message.payload == {"message": "n"}
    assert mended.unreadable == frozenset()
