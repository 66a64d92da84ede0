"""Where on earth the pixels of a GeoTIFF lie, and what of that its translation keeps. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from i2i.images.tiff_header import TiffHeader, TiffPage

_PLACE_TAGS = (
    33550,  # ModelPixelScale
    33922,  # ModelTiepoint
    34264,  # ModelTransformation
    34735,  # GeoKeyDirectory
    34736,  # GeoDoubleParams
    34737,  # GeoAsciiParams
    50844,  # RPCCoefficient
)
_STATISTICS, _NO_DATA = 42112, 42113  # GDAL's
_ASCII = 2


@dataclass(frozen=True)
class Georeference:
    """The tags that say where on earth a picture lies; true as long as size and orientation stay.

    Attributes:
        tags: type and value of each.
    """

    tags: Mapping[int, tuple[int, Any]]


def take_georeference(
    header: TiffHeader, page: TiffPage, *, turned: bool
) -> tuple[Georeference | None, tuple[str, ...]]:
    """Return the place on earth, if there is one that stays true, and notes on what is left out.

    Args:
        header: of the file.
        page: the one that is the picture.
        turned: whether its orientation makes the upright picture another one than the stored.
    """
    tags: dict[int, tuple[int, Any]] = {}
    for tag in _PLACE_TAGS:
        entry = page.entries.get(tag)
        if entry is None:
            continue
        if entry.type == _ASCII:
            tags[tag] = (_ASCII, header.data(page, tag).rstrip(b"\0").decode("latin-1"))
        elif values := header.numbers(page, tag):
            tags[tag] = (entry.type, values)
    notes = []
    if tags and turned:
        tags = {}
        notes.append("its place on earth was left out, for it was turned upright")
    if _NO_DATA in page.entries:
        value = header.data(page, _NO_DATA).rstrip(b"\0 ").decode("latin-1")
        notes.append(
            f"the value that marks missing pixels (nodata {value}) was left out; they were translated like any"
        )
    if _STATISTICS in page.entries:
        notes.append("GDAL's metadata (names and statistics of its bands) were left out")
    return (Georeference(tags) if tags else None), tuple(notes)
