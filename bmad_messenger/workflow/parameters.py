"""A run's parameters as a command line gives them: `--prd-path prd.md --has-ui`, or `--param prd_path=prd.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from bmad_messenger.errors import InvalidError, UsageError
from bmad_messenger.yaml.parse import parse

_TEXT: Final = "string"
_YES_NO: Final = "boolean"
_LIST: Final = "array"


def params_of(
    schemas: Mapping[str, Mapping[str, Any]], words: Sequence[str], assignments: Sequence[str] = ()
) -> dict[str, Any]:
    """The parameters that a command line gives.

    Args:
        schemas: each parameter's JSON Schema, which says how its text is read: text as it stands, a truth value as a
            flag (`--has-ui`, `--no-has-ui`), a list as a flag that is repeated or as YAML, anything else as YAML.
        words: the words of the command line that are flags of the workflow.
        assignments: each a `name=value`.

    Raises:
        UsageError: where a flag is unknown or lacks its value.
        InvalidError: where a value can't be read.
    """
    given: dict[str, list[str]] = {}
    for name, value in (*_flags(schemas, list(words)), *map(_assignment, assignments)):
        given.setdefault(name, []).append(value)
    return {name: _value(name, schemas.get(name, {}), texts) for name, texts in given.items()}


def flag_of(name: str) -> str:
    """How a parameter is written on a command line."""
    return f"--{name.replace('_', '-')}"


def _flags(schemas: Mapping[str, Mapping[str, Any]], words: list[str]) -> list[tuple[str, str]]:
    names = {flag_of(name): name for name in schemas}
    refusals = {f"--no-{flag[2:]}": name for flag, name in names.items() if schemas[name].get("type") == _YES_NO}
    found: list[tuple[str, str]] = []
    while words:
        flag, equals, value = words.pop(0).partition("=")
        if flag in refusals and not equals:
            found.append((refusals[flag], "false"))
            continue
        if flag not in names:
            near = get_close_matches(flag, [*names, *refusals], n=1)
            hint = f"did you mean {near[0]}?" if near else f"the workflow takes {', '.join(names) or 'no parameters'}"
            raise UsageError(f"there is no option {flag!r}", hint=hint)
        name = names[flag]
        if not equals:
            if schemas[name].get("type") == _YES_NO:
                value = "true"
            elif not words:
                raise UsageError(f"{flag} needs a value", hint=f"write it as {flag} VALUE")
            else:
                value = words.pop(0)
        found.append((name, value))
    return found


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--param {text!r} is no assignment", hint="write it as --param name=value")
    return name, value


def _value(name: str, schema: Mapping[str, Any], texts: list[str]) -> Any:
    kind = schema.get("type")
    if kind == _LIST:
        values = [_read(name, text) if text.lstrip().startswith("[") else text for text in texts]
        return values[0] if len(values) == 1 and isinstance(values[0], list) else values
    if len(texts) > 1:
        raise UsageError(f"the parameter {name!r} is given {len(texts)} times", hint="give it once")
    return texts[0] if kind == _TEXT else _read(name, texts[0])


def _read(name: str, text: str) -> Any:
    try:
        return parse(text)
    except InvalidError as error:
        raise InvalidError(f"the parameter {name!r}: {error.problem.message}", hint="put text in quotes") from None
