"""From YAML text to plain values, with the place of each: one pass over libyaml's events."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, NoReturn

from bmad_messenger.errors import InvalidError

MAX_DEPTH: Final = 64
"""How deep collections may nest; deeper text is refused before it costs anything."""

ODD_BREAK: Final = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
"""What ends a line for libyaml, but not for an editor or git."""

Path = tuple[str | int, ...]


class Span(NamedTuple):
    """A stretch of text: characters `start` to `end`; `line` and `column` of its start count from 1."""

    start: int
    end: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed text: its value, and where each key and value stands in it.

    `values` and `keys` go by path, as `("messages", 0, "status")`. A block collection's span ends where the
    next token begins, so only a scalar's and a flow collection's end is to be relied on. `flow` holds the paths of
    the collections that are written with brackets or braces.
    """

    value: Any
    values: dict[Path, Span] = field(default_factory=dict)
    keys: dict[Path, Span] = field(default_factory=dict)
    flow: set[Path] = field(default_factory=set)

    def place(self, path: Path) -> tuple[int, int]:
        """Line and column (from 1) of the entry at `path`, or of the nearest thing around it that exists."""
        for end in range(len(path), -1, -1):
            span = self.keys.get(path[:end]) or self.values.get(path[:end])
            if span is not None:
                return span.line, span.column
        return 1, 1


def parse(text: str, *, path: str | None = None, line: int = 1) -> Any:
    """The value of a YAML document of JSON's types; None for an empty one.

    Args:
        text: the document, without a byte-order mark.
        path: the file's name, for errors.
        line: the number of the text's first line in that file.

    Raises:
        InvalidError: with file, line and column, where the text is no YAML or goes beyond JSON's types (tags,
            anchors, aliases, merge keys, keys twice in one mapping, keys that are no scalars).
    """
    return _Reader(text, path, line, depth=-1).document().value


def parse_located(text: str, *, path: str | None = None, line: int = 1, depth: int = MAX_DEPTH) -> Document:
    """Like `parse`, with the place of every key and value down to `depth` keys and indexes from the top."""
    return _Reader(text, path, line, depth=depth).document()


class _Reader:
    """Builds the value of one document from its events, on a stack of its own: depth costs no recursion."""

    def __init__(self, text: str, path: str | None, line: int, *, depth: int) -> None:
        self.text, self.path, self.first_line, self.depth = text, path, line, depth
        self.result = Document(None)
        # Kept where libyaml's count of lines is not the editor's.
        self.line_ends = [m.start() for m in re.finditer("\n", text)] if ODD_BREAK.search(text) else None

    def document(self) -> Document:
        # Imported here: a command that finds its answer without parsing should not pay for the parser.
        from _ruamel_yaml import CParser
        from ruamel.yaml.error import YAMLError

        if found := _MISPLACED_MARK.search(self.text):  # libyaml skips it, and may then miscount
            message, hint = "a byte-order mark is not allowed here", "remove it: one at the file's start is enough"
            line, column = self._position(found.end() - 1)
            raise InvalidError(message, hint=hint, path=self.path, line=line, column=column)
        try:
            value = self._build(CParser(self.text).get_event)
        except (YAMLError, UnicodeEncodeError) as error:
            self._refuse_syntax(error)
        return Document(value, self.result.values, self.result.keys, self.result.flow)

    def _build(self, next_event: Callable[[], Any]) -> Any:
        from ruamel.yaml import events as kinds

        scalar, mapping_start, sequence_start = kinds.ScalarEvent, kinds.MappingStartEvent, kinds.SequenceStartEvent
        mapping_end, sequence_end = kinds.MappingEndEvent, kinds.SequenceEndEvent
        root: list[Any] = []
        parent: Any = root  # the open collection
        key: str | None = None  # in a mapping: the key that waits for its value
        open_collections: list[tuple[Any, str | None, Any]] = []  # those around it, and their starts
        path: list[str | int] = []
        started = False

        while (event := next_event()) is not None:
            kind = type(event)
            if kind is scalar or kind is mapping_start or kind is sequence_start:
                if event.anchor is not None:
                    self._refuse(event.start_mark, "anchors are not supported here", "write the value out")
                if event.tag is not None:
                    self._refuse(event.start_mark, f"the tag {event.tag} is not supported here", "remove it")
                if type(parent) is dict and key is None:
                    key = self._key(event, parent, kind is scalar, path)
                    continue
                place = key if type(parent) is dict else len(parent) if parent is not root else None
                if len(path) < self.depth:
                    where = (*path, place) if place is not None else ()
                    self.result.values[where] = self._span(event.start_mark, event.end_mark)
                    if kind is not scalar and event.flow_style:
                        self.result.flow.add(where)
                if kind is scalar:
                    value = event.value
                    if event.implicit[0]:
                        value = self._resolve(value, event)
                else:
                    value = {} if kind is mapping_start else []
                if type(parent) is dict:
                    parent[key] = value
                else:
                    parent.append(value)
                if kind is not scalar:
                    if len(open_collections) >= MAX_DEPTH:
                        self._refuse(event.start_mark, f"nested more than {MAX_DEPTH} deep", "flatten it")
                    open_collections.append((parent, key, event))
                    if place is not None:
                        path.append(place)
                    parent = value
                key = None
            elif kind is mapping_end or kind is sequence_end:
                if len(path) <= self.depth:
                    start = open_collections[-1][2].start_mark
                    self.result.values[tuple(path)] = self._span(start, event.end_mark)
                parent, _, _ = open_collections.pop()
                key = None
                if path:
                    path.pop()
            elif kind is kinds.AliasEvent:
                self._refuse(event.start_mark, "aliases are not supported here", "write the value out")
            elif kind is kinds.DocumentStartEvent:
                if started:
                    self._refuse(event.start_mark, "a second document begins here", "keep one document a file")
                started = True
        return root[0] if root else None

    def _key(self, event: Any, mapping: dict[str, Any], is_scalar: bool, path: list[str | int]) -> str:
        if not is_scalar:
            self._refuse(event.start_mark, "a key must be text", "write the key as a word")
        key: str = event.value
        if key == "<<" and event.implicit[0]:
            self._refuse(event.start_mark, "merge keys are not supported here", "write the values out")
        if key in mapping:
            self._refuse(event.start_mark, f"the key {key!r} stands twice in one mapping", "remove one of the two")
        if len(path) < self.depth:
            self.result.keys[(*path, key)] = self._span(event.start_mark, event.end_mark)
        return key

    def _resolve(self, text: str, event: Any) -> Any:
        try:
            return resolve(text)
        except (ValueError, OverflowError):
            self._refuse(event.start_mark, "this number can't be represented", "put it in quotes")

    def _span(self, start: Any, end: Any) -> Span:
        return Span(start.index, end.index, *self._place(start))

    def _place(self, mark: Any) -> tuple[int, int]:
        """Line and column of a mark, both from 1."""
        if self.line_ends is None:
            return mark.line + self.first_line, mark.column + 1
        above = bisect_left(self.line_ends, mark.index)
        line_start = self.line_ends[above - 1] + 1 if above else 0
        return above + self.first_line, mark.index - line_start + 1

    def _position(self, index: int) -> tuple[int, int]:
        """Line and column of a character, both from 1."""
        return self.text.count("\n", 0, index) + self.first_line, index - self.text.rfind("\n", 0, index)

    def _refuse(self, mark: Any, message: str, hint: str) -> NoReturn:
        line, column = self._place(mark)
        raise InvalidError(message, hint=hint, path=self.path, line=line, column=column)

    def _refuse_syntax(self, error: Any) -> NoReturn:
        mark = getattr(error, "problem_mark", None)
        if getattr(error, "problem", None) == "found unexpected end of stream":  # say where it began
            mark = error.context_mark or mark
        what = ", ".join(part for part in (getattr(error, "context", None), getattr(error, "problem", None)) if part)
        if mark is not None:
            line, column = self._place(mark)
        else:  # libyaml's reader gives up on the first character that YAML does not allow, without a mark
            found = _FORBIDDEN.search(self.text)
            index = found.start() if found else 0
            line, column = self._position(index)
            what = f"the character U+{ord(self.text[index]):04X} is not allowed in YAML" if found else "not YAML"
        raise InvalidError(
            f"not YAML: {what}" if not what.startswith("the character") else what,
            hint="mend the text at that place",
            path=self.path,
            line=line,
            column=column,
        ) from None


_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_MISPLACED_MARK: Final = re.compile("(?:\\A|[\n\r\x85\u2028\u2029])\ufeff")
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_PREFIXED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def resolve(text: str) -> Any:
    """The value of a plain (unquoted) scalar by YAML 1.2's core schema.

    Raises:
        ValueError: for a number that JSON can't hold (infinite, not a number, too many digits).
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "-+.0123456789":
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _PREFIXED.fullmatch(text):
        integer = int(text, 0)
        str(integer)  # raises where it has more digits than may be written out
        return integer
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise ValueError(text)
        return number
    return text
