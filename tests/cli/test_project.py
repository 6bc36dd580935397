"""`init`, `sync`, `plugins` and `demo`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]


def test_init_tells_what_it_made(cli: Cli, project: Path) -> None:
    made = cli("init", "--json").document

    assert made["project"] == str(project)
    assert "_bmad-output/messenger/message-queue.yaml" in made["files"]
    assert cli("init").out == "Everything is there already.\n"
    assert cli("init", "--json").document["files"] == []


def test_init_starts_a_project_where_there_is_none(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    monkeypatch.chdir(folder)

    assert cli("list").code == 4
    assert cli("init").code == 0
    assert cli("list").code == 0


def test_init_tells_which_folder_it_chose_above_this_one(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "a repository" / "src"
    (here.parent / ".git").mkdir(parents=True)
    here.mkdir()
    monkeypatch.chdir(here)

    first, *made = cli("init").out.splitlines()

    assert first == f"the project is {here.parent}; `--project .` makes one in this folder"
    assert made[0] == "made _bmad-output/messenger"
    assert cli("init").out.splitlines() == [first, "Everything is there already."]
    assert not (here / "_bmad-output").exists()
    monkeypatch.setenv("BMAD_MESSENGER_PROJECT", str(here.parent))
    assert cli("init").out == "Everything is there already.\n"
    assert cli("init", "--project", ".").out.splitlines() == made
    assert (here / "_bmad-output/messenger/message-queue.yaml").is_file()


def test_init_of_a_folder_that_is_not_there_is_an_error(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli("init", "--project", "nowhere").code == 4
    monkeypatch.setenv("BMAD_MESSENGER_PROJECT", "nowhere")
    assert cli("init").code == 4


def test_sync_tells_what_it_did(cli: Cli, sent: str, project: Path) -> None:
    assert cli("sync").out == "Queue and archive agree.\n"
    assert cli("sync", "--json").document == {"actions": []}

    (project / "_bmad-output/messenger/message-queue.yaml").write_text("messages: []\n", encoding="utf-8")
    assert sent in cli("sync", "--restore").out
    assert cli("show", sent, "--json").document["status"] == "pending"


def test_plugins_are_listed_with_their_hooks(cli: Cli, project: Path) -> None:
    archive = cli("plugins", "--json").document["plugins"][0]

    assert (archive["name"], archive["enabled"]) == ("archive", True)
    assert "sync" in archive["hooks"]
    assert cli("plugins").out.splitlines()[1].startswith("archive")


def test_demo_plays_where_it_is_told_to(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    run = cli("demo", "--project", str(folder))

    assert (run.code, run.err) == (0, "")
    assert "pm → architect" in run.out
    assert (folder / "_bmad-output/messenger/message-queue.yaml").exists()


def test_demo_can_be_one_document(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "demo"

    assert cli("demo", "--project", str(folder), "--json").document == {"project": str(folder)}
