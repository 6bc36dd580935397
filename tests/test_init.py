"""The public face: every name is there, and nothing is imported before it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import bmad_messenger


@pytest.mark.parametrize("name", bmad_messenger.__all__)
def test_public_name_is_there(name: str) -> None:
    assert getattr(bmad_messenger, name) is not None


def test_every_error_is_public() -> None:
    from bmad_messenger import errors

    defined = {name for name, value in vars(errors).items() if getattr(value, "__module__", "") == errors.__name__}

    assert defined <= set(bmad_messenger.__all__)


def test_public_names_are_listed_before_they_are_imported() -> None:
    assert set(bmad_messenger.__all__) <= set(dir(bmad_messenger))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = bmad_messenger.nonsense


def test_import_loads_no_module_of_the_package() -> None:
    code = "import sys, bmad_messenger; print([name for name in sys.modules if name.startswith('bmad_messenger.')])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"
