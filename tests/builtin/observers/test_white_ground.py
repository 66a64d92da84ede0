"""Sheets for trackers have no transparency, and no other colour changes."""

import numpy as np
from PIL import Image

from i2i.builtin.observers.white_ground import on_white


def test_what_is_transparent_is_white_and_what_is_half_so_is_mixed(tmp_path):
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 128]]], np.uint8)
    Image.fromarray(pixels, "RGBA").save(tmp_path / "sheet.png")

    assert np.asarray(on_white(tmp_path / "sheet.png")).tolist() == [[[10, 20, 30], [255, 255, 255], [127, 127, 127]]]


def test_a_sheet_without_transparency_stays_as_it_is(tmp_path):
    sheet = Image.effect_noise((5, 4), 60).convert("RGB")
    sheet.save(tmp_path / "sheet.png")

    assert np.array_equal(np.asarray(on_white(tmp_path / "sheet.png")), np.asarray(sheet))
