"""Plugins are found, checked when they are loaded, listed with their hooks, and switched off by name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bmad_messenger import InvalidError, Messenger
from bmad_messenger.plugins import loading
from bmad_messenger.plugins.loading import PluginInfo, Plugins

Install = Callable[..., None]
ARCHIVE = PluginInfo("archive", None, True, ("after_send", "before_close", "sync"))
BTMSG = PluginInfo("btmsg", None, False, ())  # as the tests' environment has it


def no_tasks() -> dict[str, Any]:
    return {}


def test_archive_and_btmsg_come_with_the_messenger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BMAD_MESSENGER_DISABLE")

    assert [info.name for info in Plugins().infos() if info.enabled] == ["archive", "btmsg"]
    assert "archive" in Plugins()


def test_the_environment_switches_plugins_off(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("retro", tasks=no_tasks)
    monkeypatch.setenv("BMAD_MESSENGER_DISABLE", "retro, btmsg,")

    assert [(info.name, info.enabled) for info in Plugins({"archive"}).infos()] == [
        ("archive", False),
        ("btmsg", False),
        ("retro", False),
    ]


def test_a_plugin_is_listed_with_version_and_hooks(install: Install) -> None:
    install("retro", tasks=no_tasks, after_send=lambda message: None)

    assert Plugins().infos() == [ARCHIVE, PluginInfo("retro", "1.0", True, ("after_send", "tasks")), BTMSG]


def test_one_that_is_switched_off_is_not_loaded_and_listed_last(install: Install) -> None:
    install("retro", tasks=no_tasks)
    install("broken", after_sent=no_tasks)

    plugins = Plugins({"broken", "archive"})

    assert [(info.name, info.enabled) for info in plugins.infos()] == [
        ("retro", True),
        ("archive", False),
        ("broken", False),
        ("btmsg", False),
    ]
    assert "archive" not in plugins


def test_the_config_switches_plugins_off(install: Install, tmp_path: Path) -> None:
    install("retro", tasks=no_tasks)
    messenger = Messenger.open(tmp_path)
    messenger.init()
    messenger.project.config.write_text("plugins: {disable: [retro]}\n")

    assert "retro" in messenger.plugins
    assert "retro" not in Messenger.open(tmp_path).plugins


@pytest.mark.parametrize(
    ("hook", "nearest"), [("after_sent", "after_send"), ("befor_close", "before_close"), ("task", "tasks")]
)
def test_an_unknown_hook_fails_at_load_with_the_nearest(hook: str, nearest: str, install: Install) -> None:
    install("retro", **{hook: lambda message: None})

    with pytest.raises(InvalidError, match=f"'retro' is broken: .*{hook}.*did you mean '{nearest}'") as caught:
        Plugins()

    assert "plugins: {disable: [retro]}" in caught.value.problem.hint


def test_an_unknown_parameter_fails_at_load(install: Install) -> None:
    install("retro", after_send=lambda mesage: None)

    with pytest.raises(InvalidError, match="mesage"):
        Plugins()


def test_one_that_can_not_be_imported_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> None:
        raise ModuleNotFoundError("no module named nothing")

    monkeypatch.setattr(loading, "_entry_points", lambda: [SimpleNamespace(name="retro", load=load, dist=None)])

    with pytest.raises(InvalidError, match=r"'retro' is broken: it can't be loaded: .*nothing"):
        Plugins()


def test_the_name_of_a_built_in_plugin_is_taken(install: Install) -> None:
    install("archive", tasks=no_tasks)

    with pytest.raises(InvalidError, match="a built-in plugin has this name"):
        Plugins()


def test_a_hook_that_fails_while_it_adds_is_told(install: Install) -> None:
    def tasks() -> None:
        raise ZeroDivisionError("0")

    install("retro", tasks=tasks)

    with pytest.raises(InvalidError, match="'retro' is broken: its hook tasks failed: ZeroDivisionError"):
        Plugins().add("tasks", lambda name, answer: None)


def test_each_answer_is_taken_with_its_plugin_s_name(install: Install) -> None:
    install("one", tasks=lambda: {"a": 1})
    install("two", tasks=lambda: None)
    taken = []

    Plugins().add("tasks", lambda name, answer: taken.append((name, answer)))

    assert sorted(taken) == [("one", {"a": 1}), ("two", None)]


class TestInstalled:
    """The entry points of packages on the path."""

    @pytest.fixture(autouse=True)
    def _two_plugins(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("retro", "board"):
            (tmp_path / f"{name}_plugin.py").write_text("")
            folder = tmp_path / f"{name}-1.0.dist-info"
            folder.mkdir()
            (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            (folder / "entry_points.txt").write_text(f"[bmad_messenger]\n{name} = {name}_plugin\n")
        monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])

    @pytest.mark.parametrize(
        ("chosen", "names"),
        [
            ("", []),
            ("retro", ["retro"]),
            ("retro, board", ["board", "retro"]),
            ("nothing", []),
        ],
    )
    def test_the_environment_chooses_among_them(
        self, chosen: str, names: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BMAD_MESSENGER_PLUGINS", chosen)

        assert sorted(info.name for info in Plugins().infos() if info.version) == names

    def test_without_a_choice_all_are_loaded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("BMAD_MESSENGER_PLUGINS")

        assert {info.name for info in Plugins().infos()} >= {"archive", "board", "retro"}

    def test_a_path_without_plugins_costs_no_look_at_the_metadata(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("BMAD_MESSENGER_PLUGINS")
        monkeypatch.setattr(sys, "path", [str(tmp_path / "retro-1.0.dist-info"), str(tmp_path / "missing")])
        monkeypatch.setattr("importlib.metadata.entry_points", None)

        assert Plugins().infos() == [ARCHIVE, BTMSG]
