"""Where training stands."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Position:
    """Where training stands; part of every checkpoint."""

    step: int = 0
    samples: int = 0
    """Samples that all processes together have taken: the position in the data."""
    seconds: float = 0.0
    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Sums of each term since the last line of metrics."""
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    epoch_loss: float = 0.0
    """Sum of the generators' loss over the steps of this epoch, for the plateau schedule."""
    epoch_steps: int = 0

    def advance(self, samples: int, seconds: float) -> None:
        """Take in one step more.

        Args:
            samples: what all processes together took in it.
            seconds: the training time in all.
        """
        self.step += 1
        self.samples += samples
        self.seconds = seconds

    def epochs_ended(self, epoch_length: int, samples: int) -> int:
        """How many epochs ended with the last ``samples``; a large batch may hold several."""
        return self.samples // epoch_length - (self.samples - samples) // epoch_length

    def add(self, terms: Mapping[str, float], generators_loss: float) -> None:
        """Take in the terms of a step, and the part of them that the generators minimise."""
        for name, value in terms.items():
            self.sums[name] += value
            self.counts[name] += 1
        self.epoch_loss += generators_loss
        self.epoch_steps += 1

    def means(self) -> dict[str, float]:
        """The mean of each term since the last line of metrics, in this process."""
        return {name: self.sums[name] / self.counts[name] for name in self.sums}

    def forget_terms(self) -> None:
        """Begin a new line of metrics."""
        self.sums.clear()
        self.counts.clear()

    def used(self, epoch_length: int) -> dict[str, float]:
        """How much of each limit of a budget is used, by its option's name."""
        return {"steps": self.step, "epochs": self.samples / epoch_length, "minutes": self.seconds / 60}

    def begin_epoch(self) -> None:
        """Forget the loss of the epoch that ended."""
        self.epoch_loss, self.epoch_steps = 0.0, 0

    def state_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**vars(self), "sums": dict(self.sums), "counts": dict(self.counts)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Position:
        """The inverse of :meth:`state_dict`.

        Raises:
            ValueError: a count or a time is invalid.
        """
        for name in ("step", "samples", "epoch_steps"):
            if type(state[name]) is not int or state[name] < 0:
                raise ValueError(f"position.{name} must be a number of at least 0; got {state[name]!r}")
        if not (isinstance(state["seconds"], int | float) and 0 <= state["seconds"] < math.inf):
            raise ValueError(f"position.seconds must be a time; got {state['seconds']!r}")
        values = {**state, "sums": defaultdict(float, state["sums"]), "counts": defaultdict(int, state["counts"])}
        return cls(**values)
