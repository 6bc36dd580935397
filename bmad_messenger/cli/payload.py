"""The payload that a command line describes, by `--payload` and `--set`."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bmad_messenger.cli.sources import read_source, source_name
from bmad_messenger.errors import InvalidError, UsageError
from bmad_messenger.outbox import read_payload
from bmad_messenger.yaml.parse import parse, resolve

if TYPE_CHECKING:
    from bmad_messenger.messenger import Messenger


def payload_of(
    source: str | None, assignments: Sequence[str] | None, limit: int, texts: Collection[str] = ()
) -> dict[str, Any]:
    """The payload that `source` holds, with what the assignments add or replace.

    Args:
        source: YAML or JSON text, `@` and the name of a file, or `-` for stdin.
        assignments: each a `key=value`. A dot in the key goes a level down. A value in brackets, braces or quotes is
            YAML where it can be; any other is a number, true, false, null, or else text as it stands.
        limit: the size in bytes that the source may have.
        texts: the keys whose value is text, whatever it looks like; only quotes around all of it are taken off.

    Raises:
        UsageError: where a file can't be read, or an assignment makes no sense.
        InvalidError: where a text is no YAML, or too large, with its place.
    """
    payload = {} if source is None else _read(source, limit)
    for assignment in assignments or ():
        _assign(payload, assignment, texts)
    return payload


def text_fields(messenger: "Messenger", type: str | None, route: str | None = None) -> set[str]:
    """The payload fields that hold text alone, in a message of that type or on that route.

    Raises:
        InvalidError: where there is no such type or route, naming the nearest.
    """
    routes = messenger.routes.select(route) if route is not None else ()
    types = {type} if type is not None else {one.types[0] for one in routes}
    groups = [*(messenger.types.schema_of(name).get("properties", {}) for name in types), *(r.payload for r in routes)]
    return {
        name
        for fields in groups
        for name, schema in fields.items()
        if isinstance(schema, Mapping) and schema.get("type") == "string"
    }


def _read(source: str, limit: int) -> dict[str, Any]:
    if source == "-" or source.startswith("@"):
        file = source.removeprefix("@")
        return read_payload(read_source(file), limit, source_name(file))
    return read_payload(source, limit, "--payload")


def _assign(payload: dict[str, Any], assignment: str, texts: Collection[str]) -> None:
    name, equals, text = assignment.partition("=")
    *outer, key = name.split(".")
    if not equals or not all((*outer, key)):
        raise UsageError(f"--set {assignment!r} is no assignment", hint="write it as --set key=value")
    for level in outer:
        payload = payload.setdefault(level, {})
        if not isinstance(payload, dict):
            raise UsageError(f"--set {name}: {level!r} holds no keys", hint="give it as a mapping, or leave it out")
    payload[key] = _value(text, name, is_text=name in texts)


def _value(text: str, name: str, *, is_text: bool) -> Any:
    is_quoted = len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]
    if is_text and not is_quoted:
        return text
    if text[:1] in ("[", "{") or is_quoted:
        try:
            return parse(text)
        except InvalidError:  # such as `[draft] hello`
            return text
    try:
        return resolve(text) if text else ""
    except (ValueError, OverflowError):
        hint = f"put it in quotes: {name}='\"…\"'"
        raise UsageError(f"--set {name}: {text[:80]} is out of range", hint=hint) from None
