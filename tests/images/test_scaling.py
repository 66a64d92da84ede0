"""The one scaling: every level comes back, in numpy and in torch, and both say the same."""

import numpy as np
import pytest
import torch

from i2i.images.scaling import EIGHT_BITS, SIXTEEN_BITS, to_unit, unrounded_levels


@pytest.mark.parametrize("top", [EIGHT_BITS, SIXTEEN_BITS])
def test_every_level_survives_the_way_there_and_back(top):
    levels = np.arange(top + 1, dtype=np.float32)
    scaled = to_unit(levels, top)
    assert (scaled.dtype, scaled[0], scaled[-1]) == (np.float32, -1, 1)
    assert np.array_equal(unrounded_levels(scaled, top).round(), levels)
    assert torch.equal(to_unit(torch.from_numpy(levels), top), torch.from_numpy(scaled))


def test_values_between_0_and_1_are_levels_up_to_1():
    assert np.array_equal(to_unit(np.array([0, 0.25, 1]), 1), [-1, -0.5, 1])
    assert np.array_equal(unrounded_levels(np.array([-1, -0.5, 1]), 1), [0, 0.25, 1])
