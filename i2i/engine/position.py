"""Where training stands."""

from __future__ import annotations

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

    def state_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**vars(self), "sums": dict(self.sums), "counts": dict(self.counts)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Position:
        """The inverse of :meth:`state_dict`."""
        values = {**state, "sums": defaultdict(float, state["sums"]), "counts": defaultdict(int, state["counts"])}
        return cls(**values)
