"""Bringing an image of any size to a size that a generator takes, and its translation back, without resizing."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

SMALLEST_SIDE = 16
"""Shorter sides are padded up to this: networks that halve their input and pad inside refuse the tiniest images."""

Size = tuple[int, int]


def padded_size(size: Size, multiple: int, smallest: int = 1) -> Size:
    """The least ``(height, width)`` that a network takes and that holds an image.

    Args:
        size: height and width of the image.
        multiple: what both sides must be multiples of.
        smallest: what neither side may be below, where that is more than ``SMALLEST_SIDE``.
    """
    height, width = (-(-max(side, SMALLEST_SIDE, smallest) // multiple) * multiple for side in size)
    return height, width


def pad(images: Tensor, size: Size) -> Tensor:
    """Pad ``[N, C, H, W]`` to a ``(height, width)`` that is no smaller, as evenly as can be on both sides.

    A side is mirrored outwards at its edge; where more is needed than the side has to mirror, its edge is repeated.
    """
    height, width = images.shape[2:]
    images = _pad_side(images, 2, size[0] - height)
    return _pad_side(images, 3, size[1] - width)


def crop(images: Tensor, size: Size) -> Tensor:
    """Cut the ``(height, width)`` out of the middle that :func:`pad` put there."""
    top, left = (images.shape[2] - size[0]) // 2, (images.shape[3] - size[1]) // 2
    return images[:, :, top : top + size[0], left : left + size[1]]


def side_padding(size: int, wanted: int) -> tuple[int, int, str]:
    """How :func:`pad` brings one side from ``size`` to ``wanted``: pixels before, pixels after, PyTorch's mode."""
    before = (wanted - size) // 2
    after = wanted - size - before
    return before, after, "reflect" if after < size else "replicate"


def _pad_side(images: Tensor, dimension: int, amount: int) -> Tensor:
    if amount == 0:
        return images
    before, after, mode = side_padding(images.shape[dimension], images.shape[dimension] + amount)
    return F.pad(images, (0, 0, before, after) if dimension == 2 else (before, after, 0, 0), mode=mode)
