"""From plain values to YAML text, in the reference's style: block form, double quotes, plain words in lists."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

INDENT: Final = 2
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)


def render_mapping(mapping: Mapping[str, Any], indent: int) -> list[str]:
    """The lines (without line ends) of a block mapping whose keys stand at column `indent` (from 0).

    Raises:
        ValueError: where a value is none of JSON's.
    """
    lines: list[str] = []
    for key, value in mapping.items():
        lines += render_entry(key, value, indent)
    return lines


def render_entry(key: str, value: Any, indent: int) -> list[str]:
    """The lines of one `key: value`, its key at column `indent`."""
    name = render_key(key)
    margin = " " * indent
    if isinstance(value, str) and _fits_literal(value):
        return [f"{margin}{name}: {_literal_mark(value)}", *_literal_lines(value, indent + INDENT)]
    if isinstance(value, Mapping) and value:
        return [f"{margin}{name}:", *render_mapping(value, indent + INDENT)]
    if _is_list(value) and value:
        return [f"{margin}{name}:", *_render_list(value, indent + INDENT)]
    return [f"{margin}{name}: {render_inline(value)}"]


def render_inline(value: Any, *, plain: bool = False) -> str:
    """A value on one line, in flow form; with `plain`, text stands without quotes where that is safe."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _render_float(value)
    if isinstance(value, str):
        return value if plain and is_plain(value) else quote(value)
    if isinstance(value, Mapping):
        entries = (f"{render_key(key)}: {render_inline(item)}" for key, item in value.items())
        return "{" + ", ".join(entries) + "}"
    if _is_list(value):
        return "[" + ", ".join(render_inline(item) for item in value) + "]"
    raise ValueError(f"{type(value).__name__} is not a value that YAML and JSON share")


def render_key(key: Any) -> str:
    """A mapping's key: a plain word where it is one."""
    if not isinstance(key, str):
        raise ValueError(f"the key {key!r} is not text")
    return key if _PLAIN_KEY.fullmatch(key) and key.lower() not in _RESERVED else quote(key)


def quote(text: str, style: str = '"') -> str:
    """`text` as a scalar in that style of quotes (`"`, `'` or none), in double quotes where it would not fit.

    Raises:
        ValueError: where the text holds half a surrogate pair, which no file can store.
    """
    if style == "'" and _PRINTABLE.fullmatch(text):
        return "'" + text.replace("'", "''") + "'"
    if style == "" and is_plain(text):
        return text
    if _SURROGATE.search(text):
        raise ValueError("the text holds half a surrogate pair (U+D800 to U+DFFF)")
    return _ESCAPED.sub(lambda match: _escape(match[0]), _ENCODER.encode(text))


def is_plain(text: str) -> bool:
    """Whether `text` can stand without quotes and be text for every reader of YAML 1.1 or 1.2."""
    return bool(_PLAIN.fullmatch(text)) and text.lower() not in _RESERVED and ": " not in text and " #" not in text


def _render_list(items: Sequence[Any], indent: int) -> list[str]:
    margin = " " * indent
    lines: list[str] = []
    for item in items:
        if isinstance(item, str) and _fits_literal(item):
            lines += [f"{margin}- {_literal_mark(item)}", *_literal_lines(item, indent + INDENT)]
        elif isinstance(item, Mapping) and item:
            first, *rest = render_mapping(item, indent + INDENT)
            lines += [f"{margin}- {first.lstrip(' ')}", *rest]
        elif _is_list(item) and item:
            first, *rest = _render_list(item, indent + INDENT)
            lines += [f"{margin}- {first.lstrip(' ')}", *rest]
        else:
            lines.append(f"{margin}- {render_inline(item, plain=True)}")
    return lines


def _render_float(number: float) -> str:
    text = repr(number)
    if text in ("inf", "-inf", "nan"):
        raise ValueError(f"{text} is not a number that JSON can hold")
    mantissa, exponent, power = text.partition("e")
    return text if not exponent or "." in mantissa else f"{mantissa}.0e{power}"


def _fits_literal(text: str) -> bool:
    """Whether a block scalar shows `text` better than one quoted line, and exactly."""
    if "\n" not in text.rstrip("\n") or text[0] in " \n\t" or text.endswith("\n\n"):
        return False
    return bool(_LITERAL.fullmatch(text)) and not any(line and line.isspace() for line in text.split("\n"))


def _literal_mark(text: str) -> str:
    return "|" if text.endswith("\n") else "|-"


def _literal_lines(text: str, indent: int) -> list[str]:
    return [f"{' ' * indent}{line}" if line else "" for line in text.removesuffix("\n").split("\n")]


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


# What JSON leaves raw and YAML should not: controls of the C1 block, other line ends, and marks that hide text.
_HIDDEN: Final = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff"
_ESCAPED: Final = re.compile(f"[{_HIDDEN}]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_PRINTABLE: Final = re.compile(f"[^\x00-\x1f{_HIDDEN}\ud800-\udfff]*")
_LITERAL: Final = re.compile(f"[^\x00-\x08\x0b-\x1f{_HIDDEN}\ud800-\udfff]*")
_PLAIN: Final = re.compile(r"[^\W\d_](?:[\w ./()+=@,;'-]|:(?=\S))*(?<! )")
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_RESERVED: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
