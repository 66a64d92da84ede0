"""Statistics of a plane that comes in tiles."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from i2i.translation.tiles import plane_statistics
from i2i.translation.tiles.boxes import Extent, tiles
from i2i.translation.tiles.plane_statistics import PlaneStatistics

from ...helpers.examples import examples


def gathered(image, size, groups):
    found = PlaneStatistics(groups)
    for box in tiles(Extent(*image.shape[1:]), size):
        found.add(image[:, :, slice(*box.rows), slice(*box.columns)])
    return found


@settings(max_examples=examples(40), deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    size=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    groups=st.sampled_from([1, 2, 4]),
    mean=st.sampled_from([0.0, -3.0, 1e4, 1e6]),
    at_once=st.sampled_from([64, 1 << 20]),
)
def test_equal_those_of_the_whole_plane_in_float64(height, width, size, groups, mean, at_once):
    image = torch.randn(1, 4, height, width, generator=torch.Generator().manual_seed(1)) + mean
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plane_statistics, "VALUES_AT_ONCE", at_once)
        found = gathered(image, size, groups)
    whole = image.double().reshape(groups, -1)
    torch.testing.assert_close(found.mean, whole.mean(1), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.variance, whole.var(1, correction=0), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_nan_and_infinity_are_not_lost(value):
    image = torch.zeros(1, 2, 8, 8)
    image[0, 1, 5, 5] = value
    found = gathered(image, (4, 4), 2)
    assert found.mean[0] == 0
    assert found.variance[0] == 0
    assert found.variance[1].isnan()
