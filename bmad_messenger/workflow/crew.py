"""Does several steps of a run at once, each in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Final, Generic, TypeVar

from bmad_messenger.workflow.run import Place

Outcome = TypeVar("Outcome")

_MOST: Final = 8


class Crew(Generic[Outcome]):
    """The steps that are in hand.

    The threads don't keep the process alive: who ends it does not wait for them.
    """

    def __init__(self) -> None:
        self._results: SimpleQueue[tuple[Place, object, Outcome | BaseException]] = SimpleQueue()
        self._jobs: dict[Place, object] = {}

    def __contains__(self, place: Place) -> bool:
        return place in self._jobs

    def __iter__(self) -> Iterator[Place]:
        return iter([*self._jobs])

    def __bool__(self) -> bool:
        return bool(self._jobs)

    @property
    def free(self) -> int:
        """How many more can be taken in hand."""
        return _MOST - len(self._jobs)

    def begin(self, place: Place, work: Callable[[], Outcome]) -> None:
        """Let a thread do this work."""
        job = self._jobs[place] = object()
        context = copy_context()

        def do() -> None:
            try:
                result: Outcome | BaseException = context.run(work)
            except BaseException as error:  # noqa: BLE001  # `next` raises it
                result = error
            self._results.put((place, job, result))

        threading.Thread(target=do, name=str(place), daemon=True).start()

    def next(self, timeout: float | None = None) -> tuple[Place, Outcome | BaseException] | None:
        """What came of one of them, as soon as it is done; None where nothing comes in so many seconds."""
        while self._jobs:
            try:
                place, job, result = self._results.get(timeout=timeout)
            except Empty:
                return None
            if self._jobs.get(place) is job:  # not one that was given up
                del self._jobs[place]
                return place, result
        return None

    def give_up(self, place: Place) -> None:
        """Don't wait any more for what comes of a place; the thread can't be stopped, and goes on."""
        self._jobs.pop(place, None)
