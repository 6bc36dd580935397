"""What a linter does not check: short files that say what they are for, a whole README, and no trace of a machine."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmad_messenger.cli.group import COMMANDS, UNLISTED

ROOT = Path(__file__).resolve().parents[1]
CODE = sorted(path for folder in ("bmad_messenger", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
LONGEST_FILE = 500  # lines

# Paths that begin in someone's home or in a work folder; what precedes tells them from the middle of another path.
_MACHINE_PATH = re.compile(r"(?<![\w.}>-])/(?:home|Users|root|work)/\w|\b[A-Z]:\\Users\\")


def test_files_are_short() -> None:
    lengths = {_name(path): len(path.read_text("utf-8").splitlines()) for path in CODE}

    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_files_say_what_they_are_for() -> None:
    assert [_name(path) for path in CODE if not ast.get_docstring(_tree(path))] == []


def test_no_exception_is_passed_over() -> None:
    assert [place for path in CODE for place in _silent_handlers(path)] == []


def test_readme_lists_the_commands_there_are() -> None:
    section = (ROOT / "README.md").read_text("utf-8").partition("\n## Commands\n")[2].partition("\n## ")[0]
    documented = re.findall(r"^\| `([a-z-]+(?: [a-z-]+)?)", section, re.M)

    assert sorted(documented) == sorted(name for name in COMMANDS if name not in UNLISTED)


def test_readme_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / "README.md").read_text("utf-8"))

    assert [link for link in links if not (ROOT / link).exists()] == []


def test_no_file_names_a_place_on_a_machine() -> None:
    assert [place for path in _project_files() for place in _machine_paths(path)] == []


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), filename=str(path))


def _silent_handlers(path: Path) -> Iterator[str]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ExceptHandler) and all(_does_nothing(statement) for statement in node.body):
            yield f"{_name(path)}:{node.lineno}"


def _does_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _project_files() -> list[Path]:
    """Every file that git holds or is about to."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listing.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def _machine_paths(path: Path) -> Iterator[str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        return
    for number, line in enumerate(lines, 1):
        if str(ROOT) in line or _MACHINE_PATH.search(line):
            yield f"{_name(path)}:{number}: {line.strip()[:80]}"
