"""A generator with everything around it, as one module from images to images that can be traced for all sizes at once.

:mod:`i2i.tensors.padding` and :mod:`i2i.tensors.pixels` say the same for tensors whose sizes are known. Here a size is
a symbol, so that no branch may depend on it: padding and cropping are gathers by computed indices.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from i2i.tensors.padding import SMALLEST_SIDE
from i2i.tensors.pixels import to_levels, to_unit


class ImageGraph(nn.Module):
    """From 8-bit images ``[N, H, W, in_channels]``, uint8, to ``[N, H, W, out_channels]``, uint8, of the same size.

    Args:
        network: the generator, ``[N, C, H, W]`` to ``[N, C', H, W]`` in [-1, 1], in evaluation mode.
        multiple: what it wants H and W to be multiples of.
        smallest: the least H and W that it takes.
    """

    def __init__(self, network: nn.Module, multiple: int, smallest: int = 1) -> None:
        super().__init__()
        self.network = network
        self.multiple = multiple
        self.smallest = smallest

    def forward(self, images: Tensor) -> Tensor:
        """Pad and scale, translate, round to the nearest level (halves to the even one) and crop."""
        # Padded while a value is one byte.
        padded, kept_rows, kept_columns = _padded(images, self.multiple, self.smallest, (1, 2))
        translations: Tensor = self.network(to_unit(padded.permute(0, 3, 1, 2).float()))
        levels = to_levels(translations).to(torch.uint8).permute(0, 2, 3, 1)
        return levels.index_select(1, kept_rows).index_select(2, kept_columns)  # while a value is one byte


class TensorGraph(nn.Module):
    """From tensors ``[N, in_channels, H, W]``, float32 in [-1, 1], to ``[N, out_channels, H, W]`` of the same size.

    Args:
        network: the generator, in evaluation mode.
        multiple: what it wants H and W to be multiples of.
        smallest: the least H and W that it takes.
    """

    def __init__(self, network: nn.Module, multiple: int, smallest: int = 1) -> None:
        super().__init__()
        self.network = network
        self.multiple = multiple
        self.smallest = smallest

    def forward(self, images: Tensor) -> Tensor:
        """Pad, translate, crop."""
        padded, kept_rows, kept_columns = _padded(images, self.multiple, self.smallest, (2, 3))
        translations: Tensor = self.network(padded)
        return translations.index_select(2, kept_rows).index_select(3, kept_columns)


def _padded(images: Tensor, multiple: int, smallest: int, places: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Images that are padded, and which rows and columns of them are the images again.

    Args:
        images: of any layout.
        multiple: what H and W must be multiples of.
        smallest: what they must not be below.
        places: the dimensions that are H and W.
    """
    height, width = images.shape[places[0]], images.shape[places[1]]
    rows, top = _padding(height, multiple, smallest, images)
    columns, left = _padding(width, multiple, smallest, images)
    padded = images.index_select(places[0], rows).index_select(places[1], columns)
    # A slice would keep the strides of what it is cut from, and the trace would hold for some sizes only.
    kept_rows = torch.arange(height, device=images.device) + top
    kept_columns = torch.arange(width, device=images.device) + left
    return padded, kept_rows, kept_columns


def _padding(side: int, multiple: int, smallest: int, images: Tensor) -> tuple[Tensor, int]:
    """Which rows (or columns) of an image make up the padded one, and how many are before the first.

    Args:
        side: height or width, a number or a symbol.
        multiple: what the padded side must be a multiple of.
        smallest: what it must not be below.
        images: whose device is taken.
    """
    at_least: int = torch.sym_max(side, max(SMALLEST_SIDE, smallest))  # type: ignore[no-untyped-call]
    longer = (at_least + multiple - 1) // multiple * multiple  # no negative numbers: ONNX rounds those the other way
    before = (longer - side) // 2
    after = longer - side - before
    places = torch.arange(longer, device=images.device) - before
    last = torch.full((1,), side - 1, dtype=torch.int64, device=images.device)
    needed = torch.full((1,), after, dtype=torch.int64, device=images.device)
    first = torch.zeros((1,), dtype=torch.int64, device=images.device)
    mirrored = torch.maximum(last - _magnitude(last - _magnitude(places)), first)
    repeated = torch.maximum(places, first).minimum(last)
    return torch.where(needed <= last, mirrored, repeated), before


def _magnitude(places: Tensor) -> Tensor:
    """``abs`` of whole numbers, which OpenCV has for floats alone, as it has ``clamp``."""
    return torch.maximum(places, -places)
