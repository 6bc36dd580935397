"""Who is in the team that most tests of btmsg begin with."""

from __future__ import annotations

from collections.abc import Callable

from bmad_messenger.btmsg import Btmsg

TEAM = {
    "mgr": "manager",
    "arch": "architect",
    "test": "tester",
    "rev": "reviewer",
    "dev": "project",
    "ops": "project",
    "boss": "admin",
}

As = Callable[[str | None], Btmsg]
"""The team's database as the agent of an id sees it; None is nobody in particular."""
