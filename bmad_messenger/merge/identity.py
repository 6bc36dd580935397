"""Which message is which: the same id may stand for two, sent in two clones; then one gets a longer id."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, NamedTuple

from bmad_messenger.errors import InvalidError
from bmad_messenger.merge.fields import ABSENT, canonical, when
from bmad_messenger.merge.joining import Blocks
from bmad_messenger.merge.order import winner
from bmad_messenger.merge.reading import ItemKey, Reader
from bmad_messenger.merge.sections import Block, Section, scalars
from bmad_messenger.message import SUFFIX_LENGTH, format_time, typed_digits
from bmad_messenger.yaml.parse import Path, parse_located
from bmad_messenger.yaml.render import quote

Mapped = Mapping[str, Any]

_SENT: Final = ("type", "from", "to", "to_agents")
"""What stands in a message from the moment it is sent, and is not reworded by hand later, as its payload may be."""

_FEW_WORDS: Final = 3
_MOST_WORDS: Final = 2 / 3
"""How much of its text a reworded message keeps: so many words, and more than this part of them."""


class Renamed(NamedTuple):
    """A message that got another id: on which side, 0 for ours and 1 for theirs."""

    side: int
    old: str
    new: str


def is_same(one: Mapped, other: Mapped) -> bool:
    """Whether two messages with one id are the same one.

    It was sent once, or twice under the same idempotency key; or typed in once, and adopted in two clones. Two that
    were sent in the same second are told apart by their payloads, where neither may be the other reworded.
    """
    if _agree(one, other, (*_SENT, "idempotency_key", "payload")) and ("idempotency_key" in one or _was_typed(one)):
        return True
    own, others = one.get("payload"), other.get("payload")
    if canonical(own) != canonical(others) and isinstance(own, Mapping) and isinstance(others, Mapping):
        keys = own.keys() & others.keys()
        return is_alike(one, other) and any(_agree(own, others, (key,)) or _reworded(own, others, key) for key in keys)
    return is_alike(one, other)


def is_alike(one: Mapped, other: Mapped) -> bool:
    """Whether two messages are of the same moment, sender and recipient, whatever they say."""
    return _agree(one, other, _SENT) and _created(one) == _created(other)


def later_of(ours: Mapped, theirs: Mapped) -> int:
    """Which of two different messages gives way: 0 for ours, 1 for theirs."""
    own, other = ((when(one.get("created"))[:2], digits(one), canonical(one.get("payload"))) for one in (ours, theirs))
    return int(own < other)


def longer_id(message_id: str, message: Mapped, taken: Collection[str] = ()) -> str:
    """The id that a message gets where another keeps its own: the same in every clone."""
    suffix = digits(message)
    for length in range(SUFFIX_LENGTH, len(suffix)):
        if f"{message_id}{suffix[:length]}" not in taken:
            return f"{message_id}{suffix[:length]}"
    return f"{message_id}{suffix}"


def digits(message: Mapped) -> str:
    """Hex digits of what tells a message from others."""
    content = {key: message[key] for key in _SENT if key in message} | {"created": _created(message)}
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def told_apart(blocks: Blocks[ItemKey], reader: Reader) -> tuple[Blocks[ItemKey], list[Renamed]]:
    """The lists with every two messages under two ids, and what refers to them on their side too.

    Args:
        blocks: the lists of messages in base, ours and theirs, levelled.
        reader: reads them.
    """
    blocks = _unnamed(blocks, reader)
    names: tuple[dict[str, str], ...] = ({}, {}, {})
    _follow_renamed(blocks, reader, names)
    _rename_second(blocks, reader, names)
    base, ours, theirs = (_with_names(block, own, blocks[0]) for block, own in zip(blocks, names, strict=True))
    renamed = [
        Renamed(side, old, new)
        for side in (0, 1)
        for old, new in names[1 + side].items()
        if (old, 0) in blocks[1 + side].sections
    ]
    return (base, ours, theirs), renamed


def renamed_note(label: str, old: str, new: str) -> str:
    """What a reader should know of a message that got another id."""
    return f"two messages had the id {old}: that of {label} is now {new}"


def with_ids(text: str, names: Mapping[str, str], at: Path, *, own: bool) -> str:
    """A YAML text in which the message at the path `at` refers to others by their new ids.

    Args:
        text: the text.
        names: the new id for each old one.
        at: where in the text the message stands.
        own: whether the message's own id is among those.

    Raises:
        InvalidError: where the text is no YAML.
    """
    document = parse_located(text)
    message = document.value
    for step in at:
        message = message[step]
    paths = [(*at, "reply_to"), *scalars(message.get("payload"), (*at, "payload"))]
    spans = [document.values[path] for path in paths if path in document.values]
    if own:
        spans.append(document.values[*at, "message_id"])
    for start, end, *_ in sorted(spans, reverse=True):
        style = text[start] if text[start : start + 1] in ("'", '"') else ""
        name = names.get(text[start:end].strip(style))
        if name is not None:
            text = f"{text[:start]}{quote(name, style)}{text[end:]}"
    return text


def _unnamed(blocks: Blocks[ItemKey], reader: Reader) -> Blocks[ItemKey]:
    """The lists in which a changed message that can't be read goes by its text: which of its fields did they change?"""
    before, *sides = (block.sections for block in blocks)
    both = [
        key
        for key in sides[0].keys() & sides[1].keys()
        if winner(before[key].text if key in before else None, *(side[key].text for side in sides)) is None
    ]
    column = blocks[0].column
    unreadable = [{key for key in both if not reader.cut(side[key].text, column).values} for side in sides]
    ours, theirs = (
        replace(
            block, sections={(one.text, key[1]) if key in keys else key: one for key, one in block.sections.items()}
        )
        if keys
        else block
        for block, keys in zip(blocks[1:], unreadable, strict=True)
    )
    return blocks[0], ours, theirs


def _follow_renamed(blocks: Blocks[ItemKey], reader: Reader, names: tuple[dict[str, str], ...]) -> None:
    """Find what an earlier merge gave a longer id on one side: it is known by the shorter one in the base."""
    base = blocks[0]
    for side, other in ((1, 2), (2, 1)):
        for name, number in blocks[side].sections.keys() - base.sections.keys():
            stem = name[:-SUFFIX_LENGTH]
            before = base.sections.get((stem, 0))
            if number or before is None:
                continue
            mapping = reader.mapping(before.text, base.column)
            if mapping is not None and longer_id(stem, mapping) == name:
                names[0][stem] = name
                if (name, 0) not in blocks[other].sections and _may_hold(blocks[other], stem, mapping, reader):
                    names[other][stem] = name


def _may_hold(block: Block[ItemKey], name: str, message: Mapped, reader: Reader) -> bool:
    """Whether what a list has under an id may be this message, and no other that took its place."""
    section = block.sections.get((name, 0))
    found = None if section is None else reader.mapping(section.text, block.column)
    return found is None or is_alike(found, message)


def _rename_second(blocks: Blocks[ItemKey], reader: Reader, names: tuple[dict[str, str], ...]) -> None:
    """Find the ids that both sides gave to a message of their own."""
    base, ours, theirs = (block.sections for block in blocks)
    taken = {name for block in blocks for name, _ in block.sections}
    for key in sorted(ours.keys() & theirs.keys() - base.keys()):
        name, number = key
        if number or ours[key].text == theirs[key].text:
            continue
        own, other = (reader.mapping(side[key].text, blocks[1].column) or {} for side in (ours, theirs))
        if not is_same(own, other):
            side = later_of(own, other)
            message = (own, other)[side]
            its_own = _longer_ids(blocks[2 - side], name, message, reader)  # the other side told the two apart before
            names[1 + side][name] = longer_id(name, message, taken - its_own)


def _longer_ids(block: Block[ItemKey], name: str, message: Mapped, reader: Reader) -> set[str]:
    """The longer ids under which a list has this message."""
    longer = (one for one, number in block.sections if one.startswith(name) and one != name and not number)
    return {one for one in longer if is_same(reader.mapping(block.sections[one, 0].text, block.column) or {}, message)}


def _with_names(block: Block[ItemKey], names: Mapping[str, str], base: Block[ItemKey]) -> Block[ItemKey]:
    """The list with new ids, also where its new and changed messages refer to them."""
    if not names:
        return block
    old = re.compile("|".join(map(re.escape, names)))
    margin = " " * block.column
    sections: dict[ItemKey, Section] = {}
    for (name, number), section in block.sections.items():
        own = name in names and not number
        text = section.text
        before = base.sections.get((name, number))
        is_new = before is None or before.text != text
        if own or (is_new and old.search(text)):
            with suppress(InvalidError):  # what can't be read refers to nothing
                text = with_ids(f"{margin}{text}", names, (0,), own=own)[block.column :]
        sections[names[name] if own else name, number] = section._replace(text=text)
    return replace(block, sections=sections)


def _agree(one: Mapped, other: Mapped, keys: Collection[str]) -> bool:
    return all(canonical(one.get(key, ABSENT)) == canonical(other.get(key, ABSENT)) for key in keys)


def _reworded(one: Mapped, other: Mapped, key: str) -> bool:
    """Whether two texts have most of their words in common, as a sentence has in which somebody mended some."""
    own, others = (Counter(str(side[key]).split()) for side in (one, other))
    common = (own & others).total()
    return common >= _FEW_WORDS and common > _MOST_WORDS * max(own.total(), others.total())


def _was_typed(message: Mapped) -> bool:
    """Whether a message has its id from what it says."""
    return typed_digits(message).startswith(str(message.get("message_id")).rpartition("-")[2])


def _created(message: Mapped) -> str:
    """When a message was sent, however it is written."""
    is_none, time, text = when(message.get("created"))
    return text if is_none else format_time(time)
