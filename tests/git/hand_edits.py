"""What a person does to a queue in an editor, by chance: the text after it; None where it does not fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

Edit = Callable[[str, Random], str | None]

_ITEM: Final = re.compile(r"( +)-(?=\s)")
_KEY: Final = re.compile(r"([\w-]+):")
_QUOTABLE: Final = re.compile(r"""((?:- )?(?:type|from|to|priority|status|message_id): )["']?([\w-]+)["']?(\s*)""")
_FORWARD: Final = {"pending": ("read", "done", "cancelled"), "read": ("done", "cancelled")}
_PRIORITIES: Final = ("critical", "high", "medium", "low")

Lines = list[str]


def typed(text: str, rng: Random, message: Sequence[str]) -> str:
    """Type in a message: its lines, as they stand at the margin."""
    head, items, margin = _cut(text)
    end = "\r\n" if "\r\n" in text else "\n"
    item = [f"{margin}{'- ' if number == 0 else '  '}{line}{end}" for number, line in enumerate(message)]
    if not items:
        return "".join([*head[:-1], f"messages:{end}", *item])
    at = rng.randint(0, len(items))
    return _text(head, [*items[:at], item, *items[at:]])


def commented(text: str, rng: Random) -> str | None:
    """Write a comment: above a message, between two of its keys, or at the end of a line."""
    head, items, margin = _cut(text)
    item = _one_of(items, margin, rng)
    if item is None:
        return None
    end = "\r\n" if item[0].endswith("\r\n") else "\n"
    comment = f"# note {rng.randrange(1000)}"
    fields = _fields(item, margin)
    place = rng.randrange(3)
    if place == 0:
        item.insert(0, f"{margin}{comment}{end}")
    elif place == 1:
        field = rng.choice(fields)
        field.insert(0, f"{margin}  {comment}{end}")
        item[:] = _item(fields, margin) if field is not fields[0] else item
    else:
        line = next(number for number, line in enumerate(item) if _KEY.search(line))
        if "#" in item[line]:
            return None
        item[line] = f"{item[line].rstrip()}  {comment}{end}"
    return _text(head, items)


def reordered(text: str, rng: Random) -> str | None:
    """Write a message's keys in another order."""
    head, items, margin = _cut(text)
    item = _one_of(items, margin, rng)
    if item is None:
        return None
    fields = _fields(item, margin)
    rng.shuffle(fields)
    item[:] = _item(fields, margin)
    return _text(head, items)


def requoted(text: str, rng: Random) -> str | None:
    """Quote a value otherwise."""
    head, items, _ = _cut(text)
    places = [
        (item, number) for item in items for number, line in enumerate(item) if _QUOTABLE.fullmatch(line.lstrip())
    ]
    if not places:
        return None
    item, number = rng.choice(places)
    quote = rng.choice(("", "'", '"'))
    line = item[number]
    indent = line[: len(line) - len(line.lstrip(" "))]
    item[number] = indent + _QUOTABLE.sub(rf"\1{quote}\2{quote}\3", line[len(indent) :])
    return _text(head, items)


def spaced(text: str, rng: Random) -> str | None:
    """Put a blank line above a message, or take those away that are there."""
    head, items, margin = _cut(text)
    item = _one_of(items, margin, rng)
    if item is None:
        return None
    end = "\r\n" if item[0].endswith("\r\n") else "\n"
    if item[-1].strip():
        item.append(end)
    else:
        while not item[-1].strip():
            item.pop()
    return _text(head, items)


def moved(text: str, rng: Random) -> str | None:
    """Move a message to another place."""
    head, items, _ = _cut(text)
    if len(items) < 2:
        return None
    item = items.pop(rng.randrange(len(items)))
    items.insert(rng.randint(0, len(items)), item)
    return _text(head, items)


def brought_forward(text: str, rng: Random) -> str | None:
    """Write a further status into a message."""
    head, items, margin = _cut(text)
    places = [found for item in items if (found := _value(item, margin, "status")) and found[2] in _FORWARD]
    if not places:
        return None
    item, number, status = rng.choice(places)
    item[number] = item[number].replace(status, rng.choice(_FORWARD[status]), 1)
    return _text(head, items)


def prioritized(text: str, rng: Random) -> str | None:
    """Change a message's priority."""
    head, items, margin = _cut(text)
    places = [found for item in items if (found := _value(item, margin, "priority"))]
    if not places:
        return None
    item, number, priority = rng.choice(places)
    item[number] = item[number].replace(priority, rng.choice(_PRIORITIES), 1)
    return _text(head, items)


def tagged(text: str, rng: Random) -> str | None:
    """Give a message a key of one's own, or change that key."""
    head, items, margin = _cut(text)
    item = _one_of(items, margin, rng)
    if item is None:
        return None
    end = "\r\n" if item[0].endswith("\r\n") else "\n"
    fields = _fields(item, margin)
    line = f"{margin}  x-team: {rng.choice(('blue', 'green', 'red'))}{end}"
    own = next((field for field in fields if field[0].lstrip(" -").startswith("x-team:")), None)
    if own is None:
        fields.insert(rng.randint(0, len(fields)), [line])
    else:
        own[0] = line
    item[:] = _item(fields, margin)
    return _text(head, items)


def reworded(text: str, rng: Random) -> str | None:
    """Change a word in what a message says."""
    found = [*re.finditer(r"(?<=\bin )\w+(?= words)", text)]
    if not found:
        return None
    place = rng.choice(found)
    return f"{text[: place.start()]}{rng.choice(('few', 'many', 'plain'))}{text[place.end() :]}"


def indented(text: str, rng: Random) -> str | None:
    """Indent the whole list otherwise."""
    head, items, margin = _cut(text)
    if not items:
        return None
    by = rng.choice((-1, 2)) if len(margin) > 1 else 2
    return _text(head, [[_shifted(line, by) for line in item] for item in items])


def with_other_line_ends(text: str, rng: Random) -> str:
    """Save with the line ends of another system."""
    return text.replace("\r\n", "\n") if "\r\n" in text else text.replace("\n", "\r\n")


EDITS: Final[Sequence[tuple[int, Edit]]] = (
    (5, commented),
    (4, reordered),
    (4, requoted),
    (3, spaced),
    (5, moved),
    (6, brought_forward),
    (4, prioritized),
    (3, tagged),
    (2, reworded),
    (1, indented),
    (1, with_other_line_ends),
)
"""What people do, and how often."""


def _cut(text: str) -> tuple[Lines, list[Lines], str]:
    """The lines above the first message, the lines of each, and its margin."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    first = next((number for number, line in enumerate(lines) if _ITEM.match(line)), len(lines))
    if first == len(lines):
        return lines, [], "  "
    found = _ITEM.match(lines[first])
    assert found is not None
    margin = found[1]
    items: list[Lines] = []
    for line in lines[first:]:
        if line.startswith(f"{margin}-") and line[len(margin) + 1].isspace():
            items.append([])
        items[-1].append(line)
    return lines[:first], items, margin


def _one_of(items: list[Lines], margin: str, rng: Random) -> Lines | None:
    """One of the messages that begin with a key behind their dash."""
    usual = [item for item in items if _KEY.match(item[0], len(margin) + 2)]
    return rng.choice(usual) if usual else None


def _fields(item: Lines, margin: str) -> list[Lines]:
    """A message's keys with their values, each as its lines."""
    column = f"{margin}  "
    fields: list[Lines] = []
    for line in (column + item[0].removeprefix(f"{margin}- "), *item[1:]):
        if line.startswith(column) and _KEY.match(line, len(column)):
            fields.append([])
        fields[-1].append(line)
    return fields


def _item(fields: list[Lines], margin: str) -> Lines:
    first, *rest = (line for field in fields for line in field)
    return [f"{margin}- {first.removeprefix(f'{margin}  ')}", *rest]


def _value(item: Lines, margin: str, key: str) -> tuple[Lines, int, str] | None:
    """Where in a message the line of a key is, and its value."""
    pattern = re.compile(rf"""{margin}(?:- |  ){key}: ["']?(\w+)""")
    for number, line in enumerate(item):
        if found := pattern.match(line):
            return item, number, found[1]
    return None


def _shifted(line: str, by: int) -> str:
    if not line.strip():
        return line
    return " " * by + line if by > 0 else line[min(-by, len(line) - len(line.lstrip(" "))) :]


def _text(head: Lines, items: list[Lines]) -> str:
    return "".join([*head, *(line for item in items for line in item)])
