"""Thousands of messages a side are merged while a person waits."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bmad_messenger.merge import mappings, merge_queues, reading
from bmad_messenger.merge.sections import Block, cut_mapping

COUNT = 5_000
HALF = COUNT // 2  # where both sides changed each of them
SECONDS = 2.0  # of the processor: what the driver may take


def texts(numbers: range, status: str = "pending") -> list[str]:
    return [
        f'  - message_id: "MSG-20250115-{number:06x}"\n    type: "notify"\n    from: "pm"\n    to: "dev"\n'
        f'    priority: "low"\n    created: "2025-01-15T10:{number % 60:02}:00Z"\n    status: "{status}"\n'
        f'    payload:\n      message: "The schema of table {number} is stable: see the notes"\n'
        for number in numbers
    ]


def queue(items: list[str]) -> str:
    return "messages:\n" + "\n".join(items)


BASE = texts(range(COUNT))
CHANGED = (
    queue(BASE),
    queue([*texts(range(200), "read"), *BASE[200:], *texts(range(COUNT, COUNT + 100))]),
    queue([*BASE[:100], *texts(range(100, 300), "done"), *BASE[300:], *texts(range(COUNT + 100, COUNT + 200))]),
)
ADDED = ("", queue(texts(range(0, 2 * COUNT, 2))), queue(texts(range(1, 2 * COUNT, 2))))


def read_by(items: list[str], agent: str) -> list[str]:
    return [
        item.replace("    payload", f'    read_by: {{{agent}: "2025-01-15T11:00:00Z"}}\n    payload') for item in items
    ]


def in_different_fields(count: int) -> tuple[str, str, str]:
    base = texts(range(count))
    urgent = [item.replace('"low"', '"high"') for item in base]
    return queue(base), queue(read_by(texts(range(count), "read"), "dev")), queue(urgent)


def by_different_agents(count: int) -> tuple[str, str, str]:
    base = texts(range(count))
    return queue(base), queue(read_by(base, "dev")), queue(read_by(base, "architect"))


@pytest.mark.parametrize(
    ("sides", "count"),
    [
        pytest.param(CHANGED, COUNT + 200, id="some changed"),
        pytest.param(ADDED, 2 * COUNT, id="all added"),
        pytest.param(in_different_fields(HALF), HALF, id="all changed in different fields"),
        pytest.param(by_different_agents(HALF), HALF, id="all read by different agents"),
    ],
)
def test_thousands_of_messages_are_merged_in_time(sides: tuple[str, str, str], count: int) -> None:
    start = time.process_time()
    merged = merge_queues(*sides)
    taken = time.process_time() - start

    assert merged.text.count("message_id") == count
    assert taken < SECONDS


@pytest.mark.parametrize("sides", [in_different_fields(9), by_different_agents(9)])
def test_message_of_the_tools_own_shape_takes_no_parser_that_keeps_places(
    sides: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[str] = []

    def counted(text: str, *args: Any, **options: Any) -> Block[str]:
        cut.append(text)
        return cut_mapping(text, *args, **options)

    monkeypatch.setattr(reading, "cut_mapping", counted)
    monkeypatch.setattr(mappings, "cut_mapping", counted)

    merge_queues(*sides)

    assert len(cut) == 4  # what stands around the list: in base, ours, theirs and the merged queue
