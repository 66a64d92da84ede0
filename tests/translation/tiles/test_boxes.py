"""A plane is divided into tiles that cover it once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from i2i.translation.tiles.boxes import SMALLEST_TILE, Box, Extent, Span, middle_tile, tile_size, tiles

SIDES = st.integers(1, 90)


@given(height=SIDES, width=SIDES, size=st.tuples(SIDES, SIDES))
def test_tiles_cover_every_pixel_once_in_reading_order(height, width, size):
    plane = Extent(3, height, width)
    covered = np.zeros((height, width), int)
    boxes = list(tiles(plane, size))
    for rows, columns in boxes:
        covered[slice(*rows), slice(*columns)] += 1
    assert (covered == 1).all()
    assert boxes == sorted(boxes)
    assert sum(box.pixels for box in boxes) == plane.box.pixels == plane.values // 3


@given(height=SIDES, width=SIDES, size=st.tuples(SIDES, SIDES))
def test_the_middle_tile_is_one_of_them_and_as_large_as_any(height, width, size):
    plane = Extent(1, height, width)
    box, count = middle_tile(plane, size)
    boxes = list(tiles(plane, size))
    assert box in boxes
    assert count == len(boxes)
    assert box.pixels == max(each.pixels for each in boxes)


def test_tiles_of_a_smaller_plane_are_smaller_but_never_all_margin():
    image = Extent(3, 1000, 800)
    assert tile_size(image, image, 256) == (256, 256)
    assert tile_size(Extent(64, 250, 200), image, 256) == (64, 64)
    assert tile_size(Extent(256, 25, 20), image, 256) == (SMALLEST_TILE, SMALLEST_TILE)
    assert tile_size(Extent(256, 9, 20), image, 256) == (9, SMALLEST_TILE), "no larger than the plane"


def test_a_span_is_cut_to_the_plane():
    assert Span(-3, 4).clipped(10) == Span(0, 4)
    assert Span(8, 14).clipped(10) == Span(8, 10)
    assert Span(12, 14).clipped(10).length == 0
    assert Box(Span(1, 3), Span(2, 7)).pixels == 10
