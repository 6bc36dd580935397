"""A run's parameters as a command line gives them: `--prd-path prd.md --has-ui`, or `--param prd_path=prd.md`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from bmad_messenger.errors import InvalidError, UsageError
from bmad_messenger.yaml.parse import parse

_TEXT: Final = "string"
_YES_NO: Final = "boolean"
_LIST: Final = "array"
_TRUTH: Final = ("true", "false")
_KINDS: Final[Mapping[type, Collection[str]]] = {
    str: (_TEXT,),
    bool: (_YES_NO,),
    int: ("integer", "number"),
    float: ("number",),
    list: (_LIST,),
    dict: ("object",),
    type(None): ("null",),
}


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
    refusals = {f"--no-{flag[2:]}": name for flag, name in names.items() if _kinds(schemas[name]) == {_YES_NO}}
    found: list[tuple[str, str]] = []
    while words:
        word, equals, value = words.pop(0).partition("=")
        flag = f"--{word[2:].replace('_', '-')}" if word.startswith("--") else word
        if flag in refusals and flag not in names and not equals:
            found.append((refusals[flag], "false"))
            continue
        if flag not in names:
            raise _unknown(word, (*names, *refusals))
        name = names[flag]
        if not equals:
            is_flag = _kinds(schemas[name]) == {_YES_NO} and (not words or words[0] not in _TRUTH)
            if not is_flag and not words:
                raise UsageError(f"{flag} needs a value", hint=f"write it as {flag} VALUE")
            value = "true" if is_flag else words.pop(0)
        found.append((name, value))
    return found


def _unknown(word: str, known: Collection[str]) -> UsageError:
    if not word.startswith("-"):
        return UsageError(f"nothing takes the word {word!r}", hint="put a value that has spaces in quotes")
    near = get_close_matches(word, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the workflow takes {', '.join(known) or 'no parameters'}"
    return UsageError(f"there is no option {word!r}", hint=hint)


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--param {text!r} is no assignment", hint="write it as --param name=value")
    return name, value


def _value(name: str, schema: Mapping[str, Any], texts: list[str]) -> Any:
    """The value of a parameter, of the kind that its schema wants as far as the texts allow it."""
    kinds = _kinds(schema)
    if _LIST in kinds and (len(texts) > 1 or kinds == {_LIST}):
        found = _read(name, texts[0]) if len(texts) == 1 and texts[0].lstrip().startswith("[") else None
        items = schema.get("items")
        one = items if isinstance(items, Mapping) else {"type": _TEXT}
        return found if isinstance(found, list) else [_value(name, one, [text]) for text in texts]
    if len(texts) > 1:
        raise UsageError(f"the parameter {name!r} is given {len(texts)} times", hint="give it once")
    text = texts[0]
    if _TEXT not in kinds:
        return _read(name, text)
    if kinds == {_TEXT}:
        return text
    try:
        found = parse(text)
    except InvalidError:
        return text
    return found if kinds.intersection(_KINDS[type(found)]) else text


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    """The kinds of values that a schema allows, as far as it names them."""
    kinds = schema.get("type", ())
    return {kinds} if isinstance(kinds, str) else {*kinds}


def _read(name: str, text: str) -> Any:
    try:
        return parse(text)
    except InvalidError as error:
        raise InvalidError(f"the parameter {name!r}: {error.problem.message}", hint="put text in quotes") from None
