"""Thousands of messages a side are merged while a person waits."""

from __future__ import annotations

import time

import pytest

from bmad_messenger.merge import merge_queues

COUNT = 5_000
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


@pytest.mark.parametrize(("sides", "count"), [(CHANGED, COUNT + 200), (ADDED, 2 * COUNT)])
def test_thousands_of_messages_are_merged_in_time(sides: tuple[str, str, str], count: int) -> None:
    start = time.process_time()
    merged = merge_queues(*sides)
    taken = time.process_time() - start

    assert merged.text.count("message_id") == count
    assert taken < SECONDS
