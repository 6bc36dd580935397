"""What stands in a message beside its payload: read at once where each entry is on lines of the tool's own shape."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final, NamedTuple

from bmad_messenger.yaml.parse import resolve

_BREAKS: Final = r"\n\r\x85\u2028\u2029"
_TEXT: Final = rf"[^\"\\{_BREAKS}]*"
_WORD: Final = r"[A-Za-z_][\w-]*"
_SCALAR: Final = rf"\"{_TEXT}\"|'[^'{_BREAKS}]*'|{_WORD}"
_PAIRS: Final = rf"\{{{_WORD}: \"{_TEXT}\"(?:, {_WORD}: \"{_TEXT}\")*\}}"

_PAIR: Final = re.compile(rf"({_WORD}): \"([^\"]*)\"")
_ELEMENT: Final = re.compile(rf"- ({_SCALAR})")


def read_head(text: str, first: int, limit: int, column: int) -> dict[str, Any] | None:
    """The entries of a message from its first key to its payload, which must be the last.

    Args:
        text: the queue's text.
        first: the offset of the message's first key.
        limit: where the message ends at the latest.
        column: the column (from 0) of its keys.

    Returns:
        What a parser finds there, or None where it takes a parser to tell.
    """
    shape = _shape(column)
    payload = text.find(shape.payload, first, limit)
    end = payload + 1 + column
    if payload < 0 or shape.key.search(text, end, limit):
        return None
    head: dict[str, Any] = {}
    entries = shape.entry.findall(text, first, end)
    for entry, key, quoted, other, elements in entries:
        first += len(entry)
        if other:
            head[key] = _read(other)
        elif elements:
            head[key] = [_read(element) for element in _ELEMENT.findall(elements)]
        else:
            head[key] = quoted
    is_whole = first == end and len(head) == len(entries)
    return head if is_whole else None


class _Shape(NamedTuple):
    """How a message looks whose keys stand at one column."""

    payload: str
    key: re.Pattern[str]
    entry: re.Pattern[str]


@cache
def _shape(column: int) -> _Shape:
    margin = " " * column
    end = rf"\r?\n{margin}"
    value = rf" (?:\"({_TEXT})\"|('[^'{_BREAKS}]*'|{_WORD}|{_PAIRS}))|((?:{end}  - (?:{_SCALAR}))+)"
    return _Shape(
        payload=f"\n{margin}payload:",
        key=re.compile(rf"\n{margin}[^\s#]"),
        entry=re.compile(rf"(({_WORD}):(?:{value}){end})"),
    )


def _read(value: str) -> Any:
    if value[0] in "\"'":
        return value[1:-1]
    return dict(_PAIR.findall(value)) if value[0] == "{" else resolve(value)
