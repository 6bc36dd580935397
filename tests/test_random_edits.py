"""Commands at random, between edits by hand at random: every message stays, and every byte that none was about."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from difflib import ndiff
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bmad_messenger import Messenger, Problem
from bmad_messenger.errors import DamagedError, InvalidError
from bmad_messenger.queue.text import QueueText
from bmad_messenger.queue.view import checked_view
from bmad_messenger.yaml.parse import parse

NOW = "2025-01-15T10:30:00Z"
AGENTS = ("dev", "tea", "architect")
RANK = {"critical": 1, "high": 2, "medium": 3, "low": 4}

ANYWHERE = st.integers(0, 9_999)
AGENT = st.sampled_from(AGENTS)
PRIORITY = st.sampled_from(tuple(RANK))
WORDS = st.sampled_from(
    (
        *(
            "done",
            'it\'s "so"',
            "two\nlines",
            "three\n\n\nlines\n",
            "# no comment",
            "a: b",
            " x ",
            "ends\n\n",
            "|+",
            "null",
            "é😀",
        ),
        *(
            "  - message_id: fake",
            "a\n  - type: fake\n    payload:\n",
            "to: dev\npayload: {}\n",
            "\x1b[31m\x85\u2028",
            "<<<<<<<",
        ),
    )
) | st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
DETAILS = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
PAYLOAD = st.fixed_dictionaries({"message": WORDS}, optional={"x-details": DETAILS})
TYPED = st.sampled_from(
    (
        "- type: notify\n  from: pm\n  to: dev\n  payload:\n    message: {}\n",
        "-\n  from: 'pm' # by hand\n\n  type: \"notify\"\n  to: dev\n  payload: {{message: '{}'}}\n",
        "- {{type: notify, from: pm, to: dev, payload: {{message: {}}}}}\n",
        "- payload:\n    message: {}\n  type: notify\n  from: pm\n  to: dev\n",
        '- type: notify\n  from: pm\n  to: dev\n  priority: low\n  payload:\n    message: "\n{}\\\n  "\n',
    )
)


BEGINNINGS = (
    *("", "messages:\n", "---\nmessages: [] # none\n", "messages: []\n\n# end\nlimits: 1\n"),
    *(path.read_text("utf-8") for path in sorted((Path(__file__).parent / "samples" / "queues").iterdir())),
)


class Project(RuleBasedStateMachine):
    """One project; `open` and `closed` are what its messages must be, by id, under the file's keys."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr("bmad_messenger.message.now", lambda: datetime(2025, 1, 15, 10, 30, tzinfo=UTC))
        self.patch.setattr(os, "fsync", lambda _: None)  # nothing dies here
        self.problems: list[Problem] = []
        self.messenger = Messenger.open(self.folder.name, report=self.problems.append)
        self.queue = self.messenger.project.queue
        self.mark = ""
        self.open: dict[str, dict[str, Any]] = {}
        self.closed: dict[str, dict[str, Any]] = {}
        self.typed = 0

    def teardown(self) -> None:
        self.patch.undo()
        self.folder.cleanup()

    @property
    def text(self) -> str:
        return self.queue.read_bytes().decode().removeprefix("\ufeff")

    @initialize(text=st.sampled_from(BEGINNINGS))
    def begin(self, text: str) -> None:
        self.messenger.init()
        self.write(text)
        self.open = by_id(text) or {}
        self.messenger.sync()  # records them

    # What commands do.

    @rule(payload=PAYLOAD, to=AGENT | st.permutations(AGENTS[:2]) | st.just("all"), priority=PRIORITY)
    def send(self, payload: dict[str, Any], to: str | list[str], priority: str) -> None:
        recipient: dict[str, Any] = {"to_agent": to} if to in AGENTS else {"to_agents": to}
        before = self.text
        sent = self.messenger.send(
            type="notify", from_agent="pm", **recipient, priority=priority, payload=payload
        ).message_id
        self.add(sent, {"to": to} if to in AGENTS else {"to_agents": to}, priority, payload)
        self.assert_only_added(before, sent)

    @precondition(lambda self: self.open)
    @rule(at=ANYWHERE, words=WORDS, agent=AGENT)
    def reply(self, at: int, words: str, agent: str) -> None:
        answered = self.pick(at)
        sender = answered.get("to", agent)
        before = self.text
        sent = self.messenger.reply(answered["message_id"], words, from_agent=sender).message_id
        priority = "high" if answered["priority"] == "critical" else answered["priority"]
        self.add(sent, {"to": answered["from"]}, priority, {"message": words}, sender, answered["message_id"])
        self.assert_only_added(before, sent)

    @rule(agent=AGENT, limit=st.none() | st.integers(1, 3))
    def receive(self, agent: str, limit: int | None) -> None:
        waiting = [one for one in self.in_file_order() if self.waits_for(one, agent)]
        wanted = sorted(waiting, key=lambda one: (RANK[one["priority"]], one["created"]))[:limit]
        before = self.text
        found = self.messenger.receive(agent, limit=limit)

        for one in wanted:
            readers = one.setdefault("read_by", {})
            readers[agent] = NOW
            if "to" in one or (one["to_agents"] != "all" and readers.keys() >= set(one["to_agents"])):
                one["status"] = "read"
        assert [message.to_mapping() for message in found] == wanted
        self.assert_untouched(before, [one["message_id"] for one in wanted])

    @precondition(lambda self: self.open)
    @rule(at=st.lists(ANYWHERE, min_size=1, max_size=2), words=st.none() | WORDS)
    def close(self, at: list[int], words: str | None) -> None:
        ids = list({self.pick(one)["message_id"]: None for one in at})
        before = self.text
        self.messenger.close(*ids, note=words)

        for one in ids:
            note_of_it = {} if words is None else {"note": words}
            self.closed[one] = {**self.open.pop(one), "status": "done", "closed": NOW, **note_of_it}
            assert self.messenger.get(one).to_mapping() == self.closed[one]
        self.assert_only_removed(before, ids)

    @rule()
    def sync(self) -> None:
        before = self.queue.read_bytes()

        assert self.messenger.sync() == []
        assert self.queue.read_bytes() == before

    # What people do.

    @rule(
        at=ANYWHERE, margin=st.integers(0, 8), line=st.sampled_from(("# by hand", "# don't - a: b", "#", "", " ", "  "))
    )
    def insert_a_line(self, at: int, margin: int, line: str) -> None:
        lines = self.text.split("\n")
        lines.insert(at % len(lines), " " * margin + line)
        self.edit("\n".join(lines))

    @precondition(lambda self: self.open)
    @rule(at=ANYWHERE, comment=st.sampled_from(("# by hand", "# it's", "#")))
    def comment_on_a_line(self, at: int, comment: str) -> None:
        lines = self.text.split("\n")
        number = at % len(lines)
        lines[number] = f"{lines[number].rstrip(chr(13))} {comment}"
        self.edit("\n".join(lines))

    @precondition(lambda self: self.open)
    @rule(at=ANYWHERE, order=st.randoms(use_true_random=False))
    def reorder_keys(self, at: int, order: Any) -> None:
        queue = located(self.text)
        index = at % len(queue)
        document, item = queue.parse_item(index), queue.item(index)
        if (0,) in document.flow:
            return
        keys = [document.keys[(0, key)] for key in document.value[0]]
        starts = [span.start for span in keys] + [len(item)]
        pieces = [item[start:end].rstrip(" ") for start, end in pairwise(starts)]
        order.shuffle(pieces)
        margin = " " * (keys[0].column - 1)
        self.put(
            queue, index, item[: starts[0]] + margin.join(one if one.endswith("\n") else f"{one}\n" for one in pieces)
        )

    @precondition(lambda self: self.open)
    @rule(
        at=ANYWHERE,
        key=st.sampled_from(("message_id", "from", "to", "status", "priority", "created", "payload")),
        style=st.sampled_from(("'{}'", "{}", '"{}" # by hand', "\n        '{}'")),
        quoted_key=st.booleans(),
    )
    def use_other_quotes(self, at: int, key: str, style: str, quoted_key: bool) -> None:
        queue = located(self.text)
        index = at % len(queue)
        document, item = queue.parse_item(index), queue.item(index)
        name, value = document.keys.get((0, key)), document.values.get((0, key))
        if name is None or value is None:
            return
        if isinstance(document.value[0][key], str):
            item = item[: value.start] + style.format(document.value[0][key]) + item[value.end :]
        if quoted_key:
            item = item[: name.start] + f'"{key}"' + item[name.end :]
        self.put(queue, index, item)

    @rule(unix=st.booleans())
    def convert_line_ends(self, unix: bool) -> None:
        lines = self.text.replace("\r\n", "\n")
        self.edit(lines if unix else lines.replace("\n", "\r\n"))

    @precondition(lambda self: self.open)
    @rule(margin=st.integers(0, 6))
    def indent_the_list(self, margin: int) -> None:
        queue = located(self.text)
        lines = queue.text[queue.starts[0] : queue.end].split("\n")
        width = queue.margin
        shifted = (
            " " * margin + line[width:] if line[:width].strip() == "" and line.strip() else line for line in lines
        )
        self.edit(queue.text[: queue.starts[0]] + "\n".join(shifted) + queue.text[queue.end :])

    @precondition(lambda self: len(self.open) > 1)
    @rule(at=ANYWHERE)
    def move_a_message(self, at: int) -> None:
        queue = located(self.text)
        index = at % (len(queue) - 1)
        (start, end), (other, other_end) = queue.span(index), queue.span(index + 1)
        text = queue.text
        below = text[other:other_end] if text[other:other_end].endswith("\n") else f"{text[other:other_end]}\n"
        self.edit(text[:start] + below + text[end:other] + text[start:end] + text[other_end:])

    @rule(at=ANYWHERE, form=TYPED)
    def type_a_message(self, at: int, form: str) -> None:
        queue = located(self.text)
        self.typed += 1
        words = f"typed {self.typed}"
        lines = form.format(words).split("\n")
        item = "\n".join(" " * queue.margin + line if line and line != words else line for line in lines)
        text, eol = queue.text, queue.line_end
        if queue.starts:
            at = [*queue.starts, queue.span(len(queue) - 1)[1]][at % (len(queue) + 1)]
            text = f"{text[:at]}{'' if text[:at].endswith(chr(10)) else eol}{item.replace(chr(10), eol)}{text[at:]}"
        else:
            text = f"messages:\n{item}"
        if text != self.text and len(parsed(text) or ()) == len(self.open) + 1:
            before = self.open.keys() | {None}
            self.write(text)
            note(f"typed:\n{text}")
            (new,) = {message.message_id for message in self.messenger.list()} - before
            self.add(new, {"to": "dev"}, "low", {"message": f" {words}" if '"' in form and "'" not in form else words})
            kept = cut(text, [None])
            assert cut(self.text, [new]) == kept

    @rule(mark=st.sampled_from(("", "\ufeff")))
    def set_the_byte_order_mark(self, mark: str) -> None:
        self.mark = mark
        self.write(self.text)

    @rule(line=st.sampled_from(("\n", "\r\n", "", "limits: 1\n", "...\n", "# end", "   ")))
    def end_the_file_otherwise(self, line: str) -> None:
        self.edit(self.text + line if line else self.text.rstrip("\r\n"))

    # What holds after each of them.

    @invariant()
    def every_message_is_as_it_must_be(self) -> None:
        if self.queue.exists():
            before = self.text
            assert {one.message_id: one.to_mapping() for one in self.messenger.list()} == self.open
            assert self.text == before
            assert [problem for problem in self.problems if problem.severity == "error"] == []

    def write(self, text: str) -> None:
        self.queue.write_bytes(f"{self.mark}{text}".encode())

    def edit(self, text: str) -> None:
        """Save the text, if it has the messages that it had: people do more, but not in these rules."""
        before, after = by_id(self.text), by_id(text)
        if before is not None and after == before and text.count("limits") <= 1 and is_read(text):
            note(f"edited:\n{text}")
            self.write(text)

    def put(self, queue: QueueText, index: int, item: str) -> None:
        start, end = queue.span(index)
        self.edit(queue.text[:start] + item + queue.text[end:])

    def add(
        self, name: str, to: dict[str, Any], priority: str, payload: Any, sender: str = "pm", reply_to: str = ""
    ) -> None:
        assert name not in self.open
        assert name not in self.closed
        self.open[name] = {
            "message_id": name,
            "type": "notify",
            "from": sender,
            **to,
            "priority": priority,
            "created": NOW,
            "status": "pending",
            **({"reply_to": reply_to} if reply_to else {}),
            "payload": payload,
        }

    def pick(self, at: int) -> dict[str, Any]:
        return list(self.open.values())[at % len(self.open)]

    def in_file_order(self) -> list[dict[str, Any]]:
        return [self.open[one["message_id"]] for one in parsed(self.text) or ()]

    def waits_for(self, one: dict[str, Any], agent: str) -> bool:
        recipients = one.get("to_agents", (one.get("to"),))
        is_to = one["from"] != agent if recipients == "all" else agent in recipients
        return is_to and one["status"] == "pending" and agent not in one.get("read_by", ())

    def assert_untouched(self, before: str, touched: Iterable[str]) -> None:
        assert cut(self.text, touched) == cut(before, touched)

    def assert_only_added(self, before: str, new: str) -> None:
        """The new message was put in somewhere; the line of a list that was empty may have changed."""
        if len(self.open) > 1:
            assert common(before, self.text) == len(before)
        else:
            removed = [line[2:] for line in ndiff(before.splitlines(), self.text.splitlines()) if line[0] == "-"]
            assert removed == [line for line in before.splitlines() if line in removed and line.startswith("messages:")]
        assert new in self.text

    def assert_only_removed(self, before: str, gone: list[str]) -> None:
        """The messages were taken out, with blank lines at most; the line of a list that is empty has changed."""
        after = self.text if self.open else self.text.replace(" []", "", 1)
        assert after.split() == cut(before, gone).split()
        if len(gone) == 1 and self.open:
            assert common(after, before) == len(after)


def located(text: str) -> QueueText:
    return checked_view(text, None, lambda *_: ()).queue


def is_read(text: str) -> bool:
    """Whether the text is one that is read and edited; the others are tested by themselves."""
    try:
        return not located(text).in_flow
    except DamagedError:
        return False


def parsed(text: str) -> list[dict[str, Any]] | None:
    """The messages of a text; None where it is no queue."""
    try:
        root = parse(text)
    except InvalidError:
        return None
    match root:
        case {"messages": list() as messages}:
            return messages
        case None | {"messages": None}:
            return []
    return None


def by_id(text: str) -> dict[str, Any] | None:
    """The messages of a text by id; None where there is not one of each."""
    messages = parsed(text)
    found = {one.get("message_id"): one for one in messages or ()}
    return found if messages is not None and len(found) == len(messages) else None


def cut(text: str, ids: Iterable[str | None]) -> str:
    """The text without these messages."""
    queue = located(text)
    for index in reversed(range(len(queue))):
        if queue.value(index).get("message_id") in ids:
            start, end = queue.span(index)
            text = text[:start] + text[end:]
    return text


def common(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning and their end together."""
    return min(_alike(one, other) + _alike(one[::-1], other[::-1]), len(one), len(other))


def _alike(one: str, other: str) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


Project.TestCase.settings = settings(
    max_examples=max(settings.default.max_examples // 2, 1), stateful_step_count=15, deadline=None
)
TestProject = Project.TestCase
