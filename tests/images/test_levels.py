"""Values that use a small part of their type's range are reported."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from i2i.images.levels import Levels, describe_domain, describe_picture, levels_of

LOWEST = np.random.default_rng(0).integers(0, 4096, (8, 8), dtype=np.uint16)
LOWEST[0, :2] = 0, 4095


def levels(image, reduced=False):
    return levels_of(image, reduced=reduced)


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_a_picture_of_fewer_bits_in_16_is_noted(bits):
    most = 2**bits - 1
    image = Image.fromarray(np.array([[0, most]], np.uint16))
    (note,) = describe_picture(levels(image))
    assert f"reach no further than {most} of 65535 ({bits} bits)" in note
    assert f"multiply them by {2 ** (16 - bits)} first" in note
    (note,) = describe_domain("A", [levels(image)] * 3)
    assert f"all 3 images of A with 16 bits use the range 0 to {most} of 0 to 65535" in note
    assert f"as {bits} bits" in note


def test_colours_of_16_bits_are_noted_by_what_is_left_of_them():
    upper = Image.fromarray((np.stack([LOWEST] * 3, 2) >> 8).astype(np.uint8))
    (note,) = describe_picture(levels(upper, reduced=True))
    assert "reach no further than 4095 of 65535 (12 bits)" in note


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (Image.fromarray(np.array([[0, 33]], np.uint8)), "0 to 33 of 0 to 255 alone"),
        (Image.fromarray(np.array([[32768, 36000]], np.uint16)), "nearly flat"),
        (Image.fromarray(np.array([[0, 32768]], np.uint16)), "nearly flat"),
        (Image.fromarray(np.array([[0, 65535]], np.uint16)), None),
        (Image.fromarray(np.array([[0, 40000]], np.uint16)), None),
        (Image.fromarray(np.array([[100, 200]], np.uint8)), None),
        (Image.fromarray(np.array([[0, 70]], np.uint8)), None),
        (Image.new("RGB", (4, 4)), None),
        (Image.new("1", (4, 4), 1), None),
    ],
)
def test_a_note_says_that_a_domain_is_dark_or_narrow(image, told):
    notes = describe_domain("B", [levels(image)])
    assert bool(notes) == bool(told)
    assert told is None or told in notes[0]
    assert describe_picture(levels(image)) == [], "a single picture may be so"


def test_one_bright_picture_is_enough():
    dark, bright = Levels(0, 4095, 16, 16), Levels(0, 60_000, 16, 16)
    assert describe_domain("A", [dark, dark]) != []
    assert describe_domain("A", [dark, bright]) == []
    assert describe_domain("A", []) == []


def test_palettes_count_by_their_colours_and_opacity_does_not_count():
    palette = Image.new("P", (2, 1))
    palette.putpalette([1, 2, 3, 250, 251, 252])
    palette.putdata([0, 1])
    assert levels(palette) == Levels(1, 252, 8, 8)
    assert levels(Image.new("RGBA", (2, 2), (1, 2, 3, 255))) == Levels(1, 3, 8, 8)
    assert levels(Image.new("LA", (2, 2), (7, 255))) == Levels(7, 7, 8, 8)
