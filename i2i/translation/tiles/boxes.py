"""Rectangles of pixels, and how a plane is divided into them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

SMALLEST_TILE = 16
"""Least side of a tile, in pixels of the plane that is computed; smaller ones would be all margin."""


class Span(NamedTuple):
    """Places ``start`` to ``stop - 1`` along one axis."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many places."""
        return self.stop - self.start

    def clipped(self, size: int) -> Span:
        """The part of it that lies in ``0 .. size - 1``; empty if none does."""
        start = min(max(self.start, 0), size)
        return Span(start, max(start, min(self.stop, size)))


class Box(NamedTuple):
    """A rectangle."""

    rows: Span
    columns: Span

    @property
    def pixels(self) -> int:
        """How many pixels."""
        return self.rows.length * self.columns.length


class Extent(NamedTuple):
    """The size of a tensor ``[1, channels, height, width]``."""

    channels: int
    height: int
    width: int

    @property
    def values(self) -> int:
        """How many numbers."""
        return self.channels * self.height * self.width

    @property
    def box(self) -> Box:
        """All of it."""
        return Box(Span(0, self.height), Span(0, self.width))


def tile_size(plane: Extent, image: Extent, side: int) -> tuple[int, int]:
    """Height and width of a plane's tiles: what ``side`` pixels of the image are there, at least SMALLEST_TILE."""
    height = -(-side * plane.height // image.height)
    width = -(-side * plane.width // image.width)
    return min(plane.height, max(SMALLEST_TILE, height)), min(plane.width, max(SMALLEST_TILE, width))


def tiles(plane: Extent, size: tuple[int, int]) -> Iterator[Box]:
    """Divide a plane into tiles of ``(height, width)``, row by row; those at its ends may be smaller."""
    height, width = size
    for top in range(0, plane.height, height):
        for left in range(0, plane.width, width):
            rows = Span(top, min(top + height, plane.height))
            yield Box(rows, Span(left, min(left + width, plane.width)))


def middle_tile(plane: Extent, size: tuple[int, int]) -> tuple[Box, int]:
    """A tile with as many neighbours as any, and how many tiles there are."""
    height, width = size
    down, across = -(-plane.height // height), -(-plane.width // width)
    top, left = (down - 1) // 2 * height, (across - 1) // 2 * width
    box = Box(Span(top, min(top + height, plane.height)), Span(left, min(left + width, plane.width)))
    return box, down * across
