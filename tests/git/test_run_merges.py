"""Two clones take the same run on, each by its own clock, and real git brings their files together."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bmad_messenger.git.install import install
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import Run, State
from bmad_messenger.workflow.ticking import tick
from tests.git.clones import MESSENGER, Clone, clone_of, empty_remote, first_clone_of

WORKFLOW = """\
name: welcome
on: {message: {type: clarify, to: pm}}
steps:
  - id: thank
    exec: send-message
    with:
      type: clarify
      from_agent: pm
      to_agent: "{{ trigger.from }}"
      payload: {question: "Which brief?", context: "There are two"}
  - id: answer
    wait: {message: {to: pm, reply_to: "{{ steps.thank.message_id }}"}}
  - id: tell
    exec: send-message
    with: {type: notify, from_agent: pm, to_agent: sm, payload: {message: "{{ steps.answer.message.payload.message }}"}}
"""
Meet = Callable[[Clone, Clone], None]


class Clock:
    """What every clone's `now` says."""

    time = datetime(2025, 1, 15, 10, 30, tzinfo=UTC)

    def tick(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("bmad_messenger.message.now", lambda: clock.time)
    return clock


@pytest.fixture
def is_installed(request: pytest.FixtureRequest) -> bool:
    found: bool = getattr(request, "param", False)
    return found


@pytest.fixture
def pair(tmp_path: Path, clock: Clock, is_installed: bool) -> tuple[Clone, Clone]:
    """Two clones that both have a workflow, and the message that starts it."""
    ann = first_clone_of(empty_remote(tmp_path / "remote.git"), tmp_path / "ann with space")
    path = ann.write(f"{MESSENGER}/workflows/welcome.yaml", WORKFLOW)
    os.utime(path, (0, 0))
    if is_installed:
        install(ann.project)
    question = {"question": "Where is the brief?", "context": "I begin"}
    ann.messenger.send(type="clarify", from_agent="dev", to_agent="pm", payload=question)
    ann.sync()
    ben = clone_of(tmp_path / "remote.git", tmp_path / "ben")
    if is_installed:
        install(ben.project)
    ben.sync()
    return ann, ben


def by_sync(ann: Clone, ben: Clone) -> None:
    for clone in (ann, ben, ann):
        clone.sync()


def by_pull(kind: str) -> Meet:
    def meet(ann: Clone, ben: Clone) -> None:
        for clone in (ann, ben):
            clone.git("add", "--all")
            clone.git("commit", "--quiet", "--allow-empty", "-m", "Work")
        ann.git("push", "--quiet")
        ben.git("pull", "--quiet", kind, "--no-edit")
        ben.git("push", "--quiet")
        ann.git("pull", "--quiet", "--no-rebase")

    return meet


def ticked(clone: Clone) -> list[State]:
    return [run.state for run in tick(Engine(clone.messenger)).runs]


def the_run(clone: Clone) -> Run:
    engine = Engine(clone.messenger)
    (run_id,) = engine.runs.ids()
    return engine.runs.read(run_id)


def sent(clone: Clone) -> list[str]:
    """What was sent in the name of pm, each message once in queue or archive."""
    archive = clone.messenger.archive
    messages = [archive.read(one) for one in archive.ids()]
    return sorted(one.type for one in messages if one is not None and one.from_agent == "pm")


WAYS = {"sync": by_sync, "pull": by_pull("--no-rebase"), "pull, rebase": by_pull("--rebase")}


@pytest.mark.parametrize(
    ("is_installed", "way"),
    [(False, "sync"), (True, "sync"), (True, "pull"), (True, "pull, rebase")],
    indirect=["is_installed"],
)
def test_both_take_a_run_on_and_go_on_together(pair: tuple[Clone, Clone], clock: Clock, way: str) -> None:
    meet = WAYS[way]
    for clone in pair:
        assert ticked(clone) == [State.WAITING]
        clock.tick(2)

    meet(*pair)

    assert the_run(pair[0]) == the_run(pair[1])
    assert the_run(pair[0]).started == Clock.time
    asked = pair[0].messenger.get(the_run(pair[0]).step("thank").outputs["message_id"])
    pair[0].messenger.reply(asked.message_id, "The second")
    meet(*pair)
    for clone in pair:
        assert ticked(clone) == [State.DONE]
        clock.tick(2)
    meet(*pair)
    assert the_run(pair[0]) == the_run(pair[1])
    for clone in pair:
        assert sent(clone) == ["clarify", "notify"]
        assert ticked(clone) == []
        assert clone.is_clean()


def test_one_that_is_behind_catches_up(pair: tuple[Clone, Clone], clock: Clock) -> None:
    ann, ben = pair
    for clone in pair:
        ticked(clone)
        clock.tick(2)
    ann.messenger.reply(the_run(ann).step("thank").outputs["message_id"], "The second")
    ticked(ann)

    by_sync(ann, ben)

    assert [the_run(clone).state for clone in pair] == [State.DONE, State.DONE]
    assert ticked(ben) == []
    assert sent(ben) == ["clarify", "notify"]


def test_two_answers_leave_one_run(pair: tuple[Clone, Clone], clock: Clock) -> None:
    for clone, text in zip(pair, ("The first", "The second"), strict=True):
        ticked(clone)
        clone.messenger.reply(the_run(clone).step("thank").outputs["message_id"], text)
        ticked(clone)
        clock.tick(2)

    by_sync(*pair)

    assert the_run(pair[0]) == the_run(pair[1])
    assert the_run(pair[0]).step("answer").outputs["message"]["payload"]["message"] == "The first"
    assert [ticked(clone) for clone in pair] == [[], []]


def test_one_that_one_side_has_forgotten_stays_where_the_other_takes_it_on(
    pair: tuple[Clone, Clone], clock: Clock
) -> None:
    ann, ben = pair
    ticked(ann)
    by_sync(ann, ben)
    Engine(ann.messenger).runs.remove(the_run(ann).run_id)
    ann.messenger.close(ann.messenger.list()[0].message_id)
    ben.messenger.reply(the_run(ben).step("thank").outputs["message_id"], "The second")
    assert ticked(ben) == [State.DONE]

    by_sync(*pair)

    assert the_run(ann) == the_run(ben)
    assert the_run(ann).state is State.DONE


def test_an_answer_that_both_send_back_comes_back_once(pair: tuple[Clone, Clone], clock: Clock) -> None:
    ann, ben = pair
    path = ann.project.folder / "workflows" / "welcome.yaml"
    form = "form: {required: [path], properties: {path: {type: string}}}"
    path.write_text(
        WORKFLOW.replace("context: ", f"{form}, context: ").replace("payload.message }}", "payload.path }}")
    )
    ticked(ann)
    ann.messenger.reply(the_run(ann).step("thank").outputs["message_id"], "The second")
    by_sync(ann, ben)
    for clone in pair:
        assert ticked(clone) == [State.WAITING]
        clock.tick(2)
    by_sync(ann, ben)

    (back,) = (one for one in ben.messenger.list(type="clarify") if one.reply_to is not None)
    ben.messenger.reply(back.message_id, {"message": "here", "path": "brief-2.md"})
    assert ticked(ben) == [State.DONE]
    by_sync(ann, ben)

    assert the_run(ann) == the_run(ben)
    assert sent(ann) == sent(ben) == ["clarify", "clarify", "notify"]
    assert all(one.reply_to is None for clone in pair for one in clone.messenger.list(type="clarify"))


def test_the_notes_of_what_was_read_before_are_united(pair: tuple[Clone, Clone], clock: Clock, tmp_path: Path) -> None:
    texts = []
    for clone in pair:
        message = clone.messenger.send(type="notify", from_agent="dev", to_agent="pm", payload={"message": "x"})
        clone.messenger.mark_read("pm", [message.message_id])
        clock.tick(2)
        path = clone.write(
            f"{MESSENGER}/workflows/other.yaml",
            WORKFLOW.replace("welcome", "other").replace("clarify, to", "notify, to"),
        )
        os.utime(path, (clock.time.timestamp(),) * 2)
        ticked(clone)
        texts.append(message.message_id)

    by_sync(*pair)

    for clone in pair:
        (note,) = (clone.project.folder / "runs").glob("other-*.on")
        assert {line for line in note.read_text().splitlines() if line.startswith("MSG-")} == {*texts}
        assert ticked(clone) == []
