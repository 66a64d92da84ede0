"""Pixels are rounded to the nearest of 256 levels, and what is no number is refused."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from i2i.errors import DivergedError
from i2i.tensors.pixels import to_uint8


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
