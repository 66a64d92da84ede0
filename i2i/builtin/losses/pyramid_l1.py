"""The mean absolute error of Gaussian pyramids (Burt and Adelson 1983), for pairs that are a little out of place."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PyramidL1Loss(nn.Module):
    """The mean absolute error of two images at several sizes, of which the coarsest counts most.

    A level is the one before it, blurred by the outer product of ``[1, 4, 6, 4, 1] / 16`` with itself, edges reflected,
    and halved; the finest is the image itself, blurred, and the coarsest is not blurred again. The weight doubles from
    level to level, from ``2 ** -(halvings + 1)``, and is 1 for the coarsest: 1/64, 1/32, 1/16, 1/8, 1/4 and 1 for five
    halvings, as in the pyramid loss of Li et al., "Adaptive Supervised PatchNCE Loss" (MICCAI 2023), whose code
    divides by the number of levels where this divides by the sum of the weights, to stay an average.

    Args:
        halvings: how often the size is halved.
    """

    def __init__(self, halvings: int = 5) -> None:
        super().__init__()
        self.weights = [*(2.0 ** (level - halvings - 1) for level in range(halvings)), 1.0]
        row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
        self.kernel: Tensor
        self.register_buffer("kernel", row.outer(row)[None, None], persistent=False)  # [1, 1, 5, 5]

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        """The distance of two batches ``[N, C, H, W]``, a float32 scalar, or float64 for float64.

        Raises:
            ValueError: the shapes differ, or H or W is at most ``2 ** halvings``.
        """
        halvings = len(self.weights) - 1
        if image.shape != target.shape:
            raise ValueError(f"image and target must have one shape; got {list(image.shape)} and {list(target.shape)}")
        if min(image.shape[-2:]) <= 2**halvings:
            raise ValueError(
                f"images must have height and width of more than {2**halvings} to be halved {halvings} times; "
                f"got {image.shape[-2]}x{image.shape[-1]}; use larger images or fewer halvings"
            )
        exact = torch.promote_types(torch.promote_types(image.dtype, target.dtype), torch.float32)
        with torch.autocast(image.device.type, enabled=False):
            # A pyramid is linear, so that the difference of two is the pyramid of the difference.
            level = (image.to(exact) - target.to(exact)).flatten(0, 1)[:, None]  # [N * C, 1, H, W]
            total = level.new_zeros(())
            for weight in self.weights[:-1]:
                level = F.conv2d(F.pad(level, (2, 2, 2, 2), mode="reflect"), self.kernel.to(exact))
                total = total + weight * level.abs().mean()
                level = level[:, :, ::2, ::2]  # [N * C, 1, ceil(H / 2), ceil(W / 2)]
            return (total + self.weights[-1] * level.abs().mean()) / sum(self.weights)
