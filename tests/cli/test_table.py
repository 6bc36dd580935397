"""Tables on a terminal: as wide as it is, with every word whole."""

import pytest

from bmad_messenger.cli.table import drawn_table

COLUMNS = ("id", "for")
ROWS = [("MSG-20250115-a1b2", "work passes on, with its context"), ("MSG-20250115-c3d4", "[red]all[/red]")]


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")


def test_long_cells_are_wrapped_between_words() -> None:
    lines = drawn_table(COLUMNS, ROWS, colour=False).splitlines()

    assert lines[1].split() == ["MSG-20250115-a1b2", "work", "passes", "on,"]
    assert max(map(len, lines)) <= 40


def test_ids_stay_whole_on_the_narrowest_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")

    assert "MSG-20250115-a1b2" in drawn_table(COLUMNS, ROWS, colour=False)


def test_cells_are_no_markup() -> None:
    assert "[red]all[/red]" in drawn_table(COLUMNS, ROWS, colour=False)
