"""Changes to a queue's text: append messages, set keys of some, take some out; each a function of a `str`.

A change touches the characters it must and no others, and is parsed back before it is believed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bmad_messenger.errors import DamagedError, InvalidError
from bmad_messenger.message import KEY_ORDER
from bmad_messenger.queue.text import LIST, QueueText
from bmad_messenger.yaml.parse import Document, Path, parse, parse_located
from bmad_messenger.yaml.render import quote, render_inline, render_key, render_mapping

_BREAK: Final = re.compile(r"\r?\n")
_BLANK_LINES: Final = re.compile(r"(?:[ \t]*\r?\n)*")


def append(queue: QueueText, messages: Sequence[Mapping[str, Any]]) -> str:
    """The text with these messages, under the file's keys, after the last one.

    Raises:
        InvalidError: where one can't be written so that it reads back the same.
        DamagedError: where the list is in flow form.
    """
    try:
        items = [render_item(mapping, queue.margin) for mapping in messages]
    except ValueError as error:
        raise InvalidError(f"the message can't be written as YAML: {error}", hint="change its payload") from None
    for item, mapping in zip(items, messages, strict=True):
        if _parsed(item) != [mapping]:
            raise InvalidError("the message does not read back from YAML as it was given", hint="simplify its payload")
    return append_rendered(queue, items)


def append_rendered(queue: QueueText, items: Sequence[str]) -> str:
    """The text with these messages, as `render_item` or `as_item` makes them, after the last one."""
    queue.require_block()
    text, eol = queue.text, queue.line_end
    if queue.list_at < 0:
        text += f"{_missing_end(text, eol)}messages:{eol}"
        at, separator = len(text), ""
    elif not queue.starts:
        text, at = _open_list(queue)
        separator = ""
    else:
        at = queue.end if queue.end == len(text) else queue.span(len(queue) - 1)[1]
        separator = "" if queue.last_keeps_blanks or _ends_blank(text, at) else eol
    before, after = text[:at], text[at:]
    body = eol.join(item.replace("\n", eol) for item in items)
    return f"{before}{_missing_end(before, eol)}{separator}{body}{after}"


def change(queue: QueueText, changes: Mapping[int, Mapping[str, Any]]) -> str:
    """The text with keys of some messages set; a mapping among the values adds to what is there.

    Args:
        queue: the text.
        changes: for each message's index, its keys and their new values.

    Raises:
        DamagedError: where a message is written so that it can't be edited and read back; nothing is changed.
    """
    queue.require_block()
    pieces: list[str] = []
    done = 0
    for index in sorted(changes):
        start, end = queue.span(index)
        pieces += (queue.text[done:start], changed_item(queue, index, changes[index]))
        done = end
    return "".join((*pieces, queue.text[done:]))


def changed_item(queue: QueueText, index: int, changes: Mapping[str, Any]) -> str:
    """One message's text with these keys set; like `change` for one."""
    document = queue.parse_item(index)
    item = queue.item(index)
    for start, end, replacement in sorted(_edits(item, document, (0,), changes), reverse=True):
        item = f"{item[:start]}{replacement}{item[end:]}"
    if _parsed(item) == [merged(document.value[0], changes)]:
        return item
    raise DamagedError(
        "this message is written so that it can't be edited safely; nothing was changed",
        hint="write its keys one a line, in block form",
        path=queue.path,
        line=queue.line(queue.starts[index]),
        column=queue.margin + 1,
    )


def merged(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A message's keys with `changes` made; a mapping among them adds to what is there."""
    new = dict(old)
    for key, value in changes.items():
        before = new.get(key)
        new[key] = merged(before, value) if isinstance(value, Mapping) and isinstance(before, dict) else value
    return new


def remove(queue: QueueText, indexes: Collection[int]) -> str:
    """The text without these messages; with each goes one of the blank lines that set it apart."""
    queue.require_block()
    for index in sorted(indexes, reverse=True):
        queue = _without_item(queue, index)
    if len(queue) or not indexes:
        return queue.text
    colon = queue.text.index(":", queue.list_at) + 1
    return f"{queue.text[:colon]} []{queue.text[colon:]}"


def render_item(mapping: Mapping[str, Any], margin: int) -> str:
    """A message as an item of the list, its dash at column `margin`."""
    return _with_dash(render_mapping(mapping, margin + 2), margin)


def as_item(record: str, mapping: Mapping[str, Any], margin: int) -> str:
    """An archived message's text as an item of the list, its comments kept; `mapping` is what it says."""
    lines = record.replace("\r\n", "\n").rstrip("\n").split("\n")
    first = next((n for n, line in enumerate(lines) if line and not line.startswith("#")), 0)
    indented = [f"{' ' * (margin + 2)}{line}" if line else "" for line in lines[first:]]
    item = _with_dash(indented, margin)
    return item if _parsed(item) == [mapping] else render_item(mapping, margin)


def as_record(item: str, margin: int) -> str:
    """A message's text in the list, its dash at column `margin`, as a document of its own, its comments kept."""
    document = parse_located(item)
    mapping = document.value[0]
    column = document.values[(0,)].column - 1
    without_dash = " " * (margin + 1) + item.replace("\r\n", "\n")[margin + 1 :]
    lines = (line[column:] if not line[:column].strip() else line.lstrip(" ") for line in without_dash.split("\n"))
    record = "\n".join(lines).strip("\n") + "\n"
    if (0,) not in document.flow and _parsed(record) == mapping:
        return record
    return "\n".join(render_mapping(mapping, 0)) + "\n"


def as_comment(text: str, head: str) -> str:
    """A text of the queue for the end of a message's record, below `head`; what no YAML may hold is written out."""
    lines = (line.rstrip("\r") for line in text.rstrip("\n").split("\n"))
    shown = ("".join(c if c.isprintable() or c == "\t" else f"\\u{ord(c):04x}" for c in line) for line in lines)
    return "".join((f"# {head}\n", *(f"#{line}\n" for line in shown)))


def _without_item(queue: QueueText, index: int) -> QueueText:
    text = queue.text
    start, end = queue.span(index)
    is_last = index + 1 == len(queue)
    blank_after = _BREAK.match(text, end)
    blank_before = _ends_blank(text, start)
    if index and queue.keeps_blanks(index - 1):  # the message above would keep the blank lines below as its own
        blank_lines = _BLANK_LINES.match(text, end)
        end = blank_lines.end() if blank_lines else end
    elif blank_after and (blank_before or index == 0 or not is_last):
        end = blank_after.end()
    elif blank_before and is_last:
        start = text.rfind("\n", 0, start - 1) + 1
    others = (at if at < start else at - (end - start) for number, at in enumerate(queue.starts) if number != index)
    return replace(queue, text=text[:start] + text[end:], starts=tuple(others), end=queue.end - (end - start))


def _edits(item: str, document: Document, path: Path, changes: Mapping[str, Any]) -> Iterator[tuple[int, int, str]]:
    """The replacements (start, end, text) that set `changes` in the mapping at `path`."""
    mapping = document.value
    for step in path:
        mapping = mapping[step]
    additions: dict[int, str] = {}
    for key, value in changes.items():
        where = (*path, key)
        if key not in mapping:
            offset, text = _insertion(item, document, path, mapping, key, render_inline(value))
            additions[offset] = additions.get(offset, "") + text
        elif isinstance(value, Mapping) and mapping[key]:
            yield from _edits(item, document, where, value)
        else:
            span = document.values[where]
            opening = item[span.start : span.start + 1]
            style = opening if opening in ("'", '"') else ""
            text = quote(value, style) if isinstance(value, str) else render_inline(value)
            if opening in ("|", ">"):  # a block scalar reaches to the end of its last line
                text += _line_end(item)
            yield span.start, span.end, text if span.start < span.end else f" {text}"
    for offset, text in additions.items():
        yield offset, offset, text


def _insertion(
    item: str, document: Document, path: Path, mapping: Mapping[str, Any], key: str, value: str
) -> tuple[int, str]:
    """Where a new entry goes in the mapping at `path`, and its text there."""
    entry = f"{render_key(key)}: {value}"
    keys = list(mapping)
    if path in document.flow:
        if not keys:
            return document.values[path].start + 1, entry
        return document.values[(*path, keys[-1])].end, f", {entry}"
    eol = _line_end(item)
    margin = " " * (document.keys[(*path, keys[0])].column - 1)
    earlier = KEY_ORDER[: KEY_ORDER.index(key)] if key in KEY_ORDER else keys
    for neighbour in reversed(earlier):
        where = (*path, neighbour)
        if neighbour in mapping and _is_on_one_line(item, document, where, mapping[neighbour]):
            line_end = item.find("\n", document.values[where].end)
            return (line_end + 1, f"{margin}{entry}{eol}") if line_end >= 0 else (len(item), f"{eol}{margin}{entry}")
    return document.keys[(*path, keys[0])].start, f"{entry}{eol}{margin}"


def _is_on_one_line(item: str, document: Document, where: Path, value: Any) -> bool:
    if isinstance(value, dict | list) and where not in document.flow:
        return False
    start = document.values[where].start
    return item[start : start + 1] not in ("|", ">")


def _open_list(queue: QueueText) -> tuple[str, int]:
    """The text with `messages: []` made ready for a first item, and the offset where that goes."""
    text = queue.text
    found = LIST.match(text, queue.list_at)
    assert found is not None  # the scan found the list here
    start, end = found.span(1)
    if start < end:
        start = text.rindex(":", 0, start) + 1
        text = text[:start] + text[end:]
    return text, _below_comments(text, _next_line(text, start))


def _below_comments(text: str, at: int) -> int:
    """The offset below the indented comments and blanks that follow `at`: a block scalar above would swallow them."""
    line_start = at
    while line_start < len(text):
        line_end = _next_line(text, line_start)
        if text[line_start:line_end].strip()[:1] not in ("", "#"):
            break
        if text[line_start] in " \t":
            at = line_end
        line_start = line_end
    return at


def _next_line(text: str, offset: int) -> int:
    return text.find("\n", offset) + 1 or len(text)


def _with_dash(lines: Sequence[str], margin: int) -> str:
    first, *rest = lines
    return "\n".join((f"{' ' * margin}- {first[margin + 2 :]}", *rest)) + "\n"


def _parsed(text: str) -> Any:
    try:
        return parse(text)
    except InvalidError:
        return None


def _line_end(item: str) -> str:
    return "\r\n" if "\r\n" in item else "\n"


def _missing_end(text: str, eol: str) -> str:
    return "" if not text or text.endswith("\n") else eol


def _ends_blank(text: str, at: int) -> bool:
    return text.endswith(("\n\n", "\n\r\n"), 0, at)
