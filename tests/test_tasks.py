"""The tasks that a step can `exec`: all steps are checked first, then they run in order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import InvalidError, Message, Messenger, NotFoundError, Priority, Status, UsageError
from bmad_messenger import message as messages
from bmad_messenger.exec_reader import ExecElement, read_exec
from bmad_messenger.outbox import priority_of, time_of
from bmad_messenger.tasks import agents_of, check_all, draft_of, run_all, tasks_of

SENDING = """
<exec task="send-message">
  <param name="type">handoff</param>
  <param name="from_agent">pm</param>
  <param name="to_agent">architect</param>
  <param name="payload">
    artifact_path: "_bmad-output/planning-artifacts/prd.md"
    context_summary: "PRD complete, ready for architecture"
    next_actions:
      - Review technical requirements
      - Design system architecture
  </param>
</exec>
"""
RECEIVING = """
<exec task="receive-message">
  <param name="agent">architect</param>
  <param name="type_filter">handoff</param>
</exec>
"""
NOTE = {"type": "notify", "from_agent": "pm", "to_agent": "dev", "payload": {"message": "news"}}


@pytest.fixture
def messenger(tmp_path: Path) -> Messenger:
    return Messenger.open(tmp_path)


def steps(text: str) -> list[ExecElement]:
    return read_exec(text, path="steps.md", variables={})


def step(task: str, line: int = 1, **params: Any) -> ExecElement:
    return ExecElement(task, params, "steps.md", line, 1)


def run(messenger: Messenger, *elements: ExecElement) -> list[Any]:
    return [outcome.value for outcome in run_all(messenger, elements)]


def test_the_reference_s_examples_run_as_they_stand(messenger: Messenger) -> None:
    sent, received = run(messenger, *steps(SENDING + RECEIVING))

    assert received == {"agent": "architect", "messages": [sent]}
    assert messenger.get(sent["message_id"]).status is Status.READ


def test_checking_shows_what_would_be_done_and_does_nothing(messenger: Messenger, tmp_path: Path) -> None:
    sending, receiving = (outcome.value for outcome in check_all(messenger, steps(SENDING + RECEIVING)))

    assert [message["to"] for message in sending["messages"]] == ["architect"]
    assert receiving == {"agent": "architect", "type_filter": "handoff"}
    assert list(tmp_path.iterdir()) == []


def test_what_is_received_is_marked_when_the_caller_has_it(messenger: Messenger) -> None:
    sent = messenger.send(**NOTE)

    outcomes = run_all(messenger, [step("receive-message", agent="dev")])
    next(outcomes)
    assert messenger.get(sent.message_id).status is Status.PENDING

    assert list(outcomes) == []
    assert messenger.get(sent.message_id).status is Status.READ


@pytest.mark.parametrize("peek", ["true", True])
def test_peeking_marks_nothing(peek: Any, messenger: Messenger) -> None:
    sent = messenger.send(**NOTE)

    run(messenger, step("receive-message", agent="dev", peek=peek))

    assert messenger.get(sent.message_id) == sent


@pytest.mark.parametrize("limit", ["1", 1])
def test_a_limit_is_a_number(limit: Any, messenger: Messenger) -> None:
    messenger.send(**NOTE)
    messenger.send(**NOTE)

    (received,) = run(messenger, step("receive-message", agent="dev", limit=limit))

    assert len(received["messages"]) == 1


def test_a_trigger_sends_several(messenger: Messenger) -> None:
    payload = "prd_path: prd.md\npriority_features: [Login]\nuser_personas: [Ana]\n"

    (sent,) = run(messenger, step("send-message", route="prd-complete-with-ui", payload=payload))

    assert [message["to"] for message in sent["messages"]] == ["architect", "ux-designer"]


def test_nothing_runs_where_one_step_is_wrong(messenger: Messenger, tmp_path: Path) -> None:
    with pytest.raises(InvalidError):
        run(messenger, step("send-message", **NOTE), step("send-message", **{**NOTE, "payload": {}}))

    assert list(tmp_path.iterdir()) == []


def test_every_wrong_step_is_told_with_its_place(messenger: Messenger) -> None:
    elements = [step("send-mesage", 3), step("receive-message", 5, agent="devv"), step("send-message", 7, **NOTE)]

    with pytest.raises(InvalidError) as caught:
        run(messenger, *elements)

    assert [(problem.path, problem.line) for problem in caught.value.problems] == [("steps.md", 3), ("steps.md", 5)]


def test_one_kind_of_error_stays_that_kind(messenger: Messenger) -> None:
    with pytest.raises(NotFoundError, match="did you mean 'dev'"):
        run(messenger, step("receive-message", agent="devv"))


@pytest.mark.parametrize(
    ("element", "words"),
    [
        (step("send-mesage"), "did you mean 'send-message'"),
        (step("receive-message"), "needs the parameter 'agent'"),
        (step("receive-message", agent=None), "needs the parameter 'agent'"),
        (step("receive-message", agent="dev", typ_filter="x"), "did you mean 'type_filter'"),
        (step("receive-message", agent="dev", type_filter="handof"), "there is no message type"),
        (step("receive-message", agent="dev", priority="hihg"), "did you mean `high`"),
        (step("receive-message", agent="dev", limit="ten"), "limit: wanted a whole number, found"),
        (step("receive-message", agent="dev", limit=""), "limit: wanted a whole number, found"),
        (step("receive-message", agent="dev", limit=".inf"), "limit: wanted a whole number, found"),
        (step("receive-message", agent="dev", limit="true"), "limit: wanted a whole number, found"),
        (step("receive-message", agent="dev", peek="perhaps"), "peek: wanted true or false, found"),
        (step("receive-message", agent=["dev"]), "agent: wanted text, found a list of 1"),
        (step("send-message", **{**NOTE, "frm": "pm"}), "has no parameter 'frm'"),
        (step("send-message", **{**NOTE, "type": ["notify"]}), "type: wanted text"),
        (step("send-message", **{**NOTE, "payload": [1]}), "the payload is not a mapping"),
        (step("send-message", **{**NOTE, "payload": "- 1"}), "the payload is not a mapping"),
        (step("send-message", **{**NOTE, "to_agent": None, "to_agents": 5}), "are no agents"),
        (step("send-message", **{**NOTE, "expires": "soon"}), "'soon' is no time"),
        (step("send-message", **{**NOTE, "priority": ["high"]}), "there is no priority"),
        (step("send-message", **{**NOTE, "strict": "very"}), "strict: wanted true or false"),
        (step("send-message", **{**NOTE, "priority": "critical", "strict": "true"}), "best practice 2"),
    ],
)
def test_a_wrong_param_is_told(element: ExecElement, words: str, messenger: Messenger) -> None:
    with pytest.raises(InvalidError, match=words):
        run(messenger, element)


def test_a_limit_below_one_is_found_before_anything_runs(messenger: Messenger) -> None:
    with pytest.raises(UsageError, match="limit"):
        check_all(messenger, [step("receive-message", agent="dev", limit="0")])


@pytest.mark.parametrize(
    ("value", "agents"),
    [
        ("all", "all"),
        (" all ", "all"),
        (["all"], "all"),
        ("dev, tea", ("dev", "tea")),
        ("dev", ("dev",)),
        (["dev", "tea"], ("dev", "tea")),
        (None, None),
    ],
)
def test_recipients_are_a_list_or_all(value: Any, agents: Any) -> None:
    assert agents_of(value) == agents


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (None, None),
        ("2025-01-16T17:00:00Z", datetime(2025, 1, 16, 17, tzinfo=UTC)),
        ("45m", datetime(2025, 1, 15, 11, 15, tzinfo=UTC)),
        ("3h", datetime(2025, 1, 15, 13, 30, tzinfo=UTC)),
        ("2 d", datetime(2025, 1, 17, 10, 30, tzinfo=UTC)),
        ("1w", datetime(2025, 1, 22, 10, 30, tzinfo=UTC)),
        ("90s", datetime(2025, 1, 15, 10, 31, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_a_date_or_so_long_from_now(
    value: str | None, time: datetime | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bmad_messenger.message.now", lambda: datetime(2025, 1, 15, 10, 30, tzinfo=UTC))

    assert time_of(value) == time


def test_a_time_that_is_past_is_so_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bmad_messenger.message.now", lambda: datetime(2025, 1, 15, 10, 30, tzinfo=UTC))

    assert time_of("2d", is_past=True) == datetime(2025, 1, 13, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize("value", ["tomorrow", "2", "2y", "9999999999w", "", 5])
def test_what_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(InvalidError, match="is no time"):
        time_of(value)


@pytest.mark.parametrize("value", ["high", "HIGH", Priority.HIGH])
def test_a_priority_is_known_by_its_name(value: Any) -> None:
    assert priority_of(value) is Priority.HIGH


def test_a_draft_takes_what_a_sender_may_give(messenger: Messenger) -> None:
    draft = draft_of(messenger, type="notify", payload="message: news", to_agents="dev, tea", priority="low")

    assert (draft.payload, draft.to_agents, draft.priority) == ({"message": "news"}, ("dev", "tea"), Priority.LOW)
    with pytest.raises(UsageError, match="did you mean 'priority'"):
        draft_of(messenger, prioritty="low")


class TestTasksOfPlugins:
    """What plugins add is checked and run like the rest."""

    @pytest.fixture
    def messenger(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Messenger:
        messenger = Messenger.open(tmp_path)
        tasks: Mapping[str, Any] = {"count": count, "fail": fail}
        monkeypatch.setattr(messenger.plugins, "add", lambda hook, take: take("counting", tasks))
        return messenger

    def test_they_run_with_their_params(self, messenger: Messenger) -> None:
        assert run(messenger, step("count", agent="dev", by="2")) == [{"dev": 0, "by": 2}]

    def test_their_params_are_checked(self, messenger: Messenger) -> None:
        with pytest.raises(InvalidError, match="by: wanted a whole number"):
            run(messenger, step("count", agent="dev", by="two"))

    def test_one_that_fails_is_told_with_its_place(self, messenger: Messenger) -> None:
        with pytest.raises(InvalidError, match=r"steps\.md:4:1: the task 'fail' failed: ZeroDivisionError"):
            run(messenger, step("fail", 4))

    def test_one_that_takes_a_built_in_name_is_refused(
        self, messenger: Messenger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(messenger.plugins, "add", lambda hook, take: take("counting", {"send-message": count}))

        with pytest.raises(InvalidError, match="the plugin 'counting' adds the task 'send-message', which exists"):
            tasks_of(messenger)


def count(messenger: Messenger, *, agent: str, by: int = 1) -> dict[str, int]:
    """Count what waits for an agent."""
    return {agent: len(messenger.receive(agent, peek=True)), "by": by}


def fail(messenger: Messenger) -> None:
    """Fail."""
    raise ZeroDivisionError("0")


def test_a_message_is_written_as_the_file_has_it(messenger: Messenger) -> None:
    (sent,) = run(messenger, step("send-message", **NOTE))

    assert Message.from_mapping(sent).created <= messages.now()
    assert list(sent)[:4] == ["message_id", "type", "from", "to"]
