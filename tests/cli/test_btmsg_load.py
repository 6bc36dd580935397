"""Many processes send at once through the command line: everything arrives, once, and nobody is told to wait."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

Program = Callable[..., Any]

PROCESSES, SENDS = 8, 25

_SENDER = """
import sys
from bmad_messenger.cli.btmsg.main import main
for number in range(int(sys.argv[2])):
    code = main(["send", "--to", "mgr-1", "--content", f"{sys.argv[1]}-{number}"])
    if code: sys.exit(code)
"""


def test_processes_that_send_at_once_lose_nothing(team: Program) -> None:
    environment = {**os.environ, "BTMSG_AGENT_ID": "dev-1", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    senders = [
        subprocess.Popen(
            [sys.executable, "-c", _SENDER, str(number), str(SENDS)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    outputs = [sender.communicate() for sender in senders]
    messages = team("read", "--json", agent="mgr-1").document["messages"]

    assert [(sender.returncode, err) for sender, (_, err) in zip(senders, outputs, strict=True)] == [
        (0, "")
    ] * PROCESSES
    assert Counter(message["content"] for message in messages) == Counter(
        f"{process}-{number}" for process in range(PROCESSES) for number in range(SENDS)
    )
    assert {message["id"] for message in messages} == {line for out, _ in outputs for line in out.split()}
