"""Hides the values of secrets: what a run keeps, sends and reports holds `***` in their place."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

CUT: Final = "…"
"""Stands where a text was cut off: beside it, a part of a secret is hidden too."""

_MASK: Final = "***"
_SHORTEST_PART: Final = 4  # characters of a line, or of what a cut has left, that is hidden by itself


def masked(value: Any, secrets: Iterable[str]) -> Any:
    """A value of JSON's types without the values of these environment variables: in texts, in keys, and as numbers."""
    forms = {form for name in secrets for form in _forms(os.environ.get(name, ""))}
    return _without(forms, value) if forms else value


def _forms(secret: str) -> Iterator[str]:
    """A secret as it is, and as programs print it: stripped, line by line, without its line ends, and in quotes."""
    lines = secret.splitlines()
    wholes = {secret, secret.strip(), "".join(lines), "".join(line.strip() for line in lines)}
    parts = {part for line in lines if len(part := line.strip()) >= _SHORTEST_PART}
    for form in filter(None, wholes | parts):
        yield from {form, repr(form)[1:-1], json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1]}


def _without(forms: set[str], value: Any) -> Any:
    if isinstance(value, str):
        return _hidden(value, _spans(forms, value))
    if isinstance(value, Mapping):
        return {_without(forms, key): _without(forms, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without(forms, item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _MASK if any(form in str(value) for form in forms) else value
    return value


def _hidden(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with a mask for each stretch that spans cover; they may overlap."""
    found, end, is_open = list[str](), 0, False
    for start, stop in sorted(spans):
        if not is_open or start > end:
            found += [text[end:start], _MASK]
        end, is_open = max(end, stop), True
    return "".join((*found, text[end:]))


def _spans(forms: set[str], text: str) -> Iterator[tuple[int, int]]:
    """Where a secret stands in a text: where it begins and ends."""
    cuts = [-len(CUT), *(match.start() for match in re.finditer(CUT, text)), len(text)]
    for form in forms:
        start = text.find(form)
        while start >= 0:
            yield start, start + len(form)
            start = text.find(form, start + 1)
        if len(form) > _SHORTEST_PART and (form[:_SHORTEST_PART] in text or form[-_SHORTEST_PART:] in text):
            for begin, end in pairwise(cuts):
                yield from _parts(form, text, begin + len(CUT), end)


def _parts(form: str, text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Where a stretch of text between two cuts begins with the end of a secret, and ends with the beginning of one."""
    if begin > 0:
        stop = text.rfind(form[-_SHORTEST_PART:], begin, min(end, begin + len(form)))
        while stop >= 0 and not form.endswith(text[begin : stop + _SHORTEST_PART]):
            stop = text.rfind(form[-_SHORTEST_PART:], begin, stop + _SHORTEST_PART - 1)
        if stop >= 0:
            yield begin, stop + _SHORTEST_PART
    if end < len(text):
        start = text.find(form[:_SHORTEST_PART], max(begin, end - len(form)), end)
        while start >= 0 and not form.startswith(text[start:end]):
            start = text.find(form[:_SHORTEST_PART], start + 1, end)
        if start >= 0:
            yield start, end
