"""One transform gives the hashes of a picture turned and mirrored in all ways."""

from __future__ import annotations

import numpy as np
import pytest

from i2i.data_checks.perceptual_hash import WAYS, hashes, turns


@pytest.mark.parametrize("way", range(len(WAYS)), ids=WAYS)
def test_the_hash_of_a_way_is_that_of_the_picture_turned_so(way):
    picture = np.random.default_rng(3).normal(size=(32, 32)).cumsum(axis=0).cumsum(axis=1)
    assert np.array_equal(hashes(picture)[way], hashes(turns(picture)[way])[0])


def test_other_pictures_differ_in_half_of_the_bits():
    first, second = (hashes(np.random.default_rng(seed).normal(size=(32, 32)))[0] for seed in (1, 2))
    assert 20 <= (64 - first @ second) / 2 <= 44


def test_turning_by_90_degrees_is_called_so():
    picture = np.arange(6).reshape(2, 3)
    assert np.array_equal(turns(picture)[WAYS.index("turned by 90°")], np.rot90(picture))
    assert np.array_equal(turns(picture)[WAYS.index("turned by 270°")], np.rot90(picture, 3))
    assert np.array_equal(turns(picture)[WAYS.index("mirrored")], np.fliplr(picture))
