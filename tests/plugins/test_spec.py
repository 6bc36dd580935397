"""The hooks that plugins can implement: all that are promised, each typed and documented."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from bmad_messenger.plugins import spec

PROMISED = {
    "message_types",
    "routes",
    "tasks",
    "commands",
    "before_send",
    "after_send",
    "before_receive",
    "after_read",
    "before_close",
    "after_close",
    "after_change",
    "sync",
}
HOOKS = {name: hook for name, hook in vars(spec).items() if hasattr(hook, f"{spec.NAME}_spec")}


def test_there_are_the_hooks_that_are_promised() -> None:
    assert HOOKS.keys() == PROMISED


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_a_hook_is_typed_and_documents_each_parameter(hook: Callable[..., Any]) -> None:
    signature, documentation = inspect.signature(hook), inspect.getdoc(hook) or ""

    assert signature.return_annotation is not inspect.Signature.empty
    for name, parameter in signature.parameters.items():
        assert parameter.annotation is not inspect.Parameter.empty
        assert f"\n    {name}: " in documentation
