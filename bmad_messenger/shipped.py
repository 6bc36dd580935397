"""Where the files that come with the program are: `schemas/` and `workflows/`."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """The file or folder called `name`, as in `schemas/message.schema.json`.

    A wheel carries these folders inside the package; in a checkout, and so in an editable install, they stand beside
    it.
    """
    inside = _PACKAGE / "shipped" / name
    return inside if inside.exists() else _PACKAGE.parent / name
