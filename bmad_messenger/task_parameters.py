"""What a task takes: its parameters, as a JSON Schema or its signature says, and whether values fit them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from bmad_messenger.errors import InvalidError
from bmad_messenger.findings import Finding, near_misses, report, show, unknown_key
from bmad_messenger.task_marks import FIELDS, SCHEMA
from bmad_messenger.yaml.parse import Path, parse, resolve

_TYPES: Final[Mapping[Any, str]] = {str: "string", int: "integer", float: "number", bool: "boolean", None: "null"}
_PLAIN: Final[Mapping[str, tuple[tuple[type, ...], str]]] = {
    "string": ((str,), "text"),
    "integer": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a task: the JSON Schema of its value, and whether it is needed."""

    schema: Mapping[str, Any]
    is_required: bool


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a task takes, by name. `schema` is that of all together, where the task has one; `is_open` says that it
    takes others, too.
    """

    by_name: Mapping[str, Parameter]
    schema: Mapping[str, Any] | None = None
    is_open: bool = False

    def findings(self, task: str, given: Mapping[str, Any], unknown: Collection[str], at: Path) -> Iterator[Finding]:
        """What is wrong with the parameters that `task` is given.

        Args:
            task: its name.
            given: the parameters.
            unknown: the names of those whose values are not known yet; these are not looked at.
            at: the path of the parameters.
        """
        unknown_names = () if self.is_open else [name for name in given if name not in self.by_name]
        meant = near_misses(unknown_names, self.by_name, ())
        for name, value in given.items():
            if name not in self.by_name:
                if name in unknown_names:
                    yield unknown_key(at, name, meant.get(name), self.by_name)
            elif name not in unknown and value is not None:
                try:
                    as_wanted(name, value, self.by_name[name])
                except InvalidError as error:
                    yield Finding((*at, name), error.problem.message, error.problem.hint)
        for name, one in self.by_name.items():
            if one.is_required and given.get(name) is None and name not in meant.values():
                yield Finding(at, f"{task} needs the parameter {name!r}", f"add `{name}`")

    def fitted(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters as the task takes them: text becomes a number or a truth value where no text is wanted.

        Raises:
            InvalidError: where one is of the wrong kind, or they break the task's schema together.
        """
        params = {
            name: as_wanted(name, value, self.by_name[name]) if name in self.by_name else value
            for name, value in given.items()
            if value is not None
        }
        if self.schema is not None and (findings := _violations(self.schema, params)):
            raise InvalidError.of(report(findings), "")
        return params


def parameters_of(function: Callable[..., Any]) -> Parameters:
    """What a task takes.

    Raises:
        InvalidError: where its JSON Schema is none.
    """
    schema = getattr(function, SCHEMA, None)
    if schema is None:
        kinds = [one.kind for one in inspect.signature(function).parameters.values()]
        is_open = inspect.Parameter.VAR_KEYWORD in kinds and not hasattr(function, FIELDS)
        return Parameters(dict(_signed(function)), is_open=is_open)
    from bmad_messenger.schemas import schema_violations

    if broken := schema_violations(schema):
        message = f"the JSON Schema of the task {function.__name__} is broken: {broken[0].message}"
        raise InvalidError(message, hint="mend the plugin that adds it")
    required = schema.get("required", ())
    by_name = {name: Parameter(one, name in required) for name, one in schema.get("properties", {}).items()}
    is_open = any(schema.get(word) for word in ("additionalProperties", "patternProperties"))
    return Parameters(by_name, schema, is_open=is_open)


def as_wanted(name: str, value: Any, parameter: Parameter) -> Any:
    """A parameter's value as its schema wants it.

    Raises:
        InvalidError: where it is of another kind.
    """
    schema = parameter.schema
    if not schema:
        return value
    if list(schema) == ["type"] and schema["type"] in _PLAIN:  # most are, and jsonschema costs start-up
        return _as_plain(name, value, schema["type"])
    found = _violations(schema, value, (name,))
    if found and isinstance(value, str):
        with suppress(InvalidError):
            read = parse(value)
            if read is not None and not _violations(schema, read, (name,)):
                return read
    if found:
        raise InvalidError.of(report(found), "")
    return value


def _as_plain(name: str, value: Any, kind: str) -> Any:
    types, words = _PLAIN[kind]
    found = value
    if kind != "string" and isinstance(value, str) and value:
        with suppress(ValueError):  # a number that JSON can't hold stays text, and is refused as that
            found = resolve(value)
    if found is None or (isinstance(found, types) and (kind == "boolean" or not isinstance(found, bool))):
        return found
    raise InvalidError(f"{name}: wanted {words}, found {show(value)}", hint="mend the param")


def _violations(schema: Mapping[str, Any], value: Any, prefix: Path = ()) -> list[Finding]:
    from bmad_messenger.schemas import validator_of, violations

    return violations(validator_of(schema), value, prefix)


def _signed(function: Callable[..., Any]) -> Iterator[tuple[str, Parameter]]:
    """The parameters after the messenger that have a name."""
    for one in list(inspect.signature(function).parameters.values())[1:]:
        if one.kind is one.VAR_KEYWORD:
            kind = getattr(function, FIELDS, None)
            for field in fields(kind) if kind is not None else ():
                yield field.name, Parameter({"type": "string"} if field.type == "str | None" else {}, False)
        elif one.kind is not one.VAR_POSITIONAL:
            schema = _schema_of(_annotation(one.annotation, function))
            yield one.name, Parameter(schema, one.default is one.empty)


def _annotation(annotation: Any, function: Callable[..., Any]) -> Any:
    """An annotation that may be written as text; Any where it names what can't be found."""
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, getattr(function, "__globals__", {}))
    except Exception:  # noqa: BLE001  # it is only for type checkers then
        return Any


def _schema_of(annotation: Any) -> dict[str, Any]:
    """The JSON Schema of an annotation's values, as far as it has one; None is not among them: it means "not given"."""
    if annotation is type(None) or annotation in _TYPES:
        return {"type": _TYPES.get(annotation, "null")}
    origin, arguments = get_origin(annotation) or annotation, get_args(annotation)
    if origin is Annotated:
        return _schema_of(arguments[0])
    if origin is Literal:
        return {"enum": [*arguments]}
    if origin in (Union, UnionType):
        branches = [_schema_of(one) for one in arguments if one is not type(None)]
        return branches[0] if len(branches) == 1 else {"anyOf": branches} if all(branches) else {}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        values = _schema_of(arguments[1]) if len(arguments) == 2 else {}
        return {"type": "object", **({"additionalProperties": values} if values else {})}
    if isinstance(origin, type) and issubclass(origin, Sequence | set | frozenset) and origin is not bytes:
        items = _schema_of(arguments[0]) if arguments and arguments[1:] in ((), (...,)) else {}
        return {"type": "array", **({"items": items} if items else {})}
    return {}
