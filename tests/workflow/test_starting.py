"""Tests of `bmad_messenger.workflow.starting`: which messages start a run, and that each does so once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bmad_messenger import Message, Messenger
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.ticking import tick
from tests.workflow.conftest import TELL, Clock, Write

TRIGGERED = f"on: {{message: {{type: clarify, to: pm}}}}\nsteps:\n  - id: a\n    {TELL}started}}}}\n"


def question(messenger: Messenger, **fields: object) -> Message:
    to = {} if "to_agents" in fields else {"to_agent": "pm"}
    return messenger.send(type="clarify", from_agent="dev", payload={"question": "JWT?"}, **to, **fields)  # type: ignore[arg-type]


def started(messenger: Messenger) -> list[str]:
    """The messages that a tick starts runs for."""
    return [(run.trigger or {})["message_id"] for run in tick(Engine(messenger)).runs]


@pytest.fixture
def workflow(write: Write, clock: Clock) -> Path:
    """A workflow that came a minute ago."""
    path = write(TRIGGERED, "example")
    set_age(path, clock, 60)
    return path


def set_age(path: Path, clock: Clock, seconds: float) -> None:
    changed = clock.time.timestamp() - seconds
    os.utime(path, (changed, changed))


def test_a_message_that_its_agent_reads_before_the_tick_starts_a_run(messenger: Messenger, workflow: Path) -> None:
    asked = question(messenger)
    messenger.receive("pm")

    assert started(messenger) == [asked.message_id]
    assert started(messenger) == []


def test_so_does_one_that_is_read_between_two_ticks(messenger: Messenger, workflow: Path) -> None:
    assert started(messenger) == []
    asked = question(messenger)
    messenger.mark_read("pm", [asked.message_id])

    assert started(messenger) == [asked.message_id]


def test_one_that_was_read_before_the_workflow_came_starts_none(
    messenger: Messenger, write: Write, clock: Clock
) -> None:
    messenger.mark_read("pm", [question(messenger).message_id])
    clock.tick(60)
    path = write(TRIGGERED, "example")
    set_age(path, clock, 0)
    assert started(messenger) == []

    set_age(path, clock, 3600)  # the first look counts, whatever becomes of the file

    assert started(messenger) == []


def test_one_that_waited_when_the_workflow_came_starts_a_run(messenger: Messenger, write: Write, clock: Clock) -> None:
    asked = question(messenger)
    clock.tick(60)
    set_age(write(TRIGGERED, "example"), clock, 0)

    assert started(messenger) == [asked.message_id]


def test_one_that_was_read_in_the_second_in_which_the_workflow_came_starts_a_run(
    messenger: Messenger, write: Write, clock: Clock
) -> None:
    set_age(write(TRIGGERED, "example"), clock, -0.9)
    asked = question(messenger)
    messenger.receive("pm")

    assert started(messenger) == [asked.message_id]


def test_where_the_condition_changes_what_was_read_before_starts_none(
    messenger: Messenger, workflow: Path, clock: Clock
) -> None:
    workflow.write_text(workflow.read_text().replace("to: pm", "to: architect"))
    assert started(messenger) == []
    messenger.mark_read("pm", [question(messenger).message_id])
    clock.tick(60)

    workflow.write_text(workflow.read_text().replace("to: architect", "to: pm"))
    set_age(workflow, clock, 0)

    assert started(messenger) == []
    assert len([*(messenger.project.folder / "runs").glob("*.on")]) == 1


def test_what_another_agent_has_read_is_not_read(messenger: Messenger, write: Write, clock: Clock) -> None:
    asked = messenger.send(type="notify", from_agent="dev", to_agents=["pm", "tea"], payload={"message": "to both"})
    messenger.mark_read("tea", [asked.message_id])
    clock.tick(60)
    set_age(write(TRIGGERED.replace("type: clarify", "type: notify"), "example"), clock, 0)

    assert started(messenger) == [asked.message_id]


def test_a_message_that_was_closed_starts_none(messenger: Messenger, workflow: Path) -> None:
    messenger.close(question(messenger).message_id)

    assert started(messenger) == []


def test_a_message_whose_run_began_and_was_cut_short_is_marked_read(messenger: Messenger, workflow: Path) -> None:
    asked = question(messenger)
    engine = Engine(messenger)
    engine.start("example", {}, trigger=asked.to_mapping())

    tick(engine)

    assert "pm" in messenger.get(asked.message_id).read_by
    assert len(engine.runs.ids()) == 1


def test_two_clones_start_the_same_run(
    messenger: Messenger, workflow: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    question(messenger)
    other = tmp_path_factory.mktemp("other") / "clone"
    shutil.copytree(messenger.project.root, other)
    clone = Messenger.open(other)
    clone.receive("pm")

    assert started(messenger) == started(clone)
    assert Engine(messenger).runs.ids() == Engine(clone).runs.ids()
    assert [one.message_id for one in messenger.list(type="notify")] == [
        one.message_id for one in clone.list(type="notify")
    ]


def test_what_a_merge_made_of_the_note_still_counts(messenger: Messenger, write: Write, clock: Clock) -> None:
    asked = [question(messenger).message_id for _ in range(2)]
    messenger.mark_read("pm", asked)
    clock.tick(60)
    set_age(write(TRIGGERED, "example"), clock, 0)
    started(messenger)
    (note,) = (messenger.project.folder / "runs").glob("*.on")

    note.write_text(f"<<<<<<< ours\n{asked[0]}\n=======\n{asked[1]}\n>>>>>>> theirs\n")

    assert started(messenger) == []
