"""Hides the values of secrets: what a run keeps, sends and reports holds `***` in their place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Final

_MASK: Final = "***"


def masked(value: Any, secrets: Iterable[str]) -> Any:
    """A value of JSON's types without the values of these environment variables: in texts, in keys, and as numbers."""
    values = {one for name in secrets for one in _forms(os.environ.get(name, ""))}
    return _without(sorted(values, key=len, reverse=True), value) if values else value


def _forms(secret: str) -> set[str]:
    """A secret as it is, and as a program prints it that strips it."""
    return {form for form in (secret, secret.strip()) if form}


def _without(secrets: list[str], value: Any) -> Any:
    """The value without the secrets, the longest first: one may be a part of another."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, _MASK)
        return value
    if isinstance(value, Mapping):
        return {_without(secrets, key): _without(secrets, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without(secrets, item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _MASK if any(secret in str(value) for secret in secrets) else value
    return value
