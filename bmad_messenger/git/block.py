"""A marked block of lines in a file that belongs to somebody else: put in, renewed and taken out; the rest stays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bmad_messenger.errors import DamagedError
from bmad_messenger.files import open_regular, publish, refusals

_BEGIN: Final = "# >>> bmad-messenger >>>"
_END: Final = "# <<< bmad-messenger <<<"
_SAYS: Final = f"{_BEGIN} written by `bmad-messenger git install`, which also takes it out with --uninstall"
_BLOCK: Final = re.compile(rf"^{_BEGIN}[^\n]*\n(.*?)^{_END}[^\n]*(?:\n|\Z)", re.MULTILINE | re.DOTALL)
_MARK: Final = re.compile(rf"^(?:{_BEGIN}|{_END})", re.MULTILINE)


def block_in(text: str) -> str | None:
    """The lines of the block in a text, or None where it has none."""
    found = _BLOCK.search(text)
    return found[1] if found else None


def with_block(text: str, lines: Sequence[str], name: str, *, first: bool = False) -> str:
    """The text with these lines as its block: in place of the one it has, or else at its end.

    Args:
        text: what the file holds.
        lines: the block, without line ends.
        name: the file, for errors.
        first: put a new block at the beginning, below a line that names an interpreter.

    Raises:
        DamagedError: where one of the block's two marks is missing.
    """
    rest = without_block(text, name)
    block = "\n".join([_SAYS, *lines, _END])
    found = _BLOCK.search(text)
    if found is None and not first:
        return f"{rest}\n{block}" if rest and not rest.endswith("\n") else f"{rest}{block}\n"
    at = found.start() if found else len(rest.partition("\n")[0]) + 1 if rest.startswith("#!") else 0
    if at > len(rest):  # a file without a last line end, which stays so
        return f"{rest}\n{block}"
    return f"{rest[:at]}{block}\n{rest[at:]}"


def without_block(text: str, name: str) -> str:
    """The text as it was without its block; raises what `with_block` does."""
    rest = _BLOCK.sub("", text)
    if rest != text and not text.endswith("\n") and text.rstrip("\n").endswith(_END):
        rest = rest.removesuffix("\n")
    mark = _MARK.search(rest)
    if mark is not None:
        message, hint = "a mark of bmad-messenger's block stands alone", "delete what is left of the block"
        raise DamagedError(message, hint=hint, path=name, line=rest.count("\n", 0, mark.start()) + 1)
    return rest


def read_bytes_as_text(path: Path, name: str) -> str | None:
    """What a file holds, with every byte kept, so that `write_text_as_bytes` gives it back; None where there is none.

    Raises:
        StorageError, NotPermittedError: where it can't be read.
    """
    with refusals("read", name):
        try:
            with open_regular(path) as file:
                return file.read().decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            return None


def write_text_as_bytes(path: Path, text: str, name: str) -> None:
    """Give a file this content, at once.

    Raises:
        StorageError, NotPermittedError: where it can't be written.
    """
    with refusals("write", name):
        publish(path, text.encode("utf-8", "surrogateescape"))
