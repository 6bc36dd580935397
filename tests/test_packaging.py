"""What is shipped: the wheel and the source distribution are whole, and the wheel works away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = str(tmp_path_factory.mktemp("wheel"))
    (path,) = WheelBuilder(str(ROOT)).build(directory=folder, versions=["standard"])
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def unpacked(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    wheel.extractall(folder)
    return folder


@pytest.mark.parametrize("folder", ["schemas", "workflows"])
def test_wheel_contains_every_file_of(folder: str, wheel: zipfile.ZipFile) -> None:
    files = {f"bmad_messenger/shipped/{name}" for name in _files(folder)}

    assert files
    assert files <= set(wheel.namelist())


def test_wheel_tells_type_checkers_that_it_is_typed(wheel: zipfile.ZipFile) -> None:
    assert "bmad_messenger/py.typed" in wheel.namelist()


def test_wheel_contains_nothing_but_the_package(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"bmad_messenger"}


@pytest.mark.parametrize("folder", ["bmad_messenger", "docs", "schemas", "tests", "workflows"])
def test_source_distribution_contains_every_file_of(folder: str, tmp_path: Path) -> None:
    (path,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(path) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}

    assert _files(folder) <= names


@pytest.mark.parametrize("folder", ["schemas", "workflows"])
def test_unpacked_wheel_finds_its_own(folder: str, unpacked: Path, tmp_path: Path) -> None:
    code = f"from bmad_messenger.shipped import shipped; print(shipped({folder!r}))"

    assert _run("-c", code, path=unpacked, cwd=tmp_path) == str(unpacked / "bmad_messenger" / "shipped" / folder)


def test_unpacked_wheel_runs_as_a_module(unpacked: Path, tmp_path: Path) -> None:
    assert "send-message" in _run("-m", "bmad_messenger", "--help", path=unpacked, cwd=tmp_path)


def _files(folder: str) -> set[str]:
    files = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in files}


def _run(*arguments: str, path: Path, cwd: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(path)}
    run = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()
