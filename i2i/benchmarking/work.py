"""How much arithmetic a case is: as direct convolutions, and as the Winograd products that the kernels really do."""

from __future__ import annotations

from collections.abc import Callable

from torch.utils.flop_counter import FlopCounterMode

from i2i.ops.residual_block import CHANNEL_MULTIPLE

TRAINING_TILE = 4
"""Side of the output tiles in training, in pixels."""


def block_direct_flops(shape: tuple[int, int, int, int], *, training: bool = False) -> int:
    """Count the multiplications and additions of a residual block on ``[N, C, H, W]`` as direct 3x3 convolutions.

    A backward pass has twice the work of a forward pass: one convolution for the gradient of the input and one for
    that of the filters.
    """
    batch, channels, height, width = shape
    forward = 2 * 2 * 9 * batch * channels * channels * height * width
    return 3 * forward if training else forward


def block_winograd_flops(shape: tuple[int, int, int, int], *, training: bool = False) -> int:
    """Count the multiplications and additions of the products inside the CPU kernels' Winograd convolutions.

    F(m x m, 3x3) makes ``(m + 2)**2`` products of a tile of m x m pixels (Lavin and Gray, CVPR 2016, section 4.1). The
    transforms before and after are left out.
    """
    return 3 * _products(shape, TRAINING_TILE) if training else _products(shape, inference_tile(*shape[2:]))


def inference_tile(height: int, width: int) -> int:
    """Return the side of the output tiles in inference, by the rule of ``best_tile`` of csrc/cpu/residual_block.

    6 where that saves more than a twentieth of the products, else 4.
    """
    small, large = (_tiles(height, width, tile) * (tile + 2) ** 2 for tile in (4, 6))
    return 6 if large * 100 < small * 95 else 4


def count_flops(work: Callable[[], object]) -> int:
    """Do some work in PyTorch's own operators and count its products' multiplications and additions, all direct."""
    with FlopCounterMode(display=False) as counter:
        work()
    total: int = counter.get_total_flops()
    return total


def _products(shape: tuple[int, int, int, int], tile: int) -> int:
    batch, channels, height, width = shape
    padded = -(-channels // CHANNEL_MULTIPLE) * CHANNEL_MULTIPLE
    points = (tile + 2) ** 2
    return 2 * 2 * batch * _tiles(height, width, tile) * points * padded * padded


def _tiles(height: int, width: int, tile: int) -> int:
    return -(-height // tile) * -(-width // tile)
