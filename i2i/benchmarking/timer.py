"""Interleaved timing: every candidate once a round, in an order that rotates, so that a slow minute slows them all."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

Call = Callable[[], object]

SAMPLE_SECONDS = 0.005
"""A sample lasts at least this long: a call that is shorter is made several times in a row."""
PAUSE_SECONDS = 0.005
"""Rest before each sample, in which the threads of the candidate before it stop spinning."""
REFRESH_SECONDS = 1.0
"""A call that is shorter is made once, unmeasured, before each sample: the candidate before it has filled the caches
with its own weights, which no run of one network meets."""
FEWEST_ROUNDS, MOST_ROUNDS = 5, 50


@dataclass(frozen=True)
class Summary:
    """A summary of many samples of one quantity, in the quantity's own unit.

    Attributes:
        count: number of samples.
        median: half of the samples lie below.
        lower: first quartile.
        upper: third quartile.
        minimum: smallest sample.
        maximum: largest sample.
    """

    count: int
    median: float
    lower: float
    upper: float
    minimum: float
    maximum: float

    @property
    def spread(self) -> float:
        """Interquartile range as a share of the median: 0.1 means that half of the samples lie within 10 %."""
        return (self.upper - self.lower) / self.median


def summarise(samples: Sequence[float]) -> Summary:
    """Return the quartiles (linear interpolation) and the extremes of at least one sample."""
    if not samples:
        raise ValueError("samples must hold at least one number; got none")
    lower, median, upper = samples[0], samples[0], samples[0]
    if len(samples) > 1:
        lower, median, upper = statistics.quantiles(samples, n=4, method="inclusive")
    return Summary(len(samples), median, lower, upper, min(samples), max(samples))


def ratios(baseline: Sequence[float], candidate: Sequence[float]) -> Summary:
    """Return how many times faster the candidate is than the baseline in the same round."""
    return summarise([slow / fast for slow, fast in zip(baseline, candidate, strict=True)])


@dataclass(frozen=True)
class Timer:
    """Measures calls against each other.

    Attributes:
        seconds: about how long one measurement may take; it decides the number of rounds.
        rounds: the number of rounds where a person chose it.
        synchronize: waits until the device has done its work.
        clock: seconds since some moment.
        sleep: rests for some seconds.
    """

    seconds: float
    rounds: int | None = None
    synchronize: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep

    def measure(self, calls: Mapping[str, Call]) -> dict[str, list[float]]:
        """Return seconds a call for each name, one sample a round; samples of one index belong to one round.

        Each call is warmed up first. The order moves on by one place a round, so that nobody always follows the same.
        """
        if not calls:
            raise ValueError("calls must hold at least one candidate; got none")
        with _no_garbage_collection():
            seconds = {name: self._warm_up(call) for name, call in calls.items()}
            counts = {name: _calls_per_sample(each) for name, each in seconds.items()}
            rounds = self.rounds or self._rounds_for(sum(seconds[name] * counts[name] for name in calls))
            samples: dict[str, list[float]] = {name: [] for name in calls}
            names = list(calls)
            for turn in range(rounds):
                first = turn % len(names)
                for name in names[first:] + names[:first]:
                    self.sleep(PAUSE_SECONDS)
                    if seconds[name] < REFRESH_SECONDS:
                        self._sample(calls[name], 1)
                    samples[name].append(self._sample(calls[name], counts[name]))
        return samples

    def _warm_up(self, call: Call) -> float:
        """Call twice; return the seconds that the second one took, when caches are filled and memory is there."""
        self._sample(call, 1)
        return self._sample(call, 1)

    def _sample(self, call: Call, count: int) -> float:
        self.synchronize()
        begin = self.clock()
        for _ in range(count):
            call()
        self.synchronize()
        return (self.clock() - begin) / count

    def _rounds_for(self, seconds: float) -> int:
        return min(max(int(self.seconds / max(seconds, 1e-9)), FEWEST_ROUNDS), MOST_ROUNDS)


def _calls_per_sample(seconds: float) -> int:
    return max(1, math.ceil(SAMPLE_SECONDS / max(seconds, 1e-9)))


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Keep Python from looking for garbage in the middle of a sample."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
