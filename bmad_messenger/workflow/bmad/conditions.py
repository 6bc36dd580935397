"""The conditions of BMAD's tags, as far as they are plain: comparisons of known variables; anything else is prose.

`mode == data`, `{{story_num}} > 1`, `response == y OR response == yes`, `epic is not empty`: a bare word is a variable
where there is one of that name, and beside one it is text. What reads a variable that is not known is undecided, unless
the rest decides it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

_LONGEST: Final = 1000  # characters; what is longer is prose
_DEEPEST: Final = 16  # brackets inside each other

_TOKEN: Final = re.compile(
    r"""\s*(?:\{\{\s*(?P<double>[\w.-]+)\s*\}\}|\{(?P<single>[\w.-]+)\}|"(?P<quoted>[^"]*)"|'(?P<marked>[^']*)'"""
    r"""|(?P<sign>===|!==|==|!=|<=|>=|&&|\|\||[=<>!(),\[\]])|(?P<word>[\w./-]+))"""
)
_NUMBER: Final = re.compile(r"[-+]?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_LITERALS: Final[Mapping[str, Any]] = {"true": True, "false": False, "null": None, "none": None}
_YES: Final = ("true", "yes", "y", "on", "1")
_NO: Final = ("false", "no", "n", "off", "0", "none", "null", "")
_COMPARISONS: Final = ("==", "!=", "<=", ">=", "<", ">")
_TOO_LARGE: Final = 1e15
_SIGNS: Final = {"===": "==", "=": "==", "!==": "!=", "&&": "and", "||": "or", "!": "not"}
_FILLED: Final = ("provided", "given", "set", "defined", "present")
_EMPTY: Final = ("empty", "blank", "missing", "undefined")


def decide(source: str, values: Mapping[str, Any], mentioned: Collection[str] = ()) -> bool | None:
    """Whether a condition holds; None where only the agent can tell.

    Args:
        source: the condition.
        values: the known variables.
        mentioned: names that stand for variables although their values are not known: never text.
    """
    if len(source) > _LONGEST:
        return None
    try:
        tokens = _tokens(source)
        return _Parser(tokens, values, mentioned).condition() if tokens else None
    except _ProseError:
        return None


def words_of(source: str) -> set[str]:
    """The names that a condition may read; none of one in prose."""
    try:
        tokens = _tokens(source[:_LONGEST])
        _Parser(tokens, {}, ()).condition()
    except _ProseError:
        return set()
    return {token.text for token in tokens if token.kind in ("variable", "word")}


def is_true(value: Any) -> bool:
    """Whether a variable's value says yes."""
    return value.strip().lower() not in _NO if isinstance(value, str) else bool(value)


class _ProseError(Exception):
    """The text is none of the conditions that can be decided."""


class _Token(NamedTuple):
    kind: str  # variable, text, sign, word
    text: str


class _Operand(NamedTuple):
    """One side of a comparison: what a `variable` holds, a `literal`, a bare `word`, or what is `unknown`."""

    kind: str
    value: Any = None


def _tokens(source: str) -> list[_Token]:
    found: list[_Token] = []
    text = source.strip()
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _ProseError
        kind = match.lastgroup or ""
        piece = match[kind]
        if kind in ("double", "single"):
            found.append(_Token("variable", piece))
        elif kind in ("quoted", "marked"):
            found.append(_Token("text", piece))
        elif kind == "sign" or piece.lower() in ("and", "or", "not", "in", "is"):
            found.append(_Token("sign", _SIGNS.get(piece, piece.lower())))
        else:
            found.append(_Token("word", piece))
        at = match.end()
    return found


class _Parser:
    """Reads the tokens from the left; every rule gives True, False, or None for what is undecided."""

    def __init__(self, tokens: list[_Token], values: Mapping[str, Any], mentioned: Collection[str]) -> None:
        self.tokens, self.values, self.mentioned = tokens, values, mentioned
        self.at = self.depth = 0

    def condition(self) -> bool | None:
        found = self._either()
        if self.at < len(self.tokens):
            raise _ProseError
        return found

    def _either(self) -> bool | None:
        found = [self._both()]
        while self._takes("or"):
            found.append(self._both())
        return True if True in found else None if None in found else False

    def _both(self) -> bool | None:
        found = [self._negated()]
        while self._takes("and"):
            found.append(self._negated())
        return False if False in found else None if None in found else True

    def _negated(self) -> bool | None:
        is_negated = False
        while self._takes("not"):
            is_negated = not is_negated
        found = self._comparison()
        return found if found is None or not is_negated else not found

    def _comparison(self) -> bool | None:
        if self._takes("("):
            self.depth += 1
            if self.depth > _DEEPEST:
                raise _ProseError
            found = self._either()
            self._needs(")")
            self.depth -= 1
            return found
        left = self._operand()
        if self._takes("is"):
            return self._state(left)
        if (self._peek("word") or "").lower() in _FILLED:
            self.at += 1
            return _is_filled(left)
        for sign in _COMPARISONS:
            if self._takes(sign):
                return _compared(sign, left, self._operand())
        is_negated = self._takes("not")
        if self._takes("in"):
            return _compared("not in" if is_negated else "in", left, self._operand())
        if is_negated:
            raise _ProseError
        is_literal = left.kind == "literal" and isinstance(left.value, bool)
        return is_true(left.value) if left.kind == "variable" or is_literal else None

    def _state(self, left: _Operand) -> bool | None:
        """What stands after `is`."""
        is_negated = self._takes("not")
        word = (self._peek("word") or "").lower()
        if word in (*_FILLED, *_EMPTY):
            self.at += 1
            found = _is_filled(left)
            return found if found is None else (found != (word in _EMPTY)) != is_negated
        return _compared("!=" if is_negated else "==", left, self._operand())

    def _operand(self) -> _Operand:
        if self._takes("["):
            return self._list()
        if self.at >= len(self.tokens) or self.tokens[self.at].kind == "sign":
            raise _ProseError
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "text":
            return _Operand("literal", text)
        if text in self.values:
            return _Operand("variable", self.values[text])
        if kind == "variable" or text in self.mentioned:
            return _Operand("unknown")
        if text.lower() in _LITERALS:
            return _Operand("literal", _LITERALS[text.lower()])
        return _Operand("literal" if _NUMBER.fullmatch(text) else "word", text)

    def _list(self) -> _Operand:
        items: list[_Operand] = []
        while not self._takes("]"):
            if items:
                self._needs(",")
            if self._peek("sign") == "[":
                raise _ProseError
            items.append(self._operand())
        is_unknown = any(one.kind == "unknown" for one in items)
        return _Operand("unknown" if is_unknown else "literal", [one.value for one in items])

    def _peek(self, kind: str) -> str | None:
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        return token.text if token is not None and token.kind == kind else None

    def _takes(self, sign: str) -> bool:
        found = self._peek("sign") == sign
        self.at += found
        return found

    def _needs(self, sign: str) -> None:
        if not self._takes(sign):
            raise _ProseError


def _compared(sign: str, left: _Operand, right: _Operand) -> bool | None:
    """What a comparison comes to; a bare word in it is text beside a variable, and else a variable not known."""
    kinds = {left.kind, right.kind}
    if "unknown" in kinds or ("word" in kinds and "variable" not in kinds):
        return None
    if sign in ("in", "not in"):
        found = _holds(right.value, left.value)
        return found if found is None else found == (sign == "in")
    if sign in ("==", "!="):
        return _same(left.value, right.value) == (sign == "==")
    one, other = _number(left.value), _number(right.value)
    if one is None or other is None:
        return None
    return {"<": one < other, ">": one > other, "<=": one <= other, ">=": one >= other}[sign]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return _truth(one) is _truth(other)
    numbers = _number(one), _number(other)
    if None not in numbers:
        return numbers[0] == numbers[1]
    return one == other or _text(one) == _text(other)


def _holds(whole: Any, part: Any) -> bool | None:
    if isinstance(whole, list | tuple | Mapping):
        return any(_same(item, part) for item in whole)
    return _text(part) in whole if isinstance(whole, str) else None


def _is_filled(operand: _Operand) -> bool | None:
    return operand.value not in (None, "", [], {}) if operand.kind in ("variable", "literal") else None


def _truth(value: Any) -> bool | None:
    """The truth value that a value says; None where it says none."""
    word = _text(value).strip().lower()
    return True if word in _YES else False if word in _NO else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) < _TOO_LARGE else None
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value.strip()) else None


def _text(value: Any) -> str:
    return "" if value is None else str(value)
