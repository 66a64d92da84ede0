"""Places in a grid, read from the names of tiles: ``0278_0256``, ``scene3_x12_y40``, ``17/70406/42987``. No torch."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise, product

_PLACE = re.compile(
    r"(?P<area>.*?)(?P<row>\d+)(?=\D)[-_ ,./x]{0,3}[a-z]{0,6}[-_=]?(?P<column>\d+)(?P<rest>\D*)", re.IGNORECASE
)
"""The last two numbers of a name, with little between them; what comes before tells the area, as a scene or a map."""

_DAYS = re.compile(r"(?:19|20)\d\d[-_./]?$")


@dataclass(frozen=True)
class Tile:
    """Where a tile lies.

    Attributes:
        area: what else its name holds; tiles of different areas touch nowhere.
        row: the first number, in the unit of the names: tiles or pixels.
        column: the second number.
    """

    area: str
    row: int
    column: int


def tile_of(stem: str) -> Tile | None:
    """Read a name; None where it does not hold two numbers in a row, or where they are month and day."""
    found = _PLACE.fullmatch(stem)
    if found is None:
        return None
    row, column = int(found["row"]), int(found["column"])
    if _DAYS.search(found["area"]) and 1 <= row <= 12 and 1 <= column <= 31:
        return None
    return Tile(f"{found['area']}|{found['rest']}", row, column)


@dataclass(frozen=True)
class TileGrid:
    """Tiles by name, and how far apart the numbers of two neighbours are.

    Attributes:
        tiles: by stem.
        row_step: between neighbouring rows: the most common distance, as the last tile may be nearer.
        column_step: between neighbouring columns.
    """

    tiles: Mapping[str, Tile]
    row_step: int
    column_step: int

    @classmethod
    def of(cls, stems: Iterable[str]) -> TileGrid:
        """Read names; those that hold no place are left out."""
        tiles = {stem: tile for stem in stems if (tile := tile_of(stem)) is not None}
        rows: dict[str, set[int]] = defaultdict(set)
        columns: dict[str, set[int]] = defaultdict(set)
        for tile in tiles.values():
            rows[tile.area].add(tile.row)
            columns[tile.area].add(tile.column)
        return cls(tiles, usual_step(rows.values()), usual_step(columns.values()))

    def cell_of(self, stem: str, side: int) -> str:
        """A name for the cell of ``side`` x ``side`` tiles that a tile lies in."""
        area, row, column = self._index(stem)
        return f"{area}:{row // side}:{column // side}"

    def touching(self, stems: Iterable[str], others: Iterable[str]) -> list[str]:
        """Those of ``stems`` that lie beside one of ``others``, corner to corner too, or at the same place."""
        taken = {self._index(stem) for stem in others if stem in self.tiles}
        near = []
        for stem in stems:
            if stem in self.tiles:
                area, row, column = self._index(stem)
                around = product((row - 1, row, row + 1), (column - 1, column, column + 1))
                if any((area, *place) in taken for place in around):
                    near.append(stem)
        return near

    def _index(self, stem: str) -> tuple[str, int, int]:
        tile = self.tiles[stem]
        return tile.area, tile.row // self.row_step, tile.column // self.column_step


def usual_step(series: Iterable[Collection[int]]) -> int:
    """The most common distance of two numbers that follow each other, the smaller of two as common; 1 without any."""
    distances = Counter(
        after - before for numbers in series for before, after in pairwise(sorted(numbers)) if after > before
    )
    return min(distances, key=lambda distance: (-distances[distance], distance)) if distances else 1
