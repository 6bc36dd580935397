"""Tests of `bmad_messenger.workflow.engine` and `progress`: what a run does, step by step."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmad_messenger import InvalidError, Messenger, UsageError
from bmad_messenger.errors import LockTimeoutError
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import State
from tests.workflow.conftest import Begin, Clock

TELL = "exec: send-message\n    with: {type: notify, from_agent: pm, to_agent: dev, payload: {message: "


def texts(messenger: Messenger) -> list[str]:
    return [str(message.payload.get("message")) for message in messenger.list() if message.type == "notify"]


def test_steps_run_in_the_files_order(begin: Begin, messenger: Messenger) -> None:
    run = begin(f"steps:\n  - id: a\n    {TELL}one}}}}\n  - id: b\n    {TELL}two}}}}\n")

    assert run.state is State.DONE
    assert texts(messenger) == ["one", "two"]


def test_a_step_whose_condition_does_not_hold_is_skipped(begin: Begin, messenger: Messenger) -> None:
    run = begin(
        f"params: {{go: {{type: boolean}}}}\nsteps:\n  - id: a\n    when: params.go\n    {TELL}x}}}}\n", go=False
    )

    assert run.step("a").state is State.SKIPPED
    assert texts(messenger) == []


def test_what_a_skipped_step_would_have_left_is_nothing(begin: Begin) -> None:
    run = begin(
        f"""\
steps:
  - id: a
    when: false
    {TELL}x}}}}
  - id: b
    when: steps.a.payload.message == "x"
    {TELL}y}}}}
"""
    )

    assert (run.state, run.step("b").state) == (State.DONE, State.SKIPPED)


def test_a_step_sees_what_those_before_it_left(begin: Begin, messenger: Messenger) -> None:
    begin(
        f"steps:\n  - id: a-1\n    {TELL}one}}}}\n  - id: b\n    {TELL}'re {{{{ steps.a-1.payload.message }}}}'}}}}\n"
    )

    assert texts(messenger) == ["one", "re one"]


def test_an_expression_alone_keeps_its_type(begin: Begin, messenger: Messenger) -> None:
    begin(
        """\
params: {names: {type: array}}
steps:
  - id: a
    exec: send-message
    with: {type: notify, from_agent: pm, to_agents: "{{ params.names }}", payload: {message: hello}}
""",
        names=["dev", "tea"],
    )

    assert messenger.list()[0].to_agents == ("dev", "tea")


def test_a_foreach_does_its_step_for_each_item_and_leaves_a_list(begin: Begin, messenger: Messenger) -> None:
    run = begin(f"steps:\n  - id: a\n    foreach: [x, y]\n    as: word\n    {TELL}'{{{{ word }}}}'}}}}\n")

    assert texts(messenger) == ["x", "y"]
    assert [one["payload"]["message"] for one in run.step("a").outputs] == ["x", "y"]


def test_a_foreach_over_nothing_is_done(begin: Begin) -> None:
    assert begin(f"steps:\n  - id: a\n    foreach: []\n    {TELL}x}}}}\n").step("a").outputs == []


def test_a_failed_step_fails_the_run_and_tells_the_user_once(
    begin: Begin, messenger: Messenger, engine: Engine
) -> None:
    run = begin(
        f"steps:\n  - id: a\n    {TELL}5}}}}\n    with: {{type: notify}}\n".replace(
            f"{TELL}5}}}}\n    ", "exec: send-message\n    "
        )
    )

    assert run.state is State.FAILED
    assert run.error is not None
    assert run.error.startswith("a: ")
    engine.advance(run.run_id)
    assert [message.to_agent for message in messenger.list()] == ["user"]


def test_a_failure_that_may_be_is_passed_over(begin: Begin, messenger: Messenger) -> None:
    run = begin(
        f"""\
steps:
  - id: a
    exec: send-message
    with: {{type: notify}}
    continue_on_error: true
  - id: b
    when: steps.a.state == "failed"
    {TELL}after}}}}
"""
    )

    assert (run.state, texts(messenger)) == (State.DONE, ["after"])


def test_steps_at_the_end_run_after_a_failure_too(begin: Begin, messenger: Messenger) -> None:
    run = begin(
        f"""\
steps:
  - id: a
    exec: send-message
    with: {{type: notify}}
  - id: never
    {TELL}never}}}}
finally:
  - id: z
    {TELL}end}}}}
"""
    )

    assert (run.state, run.step("never").state, texts(messenger)) == (State.FAILED, State.CANCELLED, ["end"])


def test_a_step_is_tried_again_after_a_longer_and_longer_pause(begin: Begin, engine: Engine, clock: Clock) -> None:
    run = begin(
        """\
steps:
  - id: a
    exec: receive-message
    with: {agent: "{{ 'nob' ~ 'ody' }}"}
    retry: {times: 2, delay: 10s, backoff: 3}
"""
    )
    pauses = []
    while not run.state.is_over:
        assert run.due is not None
        pauses.append((run.due - clock.time).total_seconds())
        clock.time = run.due
        run = engine.advance(run.run_id)

    assert (pauses, len(run.step("a").attempts), run.state) == ([10, 30], 3, State.FAILED)


def test_a_wait_ends_with_the_message_and_marks_it_read(begin: Begin, engine: Engine, messenger: Messenger) -> None:
    run = begin("steps:\n  - id: a\n    wait: {message: {to: pm, type: clarify}}\n")
    assert run.state is State.WAITING

    sent = messenger.send(type="clarify", from_agent="dev", to_agent="pm", payload={"question": "JWT?"})
    run = engine.advance(run.run_id)

    assert run.step("a").outputs["message"]["message_id"] == sent.message_id
    assert "pm" in messenger.get(sent.message_id).read_by


def test_a_wait_finds_a_message_that_was_closed_meanwhile(begin: Begin, engine: Engine, messenger: Messenger) -> None:
    run = begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n")
    sent = messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "quick"})
    messenger.close(sent.message_id)

    assert engine.advance(run.run_id).state is State.DONE


def test_a_wait_takes_no_message_that_was_sent_before(begin: Begin, messenger: Messenger, clock: Clock) -> None:
    messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "old"})
    clock.tick(60)

    assert begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n").state is State.WAITING


def test_two_waits_take_two_messages(begin: Begin, engine: Engine, messenger: Messenger) -> None:
    run = begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n  - id: b\n    wait: {message: {to: pm}}\n")
    messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "one"})
    run = engine.advance(run.run_id)
    assert run.state is State.WAITING

    messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "two"})
    run = engine.advance(run.run_id)

    found = [run.step(name).outputs["message"]["payload"]["message"] for name in "ab"]
    assert found == ["one", "two"]


def test_a_wait_looks_at_the_message_itself(begin: Begin, engine: Engine, messenger: Messenger) -> None:
    run = begin("steps:\n  - id: a\n    wait: {message: {to: pm, if: message.payload.message == 'yes'}}\n")
    for text in ("no", "yes"):
        messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": text})

    assert engine.advance(run.run_id).step("a").outputs["message"]["payload"]["message"] == "yes"


def test_a_wait_for_a_while_ends_when_that_is_over(begin: Begin, engine: Engine, clock: Clock) -> None:
    run = begin("steps:\n  - id: a\n    wait: {for: 2h}\n")
    clock.tick(7199)
    assert engine.advance(run.run_id).state is State.WAITING

    clock.tick(1)

    assert engine.advance(run.run_id).state is State.DONE


@pytest.mark.parametrize(
    ("on_timeout", "state"), [("fail", State.FAILED), ("continue", State.DONE), ("escalate", State.WAITING)]
)
def test_a_wait_that_takes_too_long_ends_as_the_step_says(
    begin: Begin, engine: Engine, clock: Clock, on_timeout: str, state: State
) -> None:
    step = f"  - id: a\n    wait: {{message: {{to: pm}}}}\n    timeout: 1d\n    on_timeout: {on_timeout}\n"
    run = begin(f"on_failure: nothing\nsteps:\n{step}")

    clock.tick(86_400)

    assert engine.advance(run.run_id).state is state


def test_the_user_is_told_once_that_a_wait_takes_too_long(
    begin: Begin, engine: Engine, clock: Clock, messenger: Messenger
) -> None:
    run = begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n    timeout: 1d\n    on_timeout: escalate\n")
    for _ in range(3):
        clock.tick(86_400)
        engine.advance(run.run_id)

    assert [message.type for message in messenger.list()] == ["escalate"]


def test_a_run_that_takes_too_long_fails(begin: Begin, engine: Engine, clock: Clock) -> None:
    run = begin("timeout: 1h\nsteps:\n  - id: a\n    wait: {message: {to: pm}}\n")

    clock.tick(3600)

    assert engine.advance(run.run_id).error == "the run took longer than 3600 s"


def test_a_question_is_answered_by_a_reply(begin: Begin, engine: Engine, messenger: Messenger) -> None:
    run = begin("steps:\n  - id: a\n    ask: {question: 'Go on?', options: [yes, no]}\n")
    (question,) = messenger.list(agent="user")

    messenger.reply(question.message_id, "perhaps")
    assert engine.advance(run.run_id).state is State.WAITING
    messenger.reply(question.message_id, "yes")
    run = engine.advance(run.run_id)

    assert run.step("a").outputs["answer"] == "yes"
    assert messenger.get(question.message_id).status.is_closed


def test_another_workflow_runs_as_a_step(begin: Begin, engine: Engine) -> None:
    (engine.messenger.project.folder / "workflows" / "inner.yaml").write_text(
        f"name: inner\nparams: {{word: {{type: string}}}}\nsteps:\n  - id: say\n    {TELL}'{{{{ params.word }}}}'}}}}\n"
        "outputs: {said: {value: '{{ steps.say.payload.message }}', type: string}}\n"
    )

    run = begin("steps:\n  - id: a\n    workflow: inner\n    with: {word: hi}\n")

    assert (run.state, run.step("a").outputs["said"]) == (State.DONE, "hi")


def test_workflows_that_run_each_other_without_end_are_stopped(begin: Begin) -> None:
    run = begin("name: example\nsteps:\n  - id: a\n    workflow: example\n")

    assert run.state is State.FAILED
    assert "workflows run each other" in (run.error or "")


def test_outputs_are_checked_by_their_schema(begin: Begin) -> None:
    run = begin(
        f"steps:\n  - id: a\n    {TELL}x}}}}\noutputs: {{n: {{value: '{{{{ steps.a.type }}}}', type: integer}}}}\n"
    )

    assert (run.state, "wanted a whole number" in (run.error or "")) == (State.FAILED, True)


def test_secrets_are_masked_in_every_file(begin: Begin, messenger: Messenger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cr3t-value")

    run = begin(f"secrets: [TOKEN]\nsteps:\n  - id: a\n    {TELL}'t={{{{ secrets.TOKEN }}}}'}}}}\n")

    files = [path for path in messenger.project.folder.rglob("*") if path.is_file()]
    assert run.state is State.DONE
    assert [path.name for path in files if b"s3cr3t-value" in path.read_bytes()] == []


def test_a_missing_secret_is_told_before_anything_runs(begin: Begin, messenger: Messenger) -> None:
    with pytest.raises(InvalidError, match="needs the secret NO_SUCH_SECRET"):
        begin(f"secrets: [NO_SUCH_SECRET]\nsteps:\n  - id: a\n    {TELL}x}}}}\n")

    assert messenger.list() == []


def test_a_run_begins_with_its_agents_messages(begin: Begin, messenger: Messenger) -> None:
    sent = messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "for you"})

    run = begin(f"agent: pm\nsteps:\n  - id: a\n    {TELL}'{{{{ steps.inbox.messages | length }}}} waited'}}}}\n")

    assert texts(messenger)[-1] == "1 waited"
    assert "pm" in messenger.get(sent.message_id).read_by
    assert run.state is State.DONE


def test_a_changed_workflow_is_not_gone_on_with(begin: Begin, engine: Engine, messenger: Messenger) -> None:
    run = begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n")
    path = messenger.project.folder / "workflows" / "example.yaml"
    path.write_text(path.read_text() + "# changed\n")

    with pytest.raises(InvalidError, match="has changed since"):
        engine.advance(run.run_id)

    assert engine.advance(run.run_id, changed=True).state is State.WAITING


def test_a_run_in_other_hands_is_left_alone(begin: Begin, engine: Engine) -> None:
    run = begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n")

    with engine.runs.locked(run.run_id, 0) as held, pytest.raises(LockTimeoutError, match=run.run_id):
        assert held
        Engine(engine.messenger).advance(run.run_id, timeout=0)


def test_a_cancelled_run_ends_with_the_runs_it_waits_for(begin: Begin, engine: Engine) -> None:
    inner = engine.messenger.project.folder / "workflows" / "inner.yaml"
    inner.write_text("name: inner\nsteps:\n  - id: w\n    wait: {message: {to: pm}}\n")
    run = begin("steps:\n  - id: a\n    workflow: inner\n")

    engine.cancel(run.run_id, "no longer wanted")

    assert {engine.runs.read(one).state for one in engine.runs.ids()} == {State.CANCELLED}
    with pytest.raises(UsageError, match="is cancelled already"):
        engine.cancel(run.run_id)


def test_a_failed_run_goes_on_where_it_failed(begin: Begin, engine: Engine, messenger: Messenger) -> None:
    run = begin(
        f"""\
on_failure: nothing
steps:
  - id: a
    {TELL}once}}}}
  - id: b
    exec: receive-message
    with: {{agent: "{{{{ 'secu' ~ 'rity' }}}}"}}
"""
    )
    assert run.state is State.FAILED
    (messenger.project.config).write_text("agents: {add: [security]}\n")
    again = Engine(Messenger.open(messenger.project.root))

    run = again.advance(again.retry(run.run_id).run_id)

    assert (run.state, texts(messenger)) == (State.DONE, ["once"])


def test_a_damaged_run_file_is_told_with_its_place(begin: Begin, engine: Engine) -> None:
    run = begin("steps:\n  - id: a\n    wait: {message: {to: pm}}\n")
    path: Path = engine.runs.path(run.run_id)
    path.write_text("run: [\n")

    with pytest.raises(Exception, match=path.name) as caught:
        engine.advance(run.run_id)

    assert getattr(caught.value, "exit_code", None) == 7
