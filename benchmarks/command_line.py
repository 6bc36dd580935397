"""The command line as a whole: processes from their start to their end, beside one that only imports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from live_queue import IDLE, MESSAGE, LiveQueue
from timing import Contender

SEND: Final = "send-message"
RECEIVE: Final = "receive-message, nothing there"
IMPORTS: Final = "python -c 'import typer, jsonschema, ruamel.yaml, pluggy, filelock, sqlite3'"
IMPORT_TYPER: Final = "python -c 'import typer'"
BARE: Final = "python -c pass"


def commands(folder: Path, queue: LiveQueue, program: Sequence[str]) -> list[Contender]:
    """One process each, in a project with a few live messages; `program` runs `bmad-messenger`."""
    payload = MESSAGE["payload"]
    send = [
        *(SEND, "--type", MESSAGE["type"], "--from-agent", MESSAGE["from_agent"], "--to-agent", MESSAGE["to_agent"]),
        *(
            "--set",
            f"artifact_path={payload['artifact_path']}",
            "--set",
            f"context_summary={payload['context_summary']}",
        ),
        *("--set", f"next_actions=[{', '.join(payload['next_actions'])}]"),
    ]
    lines = {
        SEND: [*program, *send],
        RECEIVE: [*program, "receive-message", "--agent", IDLE],
        IMPORTS: [sys.executable, "-c", IMPORTS.split("'")[1]],
        IMPORT_TYPER: [sys.executable, "-c", IMPORT_TYPER.split("'")[1]],
        BARE: [sys.executable, "-c", "pass"],
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BMAD_MESSENGER_")}

    def contender(name: str) -> Contender:
        line = lines[name]

        def run() -> None:
            done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            if done.returncode or done.stderr:
                raise SystemExit(f"{' '.join(line)}: exit code {done.returncode}\n{done.stderr}")

        return Contender(name, run, queue.restore if name == SEND else lambda: None)

    return [contender(name) for name in lines]
