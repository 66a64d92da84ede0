"""Pixels are rounded to the nearest of 256 levels, and what is not a number is refused."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from i2i.errors import DivergedError
from i2i.tensors.pixels import to_levels, to_picture, to_pixels, to_uint8


def test_every_8_bit_level_survives_the_way_there_and_back():
    levels = torch.arange(256)
    assert torch.equal(to_uint8(levels / 127.5 - 1), levels.to(torch.uint8))


@settings(deadline=None)
@given(st.floats(-3, 3, width=32))
def test_a_value_goes_to_the_nearest_level(value):
    level = to_uint8(torch.tensor([value])).item()
    assert abs(level - (min(max(value, -1), 1) + 1) * 127.5) <= 0.5001


def test_half_precision_is_rounded_like_its_float_values():
    half = (torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1).to(torch.bfloat16)
    assert torch.equal(to_uint8(half), to_uint8(half.float()))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_no_numbers_are_refused(value):
    with pytest.raises(DivergedError, match="NaN or infinity"):
        to_uint8(torch.tensor([0.0, value]))


def test_levels_of_16_bits_are_rounded_once():
    values = torch.tensor([-1.1, -1.0, -1 + 1.2 / 32767.5, -1 + 1.8 / 32767.5, 1.0, 1.1], dtype=torch.float64)
    assert to_levels(values, 65535).tolist() == [0, 0, 1, 2, 65535, 65535]


def test_pictures_have_the_mode_of_their_channels():
    grey, colour = torch.zeros(1, 1, 2, 5), torch.zeros(1, 3, 2, 5)
    modes = [to_picture(grey).mode, to_picture(grey, deep=True).mode, to_picture(colour, deep=True).mode]
    assert modes == ["L", "I;16", "RGB"]
    assert to_picture(colour).size == (5, 2)
    assert np.asarray(to_picture(torch.full((1, 1, 2, 2), 2.0), deep=True)).max() == 65535


def test_pixels_of_one_channel_have_no_channels():
    assert to_pixels(torch.zeros(1, 2, 5)).shape == (2, 5)
    assert to_pixels(torch.zeros(4, 2, 5)).shape == (2, 5, 4)
