"""One JSON Schema of the whole queue without outside references, which an editor can use offline."""

from __future__ import annotations

from posixpath import basename
from typing import Any, Final

from bmad_messenger.schemas import read_schema

_SUFFIX: Final = ".schema.json"


def queue_schema() -> dict[str, Any]:
    """The queue's schema with every schema that it refers to under `$defs`."""
    definitions: dict[str, Any] = {}
    schema = _embedded(read_schema("queue"), "queue", definitions)
    assert isinstance(schema, dict)  # the shipped schema is an object
    return {**schema, "$defs": definitions}


def _embedded(part: Any, name: str, definitions: dict[str, Any]) -> Any:
    """A part of the schema called `name` that refers to `definitions` alone, which grows by what it refers to."""
    if isinstance(part, list):
        return [_embedded(item, name, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    copy = {key: _embedded(value, name, definitions) for key, value in part.items() if key != "$id"}
    if isinstance(part.get("$ref"), str):
        file, _, pointer = part["$ref"].partition("#")
        target = basename(file).removesuffix(_SUFFIX) or name
        if target not in definitions:
            definitions[target] = {}  # marks it as begun: schemas may refer to each other
            source = read_schema(target if "payload/" not in file else f"payload/{target}")
            definitions[target] = _embedded(source, target, definitions)
        copy["$ref"] = f"#/$defs/{target}{pointer}"
    return copy
