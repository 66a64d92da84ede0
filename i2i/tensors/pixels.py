"""Between what networks give and what pictures hold; the scaling itself is in :mod:`i2i.images.scaling`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from i2i.errors import DivergedError
from i2i.images.scaling import EIGHT_BITS, SIXTEEN_BITS, to_unit, unrounded_levels

__all__ = [
    "EIGHT_BITS",
    "SIXTEEN_BITS",
    "to_levels",
    "to_picture",
    "to_pixels",
    "to_uint8",
    "to_unit",
    "unrounded_levels",
]


def to_uint8(images: Tensor) -> Tensor:
    """Map float images of any shape in [-1, 1] to uint8 in 0..255, the way i2i writes every picture.

    As :func:`to_levels` does; values outside go to the nearest end.

    Raises:
        DivergedError: a value is NaN or infinite.
    """
    if not torch.isfinite(images).all():
        raise DivergedError(
            "an image cannot be shown: expected finite values in [-1, 1], got NaN or infinity from the generator; "
            "go back to an earlier checkpoint, lower the learning rate or use full precision"
        )
    return to_levels(images.detach().float()).to(torch.uint8)


def to_levels(images: Tensor, top: int = EIGHT_BITS) -> Tensor:
    """Map finite float images of any shape in [-1, 1] to whole numbers 0..``top``, as floats of the same type.

    -1 becomes 0 and 1 becomes ``top``; values between go to the nearest level (halves to the even one), values outside
    to the nearest end. The CycleGAN and pix2pix reference implementation truncates instead (it casts
    ``(x + 1) / 2 * 255`` to an integer), which darkens an image by half a level on average and turns an 8-bit image
    that was read, scaled and written again into a slightly different one. Rounding gives the same image back.
    """
    return unrounded_levels(images, top).round().clamp(0, top)


def to_pixels(image: Tensor) -> npt.NDArray[np.uint8]:
    """Turn ``[C, H, W]`` in [-1, 1] into pixels ``[H, W, C]`` of uint8; ``[H, W]`` where C is 1.

    Raises:
        DivergedError: as :func:`to_uint8`.
    """
    pixels: npt.NDArray[np.uint8] = to_uint8(image).permute(1, 2, 0).contiguous().cpu().numpy()
    return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels


def to_picture(images: Tensor, *, deep: bool = False) -> Image.Image:
    """Turn ``[1, C, H, W]`` in [-1, 1], C 1 or 3, into a picture of mode ``L`` or ``RGB``; grey and deep: ``I;16``."""
    if deep and images.shape[1] == 1:
        levels = to_levels(images[0, 0].detach().double(), SIXTEEN_BITS).cpu().numpy()
        return Image.fromarray(levels.astype(np.uint16))
    return Image.fromarray(to_pixels(images[0]))
