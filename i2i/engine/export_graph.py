"""A generator with everything around it, as one module from images to images that can be traced for all sizes at once.

:mod:`i2i.engine.padding` and :mod:`i2i.engine.pixels` say the same for tensors whose sizes are known. Here a size is a
symbol, so that no branch may depend on it: padding and cropping are gathers by computed indices.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from i2i.engine.padding import SMALLEST_SIDE


class ImageGraph(nn.Module):
    """From 8-bit images ``[N, H, W, in_channels]``, uint8, to ``[N, H, W, out_channels]``, uint8, of the same size.

    Args:
        network: the generator, ``[N, C, H, W]`` to ``[N, C', H, W]`` in [-1, 1], in evaluation mode.
        multiple: what it wants H and W to be multiples of.
    """

    def __init__(self, network: nn.Module, multiple: int) -> None:
        super().__init__()
        self.inner = TensorGraph(network, multiple)

    def forward(self, images: Tensor) -> Tensor:
        """Scale, translate, round to the nearest level (halves to the even one)."""
        tensors = (images.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
        translations: Tensor = (self.inner(tensors) + 1) * 127.5
        return translations.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


class TensorGraph(nn.Module):
    """From tensors ``[N, in_channels, H, W]``, float32 in [-1, 1], to ``[N, out_channels, H, W]`` of the same size.

    Args:
        network: the generator, in evaluation mode.
        multiple: what it wants H and W to be multiples of.
    """

    def __init__(self, network: nn.Module, multiple: int) -> None:
        super().__init__()
        self.network = network
        self.multiple = multiple

    def forward(self, images: Tensor) -> Tensor:
        """Pad, translate, crop."""
        height, width = images.shape[2:]
        rows, top = _padding(height, self.multiple, images)
        columns, left = _padding(width, self.multiple, images)
        translations: Tensor = self.network(images.index_select(2, rows).index_select(3, columns))
        # A slice would keep the strides of what it is cut from, and the trace would hold for some sizes only.
        kept_rows = torch.arange(height, device=images.device) + top
        kept_columns = torch.arange(width, device=images.device) + left
        return translations.index_select(2, kept_rows).index_select(3, kept_columns)


def _padding(side: int, multiple: int, images: Tensor) -> tuple[Tensor, int]:
    """Which rows (or columns) of an image make up the padded one, and how many are before the first.

    Args:
        side: height or width, a number or a symbol.
        multiple: what the padded side must be a multiple of.
        images: whose device is taken.
    """
    at_least: int = torch.sym_max(side, SMALLEST_SIDE)  # type: ignore[no-untyped-call]
    longer = (at_least + multiple - 1) // multiple * multiple  # no negative numbers: ONNX rounds those the other way
    before = (longer - side) // 2
    after = longer - side - before
    places = torch.arange(longer, device=images.device) - before
    last = torch.full((1,), side - 1, dtype=torch.int64, device=images.device)
    needed = torch.full((1,), after, dtype=torch.int64, device=images.device)
    mirrored = (last - _magnitude(last - _magnitude(places))).clamp(min=0)
    repeated = places.clamp(min=0).minimum(last)
    return torch.where(needed <= last, mirrored, repeated), before


def _magnitude(places: Tensor) -> Tensor:
    """``abs``, which OpenCV has for floats alone."""
    return torch.maximum(places, -places)
