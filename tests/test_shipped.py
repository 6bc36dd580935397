"""What comes with the program is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmad_messenger import shipped as module
from bmad_messenger.shipped import shipped


@pytest.mark.parametrize("name", ["schemas", "schemas/message.schema.json", "workflows/routes.yaml"])
def test_it_is_there(name: str) -> None:
    assert shipped(name).exists()


def test_in_a_wheel_it_is_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PACKAGE", tmp_path / "bmad_messenger")
    (tmp_path / "bmad_messenger" / "shipped" / "schemas").mkdir(parents=True)

    assert shipped("schemas") == tmp_path / "bmad_messenger" / "shipped" / "schemas"


def test_in_a_checkout_it_stands_beside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PACKAGE", tmp_path / "bmad_messenger")

    assert shipped("schemas") == tmp_path / "schemas"
