"""The picture of the rooms shows what is there."""

import re
from pathlib import Path

import pytest
from draw_rooms import Place, crossings, draw, reduced
from rooms import read_rooms

PICTURE = (Path(__file__).parents[2] / "docs" / "images" / "rooms.svg").read_text(encoding="utf-8")
SIZES = {name: int(lines.replace(",", "")) for name, lines in re.findall(r'data-room="([\w.]+)">([\d,]+)<', PICTURE)}
ROOMS = read_rooms()


def test_the_picture_is_drawn_from_the_imports_and_words_of_today():
    assert draw(SIZES) == PICTURE, "run: python docs/generate.py"


@pytest.mark.parametrize("name", SIZES)
def test_a_room_is_about_as_large_as_the_picture_says(name):
    assert SIZES[name] == pytest.approx(ROOMS[name].lines, rel=0.2, abs=60), "run: python docs/generate.py"


def test_no_room_is_missing():
    assert {name for name, room in ROOMS.items() if not room.is_file} <= set(SIZES)


def test_what_a_longer_way_stands_for_is_not_drawn():
    edges = {"roof": {"wall", "ground"}, "wall": {"ground"}, "shed": {"ground"}, "ground": set()}

    assert reduced(edges) == {"ground": [], "roof": ["wall"], "shed": ["ground"], "wall": ["ground"]}


def test_crossing_arrows_are_counted():
    left, right, below_left, below_right = (Place(None) for _ in range(4))
    left.below, right.below = [below_right], [below_left]

    assert crossings([[below_left, below_right], [left, right]]) == 1
    assert crossings([[below_right, below_left], [left, right]]) == 0
