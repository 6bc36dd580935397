"""Whatever a person and the commands do at the same time: no message is lost, doubled or opened again."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmad_messenger import InvalidError, Messenger, Status
from bmad_messenger.editing import edit
from tests.editing.person import TYPED, adding, read, send, texts

ACTS = st.lists(
    st.tuples(st.sampled_from(("send", "read", "done", "edit", "type", "delete")), st.integers(0, 9)), max_size=5
)


def save(path: Path, text: str) -> None:
    path.write_text(text)


@settings(max_examples=60)
@given(st.integers(0, 4), ACTS, ACTS)
def test_whatever_both_do_no_message_is_lost_doubled_or_opened_again(
    count: int, mine: list[tuple[str, int]], theirs: list[tuple[str, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)  # nothing dies here
        messenger = Messenger.open(folder)
        messenger.init()
        for number in range(count):
            send(messenger, f"sent {number}")
        sent = {f"sent {number}" for number in range(count)}
        closed: dict[str, Status] = {}

        def act() -> None:
            for number, (what, at) in enumerate(theirs):
                found = messenger.list()[at % 5 :][:1]
                if what == "send":
                    sent.add(str(send(messenger, f"meanwhile {number}").payload["message"]))
                elif found and what == "read":
                    messenger.mark_read("dev", [found[0].message_id])
                elif found and what == "done":
                    messenger.close(found[0].message_id)
                    closed[str(found[0].payload["message"])] = Status.DONE
                elif found and what == "edit":
                    with_comment = read(messenger).replace(
                        f'"{found[0].message_id}"', f'"{found[0].message_id}" # {at}'
                    )
                    messenger.project.queue.write_text(with_comment)

        def step(text: str) -> str:
            act()
            for number, (what, at) in enumerate(mine):
                head, *items = text.split("  - message_id: ")
                if what == "type":
                    text = adding(TYPED.replace("typed", f"typed {number}"))(text)
                elif what == "delete" and len(items) > 1:
                    del items[at % len(items)]
                    text = "  - message_id: ".join((head, *items))
                elif what == "edit" and items:
                    index = at % len(items)
                    items[index] = items[index].replace('priority: "low"', 'priority: "high"')
                    text = "  - message_id: ".join((head, *items))
                elif what == "done" and items:
                    items[0] = items[0].replace('status: "pending"', 'status: "done"')
                    text = "  - message_id: ".join((head, *items))
            return text

        with suppress(InvalidError):  # a conflict: then the queue is as the others left it
            edit(messenger, editor=lambda path, _: save(path, step(path.read_text())))

        left = texts(messenger)
        archived = {str(message.payload["message"]): message.status for message in messenger.store.archived()}
        assert len(left) == len(set(left))
        assert sent <= archived.keys()
        assert closed.items() <= archived.items()
        assert all(status.is_closed == (text not in left) for text, status in archived.items())
        assert [problem for problem in messenger.validate() if problem.severity == "error"] == []
