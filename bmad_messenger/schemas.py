"""The JSON Schemas of bmad-messenger and of a project, and what a value breaks of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from posixpath import basename
from typing import TYPE_CHECKING, Any, Final

from bmad_messenger.findings import Finding, findings_of, show, show_path
from bmad_messenger.message import parse_time
from bmad_messenger.shipped import shipped
from bmad_messenger.yaml.parse import Path

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, FormatChecker
    from referencing import Registry, Resource

BASE: Final = "https://bmad-messenger.dev/schemas/"
"""Where the `$id` of every shipped schema begins; nothing is fetched from there."""

SUFFIX: Final = ".schema.json"
"""How the file of a schema ends; what it describes stands before it."""

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


@cache
def read_schema(name: str) -> Mapping[str, Any]:
    """The shipped schema of that name, as in `payload/handoff`, whole in itself: what it refers to stands in it."""
    raw = _raw(name)
    schema: dict[str, Any] = _inlined({key: part for key, part in raw.items() if key != "$defs"}, name)
    return {**schema, "$schema": DIALECT, "$id": raw["$id"]}


def validator_of(schema: Mapping[str, Any]) -> Draft202012Validator:
    """A validator for a schema that is known to be one; its references reach the shipped schemas and itself."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema, registry=_registry(), format_checker=_format_checker())


@cache
def shipped_validator(reference: str) -> Draft202012Validator:
    """The validator of a shipped schema or a part of one, as in `message.schema.json#/$defs/stored`."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator(_inlined({"$ref": reference}, ""), format_checker=_format_checker())


def violations(validator: Draft202012Validator, value: Any, prefix: Path = ()) -> list[Finding]:
    """What `value` breaks of the validator's schema, all of it together (but no endless list)."""
    try:
        return findings_of(validator.iter_errors(value), prefix)
    except RecursionError:
        return [Finding(prefix, "the schema refers to itself without end", "let its `$ref` apply to a part of a value")]


def schema_violations(schema: Any, prefix: Path = ()) -> list[Finding]:
    """What keeps `schema` from being a JSON Schema, draft 2020-12, that can be used without a network."""
    from jsonschema import Draft202012Validator

    if not isinstance(schema, Mapping):
        return [Finding(prefix, f"wanted a mapping with the rules of a JSON Schema, found {show(schema)}")]
    if schema.get("$schema", DIALECT) not in (DIALECT, f"{DIALECT}#"):
        return [Finding((*prefix, "$schema"), f"$schema: wanted {show(DIALECT)}, found {show(schema['$schema'])}")]
    meta = Draft202012Validator(Draft202012Validator.META_SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return violations(meta, schema, prefix) or [*_broken_references(schema, prefix)]


@cache
def _raw(name: str) -> dict[str, Any]:
    """The shipped schema of that name as its file has it, with its references."""
    schema: dict[str, Any] = json.loads(shipped(f"schemas/{name}.schema.json").read_text(encoding="utf-8"))
    return schema


def _inlined(part: Any, name: str) -> Any:
    """A part of the shipped schema `name`, each reference replaced by what it refers to.

    Looking a reference up costs jsonschema more than checking by what it finds; and an editor may have no network.
    """
    if isinstance(part, list):
        return [_inlined(item, name) for item in part]
    if not isinstance(part, dict):
        return part
    rest = {key: _inlined(value, name) for key, value in part.items() if key not in ("$ref", "$id", "$schema")}
    if not isinstance(part.get("$ref"), str):
        return rest
    file, _, pointer = part["$ref"].partition("#")
    folder = "payload/" if "payload/" in file else ""
    home = f"{folder}{basename(file).removesuffix(SUFFIX)}" or name
    target = _raw(home)
    for step in pointer.split("/")[1:]:
        target = target[step]
    found = _inlined(target, home)
    return {**found, **rest} if _NOTES.issuperset(rest) else {"allOf": [found], **rest}


@cache
def _registry() -> Registry[Any]:
    """Finds the shipped schemas by their `$id`, and nothing else: a schema never makes the program use the network."""
    from referencing import Registry

    registry: Registry[Any] = Registry(retrieve=_retrieve)  # type: ignore[call-arg] # an alias that mypy can't see
    return registry


@cache
def _retrieve(uri: str) -> Resource[Any]:
    """The shipped schema of that `$id`. What is raised where there is none makes the reference unresolvable."""
    from referencing.jsonschema import DRAFT202012

    name = _SHIPPED.fullmatch(uri)
    if name is None:
        raise LookupError(uri)
    return DRAFT202012.create_resource(_raw(name[1]))


@cache
def _format_checker() -> FormatChecker:
    """jsonschema's checks of formats, with our own for those that it leaves to packages that may be missing."""
    from jsonschema import FormatChecker

    checker = FormatChecker()
    checker.checks("date-time", raises=(ValueError, OverflowError))(_is_time)
    checker.checks("uri")(_is_uri)
    return checker


def _is_time(value: object) -> bool:
    """RFC 3339, as far as a message's time can hold it. ValueError or OverflowError where it can't."""
    if not isinstance(value, str):
        return True
    return _TIME.fullmatch(value) is not None and bool(parse_time(value))


def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or _URI.fullmatch(value) is not None


def _broken_references(schema: Mapping[str, Any], prefix: Path) -> Iterator[Finding]:
    from referencing.jsonschema import DRAFT202012

    resource = DRAFT202012.create_resource(schema)
    yield from _broken_in(schema, _registry().resolver_with_root(resource), prefix)


def _broken_in(part: Any, resolver: Any, path: Path) -> Iterator[Finding]:
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    if isinstance(part, list):
        for number, item in enumerate(part):
            yield from _broken_in(item, resolver, (*path, number))
    if not isinstance(part, Mapping):
        return
    if path and isinstance(part.get("$id"), str):
        resolver = resolver.in_subresource(DRAFT202012.create_resource(part))
    for key, value in part.items():
        if key in ("$ref", "$dynamicRef") and isinstance(value, str):
            try:
                resolver.lookup(value)
            except Unresolvable:
                where = (*path, key)
                yield Finding(
                    where,
                    f"{show_path(where)}: {show(value)} is not here, and nothing is fetched from the network",
                    "refer to a part of this file (`#/$defs/…`) or to a schema of bmad-messenger",
                )
        elif key not in _VALUES:
            yield from _broken_in(value, resolver, (*path, key))


_SHIPPED: Final = re.compile(re.escape(BASE) + r"((?:payload/)?[a-z]+)\.schema\.json")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")
_VALUES: Final = ("const", "default", "enum", "examples")  # what holds values, not schemas
_NOTES: Final = frozenset({"title", "description", "examples"})
"""The keywords that only describe; any other beside a reference adds to what it asks for."""
