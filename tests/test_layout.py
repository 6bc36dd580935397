"""`init`: the files that a project starts with; what exists is left alone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from bmad_messenger import Messenger
from bmad_messenger.config import Project
from bmad_messenger.errors import MessengerError
from bmad_messenger.layout import make_layout
from bmad_messenger.yaml.parse import parse


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_everything_is_made(project: Project) -> None:
    made = make_layout(project)

    assert {project.name(path) for path in made} == {
        "_bmad-output/messenger",
        "_bmad-output/messenger/archive",
        "_bmad-output/messenger/.gitignore",
        "_bmad-output/messenger/message-queue.yaml",
        "_bmad-output/messenger/queue.schema.json",
    }
    assert all(path.exists() for path in made)


def test_a_second_time_nothing_is_made(project: Project) -> None:
    make_layout(project)

    assert list(make_layout(project)) == []


def test_what_exists_is_left_alone(project: Project) -> None:
    project.folder.mkdir(parents=True)
    project.queue.write_text("messages: []  # mine\n")

    made = make_layout(project)

    assert project.queue not in made
    assert project.queue.read_text() == "messages: []  # mine\n"


def test_the_queue_is_empty_and_names_its_schema(project: Project) -> None:
    make_layout(project)
    text = project.queue.read_text()

    assert parse(text) == {"messages": []}
    name = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert json.loads((project.queue.parent / name).read_text())["title"] == "Message queue"


def test_git_ignores_what_is_local_and_nothing_else(project: Project) -> None:
    make_layout(project)
    subprocess.run(["git", "init", "-q", str(project.root)], check=True)
    local = [".queue.lock", ".queue.lock.holder", ".queue.journal", ".config.journal", ".message-queue.yaml.7.tmp"]
    for name in local:
        (project.folder / name).touch()

    listed = ["git", "-C", str(project.root), "ls-files", "--others", "--exclude-standard"]
    shown = subprocess.run(listed, capture_output=True, check=True, text=True).stdout.split()

    assert {Path(name).name for name in shown} == {".gitignore", "message-queue.yaml", "queue.schema.json"}


def test_a_file_in_the_way_is_told(project: Project) -> None:
    (project.root / "_bmad-output").write_text("in the way")

    with pytest.raises(MessengerError, match="can't write _bmad-output/messenger"):
        make_layout(project)


def test_a_queue_made_by_hand_gets_what_keeps_its_locks_out_of_git(project: Project) -> None:
    project.folder.mkdir(parents=True)
    project.queue.write_text("messages: []\n")

    Messenger.open(project.root).send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "x"})

    assert ".*.lock\n" in (project.folder / ".gitignore").read_text()
