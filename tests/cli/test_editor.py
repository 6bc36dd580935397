"""The user's editor: which one it is, how it is called, and what is said where that fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bmad_messenger import UsageError
from bmad_messenger.cli.editor import users_editor

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a program that writes down its arguments, and ends with an exit code."""

    def make(name: str, code: int = 0) -> Path:
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f'#!/bin/sh\nprintf \'%s\\n\' "$@" > "{tmp_path}/arguments"\nexit {code}\n')
        program.chmod(0o755)
        return program

    return make


@pytest.fixture
def arguments(tmp_path: Path) -> Callable[[], list[str]]:
    """What the program was called with."""
    return lambda: (tmp_path / "arguments").read_text().splitlines()


@pytest.fixture(autouse=True)
def _no_editor(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)


FILE = Path("/a folder/it's $x.yaml")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vim", ["+7", str(FILE)]),
        ("nano", ["+7", str(FILE)]),
        ("emacs", ["+7", str(FILE)]),
        ("hx", [f"{FILE}:7"]),
        ("code", ["--wait", "--goto", f"{FILE}:7"]),
        ("subl", ["--wait", f"{FILE}:7"]),
        ("my-editor", [str(FILE)]),
    ],
)
def test_each_editor_is_told_the_line_in_its_way(
    name: str,
    expected: list[str],
    make: Make,
    arguments: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDITOR", str(make(name)))
    users_editor()(FILE, 7)
    assert arguments() == expected

    users_editor()(FILE, None)
    assert arguments() == [*(["--wait"] if "--wait" in expected else []), str(FILE)]


def test_an_editor_that_is_told_to_wait_is_not_told_twice(
    make: Make, arguments: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", f"{make('code')} -w")
    users_editor()(FILE, None)

    assert arguments() == ["-w", str(FILE)]


@pytest.mark.parametrize(
    ("value", "first"),
    [("{}", []), ("'{}'", []), ("'{}' -n 'a b'", ["-n", "a b"]), ("X=1 '{}' --", ["--"])],
    ids=["as it is", "quoted", "with arguments", "for the shell"],
)
def test_the_value_may_be_a_path_with_blanks_or_a_command(
    value: str, first: list[str], make: Make, arguments: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", value.format(make("my programs/ed it")))
    users_editor()(FILE, None)

    assert arguments() == [*first, str(FILE)]


def test_visual_comes_before_editor_and_what_is_empty_is_not_there(
    make: Make, arguments: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", f"{make('one')} editor")
    for value, expected in ((f"{make('two')} visual", "visual"), ("  ", "editor")):
        monkeypatch.setenv("VISUAL", value)
        users_editor()(FILE, None)
        assert arguments()[0] == expected


def test_without_an_editor_it_is_said_how_to_set_one() -> None:
    with pytest.raises(UsageError, match="set EDITOR"):
        users_editor()


def test_an_editor_that_fails_is_an_error(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", str(make("vim", code=1)))
    with pytest.raises(UsageError, match="ended with exit code 1"):
        users_editor()(FILE, None)


def test_an_editor_that_is_not_there_is_said_not_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "/no/such-editor -x")
    with pytest.raises(UsageError, match="EDITOR names no program"):
        users_editor()(FILE, None)


def test_a_file_that_is_no_program_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes").write_text("words")
    monkeypatch.setenv("EDITOR", str(tmp_path / "notes"))
    with pytest.raises(UsageError, match="can't be started"):
        users_editor()(FILE, None)
