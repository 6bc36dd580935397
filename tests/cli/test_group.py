"""The commands by name: built-in ones, plugins' ones, and names that are neither."""

import inspect
from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from bmad_messenger import hookimpl
from bmad_messenger.cli.group import COMMANDS, GROUPS, UNLISTED

Cli = Callable[..., Any]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    """Installs a plugin called `extra` that adds these commands."""

    def install(commands: dict[str, Any]) -> None:
        class Plugin:
            @hookimpl
            def commands(self) -> dict[str, Any]:
                return commands

        entry = SimpleNamespace(name="extra", load=Plugin, dist=None)
        monkeypatch.setattr("bmad_messenger.plugins.loading._entry_points", lambda: [entry])

    return install


@pytest.mark.parametrize("name", [*COMMANDS, *GROUPS])
def test_help_ends_its_text_with_an_example(cli: Cli, name: str) -> None:
    text = cli(*name.split(), "--help").out.partition("\nOptions:")[0].partition("\nArguments:")[0]

    assert f"  Example:\n    bmad-messenger {name}" in text


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in UNLISTED])
def test_every_command_takes_the_shared_options(cli: Cli, name: str) -> None:
    text = cli(*name.split(), "--help").out

    assert "--json" in text
    assert "--project DIR" in text


@pytest.mark.parametrize("function", COMMANDS.values())
def test_a_command_needs_no_more_than_one_line_in_the_list(function: str) -> None:
    module, _, name = function.partition(":")
    summary = inspect.getdoc(getattr(import_module(f"bmad_messenger.cli.{module}"), name)).partition("\n")[0]

    assert summary.endswith(".")
    assert len(summary) <= 60


def test_unknown_command_names_the_nearest(cli: Cli) -> None:
    run = cli("send-mesage")

    assert run.code == 2
    assert run.err == "error: there is no command 'send-mesage'; did you mean 'send-message'?\n"


def test_command_like_no_other_points_to_the_list(cli: Cli) -> None:
    assert "`bmad-messenger --help` lists them" in cli("xyzzy").err


def test_command_of_a_group_names_the_nearest(cli: Cli) -> None:
    run = cli("git", "instal")

    assert run.code == 2
    assert run.err == "error: there is no command 'git instal'; did you mean 'git install'?\n"


@pytest.mark.parametrize("word", ["install", "git-install"])
def test_name_like_that_of_a_group_s_command_leads_there(cli: Cli, word: str) -> None:
    assert "did you mean 'git install'?" in cli(word).err


def test_word_like_no_command_of_a_group_points_to_its_list(cli: Cli) -> None:
    assert "`bmad-messenger git --help` lists them" in cli("git", "xyzzy").err


def test_group_without_a_command_shows_its_help(cli: Cli) -> None:
    run = cli("git")

    assert (run.code, run.out) == (0, cli("git", "--help").out)
    assert "\n  install  Let git" in run.out


def test_list_names_the_commands_of_groups_in_full(cli: Cli) -> None:
    listed = [line for line in cli("--help").out.splitlines() if line.startswith("  ")]

    assert [name for name in COMMANDS if any(line.startswith(f"  {name} ") for line in listed)] == [
        name for name in COMMANDS if name not in UNLISTED
    ]


def test_plugin_adds_a_command(cli: Cli, install: Callable[[dict[str, Any]], None]) -> None:
    def greet(name: str, loud: bool = False) -> None:
        """Greet somebody."""
        from bmad_messenger.cli.output import write

        write(f"hello {name.upper() if loud else name}\n")

    install({"greet": greet})

    assert cli("greet", "pm", "--loud").out == "hello PM\n"
    assert "From plugins:\n  greet              Greet somebody." in cli("--help").out
    assert "did you mean 'greet'?" in cli("gret").err


def test_switched_off_plugin_adds_no_command(cli: Cli, install: Callable[[dict[str, Any]], None], project: Any) -> None:
    install({"greet": lambda: None})
    cli("init")
    (project / "_bmad-output/messenger/config.yaml").write_text("plugins: {disable: [extra]}\n", encoding="utf-8")

    assert cli("greet").code == 2


@pytest.mark.parametrize("name", ["list", "git"])
def test_plugin_may_not_take_a_built_in_name(cli: Cli, install: Callable[[dict[str, Any]], None], name: str) -> None:
    install({name: lambda: None})

    assert f"warning: the plugin 'extra' adds the command '{name}', which exists" in cli("--help").err
    assert cli(name).code == 0


def test_broken_plugin_command_is_named(cli: Cli, install: Callable[[dict[str, Any]], None]) -> None:
    def strange(what: complex) -> None: ...

    install({"strange": strange})
    run = cli("strange")

    assert run.code == 3
    assert "the command 'strange' of the plugin 'extra' is broken" in run.err


def test_outside_a_project_help_still_works(
    cli: Cli, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, install: Callable[[dict[str, Any]], None]
) -> None:
    install({"greet": lambda: None})
    monkeypatch.chdir(tmp_path)
    run = cli("--help")

    assert (run.code, run.err) == (0, "")
    assert "greet" in run.out


def test_project_option_decides_which_plugins_are_on(
    cli: Cli, tmp_path: Any, project: Any, monkeypatch: pytest.MonkeyPatch, install: Callable[[dict[str, Any]], None]
) -> None:
    install({"greet": lambda: None})
    cli("init")
    (project / "_bmad-output/messenger/config.yaml").write_text("plugins: {disable: [extra]}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    for form in (("--project", str(project)), (f"--project={project}",)):
        assert "there is no command 'greet'" in cli("greet", *form).err
