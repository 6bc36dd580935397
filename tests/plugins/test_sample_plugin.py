"""A third party's plugin, built and installed as its users do it: its type, its task and its command work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STEPS = """
<exec task="send-message">
  <param name="route">epic-complete</param>
  <param name="payload">
    learned: test first
  </param>
</exec>
<exec task="count-retros">
  <param name="agent">sm</param>
</exec>
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the plugin is installed in."""
    folder = tmp_path_factory.mktemp("sample")
    source = folder / "source"  # building leaves traces
    shutil.copytree(Path(__file__).parent / "sample_plugin", source)
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    target = ["--target", str(folder / "site"), str(source)]
    command = [sys.executable, "-m", "pip", "install", *offline, *target]
    environment = {**os.environ, "PIP_CACHE_DIR": str(folder / "cache"), "PIP_CONFIG_FILE": os.devnull}
    subprocess.run(command, check=True, env={**environment, "HOME": str(folder)}, capture_output=True, text=True)
    return folder / "site"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that is a project."""
    (tmp_path / "_bmad-output").mkdir()
    return tmp_path


def run(site: Path, project: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(site)))}
    environment["BMAD_MESSENGER_PLUGINS"] = "retro"
    command = [sys.executable, "-m", "bmad_messenger", *arguments]
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, check=False, text=True, input=stdin
    )


def test_it_is_listed_with_its_version_and_hooks(site: Path, project: Path) -> None:
    listed = json.loads(run(site, project, "plugins", "--json").stdout)["plugins"]

    assert {plugin["name"]: (plugin["version"], plugin["hooks"]) for plugin in listed}["retro"] == (
        "1.2.3",
        ["after_send", "before_send", "commands", "message_types", "routes", "sync", "tasks"],
    )


def test_its_type_is_sent_and_received(site: Path, project: Path) -> None:
    options = ["--type", "retro", "--from", "dev", "--to", "sm", "--set", "learned=much"]
    sent = run(site, project, "send-message", *options)

    assert sent.returncode == 0, sent.stderr
    received = json.loads(run(site, project, "receive-message", "--agent", "sm", "--json").stdout)
    (message,) = received["messages"]
    assert (message["type"], message["priority"]) == ("retro", "low")
    assert message["payload"] == {"learned": "much", "learned_by": "dev"}


def test_it_refuses_a_message(site: Path, project: Path) -> None:
    options = ["--type", "retro", "--from", "dev", "--to", "sm", "--set", "learned=who to blame"]
    sent = run(site, project, "send-message", *options)

    assert (sent.returncode, sent.stdout) == (6, "")
    assert "a retrospective blames nobody" in sent.stderr


def test_its_route_and_its_task_work_in_a_step(site: Path, project: Path) -> None:
    done = run(site, project, "exec", "-", "--json", stdin=STEPS)

    assert done.returncode == 0, done.stderr
    sent, counted = json.loads(done.stdout)["steps"]
    assert sent["value"]["route"] == "epic-complete"
    assert counted["value"] == {"retros": 1}


def test_its_command_works(site: Path, project: Path) -> None:
    sent = run(site, project, "send-message", "--route", "epic-complete", "--set", "learned=much").stdout

    assert run(site, project, "retros", str(project)).stdout == sent
    assert "retros" in run(site, project, "--help").stdout


def test_sync_makes_good_what_it_missed(site: Path, project: Path) -> None:
    sent = run(site, project, "send-message", "--route", "epic-complete", "--set", "learned=much").stdout.strip()
    (project / "retro.log").unlink()

    assert run(site, project, "sync").stdout == f"recorded the retrospective {sent}\n"
    assert run(site, project, "sync").stdout == "Queue and archive agree.\n"


def test_the_config_switches_it_off(site: Path, project: Path) -> None:
    (project / "_bmad-output" / "messenger").mkdir()
    (project / "_bmad-output" / "messenger" / "config.yaml").write_text("plugins: {disable: [retro]}\n")

    refused = run(site, project, "send-message", "--route", "epic-complete", "--set", "learned=much")

    assert refused.returncode == 3
    assert "there is no route" in refused.stderr
