"""Mean and variance of planes that are seen tile by tile."""

from __future__ import annotations

import torch
from torch import Tensor

VALUES_AT_ONCE = 1 << 20


class PlaneStatistics:
    """Mean and variance of each group of channels over all pixels, in float64.

    Each part is centred on its own mean before it is squared, and parts are combined by the formula of Chan, Golub and
    LeVeque ("Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979, equation 2.1), so that
    nothing cancels however large the mean is. Parts are combined in the order in which they come. NaN stays NaN.

    Args:
        groups: the channels are divided into this many groups, each with a mean and a variance of its own.
    """

    def __init__(self, groups: int) -> None:
        self.groups = groups
        self.count = 0
        self.mean = torch.zeros(groups, dtype=torch.float64)
        self._squares = torch.zeros(groups, dtype=torch.float64)

    def add(self, tile: Tensor) -> None:
        """Take in ``[1, C, h, w]``, C a multiple of the groups; each pixel of the plane exactly once."""
        _, channels, height, width = tile.shape
        rows = max(1, VALUES_AT_ONCE // (channels * width))
        for top in range(0, height, rows):
            self._add(tile[0, :, top : top + rows])

    def _add(self, part: Tensor) -> None:
        values = torch.unflatten(part, 0, (self.groups, -1)).double()
        mean = values.mean((1, 2, 3), keepdim=True)
        squares = (values - mean).square_().sum((1, 2, 3)).cpu()
        mean, count = mean.flatten().cpu(), values[0].numel()
        difference = mean - self.mean
        total = self.count + count
        self.mean = self.mean + difference * (count / total)
        self._squares = self._squares + squares + difference.square() * (self.count * count / total)
        self.count = total

    @property
    def variance(self) -> Tensor:
        """The mean square distance from the mean (biased), float64 ``[groups]``."""
        return self._squares / self.count
