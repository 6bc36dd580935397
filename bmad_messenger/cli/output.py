"""What goes to stdout: JSON, text and tables, with nothing in them that a terminal would obey."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import BufferedWriter, RawIOBase, TextIOWrapper
from typing import Any, Final, TextIO

from bmad_messenger.errors import StorageError


class OutputClosedError(Exception):
    """Nobody reads stdout any more, as in `bmad-messenger list | head -1`."""


def use_utf8() -> None:
    """Let stdout and stderr take any text, whatever the locale, and whole, also where Python was told not to buffer."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper):
            if isinstance(stream.buffer, RawIOBase):  # what a pipe takes of a text would pass for all of it
                stream = TextIOWrapper(BufferedWriter(stream.buffer), line_buffering=True)
                setattr(sys, name, stream)
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def write(text: str) -> None:
    """Write text, its control characters written out (but for line ends), and flush.

    Raises:
        StorageError: where stdout can't take it.
        OutputClosedError: where nobody reads it.
    """
    _emit(printable(text))


def write_lines(lines: Sequence[str], *, empty: str = "") -> None:
    """Write each text on a line of its own; `empty` where there is none. Raises what `write` does."""
    _emit("".join(f"{printable(line, lines=False)}\n" for line in lines or [empty]))


def write_cells(cells: Sequence[str], colours: Mapping[int, str]) -> None:
    """Write texts on one line, two blanks between them; raises what `write` does.

    Args:
        cells: the texts; on a terminal the last is cut so that the line fits.
        colours: for some of them, by number, the colour as a terminal has it: `31` is red.
    """
    *clean, last = (printable(cell, lines=False) for cell in cells)
    if is_terminal(sys.stdout):
        room = shutil.get_terminal_size().columns - sum(len(cell) + 2 for cell in clean)
        last = last if len(last) <= max(room, _NARROW) else f"{last[: max(room, _NARROW) - 1]}…"
    if wants_colour(sys.stdout):
        clean = [f"\x1b[{colours[n]}m{cell}\x1b[0m" if n in colours else cell for n, cell in enumerate(clean)]
    _emit(f"{'  '.join([*clean, last]).rstrip()}\n")


def write_json_line(document: Mapping[str, Any]) -> None:
    """Write a JSON document on one line, wherever it goes to. Raises what `write` does."""
    _emit(f"{json_text(document)}\n")


def require_reader() -> None:
    """Find out whether anybody still reads stdout, which a program that has nothing to write would never know.

    Raises:
        OutputClosedError: where nobody does.
    """
    import select

    with suppress(OSError, ValueError, AttributeError):  # no file, or a system that can't tell
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
            give_up_stdout()
            raise OutputClosedError


def begin_anew() -> None:
    """Begin at the top of the screen again; where there is no screen, with an empty line. Raises what `write` does."""
    _emit("\x1b[H\x1b[J" if wants_colour(sys.stdout) else "\n")


def write_json(document: Mapping[str, Any]) -> None:
    """Write one JSON document: on one line, or indented on a terminal. Raises what `write` does."""
    _emit(f"{json_text(document, indent=2 if is_terminal(sys.stdout) else None)}\n")


def write_json_list(key: str, items: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON document that holds a list, each item as soon as there is one. Raises what `write` does.

    Where `items` raises after the first, the document is still ended.
    """
    opening = f'{{"{key}": ['
    separator = opening
    try:
        for item in items:
            _emit(f"{separator}{json_text(item)}")
            separator = ", "
        if separator == opening:
            _emit(opening)
            separator = ""
    finally:
        if separator != opening:
            _emit("]}\n")


def write_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """Write rows under their columns' names, or `empty` where there is none. Raises what `write` does.

    A pipe gets plain columns, nothing wrapped and nothing cut; a terminal a table that fits.
    """
    from bmad_messenger.cli.table import drawn_table, plain_table

    clean = [[printable(cell, lines=False) for cell in row] for row in rows]
    if not clean:
        _emit(f"{empty}\n")
    elif is_terminal(sys.stdout):
        _emit(drawn_table(columns, clean, colour=wants_colour(sys.stdout)))
    else:
        _emit(plain_table(columns, clean))


def json_text(document: Mapping[str, Any], *, indent: int | None = None) -> str:
    """A value as JSON, its control characters and marks that turn text around written as escapes."""
    import json

    return json.dumps(document, ensure_ascii=False, indent=indent).translate(_ESCAPES_IN_JSON)


def printable(text: str, *, lines: bool = True) -> str:
    """Text without control characters and marks that turn text around: they stand as `\\x1b`.

    `lines` keeps line ends and tabs.
    """
    return text.translate(_ESCAPES if lines else _ESCAPES_IN_LINE)


@contextmanager
def telling_sent(ids: Sequence[str]) -> Iterator[None]:
    """Let the error of a print say which messages were sent before it, so that nobody sends them again."""
    try:
        yield
    except StorageError as error:
        if not ids:
            raise
        message = f"{error.problem.message}; sent all the same: {', '.join(ids)}"
        raise StorageError(message, hint="don't send again; `bmad-messenger show ID` shows what was sent") from None


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks at what a stream shows."""
    return stream is not None and stream.isatty()


def wants_colour(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal on which colour is welcome (https://no-color.org)."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


_NARROW: Final = 20  # characters of a line's last cell that are shown at least


def _emit(text: str) -> None:
    if sys.stdout is None:  # as it is where the file was closed before the start
        raise _refused("it is closed")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        give_up_stdout()
        raise OutputClosedError from None
    except (OSError, ValueError) as error:
        give_up_stdout()
        raise _refused(getattr(error, "strerror", None) or str(error)) from None


def _refused(reason: str) -> StorageError:
    return StorageError(
        f"can't write to stdout: {reason}",
        hint="no message was marked read; what else the command did stands",
    )


def give_up_stdout() -> None:
    """Let what is left in stdout's buffer go nowhere, so that the interpreter does not fail on it when it ends."""
    with suppress(OSError, ValueError):  # a stdout without a file has nothing to give up
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# Controls of the C0 and C1 blocks, line ends of Unicode's own, and marks that hide text or turn it around.
_MARKS: Final = (0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
_ESCAPES_IN_LINE: Final = {
    **{code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))},
    **{code: f"\\u{code:04x}" for code in _MARKS},
}
_ESCAPES: Final = {code: escape for code, escape in _ESCAPES_IN_LINE.items() if chr(code) not in "\t\n"}
_ESCAPES_IN_JSON: Final = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), *_MARKS)}  # json does the others
