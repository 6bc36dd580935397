"""Tells BMAD's own workflow files from ours, by their keys: they have some of its own, and no steps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from bmad_messenger.config import Project
from bmad_messenger.files import read_text

_KEY: Final = re.compile(r"^[\"']?(?P<key>instructions|config_source|installed_path|steps)[\"']?[ \t]*:", re.MULTILINE)


def is_bmad(text: str) -> bool:
    """Whether the text of a workflow's file is one of BMAD's."""
    keys = {match["key"] for match in _KEY.finditer(text)}
    return bool(keys) and "steps" not in keys


def is_bmad_file(project: Project, path: Path) -> bool:
    """Whether a file is there and is one of BMAD's; raises what `read_text` does."""
    text = read_text(path, project.name(path))
    return text is not None and is_bmad(text)
