"""What a look at a picture tells."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from i2i.data_checks.picture_facts import Place, look_at, picture_of
from i2i.plugins.dataset_members import ListedPicture

from ..helpers.images import READERS


def test_kinds_of_files_are_told_apart(draw, facts):
    colour = facts(draw(1), "colour.png")
    assert (colour.format, colour.kind, colour.size) == ("PNG", "RGB, 8 bits", (64, 64))
    assert not colour.grey_as_colour
    grey = facts(draw(1).convert("L").convert("RGB"), "grey.jpg")
    assert (grey.format, grey.grey_as_colour) == ("JPEG", True)
    deep = Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64) * 16)
    assert facts(deep, "deep.png").kind == "grey, 16 bits"
    assert facts(draw(1).convert("RGBA"), "through.png").transparent


def test_blank_dark_and_blurred(draw, facts):
    assert facts(Image.new("RGB", (32, 32), "white"), "white.png").is_blank
    dark = facts(draw(2).point(lambda level: level // 10), "dark.png")
    assert dark.is_dark
    assert not dark.is_blank
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    sharp, blurred = facts(noise, "sharp.png"), facts(noise.filter(ImageFilter.GaussianBlur(4)), "blurred.png")
    assert blurred.sharpness < sharp.sharpness / 20


def test_a_border_of_one_colour(draw, facts):
    framed = Image.new("RGB", (80, 80), "#102030")
    framed.paste(draw(3), (8, 8))
    assert facts(framed, "framed.png").border == "#102030"
    assert facts(draw(3), "plain.png").border == ""


def test_what_hides_under_transparency_and_how_a_file_lies_do_not_count(draw, facts):
    picture = draw(4).convert("RGBA")
    picture.putalpha(0)
    assert facts(picture, "hidden.png").is_blank
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = facts(draw(5).resize((64, 32)), "lying.jpg", exif=exif)
    assert lying.size == (32, 64)


@pytest.mark.parametrize("half", ["left", "right"])
def test_a_half_is_looked_at_alone(tmp_path, draw, half):
    whole = Image.new("RGB", (128, 64), "white")
    whole.paste(draw(6), (0, 0))
    whole.save(tmp_path / "pair.png")
    place = Place("train", "A", ListedPicture("pair", tmp_path / "pair.png", half))
    found = look_at(place, READERS, 10**9).facts
    assert found.size == (64, 64)
    assert found.is_blank == (half == "right")
    assert picture_of(place, READERS, 10**9).size == (64, 64)


def test_values_that_are_no_picture_are_looked_at_all_the_same(tmp_path):
    values = np.random.default_rng(0).normal(300, 5, (40, 30, 6)).astype(np.float32)
    np.save(tmp_path / "bands.npy", values)
    place = Place("train", "A", ListedPicture("bands", tmp_path / "bands.npy"))
    found = look_at(place, READERS, 10**9).facts
    assert (found.kind, found.size) == ("6 channels of float32", (30, 40))
    assert not found.is_blank
