"""The `{project-root}` and `{{variable}}` of an `<exec>`: what counts as one, and what stands behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from bmad_messenger.errors import InvalidError

PLACEHOLDER: Final = r"(?P<escape>\\?)(?:\{\{(?P<double>[^{}\n]*)\}\}|(?<!\$)\{(?P<single>[A-Za-z_][\w-]*)\})"
"""A regular expression for a variable's place: anything between two braces, or a name between single ones.

`\\{name}` and `\\{{name}}` keep the text behind the backslash, and `${name}` belongs to shells and stays too.
"""

_PLACEHOLDER: Final = re.compile(PLACEHOLDER)
_MAX_DEPTH: Final = 32
_MAX_LENGTH: Final = 1_048_576


def resolve_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables, with the variables inside their values replaced.

    A value is text from outside: what looks like a variable in it and names none stays as it is.

    Raises:
        InvalidError: where a variable leads back to itself, or the chain or its text grows out of hand.
    """
    resolved: dict[str, str] = {}
    for name in variables:
        _resolve(name, variables, resolved, ())
    return resolved


def placeholder_name(match: re.Match[str]) -> str | None:
    """The variable that a match of `PLACEHOLDER` asks for; None where a backslash makes it plain text."""
    if match["escape"]:
        return None
    double: str | None = match["double"]
    return match["single"] if double is None else double.strip()


def unknown_variable(name: str, variables: Mapping[str, str]) -> tuple[str, str]:
    """What is wrong with asking for `name`, and what to do about it."""
    shown = name[:80]
    near = get_close_matches(shown, variables, n=1, cutoff=0.6)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return f"there is no variable {shown!r}", f"{meant}set it with --var NAME=VALUE, or write \\{{ for a plain brace"


def _resolve(name: str, variables: Mapping[str, str], resolved: dict[str, str], trail: tuple[str, ...]) -> str:
    if name in resolved:
        return resolved[name]
    trail = (*trail, name)
    if name in trail[:-1]:
        circle = " → ".join(trail[trail.index(name) :])
        raise InvalidError(f"the variable {name!r} leads back to itself: {circle}", hint="write one of them out")
    if len(trail) > _MAX_DEPTH:
        raise InvalidError(f"the variable {trail[0]!r} goes through more than {_MAX_DEPTH} others", hint="flatten it")

    def replacement(match: re.Match[str]) -> str:
        inner = placeholder_name(match)
        if inner is None:
            return match[0][1:]
        return _resolve(inner, variables, resolved, trail) if inner in variables else match[0]

    value = _PLACEHOLDER.sub(replacement, variables[name])
    if len(value) > _MAX_LENGTH:
        raise InvalidError(f"the variable {name!r} grows to more than {_MAX_LENGTH} characters", hint="shorten it")
    resolved[name] = value
    return value
