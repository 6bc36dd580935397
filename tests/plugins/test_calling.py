"""Hooks around a send, a read and a close: what comes before may refuse and add, what comes after undoes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bmad_messenger import Draft, InvalidError, Message, Messenger, NotPermittedError, Priority, Problem, Status

Install = Callable[..., None]
NOTE: dict[str, Any] = {"type": "notify", "from_agent": "pm", "to_agent": "dev", "payload": {"message": "news"}}


def refuse(**_: Any) -> None:
    raise NotPermittedError("not today", hint="tomorrow")


def refuse_message(message: Message) -> None:
    refuse()


def fail(message: Message) -> None:
    raise ZeroDivisionError("0")


def adding(key: str) -> Callable[[Message], Message]:
    """A hook that adds what the payload holds so far."""

    def before_send(message: Message) -> Message:
        return replace(message, payload={**message.payload, key: len(message.payload)})

    return before_send


def into(heard: list[Message]) -> Callable[[Message], None]:
    """A hook that keeps the messages it is told of."""

    def after_send(message: Message) -> None:
        heard.append(message)

    return after_send


class TestBeforeSend:
    """What a plugin may do to a message before it is sent."""

    def test_it_may_refuse(self, install: Install, messenger: Messenger) -> None:
        install("strict", before_send=refuse_message)

        with pytest.raises(NotPermittedError, match="not today; tomorrow"):
            messenger.send(**NOTE)

        assert messenger.list() == []

    def test_it_may_refuse_one_of_several_and_none_is_sent(self, install: Install, messenger: Messenger) -> None:
        install("strict", before_send=lambda message: refuse() if message.to_agent == "ux-designer" else None)
        payload = {"prd_path": "p.md", "priority_features": "a", "user_personas": "b"}

        with pytest.raises(NotPermittedError):
            messenger.send_many([Draft(route="prd-complete-with-ui", payload=payload)])

        assert messenger.list() == []

    def test_a_failure_refuses(self, install: Install, messenger: Messenger) -> None:
        install("broken", before_send=fail)

        with pytest.raises(NotPermittedError, match="the plugin 'broken' failed before the send: ZeroDivisionError"):
            messenger.send(**NOTE)

        assert messenger.list() == []

    def test_it_may_add(self, install: Install, messenger: Messenger) -> None:
        install("adding", before_send=lambda message: replace(message, priority=Priority.HIGH, extra={"x-team": "a"}))

        sent = messenger.send(**NOTE)

        assert (sent.priority, sent.extra) == (Priority.HIGH, {"x-team": "a"})
        assert messenger.list() == [sent]

    def test_each_adds_to_what_the_other_added(self, install: Install, messenger: Messenger) -> None:
        install("one", before_send=adding("one"))
        install("two", before_send=adding("two"))

        assert sorted(messenger.send(**NOTE).payload.items()) == sorted({"message": "news", "two": 1, "one": 2}.items())

    @pytest.mark.parametrize(
        "change",
        [
            {"type": "clarify"},
            {"from_agent": "sm"},
            {"to_agent": "tea"},
            {"to_agent": None, "to_agents": "all"},
            {"message_id": "MSG-20250115-a1b2"},
            {"status": Status.DONE},
        ],
    )
    def test_it_may_not_change_what_is_the_sender_s(
        self, change: dict[str, Any], install: Install, messenger: Messenger
    ) -> None:
        install("greedy", before_send=lambda message: replace(message, **change))

        with pytest.raises(NotPermittedError, match="the plugin 'greedy' changed more"):
            messenger.send(**NOTE)

    def test_it_may_not_change_the_date(self, install: Install, messenger: Messenger) -> None:
        install("greedy", before_send=lambda message: replace(message, created=message.created - timedelta(days=1)))

        with pytest.raises(NotPermittedError, match="changed more"):
            messenger.send(**NOTE)

    def test_what_it_adds_is_checked(self, install: Install, messenger: Messenger) -> None:
        install("wrong", before_send=lambda message: replace(message, payload={"mesage": "news"}))

        with pytest.raises(InvalidError, match="did you mean `message`"):
            messenger.send(**NOTE)

    @pytest.mark.parametrize("value", [{1, 2}, float("nan"), b"bytes"])
    def test_what_it_adds_has_to_be_json(self, value: Any, install: Install, messenger: Messenger) -> None:
        install("odd", before_send=lambda message: replace(message, payload={**message.payload, "more": value}))

        with pytest.raises(InvalidError, match="can't be written as YAML"):
            messenger.send(**NOTE)

        assert messenger.list() == []

    def test_what_it_adds_may_earn_a_warning(
        self, install: Install, messenger: Messenger, problems: list[Problem]
    ) -> None:
        install("loud", before_send=lambda message: replace(message, priority=Priority.CRITICAL))

        messenger.send(**NOTE)

        assert [problem.code for problem in problems] == ["best-practice-2"]

    @pytest.mark.parametrize("answer", [True, {"payload": {}}, "sent"])
    def test_an_answer_that_is_no_message_is_told(self, answer: Any, install: Install, messenger: Messenger) -> None:
        install("odd", before_send=lambda message: answer)

        with pytest.raises(NotPermittedError, match="the plugin 'odd'"):
            messenger.send(**NOTE)


class TestAfterwards:
    """What a plugin does when something has happened."""

    def test_it_hears_of_each_send_read_and_close(self, install: Install, messenger: Messenger) -> None:
        heard: list[tuple[str, ...]] = []
        install(
            "listening",
            after_send=lambda message: heard.append(("send", message.message_id)),
            after_read=lambda message, agent: heard.append(("read", message.message_id, agent)),
            after_close=lambda message: heard.append(("close", message.message_id, message.status.value)),
        )

        sent = messenger.send(**NOTE).message_id
        messenger.receive("dev", peek=True)
        messenger.receive("dev")
        messenger.mark_read("dev", [sent])
        messenger.close(sent)
        messenger.close(sent)

        assert heard == [("send", sent), ("read", sent, "dev"), ("close", sent, "done")]

    def test_it_hears_of_what_was_typed_in_by_hand(self, install: Install, messenger: Messenger) -> None:
        heard: list[Message] = []
        install("listening", after_send=into(heard))
        messenger.init()
        typed = "messages:\n  - {type: notify, from: pm, to: dev, payload: {message: typed}}\n"
        messenger.project.queue.write_text(typed)

        assert messenger.list() == heard

    def test_it_does_not_hear_of_what_was_sent_before(self, install: Install, messenger: Messenger) -> None:
        heard: list[Message] = []
        install("listening", after_send=into(heard))

        sent = messenger.send(**NOTE, idempotency_key="k")
        messenger.send(**NOTE, idempotency_key="k")

        assert heard == [sent]

    @pytest.mark.parametrize("hook", ["after_send", "after_close"])
    def test_a_failure_is_reported_and_undoes_nothing(
        self, hook: str, install: Install, messenger: Messenger, problems: list[Problem]
    ) -> None:
        install("broken", **{hook: fail})

        sent = messenger.send(**NOTE)
        (closed,) = messenger.close(sent.message_id)

        assert messenger.archive.read(sent.message_id) == closed
        (problem,) = problems
        assert (problem.severity, problem.code) == ("warning", "hook")
        assert problem.message == f"the plugin 'broken' failed in {hook} of {sent.message_id}: 0"
        assert "sync" in problem.hint

    def test_a_failure_keeps_no_other_plugin_from_its_turn(self, install: Install, messenger: Messenger) -> None:
        heard: list[str] = []
        install("listening", after_send=lambda message: heard.append("one"))
        install("broken", after_send=fail)
        install("listening too", after_send=lambda message: heard.append("two"))

        sent = messenger.send(**NOTE)

        assert sorted(heard) == ["one", "two"]
        assert messenger.archive.read(sent.message_id) == sent

    def test_sync_lets_it_make_good_what_it_missed(self, install: Install, messenger: Messenger) -> None:
        install("late", after_send=fail, sync=lambda messages: [f"noted {one.message_id}" for one in messages])
        sent = messenger.send(**NOTE)

        assert list(messenger.sync()) == [f"noted {sent.message_id}"]

    def test_a_failure_in_sync_is_reported(
        self, install: Install, messenger: Messenger, problems: list[Problem]
    ) -> None:
        def sync() -> None:
            raise ZeroDivisionError("0")

        install("broken", sync=sync)

        assert list(messenger.sync()) == []
        assert [problem.message for problem in problems] == ["the plugin 'broken' failed in sync: 0"]


class TestBeforeClose:
    """What a plugin may do before a message leaves the queue."""

    def test_it_may_keep_a_message_in_the_queue(self, install: Install, messenger: Messenger) -> None:
        sent = messenger.send(**NOTE)
        install("strict", before_close=refuse_message)
        messenger = Messenger.open(messenger.project.root)

        with pytest.raises(NotPermittedError, match="not today"):
            messenger.close(sent.message_id)

        assert messenger.list() == [sent]
        assert messenger.archive.read(sent.message_id) == sent

    def test_one_refusal_keeps_all_in_the_queue_and_out_of_the_archive(
        self, install: Install, messenger: Messenger
    ) -> None:
        first, second = messenger.send(**NOTE), messenger.send(**NOTE, priority="high")
        install("strict", before_close=lambda message: refuse() if message.message_id == second.message_id else None)
        messenger = Messenger.open(messenger.project.root)

        with pytest.raises(NotPermittedError):
            messenger.close(first.message_id, second.message_id)

        assert messenger.archive.read(first.message_id) == first
        assert list(messenger.sync()) == []
        assert messenger.list() == [first, second]

    def test_a_failure_refuses(self, install: Install, messenger: Messenger) -> None:
        install("broken", before_close=fail)
        sent = messenger.send(**NOTE)

        with pytest.raises(NotPermittedError, match="failed before the close"):
            messenger.close(sent.message_id)

    def test_it_is_given_the_text_with_its_comments(self, install: Install, messenger: Messenger) -> None:
        records: list[str] = []

        def before_close(record: str) -> None:
            records.append(record)

        install("reading", before_close=before_close)
        sent = messenger.send(**NOTE)
        queue = messenger.project.queue
        queue.write_text(queue.read_text().replace("    payload:", "    # mine\n    payload:"))

        messenger.close(sent.message_id)

        assert "# mine\n" in records[0]
        assert records[0] == messenger.archive.text(sent.message_id)
