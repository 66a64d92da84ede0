"""Ending a run that no longer gets better."""

from __future__ import annotations

import math
from collections.abc import Mapping

from i2i.builtin.observers import EarlyStoppingOptions
from i2i.plugins.protocols import ObservedRun, RunObserver


class EarlyStopping(RunObserver):
    """Asks for the end after ``patience`` evaluations in a row without a better value.

    A resumed run goes on counting where it was: the evaluations before are part of what it is told.

    Args:
        options: which metric, which way, how long.
    """

    def __init__(self, options: EarlyStoppingOptions) -> None:
        self.options = options
        self._best = math.inf
        self._since = 0

    def started(self, run: ObservedRun) -> None:
        """Count the evaluations that there were."""
        for step, metrics in sorted(run.evaluations.items()):
            self.evaluated(step, metrics)

    def evaluated(self, step: int, metrics: Mapping[str, Mapping[str, float]]) -> None:
        """Compare with the best before.

        Raises:
            ValueError: the metric is not among those that were measured.
        """
        name = self.options.metric
        values = [each[name] for each in metrics.values() if name in each]
        if not values:
            known = sorted({key for each in metrics.values() for key in each})
            raise ValueError(f"step {step} was not measured by {name!r}; measured: {', '.join(known) or 'nothing'}")
        value = sum(values) / len(values)
        value = value if self.options.better == "lower" else -value
        if value < self._best - self.options.least_gain:
            self._best, self._since = value, 0
        else:  # also NaN
            self._since += 1

    def stop(self) -> str | None:
        """Say so when patience is at its end."""
        if self._since < self.options.patience:
            return None
        times = "evaluation" if self._since == 1 else "evaluations in a row"
        return f"{self.options.metric} got no better for {self._since} {times}"
