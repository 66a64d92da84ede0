"""From what networks give to what pictures hold."""

from __future__ import annotations

import torch
from torch import Tensor

from i2i.errors import DivergedError


def to_uint8(images: Tensor) -> Tensor:
    """Map float images of any shape in [-1, 1] to uint8 in 0..255, the way i2i writes every picture.

    -1 becomes 0 and 1 becomes 255; values between go to the nearest of the 256 levels (halves to the even one), values
    outside to the nearest end. The CycleGAN and pix2pix reference implementation truncates instead (it casts
    ``(x + 1) / 2 * 255`` to an integer), which darkens an image by half a level on average and turns an 8-bit image
    that was read, scaled and written again into a slightly different one. Rounding gives the same image back.

    Raises:
        DivergedError: a value is NaN or infinite.
    """
    if not torch.isfinite(images).all():
        raise DivergedError(
            "an image cannot be shown: expected finite values in [-1, 1], got NaN or infinity from the generator; "
            "go back to an earlier checkpoint, lower the learning rate or use full precision"
        )
    return ((images.detach().float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
