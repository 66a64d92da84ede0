"""An image of any size reaches a size that a generator takes, and its translation comes back to the pixel."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from i2i.tensors.padding import crop, pad, padded_size

SIDES = st.integers(1, 70)


@given(
    height=SIDES,
    width=SIDES,
    multiple=st.sampled_from([1, 2, 4, 32, 64]),
    smallest=st.sampled_from([1, 16, 17, 40, 64]),
)
def test_the_size_is_the_least_multiple_that_holds_the_image(height, width, multiple, smallest):
    for side, padded in zip((height, width), padded_size((height, width), multiple, smallest), strict=True):
        assert padded % multiple == 0
        assert padded >= max(side, 16, smallest)
        assert padded - multiple < max(side, 16, smallest)


@given(height=SIDES, width=SIDES, multiple=st.sampled_from([1, 4, 32]))
def test_the_image_is_in_the_middle_and_comes_out_again(height, width, multiple):
    images = torch.rand(2, 3, height, width)
    size = padded_size((height, width), multiple)
    padded = pad(images, size)
    assert padded.shape[2:] == size
    assert torch.equal(crop(padded, (height, width)), images)


@pytest.mark.parametrize("size", [(16, 16), (32, 64)])
def test_what_fits_is_handed_on_as_it_is(size):
    images = torch.rand(1, 3, *size)
    assert pad(images, size) is images


def test_edges_are_mirrored_and_where_too_short_repeated():
    image = torch.arange(17 * 5.0).reshape(1, 1, 17, 5)
    values = image[0, 0].numpy()
    mirrored = np.pad(values, ((7, 8), (0, 0)), mode="reflect")
    expected = np.pad(mirrored, ((0, 0), (13, 14)), mode="edge")
    assert np.array_equal(pad(image, (32, 32))[0, 0].numpy(), expected)
