"""The same picture is found again, turned, mirrored and stored anew; other pictures are not taken for it."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, ImageOps

from i2i.data_checks.duplicates import find_twins


@pytest.mark.parametrize(
    ("change", "way"),
    [
        (lambda image: image.copy(), "same pixels"),
        (ImageOps.mirror, "mirrored"),
        (ImageOps.flip, "mirrored upside down"),
        (lambda image: image.rotate(180), "turned by 180°"),
        (lambda image: image.point(lambda level: min(255, level + 8)), "upright"),
        (lambda image: image.resize((40, 40)), "upright"),
    ],
)
def test_a_changed_copy_is_found_with_what_was_done(draw, facts, change, way):
    others = [facts(draw(seed), f"{seed}.png") for seed in range(10, 40)]
    held_out = facts(change(draw(20)), "copy.png", split="test")
    (twins,) = find_twins([*others, held_out])
    assert twins.crosses
    assert {twins.first.place.picture.name, twins.second.place.picture.name} == {"20", "copy"}
    assert twins.way == way


def test_a_turned_copy_in_jpeg_is_found(draw, facts):
    pictures = [facts(draw(seed), f"{seed}.png") for seed in range(10)]
    (twins,) = find_twins([*pictures, facts(draw(7).rotate(90), "turned.jpg", quality=80)])
    assert not twins.crosses
    assert twins.way in ("turned by 90°", "turned by 270°")


def test_blank_pages_and_drawings_on_white_are_not_twins(facts):
    pictures = [facts(Image.new("RGB", (64, 64), "white"), f"blank{number}.png") for number in range(3)]
    for number in range(12):
        page = Image.new("RGB", (64, 64), "white")
        corner = (5 + 3 * number, 40 - 2 * number)
        ImageDraw.Draw(page).ellipse((*corner, corner[0] + 14, corner[1] + 10 + number), outline="black", width=2)
        pictures.append(facts(page, f"{number}.png"))
    assert find_twins(pictures) == []


def test_one_shape_in_another_colour_is_another_picture(facts):
    hearts = []
    for colour in ("#cc0000", "#0000cc"):
        page = Image.new("RGB", (64, 64), "white")
        ImageDraw.Draw(page).polygon([(8, 16), (56, 16), (32, 60)], fill=colour)
        hearts.append(facts(page, f"{colour}.png"))
    assert find_twins(hearts) == []


def test_each_of_many_copies_is_told_once(draw, facts):
    train = [facts(draw(1), f"train{number}.png") for number in range(3)]
    test = [facts(draw(1), f"test{number}.png", split="test") for number in range(2)]
    found = find_twins([*train, *test])
    assert [twins.crosses for twins in found] == [True, True, False, False]
