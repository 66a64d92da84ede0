"""Shifts are measured to parts of a pixel, and nothing is claimed of pictures that do not agree."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from i2i.data_checks.shifts import shift_between


def part(seed: int, right: float = 0.0, down: float = 0.0) -> np.ndarray:
    levels = np.random.default_rng(seed).integers(0, 256, (48, 48), dtype=np.uint8)
    large = Image.fromarray(levels).resize((160, 160), Image.Resampling.BICUBIC)
    moved = (1, 0, 16 - right, 0, 1, 16 - down)
    return np.asarray(large.transform((128, 128), Image.Transform.AFFINE, moved, Image.Resampling.BICUBIC), np.float32)


@pytest.mark.parametrize(("right", "down"), [(0.0, 0.0), (5.0, 0.0), (0.5, -0.25), (-2.3, 9.4)])
def test_a_known_shift_is_found_even_where_colours_are_inverted(right, down):
    shift = shift_between(part(1), 255 - part(1, right, down), 128)
    assert shift is not None
    assert shift.right == pytest.approx(right, abs=0.15)
    assert shift.down == pytest.approx(down, abs=0.15)


def test_it_is_told_in_pixels_of_the_file():
    shift = shift_between(part(1), part(1, 4), 512)
    assert shift is not None
    assert shift.right == pytest.approx(16, abs=0.6)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (part(1), part(2)),
        (part(1), np.full((128, 128), 255, np.float32)),
        (np.full((128, 128), 255, np.float32), np.full((128, 128), 255, np.float32)),
        (part(1)[:16, :16], part(1)[:16, :16]),
    ],
    ids=["unlike", "white", "both white", "tiny"],
)
def test_nothing_is_claimed_where_no_peak_stands_out(a, b):
    assert shift_between(a, b, 128) is None
