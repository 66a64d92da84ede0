"""The picture of the rooms shows what is there."""

import pytest
from draw_rooms import PICTURE, Place, crossings, draw, drawn_sizes, reduced
from rooms import read_rooms

ROOMS = read_rooms()


def test_the_picture_is_drawn_from_the_imports_and_words_of_today():
    assert draw() == PICTURE.read_text(encoding="utf-8"), "run: python docs/generate.py"


def test_a_room_is_about_as_large_as_the_picture_says():
    sizes = drawn_sizes(ROOMS)

    assert sizes == {name: pytest.approx(ROOMS[name].lines, rel=0.1, abs=60) for name in ROOMS}


def test_no_room_is_missing():
    picture = PICTURE.read_text(encoding="utf-8")
    assert [name for name, room in ROOMS.items() if not room.is_file and f'data-room="{name}"' not in picture] == []


def test_what_a_longer_way_stands_for_is_not_drawn():
    edges = {"roof": {"wall", "ground"}, "wall": {"ground"}, "shed": {"ground"}, "ground": set()}

    assert reduced(edges) == {"ground": [], "roof": ["wall"], "shed": ["ground"], "wall": ["ground"]}


def test_crossing_arrows_are_counted():
    left, right, below_left, below_right = (Place(None) for _ in range(4))
    left.below, right.below = [below_right], [below_left]

    assert crossings([[below_left, below_right], [left, right]]) == 1
    assert crossings([[below_right, below_left], [left, right]]) == 0
