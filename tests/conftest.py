"""What holds for every test: a home of its own, no network for pip, plain output, and steady property tests."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# An example's time says nothing on a busy machine; and a run of CI must be the same each time.
settings.register_profile("project", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.register_profile("thorough", settings.get_profile("project"), max_examples=5_000)
settings.load_profile("project")

_UNSET = (
    "BMAD_MESSENGER_PROJECT",
    "CLICOLOR_FORCE",
    "FORCE_COLOR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_WORK_TREE",
    "GITHUB_ACTIONS",
    "PYTHONDONTWRITEBYTECODE",  # programs start as fast as they do for users
    "PY_COLORS",
    "TTY_COMPATIBLE",
)


# Started in the background, as `nohup` does, a process ignores Ctrl-C, and so would the programs that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Spares what thousands of tests are made of the search for garbage, in the suite's process and in its forks."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that stands in for the user's home."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _own_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keeps a test, and the programs it starts, away from the user's files and settings; fails one that writes home."""
    for name in _UNSET:
        monkeypatch.delenv(name, raising=False)
    own = {
        "HOME": home,
        "USERPROFILE": home,
        "XDG_CACHE_HOME": home / ".cache",
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_DATA_HOME": home / ".local" / "share",
        "XDG_STATE_HOME": home / ".local" / "state",
        "BMAD_MESSENGER_DISABLE": "btmsg",  # it writes to the user's database; its own tests switch it on
        "BMAD_MESSENGER_PLUGINS": "",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": 1,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": 1,
        "PIP_NO_INDEX": 1,
        "COLUMNS": 120,
        "NO_COLOR": 1,
        "TERM": "dumb",
        "TZ": "UTC",
    }
    for name, value in own.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr("bmad_messenger.queue.file.QUIET", 0.0)  # tests save the queue whole
    yield
    assert not [*home.iterdir()], "the test wrote to the home directory"
