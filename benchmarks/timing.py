"""Times several contenders side by side: in turns, in random order, so that a busy moment hits all of them alike."""

from __future__ import annotations

import gc
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Contender:
    """One thing to time.

    `reset` puts back what `run` has changed, and is not timed. A slow contender runs only in every `every`-th round.
    """

    name: str
    run: Callable[[], object]
    reset: Callable[[], object] = lambda: None
    every: int = 1


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as long one contender takes as another: taken round by round, then summed up."""

    median: float
    least: float
    most: float
    pairs: int


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds, by contender and round."""

    seconds: Mapping[str, Mapping[int, float]]

    def median(self, name: str) -> float:
        """The median of a contender, in seconds."""
        return statistics.median(self.seconds[name].values())

    def ratio(self, name: str, other: str) -> Ratio:
        """The time of `name` divided by that of `other`, over the rounds that both ran in."""
        pairs = [
            seconds / self.seconds[other][n] for n, seconds in self.seconds[name].items() if n in self.seconds[other]
        ]
        return Ratio(statistics.median(pairs), min(pairs), max(pairs), len(pairs))


def interleave(contenders: Sequence[Contender], rounds: int) -> Timings:
    """Run every contender once in each round, after one run of each that is not counted."""
    for contender in contenders:
        contender.run()
        contender.reset()
    order = random.Random(0)
    seconds: dict[str, dict[int, float]] = {contender.name: {} for contender in contenders}
    for number in range(rounds):
        taking_part = [contender for contender in contenders if number % contender.every == 0]
        gc.collect()  # here, so that nobody pays for the garbage of another
        for contender in order.sample(taking_part, len(taking_part)):
            start = perf_counter()
            contender.run()
            seconds[contender.name][number] = perf_counter() - start
            contender.reset()
    return Timings(seconds)
