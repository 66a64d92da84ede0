"""Where tiles lie is read from their names."""

from __future__ import annotations

import pytest

from i2i.builtin.datasets.tile_grid import TileGrid, tile_of


@pytest.mark.parametrize(
    ("stem", "place"),
    [
        ("0278_0256", (278, 256)),
        ("scene3_x12_y40", (12, 40)),
        ("17/70406/42987", (70406, 42987)),
        ("map-r3c7", (3, 7)),
        ("sat 4,9 rgb", (4, 9)),
    ],
)
def test_the_last_two_numbers_are_the_place(stem, place):
    tile = tile_of(stem)
    assert tile is not None
    assert (tile.row, tile.column) == place


@pytest.mark.parametrize("stem", ["cat", "00017", "2021_05_13", "IMG_20210513-street-corner-0012"])
def test_other_names_have_no_place(stem):
    assert tile_of(stem) is None


def test_cells_count_in_tiles_where_names_count_in_pixels_and_the_last_tile_is_nearer():
    grid = TileGrid.of([f"{row}_{column}" for row in (0, 256, 512, 744) for column in range(0, 2048, 256)])
    assert grid.cell_of("0_0", 2) == grid.cell_of("256_256", 2) != grid.cell_of("512_0", 2)
    assert grid.cell_of("744_0", 2) == grid.cell_of("512_0", 2)


def test_tiles_touch_at_corners_but_never_across_areas():
    grid = TileGrid.of([*(f"a_{row}_{column}" for row in range(4) for column in range(4)), "b_0_0"])
    assert grid.touching(["a_0_0", "b_0_0"], ["a_1_1"]) == ["a_0_0"]
    assert grid.touching(["a_0_0"], ["a_0_2", "a_2_2", "b_0_0"]) == []
