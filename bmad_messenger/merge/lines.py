"""A message cut into its keys by its lines, where these tell what a parser would: it reads the payload alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from bmad_messenger.merge.sections import Block, Section

_LONGEST_KEY: Final = 1_000  # a little less than what YAML allows on one line
_LONG: Final = re.compile(rf"[\w-]{{{_LONGEST_KEY}}}")
_ODD: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def first_key(text: str) -> int:
    """The offset of a message's first key, where that stands behind the dash."""
    return len(text) - len(text[1:].lstrip(" "))


def cut_lines(text: str, margin: int, head: Mapping[str, Any], value_of: Callable[[str], Any]) -> Block[str] | None:
    """The keys of a message as `cut_mapping` finds them; None where it takes that to tell.

    Args:
        text: the message, from its dash on.
        margin: the column of the dash.
        head: what stands before the payload, which is last, as `read_head` tells.
        value_of: the value of a YAML text, such as a list of a message that holds the payload alone; None where it is
            none.
    """
    first = first_key(text)
    shape = _shape(margin + first)
    *entries, payload = shape.key.split(text[first:])
    if (
        "payload" in head
        or _ODD.search(text)
        or not shape.payload.fullmatch(payload)
        or (len(text) > _LONGEST_KEY and any(_LONG.search(entry) for entry in entries))
    ):
        return None
    texts = {key: f"{entry}\n" for key, entry in zip(head, entries, strict=True)}
    if any(_has_key_twice(texts[key], value) for key, value in head.items() if isinstance(value, dict)):
        return None
    found = value_of(f"{' ' * margin}{text[:first]}{payload}")
    if found is None or [*found[0]] != ["payload"]:
        return None
    sections = {key: Section("", "", entry) for key, entry in {**texts, "payload": payload}.items()}
    return Block("-", margin, margin + first, sections, values={**head, **found[0]})


class _Shape(NamedTuple):
    """How a message looks whose keys stand at one column: what parts two of them, and the payload.

    Below the payload's key all lines are deeper or blank, and the last is not blank.
    """

    key: re.Pattern[str]
    payload: re.Pattern[str]


@cache
def _shape(column: int) -> _Shape:
    return _Shape(
        key=re.compile(rf"\n {{{column}}}(?=[^\s#])"),
        payload=re.compile(rf"payload:[^\n]*(?:\n+ {{{column + 1},}}+\S[^\n]*)*+\n"),
    )


def _has_key_twice(entry: str, pairs: Mapping[str, str]) -> bool:
    """Whether a mapping in braces, of words with texts in double quotes, has fewer keys than texts."""
    return entry.count('"') != 2 * len(pairs)
