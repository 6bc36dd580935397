"""What a schema finds wrong, in words: where, what was wanted, what was found."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain, islice
from typing import Any, Final, NamedTuple, Protocol

from bmad_messenger.errors import Problem
from bmad_messenger.yaml.parse import Document, Path

MAX_FINDINGS: Final = 100
"""How many findings one check reports; a list of a million wrong items is not worth a million lines."""

_SHOWN: Final = 60  # characters of a found value
_NEAR: Final = 0.8  # how alike, from 0 to 1, a key and its misspelling are


class BrokenRule(Protocol):
    """What is used here of jsonschema's ValidationError: the rule, what it asks for, and the value that breaks it."""

    validator: str | None  # None where the schema is `false`
    validator_value: Any
    instance: Any
    schema: Any
    absolute_path: Iterable[str | int]
    relative_path: Collection[str | int]
    schema_path: Sequence[str | int]
    context: Sequence[BrokenRule]


class Finding(NamedTuple):
    """One thing wrong at `path` of a value; `missing` where a required key is not there."""

    path: Path
    message: str
    hint: str = ""
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """The text that a value came from: the file's name, the parsed text, and where in it the value stands."""

    name: str
    document: Document
    at: Path = ()

    def problem(self, finding: Finding) -> Problem:
        """The finding, with file, line and column."""
        line, column = self.document.place(self.at + finding.path) if self.document.values else (None, None)
        return Problem(finding.message, finding.hint, self.name, line, column)


def report(findings: Iterable[Finding], source: Source | None = None) -> tuple[Problem, ...]:
    """The findings as problems, each once, `MAX_FINDINGS` at most, with their places where the source is known."""
    distinct = tuple(islice(dict.fromkeys(findings), MAX_FINDINGS))
    return tuple(source.problem(f) if source else Problem(f.message, f.hint) for f in distinct)


def findings_of(errors: Iterable[Any], prefix: Path = ()) -> list[Finding]:
    """What jsonschema's errors say, in our words; `prefix` is the path of the value that was validated.

    A misspelt key that a schema does not allow is reported as that, and not a second time as a key that is missing.
    """
    findings: list[Finding] = []
    misspelt: set[Path] = set()
    for error in islice(chain.from_iterable(map(_leaves, errors)), MAX_FINDINGS):
        path = prefix + tuple(error.absolute_path)
        if error.validator == "required":
            findings += _missing_keys(error, path)
        elif error.validator == "additionalProperties" and error.validator_value is False:
            known = error.schema.get("properties", {})
            unknown = [key for key in error.instance if key not in known and not _matches_pattern(key, error.schema)]
            del unknown[MAX_FINDINGS:]
            near = near_misses(unknown, known, error.instance)
            misspelt |= {(*path, key) for key in near.values()}
            findings += [unknown_key(path, key, near.get(key), known) for key in unknown]
        elif error.validator == "dependentRequired":
            findings += _lonely_keys(error, path)
        else:
            findings.append(_finding(error, path))
    return [finding for finding in findings if not (finding.missing and finding.path in misspelt)]


def near_misses(keys: Iterable[str], known: Iterable[str], present: Collection[str]) -> dict[str, str]:
    """Which of the unknown `keys` is a misspelling of which known key that is not `present`."""
    absent = {key.lower(): key for key in known if key not in present}
    misspelt: dict[str, str] = {}
    # Comparing is slow work, so neither a million keys nor one of a million characters is compared.
    for key in islice((key for key in keys if len(key) <= _SHOWN), MAX_FINDINGS):
        swapped = [name for name in absent if sorted(name) == sorted(key.lower())]  # as `wiht`, which few letters hide
        for match in swapped[:1] or get_close_matches(key.lower(), absent, n=1, cutoff=_NEAR):
            misspelt[key] = absent[match]
    return misspelt


def unknown_key(path: Path, key: str, meant: str | None, known: Iterable[str] = ()) -> Finding:
    """The finding for a key that is not known at `path`; `meant` is the known key it is close to."""
    where = f"{show_path(path)}: " if path else ""
    if meant is not None:
        return Finding((*path, key), f"{where}unknown key `{visible(key)}`: did you mean `{meant}`?")
    return Finding((*path, key), f"{where}unknown key `{visible(key)}`", f"the keys are {', '.join(known)}")


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean …? ` for the known name closest to `name`, or nothing."""
    close = get_close_matches(name[:_SHOWN], known, n=1, cutoff=0.5)
    return f"did you mean `{close[0]}`? " if close else ""


def show_path(path: Path) -> str:
    """A path as people write it: `payload.next_actions[2]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _WORD.fullmatch(part) else show(part)
            text += f".{name}" if text else name
    return text


def show(value: Any) -> str:
    """A value in few words: text in quotes and cut short, a collection by its kind alone."""
    if isinstance(value, str):
        return f'"{visible(value)}"'
    if value is None or isinstance(value, bool | float):
        return json.dumps(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 64 else "a very large number"
    if isinstance(value, Mapping):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    return type(value).__name__


def visible(text: str) -> str:
    """`text` on one line, cut to 60 characters, its control characters written out."""
    short = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in short)


def _leaves(error: BrokenRule) -> Iterator[BrokenRule]:
    """The errors worth reporting: where of several branches one alone is of the right kind, those inside it."""
    wrong_kind = {e.schema_path[0] for e in error.context if e.validator == "type" and not e.relative_path}
    inside = [e for e in error.context if e.schema_path[0] not in wrong_kind]
    is_collection = isinstance(error.instance, list | Mapping)
    if is_collection and wrong_kind and len({e.schema_path[0] for e in inside}) == 1:
        for inner in inside:
            yield from _leaves(inner)
    else:
        yield error


def _missing_keys(error: BrokenRule, path: Path) -> list[Finding]:
    """jsonschema gives one error for each missing key, and none says which: so each gives all of them."""
    properties = error.schema.get("properties", {})
    return [
        Finding(
            (*path, key),
            f"{show_path((*path, key))}: required, but missing",
            f"add `{key}`{_description(properties.get(key))}",
            missing=True,
        )
        for key in error.validator_value
        if key not in error.instance
    ]


def _lonely_keys(error: BrokenRule, path: Path) -> Iterator[Finding]:
    """The keys that lack another that they need beside them."""
    for key, needed in error.validator_value.items():
        missing = [one for one in needed if one not in error.instance] if key in error.instance else []
        if missing:
            names = " and ".join(f"`{one}`" for one in missing)
            yield Finding((*path, key), f"{show_path((*path, key))} means nothing without {names}", f"add {names}")


def _matches_pattern(key: str, schema: Mapping[str, Any]) -> bool:
    return any(re.search(pattern, key) for pattern in schema.get("patternProperties", {}))


def _finding(error: BrokenRule, path: Path) -> Finding:
    where = f"{show_path(path)}: " if path else ""
    if error.validator is None:  # the schema is `false`; jsonschema does not say where
        return Finding(path, f"{where}{show(error.instance)} is not allowed here")
    if error.validator == "not" and error.validator_value == {}:  # the same, with room for a reason
        return Finding(path, f"{where}not allowed here", error.schema.get("description", ""))
    return Finding(path, f"{where}wanted {_wanted(error)}, found {_found(error)}")


def _wanted(error: BrokenRule) -> str:
    """What the broken rule asks for, as words that follow "wanted"."""
    rule, value = error.validator, error.validator_value
    if rule in ("anyOf", "oneOf"):
        return _wanted_of_branches(error)
    if rule == "type":
        return _either([_KINDS.get(kind, kind) for kind in ([value] if isinstance(value, str) else value)])
    if rule == "enum":
        return _either([show(item) for item in value])
    if rule == "const":
        return show(value)
    if rule == "pattern":
        return str(error.schema.get("patternErrorMessage") or f"text that matches {show(value)}")
    if rule == "format":
        return _FORMATS.get(value, f"text of the format {show(value)}")
    if rule == "uniqueItems":
        return "nothing twice"
    if rule in _AT_LEAST_ONE and value == 1:
        return _AT_LEAST_ONE[rule]
    if rule in _BOUNDS:
        bound, unit = _BOUNDS[rule]
        return f"{bound} {show(value)}{unit}"
    return f"what the schema's rule `{rule}` asks for ({visible(json.dumps(value, default=repr))})"


def _wanted_of_branches(error: BrokenRule) -> str:
    keys = _alternative_keys(error)
    if keys:
        return f"either {' or '.join(f'`{key}`' for key in keys)}"
    firsts = {e.schema_path[0]: e for e in reversed(error.context)}
    wanted = dict.fromkeys(_wanted(firsts[number]) for number in sorted(firsts))
    return " or ".join(wanted) or f"what one branch alone of the schema's `{error.validator}` asks for"


def _alternative_keys(error: BrokenRule) -> list[str]:
    """The keys of which a schema asks for one, where that is all that its branches ask for."""
    branches = error.validator_value
    if all(isinstance(branch, Mapping) and list(branch) == ["required"] for branch in branches):
        return [key for branch in branches for key in branch["required"]]
    return []


def _either(options: list[str]) -> str:
    *others, last = options[:MAX_FINDINGS] or ["no value at all"]
    return f"{', '.join(others)} or {last}" if others else last


def _found(error: BrokenRule) -> str:
    rule, found = error.validator, error.instance
    if rule in ("anyOf", "oneOf") and _alternative_keys(error):
        return "neither" if error.context else "both"
    if rule == "uniqueItems":
        first = found[:MAX_FINDINGS]
        return next((f"{show(item)} again" for n, item in enumerate(first) if item in first[:n]), "something twice")
    if rule in ("minLength", "maxLength") and found:
        return f"{len(found)} characters"
    return show(found)


def _description(schema: Any) -> str:
    """The first sentence of a schema's description, to follow a word."""
    description = schema.get("description") if isinstance(schema, Mapping) else None
    return f" ({str(description).split('. ')[0].removesuffix('.')})" if description else ""


_WORD: Final = re.compile(r"[A-Za-z0-9_$-]{1,60}")
_KINDS: Final = {
    "string": "text",
    "array": "a list",
    "object": "a mapping",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
_FORMATS: Final = {
    "date-time": "a date and time with its zone, such as 2025-01-15T10:30:00Z",
    "uri": "a URI such as https://example.com",
}
_AT_LEAST_ONE: Final = {
    "minLength": "text that is not empty",
    "minItems": "a list that is not empty",
    "minProperties": "a mapping that is not empty",
}
_BOUNDS: Final = {
    "minLength": ("at least", " characters"),
    "maxLength": ("at most", " characters"),
    "minItems": ("at least", " items"),
    "maxItems": ("at most", " items"),
    "minimum": ("at least", ""),
    "maximum": ("at most", ""),
    "exclusiveMinimum": ("more than", ""),
    "exclusiveMaximum": ("less than", ""),
}
