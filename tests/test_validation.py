"""`validate` finds every kind of problem, each with file, line and column, and changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bmad_messenger import Messenger, NotFoundError, Problem

FOLDER = "_bmad-output/messenger"
QUEUE = f"{FOLDER}/message-queue.yaml"
REFERENCE = """\
# _bmad-output/messenger/message-queue.yaml
messages:
  - message_id: "MSG-20250115-a1b2"
    type: "handoff"
    from: "pm"
    to: "architect"
    priority: "high"
    created: "2025-01-15T10:30:00Z"
    status: "pending"
    payload:
      artifact_path: "_bmad-output/planning-artifacts/prd.md"
      context_summary: "PRD complete"
      next_actions:
        - Review requirements
        - Design architecture

  - message_id: "MSG-20250115-c3d4"
    type: "notify"
    from: "architect"
    to_agents: "all"
    priority: "low"
    created: "2025-01-15T11:00:00Z"
    status: "read"
    payload:
      message: "Using PostgreSQL with Prisma"
"""

TYPED = """\
messages:
  - type: handoff
    from: pm
    to: tea
    payload:
      artifact_path: none.md
      context_summary: The PRD is out
  - type: notify
    priority: critical
    from: pm
    to: dev
    payload: {message: The PRD is out}
"""


@pytest.fixture
def messenger(tmp_path: Path) -> Messenger:
    """A project with the reference's queue, its artifact, and one closed message."""
    messenger = Messenger.open(tmp_path)
    messenger.init()
    messenger.project.queue.write_text(REFERENCE)
    (tmp_path / "_bmad-output" / "planning-artifacts").mkdir()
    (tmp_path / "_bmad-output" / "planning-artifacts" / "prd.md").touch()
    return messenger


@pytest.fixture
def problems(messenger: Messenger) -> Callable[..., list[Problem]]:
    """What is wrong after a change of the queue's text."""

    def find(old: str = "", new: str = "") -> list[Problem]:
        assert old in REFERENCE
        messenger.project.queue.write_text(REFERENCE.replace(old, new, 1))
        return list(Messenger.open(messenger.project.root).validate())

    return find


def test_the_reference_s_queue_is_well(problems: Callable[..., list[Problem]]) -> None:
    assert problems() == []


def test_a_missing_artifact_is_a_warning(problems: Callable[..., list[Problem]], tmp_path: Path) -> None:
    (tmp_path / "_bmad-output" / "planning-artifacts" / "prd.md").unlink()

    (problem,) = problems()

    assert (problem.severity, problem.code) == ("warning", "best-practice-3")
    assert (problem.line, problem.column) == (11, 7)


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ('"pending"', '"pendign"', (9, 5), "status"),
        ('to: "architect"', 'to: "architetc"', (6, 5), "there is no agent 'architetc'"),
        ('"handoff"', '"handof"', (4, 5), "there is no message type"),
        ("context_summary", "context_sumary", (12, 7), "did you mean `context_summary`?"),
        ("priority:", "prioritty:", (7, 5), "prioritty"),
        ('"MSG-20250115-c3d4"', '"MSG-20250115-a1b2"', (17, 3), "stands twice"),
        ('"2025-01-15T10:30:00Z"', '"yesterday"', (8, 5), "created"),
        ('    payload:\n      artifact_path: "', '    payload:\n      artifact_path: "../../', (11, 7), "leads out"),
        ('to: "architect"', 'to: "tea"', (6, 5), "no route joins pm to tea"),
        ('"low"', '"critical"', (21, 5), "best practice 2"),
        ("      next_actions:\n", "      actions:\n", (10, 5), "best practice 4"),
        ("messages:", "message:", (2, 1), "there is no"),
        ("messages:", "messages:\n<<<<<<< ours", (3, 1), "conflict marker"),
        ('    type: "notify"', '\ttype: "notify"', (18, 1), "tab|YAML"),
        ('priority: "high"', 'priority: "high"\n    priority: "low"', (8, 5), "priority"),
    ],
)
def test_each_problem_of_the_queue_has_its_place(
    old: str, new: str, place: tuple[int, int], words: str, problems: Callable[..., list[Problem]]
) -> None:
    found = problems(old, new)

    assert [(problem.path, problem.line, problem.column) for problem in found] == [(QUEUE, *place)]
    assert re.search(words, str(found[0]))


def test_a_message_typed_in_is_judged_as_it_will_be_adopted(messenger: Messenger) -> None:
    messenger.project.queue.write_text(TYPED)

    assert [(problem.line, problem.column, problem.code) for problem in messenger.validate()] == [
        (4, 5, "no-route"),
        (6, 7, "best-practice-3"),
        (5, 5, "best-practice-4"),
        (9, 5, "best-practice-2"),
    ]


def test_all_problems_are_found_at_once(problems: Callable[..., list[Problem]], messenger: Messenger) -> None:
    messenger.project.schemas.mkdir()
    (messenger.project.schemas / "retro.schema.json").write_text('{"type": "objekt"}')
    month = messenger.project.archive / "2025-01"
    month.mkdir()
    (month / "MSG-20250115-0001.yaml").write_text("message_id: 5\n")
    (month / "MSG-20250115-0002.yaml").write_text("a: [")

    found = problems('"pending"', '"pendign"')

    assert {problem.path for problem in found} == {
        QUEUE,
        f"{FOLDER}/schemas/retro.schema.json",
        f"{FOLDER}/archive/2025-01/MSG-20250115-0001.yaml",
        f"{FOLDER}/archive/2025-01/MSG-20250115-0002.yaml",
    }
    assert all(problem.line and problem.column for problem in found)


def test_an_archive_file_under_another_message_s_name_is_found(messenger: Messenger) -> None:
    (closed,) = messenger.close("MSG-20250115-a1b2")
    path = messenger.archive.path(closed.message_id)
    path.rename(path.with_name("MSG-20250115-ffff.yaml"))

    (problem,) = messenger.validate([path.with_name("MSG-20250115-ffff.yaml")])

    assert (problem.message, problem.line) == ("the file is called after another message", 1)


def test_a_lost_message_is_found(messenger: Messenger) -> None:
    sent = messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "lost"})
    messenger.project.queue.write_text(REFERENCE)

    (problem,) = messenger.validate()

    assert (problem.code, problem.severity) == ("missing", "warning")
    assert sent.message_id in problem.message


def test_a_stranger_on_a_route_of_the_config_is_a_warning(messenger: Messenger) -> None:
    messenger.project.config.write_text("routes:\n  add:\n    - {id: x, from: pm, to: qa, trigger: X}\n")

    (problem,) = Messenger.open(messenger.project.root).validate()

    assert (problem.path, problem.line, problem.severity) == (f"{FOLDER}/config.yaml", 3, "warning")


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("other-queue.yaml", REFERENCE.replace("pending", "pendign"), 9),
        ("routes.yaml", "routes:\n  - {id: x, from: pm, to: dev}\n", 2),
        ("config.yaml", "limits:\n  thread_length: many\n", 2),
        ("retro.schema.json", json.dumps({"type": "objekt"}, indent=1), 2),
        ("MSG-20250115-0001.yaml", "type: notify\n", 1),
    ],
)
def test_a_file_that_is_named_is_judged_by_its_name(
    name: str, text: str, line: int, messenger: Messenger, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)

    found = messenger.validate([tmp_path / name])

    assert found
    assert {(problem.path, problem.line) for problem in found} == {(name, line)}


def test_files_that_are_named_are_all_that_is_judged(messenger: Messenger, tmp_path: Path) -> None:
    messenger.project.queue.write_text("message: []\n")
    (tmp_path / "good.yaml").write_text(REFERENCE)

    assert messenger.validate([tmp_path / "good.yaml"]) == []


def test_a_file_that_is_not_there_is_not_found(messenger: Messenger, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"missing\.yaml"):
        messenger.validate([tmp_path / "missing.yaml"])


@pytest.mark.parametrize("content", [b"messages: [\xff]\n", b"messages:\n  - {a: \x00}\n"])
def test_bytes_that_are_no_text_are_told_with_their_place(content: bytes, messenger: Messenger, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_bytes(content)

    (problem,) = messenger.validate([tmp_path / "broken.yaml"])

    assert problem.line is not None


def test_nothing_is_changed(messenger: Messenger) -> None:
    typed = REFERENCE + '\n  - type: notify\n    from: pm\n    to: dev\n    payload: {message: "typed"}\n'
    messenger.project.queue.write_text(typed)

    assert messenger.validate() == []
    assert messenger.project.queue.read_text() == typed
