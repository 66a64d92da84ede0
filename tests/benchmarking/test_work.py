"""Operations are counted as the formulas of the convolutions say."""

from __future__ import annotations

import pytest
import torch

from i2i.benchmarking.blocks import make_blocks, make_images
from i2i.benchmarking.work import block_direct_flops, block_winograd_flops, count_flops, inference_tile


def test_direct_operations_of_a_block_are_those_that_pytorch_counts():
    shape = (2, 16, 8, 12)
    (block,) = make_blocks(1, 16, torch.device("cpu"))
    x = make_images(shape, torch.device("cpu")).requires_grad_()

    assert count_flops(lambda: block(x)) == block_direct_flops(shape)
    assert count_flops(lambda: block(x).sum().backward()) == block_direct_flops(shape, training=True)


@pytest.mark.parametrize(("height", "width", "tile"), [(64, 64, 6), (128, 128, 6), (8, 8, 4), (6, 6, 6), (4, 4, 4)])
def test_tiles_are_large_where_that_saves_products(height, width, tile):
    assert inference_tile(height, width) == tile


def test_winograd_does_a_quarter_of_the_products_where_tiles_fit():
    # F(4x4, 3x3): 36 products for 16 pixels instead of 144. The backward pass has twice as many tiles' products.
    direct, winograd = block_direct_flops((1, 16, 8, 8)), block_winograd_flops((1, 16, 8, 8))

    assert winograd * 4 == direct
    assert block_winograd_flops((1, 16, 8, 8), training=True) == 3 * winograd


def test_channels_are_counted_as_the_kernels_round_them_up():
    assert block_winograd_flops((1, 10, 8, 8)) == block_winograd_flops((1, 16, 8, 8))
