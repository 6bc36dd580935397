"""The real git, as a user runs it."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str, check: bool = True) -> str:
    """What the real git prints when it is run in `folder`."""
    done = subprocess.run(
        ("git", "-c", "init.defaultBranch=main", *arguments), cwd=folder, capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, f"git {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout
