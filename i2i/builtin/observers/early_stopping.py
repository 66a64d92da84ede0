"""Ending a run that no longer gets better."""

from __future__ import annotations

import math
from collections.abc import Mapping

from i2i.builtin.observers import EarlyStoppingOptions
from i2i.errors import ConfigError, did_you_mean
from i2i.plugins.protocols import Better, ObservedRun, RunObserver


class EarlyStopping(RunObserver):
    """Asks for the end after ``patience`` evaluations in a row without a better value.

    A resumed run goes on counting where it was: the evaluations before are part of what it is told.

    Args:
        options: which metric, which way, how long.
    """

    def __init__(self, options: EarlyStoppingOptions) -> None:
        self.options = options
        self._better: Better = "higher" if options.better == "higher" else "lower"
        self._best = math.inf
        self._since = 0

    def measuring(self, metrics: Mapping[str, Better]) -> None:
        """Take over which values are better.

        Raises:
            ConfigError: the metric will not be measured, or its better values are the other ones.
        """
        name, better = self.options.metric, self.options.better
        if name not in metrics:
            if not metrics:
                raise ConfigError(f"observer early-stopping watches {name}, and there is no held-out image to measure")
            raise ConfigError(
                f"observers.early-stopping.metric must be what this run measures ({', '.join(metrics)}); got {name!r}; "
                f"--metric NAME measures by another one{did_you_mean(name, metrics)}"
            )
        if better not in ("auto", metrics[name]):
            raise ConfigError(
                f"observers.early-stopping.better is {better}, and of {name} the {metrics[name]} values are better; "
                "leave it out"
            )
        self._better = metrics[name]

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
        value = value if self._better == "lower" else -value
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
