"""The weighted sum of several pixel losses, and the value of each of them for the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from i2i.config.run_config import PixelLossChoice
from i2i.plugins.protocols import PixelLoss


class StepValues:
    """Values of a step beside the terms of its method: each is the mean over all that are added until it is taken.

    Attributes:
        begun: called with the number of each step that begins.
    """

    def __init__(self) -> None:
        self.begun: list[Callable[[int], None]] = []
        self._sums: dict[str, Tensor] = {}
        self._counts: Counter[str] = Counter()

    def add(self, name: str, value: Tensor) -> None:
        """Add a scalar; no gradient is kept."""
        value = value.detach()
        self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._counts[name] += 1

    def begin(self, step: int) -> None:
        """Begin a step, 0 in the first of a run; forget what is of one that was not finished."""
        self.take()
        for tell in self.begun:
            tell(step)

    def take(self) -> dict[str, Tensor]:
        """Return the means, by name, and begin anew."""
        means = {name: total / self._counts[name] for name, total in self._sums.items()}
        self._sums, self._counts = {}, Counter()
        return means


class PixelLossSum:
    """Several pixel losses as one: a :class:`~i2i.plugins.protocols.PixelLoss`.

    Args:
        losses: by the names under which their values are kept.
        weights: by the same names.
        values: takes the value of each, before its weight.
    """

    def __init__(self, losses: Mapping[str, PixelLoss], weights: Mapping[str, float], values: StepValues) -> None:
        self.losses, self.weights, self.values = losses, weights, values

    def __call__(self, image: Tensor, target: Tensor) -> Tensor:
        """The weighted sum of the distances of two batches ``[N, C, H, W]``, a scalar."""
        terms = []
        for name, loss in self.losses.items():
            value = loss(image, target)
            self.values.add(name, value)
            terms.append(value * self.weights[name])
        return sum(terms[1:], start=terms[0])


def logged_names(choices: Sequence[PixelLossChoice]) -> list[str]:
    """What the log calls the value of each, such as ``"pixel_l1"``; with its number where one is chosen twice."""
    times = Counter(choice.name for choice in choices)
    return [
        f"pixel_{choice.name}" if times[choice.name] == 1 else f"pixel_{choice.name}_{number}"
        for number, choice in enumerate(choices)
    ]
