"""`send` and `receive` through the Python API, beside a naive round trip, libyaml and the floor."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Final

from live_queue import MESSAGE, RECIPIENT, LiveQueue, write_durably
from ruamel.yaml import YAML
from timing import Contender

MESSENGER: Final = "bmad-messenger"
ROUND_TRIP: Final = "ruamel.yaml round trip"
LIBYAML: Final = "libyaml load"
FLOOR: Final = "floor"

RECEIVED: Final = 10
"""How many messages one receive marks read."""

ROUND_TRIP_UP_TO: Final = 1000  # messages: beyond, one run takes most of a minute


def senders(folder: Path, queue: LiveQueue, size: int) -> list[Contender]:
    """Who adds one message to the queue; the floor writes the same bytes, and the archive's file too."""
    sent = queue.messenger.send(**MESSAGE)
    after = queue.path.read_bytes()
    record = queue.messenger.archive.path(sent.message_id).read_bytes()
    queue.restore()
    numbers = count()

    def write_floor() -> None:
        write_durably(folder / "floor.yaml", after)
        write_durably(folder / f"record-{next(numbers)}.yaml", record)

    def add(messages: list[Any]) -> None:
        messages.append(sent.to_mapping())

    return [
        Contender(MESSENGER, lambda: queue.messenger.send(**MESSAGE), queue.restore),
        Contender(FLOOR, write_floor),
        *_parsers(folder / "sent.yaml", queue.content, size, add),
    ]


def receivers(folder: Path, queue: LiveQueue, size: int) -> list[Contender]:
    """Who takes ten messages and marks them read; libyaml only loads. The floor writes the same bytes."""

    def take(messages: list[Any]) -> None:
        for message in messages[:RECEIVED]:
            message["status"] = "read"

    contenders = [
        Contender(MESSENGER, lambda: queue.messenger.receive(RECIPIENT, limit=RECEIVED), queue.restore),
        *_parsers(folder / "received.yaml", queue.content, size, take),
    ]
    if size:  # a receive that finds nothing writes nothing
        queue.messenger.receive(RECIPIENT, limit=RECEIVED)
        after = queue.path.read_bytes()
        queue.restore()
        contenders.append(Contender(FLOOR, lambda: write_durably(folder / "floor.yaml", after)))
    return contenders


def _parsers(path: Path, content: bytes, size: int, edit: Callable[[list[Any]], None]) -> list[Contender]:
    write_durably(path, content)
    load = Contender(LIBYAML, lambda: YAML(typ="safe").load(path), every=6 if size > ROUND_TRIP_UP_TO else 1)
    if size > ROUND_TRIP_UP_TO:
        return [load]
    reset = lambda: write_durably(path, content)  # noqa: E731
    return [load, Contender(ROUND_TRIP, lambda: _round_trip(path, edit), reset, every=6 if size >= 1000 else 1)]


def _round_trip(path: Path, edit: Callable[[list[Any]], None]) -> None:
    """What one writes first: load the file, change the list, dump it; then make that durable like the others."""
    yaml = YAML()
    document = yaml.load(path)
    edit(document["messages"])
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        yaml.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
