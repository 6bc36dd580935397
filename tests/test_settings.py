"""A project's `config.yaml` is checked with line and column, and not again while it stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmad_messenger import project_files
from bmad_messenger.config import Config, Project
from bmad_messenger.errors import DamagedError, InvalidError
from bmad_messenger.settings import load_config


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.folder.mkdir(parents=True)
    return project


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    config, _ = load_config(Project(tmp_path))

    assert config == Config()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing is set\n  # here\n", "{}\n", "\ufeff"])
def test_an_empty_file_changes_nothing(text: str, project: Project) -> None:
    project.config.write_text(text)

    assert load_config(project)[0] == Config()


def test_what_it_says_holds(project: Project) -> None:
    project.config.write_text("limits:\n  thread_length: 7\n")

    assert load_config(project)[0].limits.thread_length == 7


def test_all_its_problems_are_told_with_their_places(project: Project) -> None:
    project.config.write_text("agents: [pm, pm]\nlimits:\n  thread_lenght: 5\n  lock_timeout: soon\n")

    with pytest.raises(InvalidError) as caught:
        load_config(project)

    assert sorted((problem.line, problem.column) for problem in caught.value.problems) == [(1, 1), (3, 3), (4, 3)]
    assert {problem.path for problem in caught.value.problems} == {"_bmad-output/messenger/config.yaml"}


@pytest.mark.parametrize("text", ["a: [", "a: 1\na: 2\n", "- a\n", "a: &a [*a]\n"])
def test_what_is_no_config_is_told_with_its_place(text: str, project: Project) -> None:
    project.config.write_text(text)

    with pytest.raises(InvalidError) as caught:
        load_config(project)

    assert caught.value.problem.line is not None


def test_what_is_not_utf8_is_told_with_its_place(project: Project) -> None:
    project.config.write_bytes(b"agents:\n  - caf\xe9\n")

    with pytest.raises(DamagedError) as caught:
        load_config(project)

    assert (caught.value.problem.line, caught.value.problem.column) == (2, 8)


def test_a_text_is_checked_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.config.write_text("agents: [pm, dev]\n")
    first = load_config(project)

    monkeypatch.setattr(project_files, "check_document", None)

    assert load_config(project) == first


def test_another_text_is_checked_again(project: Project) -> None:
    project.config.write_text("agents: [pm, dev]\n")
    load_config(project)
    project.config.write_text("agents: [pm, pm]\n")

    with pytest.raises(InvalidError):
        load_config(project)


def test_other_settings_have_another_flavour(project: Project) -> None:
    project.config.write_text("agents: [pm, dev]\n")
    _, first = load_config(project)
    project.config.write_text("agents: [pm, tea]\n")

    assert load_config(project)[1] != first
