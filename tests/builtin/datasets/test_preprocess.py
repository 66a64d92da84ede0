"""Sizes and pixels after each preprocessing mode, against the reference's arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from i2i.builtin.datasets import FolderOptions
from i2i.builtin.datasets.preprocess import Geometry
from i2i.builtin.datasets.sampling import CENTRE, Placement


@pytest.mark.parametrize(
    ("mode", "size", "resized", "output"),
    [
        ("resize_and_crop", (500, 300), (286, 286), (256, 256)),
        ("crop", (500, 300), (500, 300), (256, 256)),
        ("scale_width", (572, 600), (286, 300), (286, 300)),
        ("scale_width", (600, 300), (286, 256), (286, 256)),  # never lower than the crop
        ("scale_width_and_crop", (572, 600), (286, 300), (256, 256)),
        ("none", (257, 302), (256, 304), (256, 304)),
        ("none", (2, 3), (4, 4), (4, 4)),
    ],
)
def test_sizes_of_training_images(mode, size, resized, output):
    geometry = Geometry.of(FolderOptions(mode=mode), "train")
    assert geometry.resized(size) == resized
    assert geometry.output(size) == output
    assert geometry.apply(Image.new("RGB", size), CENTRE).size == output


def test_load_size_defaults_to_286_per_256_and_test_images_are_seen_whole():
    assert FolderOptions().full_load_size == 286
    assert FolderOptions(image_size=64).full_load_size == 72
    assert Geometry.of(FolderOptions(load_size=300), "train").resized((50, 40)) == (300, 300)
    assert Geometry.of(FolderOptions(load_size=300), "test").resized((50, 40)) == (256, 256)
    assert Geometry.of(FolderOptions(mode="none", round_to=0), "train").resized((51, 41)) == (51, 41)


def test_resize_is_pillows_bicubic_and_crop_and_flip_follow_it():
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    geometry = Geometry.of(FolderOptions(image_size=16, load_size=20), "train")
    resized = np.asarray(image.resize((20, 20), Image.Resampling.BICUBIC))
    made = np.asarray(geometry.apply(image, Placement(across=0.99, down=0.0, flip=True)))
    np.testing.assert_array_equal(made, resized[:16, 4:][:, ::-1])


@given(
    across=st.floats(0, 1, exclude_max=True),
    down=st.floats(0, 1, exclude_max=True),
    width=st.integers(16, 40),
    height=st.integers(16, 40),
)
def test_every_crop_lies_within_the_image(across, down, width, height):
    geometry = Geometry.of(FolderOptions(mode="crop", image_size=16), "train")
    ones = Image.new("L", (width, height), 255)  # a crop beyond the border would be filled with zeros
    made = np.asarray(geometry.apply(ones, Placement(across, down, flip=False)))
    assert made.shape == (16, 16)
    assert made.min() == 255
