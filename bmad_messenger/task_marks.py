"""What a task's function says of the parameters it takes where its signature can't; read by `task_parameters`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

SCHEMA: Final = "parameters_schema"
FIELDS: Final = "parameters_fields"
"""The attributes of the function that hold what it says."""


def task(*, schema: Mapping[str, Any]) -> Callable[[Function], Function]:
    """Say what a task takes by a JSON Schema, where the annotations of its parameters can't.

    Args:
        schema: that of an object, draft 2020-12; its properties are the parameters. The task takes others where it has
            `additionalProperties` or `patternProperties`.
    """

    def mark(function: Function) -> Function:
        setattr(function, SCHEMA, schema)
        return function

    return mark


def takes_fields_of(kind: type[Any]) -> Callable[[Function], Function]:
    """Say that the `**params` of a task are the fields of a dataclass; those of other tasks are any."""

    def mark(function: Function) -> Function:
        setattr(function, FIELDS, kind)
        return function

    return mark
