"""What a translator should give, from its generator alone, and how near that is."""

import numpy as np
import torch

from i2i.tensors.pixels import to_uint8


def as_tensor(array):
    return (torch.from_numpy(array).permute(2, 0, 1).float() / 255 - 0.5) / 0.5


@torch.no_grad()
def by_hand(generator, array):
    """The generator on ``[H, W, C]`` of uint8 whose sides it can take, as uint8."""
    return to_uint8(generator(as_tensor(array)[None]))[0].permute(1, 2, 0).numpy()


def assert_close(first, second, levels=1):
    """Equal to the rounding of a level: sums in another order may fall on its other side."""
    first, second = np.asarray(first).astype(int), np.asarray(second).astype(int)
    assert first.shape == second.shape
    assert np.abs(first - second).max() <= levels
    assert (first != second).mean() < 0.001
