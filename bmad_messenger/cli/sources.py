"""What a command reads besides its arguments: files, and stdin as `-`."""

import sys
from pathlib import Path

from bmad_messenger.errors import InvalidError, UsageError


def source_name(source: str) -> str:
    """How errors call a source."""
    return "stdin" if source == "-" else source


def read_source(source: str) -> str:
    """The text of the file called `source`, or all of stdin for `-`.

    Raises:
        UsageError: where the file can't be read.
        InvalidError: where it is not UTF-8, with the line.
    """
    try:
        content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"can't read {source_name(source)!r}: {reason}", hint="name a readable file") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidError("not UTF-8", hint="save it as UTF-8", path=source_name(source), line=line) from None
