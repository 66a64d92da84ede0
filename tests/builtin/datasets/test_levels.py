"""Values that use little of their range, and bands that are left out, are reported before training."""

from __future__ import annotations

import numpy as np
import tifffile
from PIL import Image


def deep(path, most, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.random.default_rng(seed).integers(0, most, (32, 32), np.uint16, endpoint=True)
    levels[0, 0] = most
    Image.fromarray(levels).save(path)


def test_twelve_bits_in_sixteen_are_noted_for_each_domain(tmp_path, build):
    for number in range(3):
        deep(tmp_path / "trainA" / f"{number}.png", 4095, number)
        deep(tmp_path / "trainB" / f"{number}.tif", 65535, number)
    notes = build(channels_A=1, channels_B=1, test_fraction=0).notes
    (note,) = [note for note in notes if "range" in note]
    assert note.startswith(
        "all 3 images of A with 16 bits use the range 0 to 4095 of 0 to 65535 alone (6.2%, as 12 bits)"
    )
    assert note.endswith("stretch the values to 0 to 65535 before training")


def test_labels_beside_a_photograph_are_noted(tmp_path, build):
    (tmp_path / "train").mkdir()
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 256, (32, 64, 3), np.uint8)
        pixels[:, 32:] %= 20
        Image.fromarray(pixels).save(tmp_path / "train" / f"{number}.png")
    notes = build(pairing="paired", test_fraction=0).notes
    assert [note for note in notes if "of right half with 8 bits use the range 0 to 19" in note]
    assert not [note for note in notes if "of left half with" in note]


def test_bands_that_are_left_out_are_counted(tmp_path, draw, build):
    bands = np.random.default_rng(0).integers(0, 256, (32, 32, 5), np.uint8)
    for number in range(2):
        draw(f"trainB/{number}.png")
        (tmp_path / "trainA").mkdir(exist_ok=True)
        path = tmp_path / "trainA" / f"{number}.tif"
        tifffile.imwrite(path, bands, photometric="rgb", extrasamples=(0, 0), metadata=None)
    notes = build(test_fraction=0).notes
    assert "2 images: of its 5 bands, 2 beyond colours and opacity were left out" in notes
