"""The payload that a command line describes, by `--payload` and `--set`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bmad_messenger.errors import InvalidError, UsageError
from bmad_messenger.outbox import read_payload
from bmad_messenger.yaml.parse import parse, resolve


def payload_of(source: str | None, assignments: Sequence[str] | None, limit: int) -> dict[str, Any]:
    """The payload that `source` holds, with what the assignments add or replace.

    Args:
        source: YAML or JSON text, `@` and the name of a file, or `-` for stdin.
        assignments: each a `key=value`. A dot in the key goes a level down. A value in brackets, braces or quotes is
            YAML; any other is a number, true, false, null, or else text as it stands.
        limit: the size in bytes that the source may have.

    Raises:
        UsageError: where a file can't be read, or an assignment makes no sense.
        InvalidError: where a text is no YAML, or too large, with its place.
    """
    payload = {} if source is None else _read(source, limit)
    for assignment in assignments or ():
        _assign(payload, assignment)
    return payload


def _read(source: str, limit: int) -> dict[str, Any]:
    if source == "-":
        return read_payload(_decoded(sys.stdin.buffer.read(), "stdin"), limit, "stdin")
    if not source.startswith("@"):
        return read_payload(source, limit, "--payload")
    name = source[1:]
    try:
        content = Path(name).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"can't read the payload from {name!r}: {reason}", hint="name a readable file") from None
    return read_payload(_decoded(content, name), limit, name)


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidError("not UTF-8", hint="save it as UTF-8", path=name, line=line) from None


def _assign(payload: dict[str, Any], assignment: str) -> None:
    name, equals, text = assignment.partition("=")
    *outer, key = name.split(".")
    if not equals or not all((*outer, key)):
        raise UsageError(f"--set {assignment!r} is no assignment", hint="write it as --set key=value")
    for level in outer:
        payload = payload.setdefault(level, {})
        if not isinstance(payload, dict):
            raise UsageError(f"--set {name}: {level!r} holds no keys", hint="give it as a mapping, or leave it out")
    payload[key] = _value(text, name)


def _value(text: str, name: str) -> Any:
    is_quoted = len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]
    if text[:1] in ("[", "{") or is_quoted:
        return parse(text, path=f"--set {name}")
    try:
        return resolve(text) if text else ""
    except (ValueError, OverflowError):
        hint = f"put it in quotes: {name}='\"…\"'"
        raise UsageError(f"--set {name}: {text[:80]} is out of range", hint=hint) from None
