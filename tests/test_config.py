"""Where the project is, and what the values of its config mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bmad_messenger.config import ROSTER, Config, Limits, Project, find_project
from bmad_messenger.errors import InvalidError, NotFoundError


@pytest.mark.parametrize("marker", ["_bmad-output", "_bmad", ".git"])
def test_the_project_is_the_nearest_folder_upwards_with_a_marker(
    marker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outer" / ".git").mkdir(parents=True)
    inner = tmp_path / "outer" / "inner"
    (inner / marker).mkdir(parents=True)
    (inner / "src" / "deep").mkdir(parents=True)
    monkeypatch.chdir(inner / "src" / "deep")

    assert find_project() == Project(inner)


def test_a_git_worktree_s_file_is_a_marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").touch()
    monkeypatch.chdir(tmp_path)

    assert find_project() == Project(tmp_path)


def test_a_folder_that_is_given_needs_no_marker(tmp_path: Path) -> None:
    assert find_project(tmp_path) == find_project(str(tmp_path)) == Project(tmp_path)


def test_the_environment_names_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BMAD_MESSENGER_PROJECT", str(tmp_path))

    assert find_project() == Project(tmp_path)


def test_what_is_given_wins_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BMAD_MESSENGER_PROJECT", "/nowhere")

    assert find_project(tmp_path) == Project(tmp_path)


@pytest.mark.parametrize("start", ["missing", "file"])
def test_what_is_no_folder_is_not_found(start: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(NotFoundError, match=f"there is no folder '.*{start}'"):
        find_project(tmp_path / start)


def test_without_any_marker_there_is_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(NotFoundError, match="bmad-messenger init"):
        find_project()


def test_a_file_is_named_from_the_project(tmp_path: Path) -> None:
    project = Project(tmp_path)

    assert project.name(project.queue) == "_bmad-output/messenger/message-queue.yaml"
    assert project.name(Path("/elsewhere/a.yaml")) == "/elsewhere/a.yaml"


def test_an_empty_config_is_the_reference_s() -> None:
    assert Config.from_mapping({}) == Config()
    assert Config().agents == ("analyst", "pm", "architect", "ux-designer", "sm", "dev", "tea", "user")
    assert Config().limits == Limits(thread_length=50, payload_bytes=1 << 20, queue_bytes=1 << 26, lock_timeout=10)


@pytest.mark.parametrize(
    ("agents", "roster"),
    [
        (None, ROSTER),
        (["pm", "dev"], ("pm", "dev")),
        ({"add": ["qa"]}, (*ROSTER, "qa")),
        ({"add": ["pm"]}, ROSTER),
        ({"remove": ["sm", "tea"]}, ("analyst", "pm", "architect", "ux-designer", "dev", "user")),
        ({"add": None, "remove": None}, ROSTER),
    ],
)
def test_agents_replace_or_change_the_roster(agents: Any, roster: tuple[str, ...]) -> None:
    assert Config.from_mapping({"agents": agents}).agents == roster


def test_somebody_has_to_be_left() -> None:
    with pytest.raises(InvalidError, match="without agents"):
        Config.from_mapping({"agents": {"remove": [*ROSTER]}})


@pytest.mark.parametrize(
    ("routes", "strict", "extra"),
    [
        (None, False, ()),
        ("warn", False, ()),
        ("strict", True, ()),
        ({"policy": "strict", "add": None}, True, ()),
        ({"add": [{"id": "x"}]}, False, ({"id": "x"},)),
    ],
)
def test_routes_are_a_policy_or_that_and_more_routes(routes: Any, strict: bool, extra: tuple[Any, ...]) -> None:
    config = Config.from_mapping({"routes": routes})

    assert (config.strict_routes, config.extra_routes) == (strict, extra)


def test_the_other_settings_are_taken_as_they_are() -> None:
    mapping = {
        "limits": {"thread_length": 5},
        "plugins": {"disable": ["archive"], "archive": {"months": 3}},
        "variables": {"story": 1.2, "ready": True},
    }

    config = Config.from_mapping(mapping)

    assert config.limits == Limits(thread_length=5)
    assert config.disabled_plugins == {"archive"}
    assert config.variables == {"story": "1.2", "ready": "True"}


def test_an_agent_on_the_roster_is_itself() -> None:
    assert Config().require_agent("dev") == "dev"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("architct", "did you mean 'architect'"), ("zzz", "the agents are analyst, pm"), ("../x", "the agents are")],
)
def test_an_unknown_agent_is_refused_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(NotFoundError, match=hint):
        Config().require_agent(name)
