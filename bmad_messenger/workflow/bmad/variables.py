"""The variables of a BMAD workflow file: its own keys, those of its config, and what the command line gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bmad_messenger.exec_reader import resolve_variables
from bmad_messenger.exec_reader.variables import PLACEHOLDER, placeholder_name
from bmad_messenger.message import format_time
from bmad_messenger.workflow.bmad.instructions import names_in

CONFIG_SOURCE: Final = "config_source"
ITERATION: Final = "iteration"
"""How many times the step in hand has begun: a variable like any other, unless there is another of that name."""
NESTED: Final = "variables"
"""The key under which a file may keep some of its variables."""

_GENERATED: Final = "system-generated"
_OR: Final = " || "
_PLACEHOLDER: Final = re.compile(PLACEHOLDER)
_FROM_CONFIG: Final = re.compile(r"\{config_source\}:(?P<key>[A-Za-z_][\w-]*)")


@dataclass(frozen=True, slots=True)
class Variables:
    """What `{name}` and `{{name}}` stand for.

    `values` are as conditions see them. `declared` are the names of those that are not only on the command line,
    `open_ones` of those in which a name is left that stands for nothing.
    """

    values: Mapping[str, Any]
    declared: frozenset[str] = frozenset()
    open_ones: frozenset[str] = frozenset()

    def filled(self, text: str, more: Mapping[str, Any]) -> str:
        """A text with the variables that are known; the others stay visible."""

        def replacement(match: re.Match[str]) -> str:
            name = placeholder_name(match)
            if name is None or (name not in self.values and name not in more):
                return match[0]
            return as_text(self.values[name] if name in self.values else more[name])

        return _PLACEHOLDER.sub(replacement, text)

    def texts(self, more: Mapping[str, Any]) -> dict[str, str]:
        """The variables without the open ones, as an `<exec>` takes them: nothing in a value is filled in again."""
        known = {name: value for name, value in {**more, **self.values}.items() if name not in self.open_ones}
        return {name: _PLACEHOLDER.sub(lambda match: f"\\{match[0]}", as_text(value)) for name, value in known.items()}


def resolve(
    mapping: Mapping[str, Any],
    around: Mapping[str, str],
    given: Mapping[str, Any],
    now: datetime,
    read_config: Callable[[str], Mapping[str, Any]],
    exists: Callable[[str], bool],
) -> Variables:
    """The variables of a workflow file; of two with one name that which is given counts, then the file's.

    Args:
        mapping: what the file says.
        around: the variables of the project.
        given: those of the command line.
        now: the time of `system-generated`.
        read_config: gives the config in the file of a path.
        exists: whether there is a file of a path; it chooses between alternatives, `a || b`.

    Raises:
        InvalidError: where a variable leads back to itself, or the config can't be read.
    """
    in_file = _own(mapping, now)
    own = {name: value for name, value in in_file.items() if name not in given}
    fixed = {**around, **{name: as_text(value) for name, value in given.items()}}
    config = _config(own, fixed, read_config)
    texts = {
        **around,
        **{name: f"{{{{{_in_config(name)}}}}}" for name in config},
        **{_in_config(name): _config_text(value, config) for name, value in config.items()},
        **{name: _own_text(name, value, config) for name, value in own.items()},
        **{name: as_text(value) for name, value in given.items()},
    }
    found = resolve_variables(texts)
    values = {name: text for name, text in found.items() if name not in map(_in_config, config)}
    values |= {name: value for name, value in config.items() if name not in {**own, **given} and not _is_text(value)}
    values |= {name: _value(value, found[name], found, exists) for name, value in own.items()}
    values |= {name: value for name, value in given.items() if not _is_text(value)}
    declared = frozenset((*around, *config, *in_file))
    return Variables(values, declared, frozenset(name for name in own if names_in(as_text(values[name]))))


def as_text(value: Any) -> str:
    """A variable's value as text."""
    if value is None or isinstance(value, Mapping):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(as_text, value)) if isinstance(value, list | tuple) else str(value)


def _own(mapping: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The keys of the file that are variables: whatever is no mapping, and those that it keeps apart."""
    apart = mapping.get(NESTED)
    found = {**(apart if isinstance(apart, Mapping) else {}), **mapping}
    generated = {name: format_time(now) for name, value in found.items() if value == _GENERATED}
    return {
        name: generated.get(name, value)
        for name, value in found.items()
        if not isinstance(value, Mapping) and not (isinstance(value, list) and any(map(_is_nested, value)))
    } | ({"date": f"{now:%Y-%m-%d}"} if "date" in generated else {})


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping | list)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _config(
    own: Mapping[str, Any], fixed: Mapping[str, str], read_config: Callable[[str], Mapping[str, Any]]
) -> Mapping[str, Any]:
    """What the file of `config_source` says, where the workflow names one."""
    if CONFIG_SOURCE not in {**own, **fixed}:
        return {}
    texts = {**{name: _own_text(name, value, {}) for name, value in own.items()}, **fixed}
    path = resolve_variables(texts)[CONFIG_SOURCE]
    return {name: value for name, value in read_config(path).items() if not _is_nested(value) or _is_flat(value)}


def _is_flat(value: Any) -> bool:
    return isinstance(value, list) and not any(map(_is_nested, value))


def _in_config(name: str) -> str:
    """What a variable of the config is called beside one of the file with the same name."""
    return f"{CONFIG_SOURCE}:{name}"


def _config_text(value: Any, config: Mapping[str, Any]) -> str:
    """A value of the config, the variables in it being first of all the config's."""

    def replacement(match: re.Match[str]) -> str:
        name = placeholder_name(match)
        return f"{{{{{_in_config(name)}}}}}" if name in config and name is not None else match[0]

    return _PLACEHOLDER.sub(replacement, as_text(value))


def _own_text(key: str, value: Any, config: Mapping[str, Any]) -> str:
    """A value of the file, in which what it takes from the config is a variable like any other."""

    def from_config(match: re.Match[str]) -> str:
        return f"{{{{{_in_config(match['key'])}}}}}" if match["key"] in config else f"\\{match[0]}"

    def own_name(match: re.Match[str]) -> str:
        if placeholder_name(match) != key:
            return match[0]
        return f"{{{{{_in_config(key)}}}}}" if key in config else f"\\{match[0]}"

    return _PLACEHOLDER.sub(own_name, _FROM_CONFIG.sub(from_config, as_text(value)))


def _value(value: Any, text: str, found: Mapping[str, str], exists: Callable[[str], bool]) -> Any:
    """What a key of the file comes to, `text` being its text with the variables filled in."""
    if isinstance(value, list):
        return [Variables(found).filled(item, {}) if isinstance(item, str) else item for item in value]
    if not isinstance(value, str):
        return value
    choices = [part.strip().strip("'\"") for part in text.split(_OR)]
    if len(choices) == 1 or "{" not in value:
        return text
    known = [choice for choice in choices if not names_in(choice)]
    return next((choice for choice in known if exists(choice)), (known or choices)[0])
