"""The values of a TIFF file as they stand there: any number of bands, of whole numbers or floats. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from i2i.images.georeference import take_georeference
from i2i.images.metadata import Metadata
from i2i.images.tiff import SampleTags, only_picture, read_page
from i2i.images.tiff_header import TiffError, TiffHeader
from i2i.images.tiff_segments import read_page_within
from i2i.images.value_range import TYPES
from i2i.plugins.image_formats import Box

_KINDS = {1: "uint", 2: "int", 3: "float"}
_GREYS_AND_RGB = (0, 1, 2)


class NoBandsError(TiffError):
    """The values are of a kind that is not read."""


@dataclass(frozen=True)
class TiffBands:
    """What the bands of a file are.

    Attributes:
        frames: the places of their pages: one page, or one for each band.
        size: width and height, as stored.
        channels: how many bands.
        type: of the values, by numpy's name.
        orientation: how they lie, 1 to 8 as in EXIF.
    """

    frames: tuple[int, ...]
    size: tuple[int, int]
    channels: int
    type: str
    orientation: int


def examine_bands(header: TiffHeader, file: BinaryIO) -> TiffBands:
    """Find the bands of a file.

    Raises:
        NoBandsError: the values are of a kind that is not read.
        TiffError: there are several images, or a package is missing for their compression.
    """
    frames = _frames(header, file)
    found = [_bands_of(header, frame) for frame in frames]
    if len({(each.size, each.type, each.orientation) for each in found}) > 1:
        raise TiffError("its pages are of several sizes or types; save each as a file of its own")
    channels = sum(each.channels for each in found)
    return TiffBands(frames, found[0].size, channels, found[0].type, found[0].orientation)


def read_bands(header: TiffHeader, bands: TiffBands, file: BinaryIO) -> npt.NDArray[Any]:
    """Decode ``[H, W, C]``, turned upright.

    Raises:
        TiffError: the data are not there in full.
        Exception: whatever tifffile raises for damaged data.
    """
    pages = [read_page(header, frame, file) for frame in bands.frames]
    values = pages[0] if len(pages) == 1 else np.concatenate(pages, axis=2)
    upright = _upright(values, bands.orientation)
    return np.ascontiguousarray(upright, upright.dtype.newbyteorder("="))


def read_bands_within(header: TiffHeader, bands: TiffBands, file: BinaryIO, box: Box) -> npt.NDArray[Any] | None:
    """Decode ``[h, w, C]`` of a box as :func:`read_bands` does; None where the whole has to be decoded.

    Raises:
        TiffError: the data are not there in full.
        Exception: whatever tifffile raises for damaged data.
    """
    if bands.orientation != 1:
        return None
    parts = [read_page_within(header, frame, file, box) for frame in bands.frames]
    found = [part for part in parts if part is not None]
    if len(found) < len(parts):
        return None
    values = np.concatenate(found, axis=2)
    return np.ascontiguousarray(values, values.dtype.newbyteorder("="))


def metadata_of_bands(header: TiffHeader, bands: TiffBands) -> Metadata:
    """What of the file stays true of values that are made from these: the place on earth."""
    place, notes = take_georeference(header, header.pages[bands.frames[0]], turned=bands.orientation > 1)
    return Metadata(georeference=place, notes=notes)


def write_bands(values: npt.NDArray[Any], file: BinaryIO, metadata: Metadata) -> Iterator[str]:
    """Write ``[H, W, C]`` as bands of one page, not compressed, with the place on earth; yield what is left out."""
    import tifffile  # costs a start-up, and few files need it

    place = metadata.georeference
    tags = [] if place is None else [_extra_tag(tag, kind, value) for tag, (kind, value) in place.tags.items()]
    planes = values[:, :, 0] if values.shape[2] == 1 else values
    tifffile.imwrite(file, planes, photometric="minisblack", planarconfig="contig", metadata=None, extratags=tags)
    yield from metadata.notes
    if metadata.exif or metadata.icc_profile or metadata.texts:
        yield "its EXIF data, colour profile and texts were left out, for they are a picture's"


def _frames(header: TiffHeader, file: BinaryIO) -> tuple[int, ...]:
    """The only picture, or the pages that are the channels of one by OME's or ImageJ's description."""
    try:
        return (only_picture(header),)
    except TiffError:
        if not header.complete or len(header.pictures) < 2:
            raise
        import tifffile

        file.seek(0)
        with tifffile.TiffFile(file) as opened:
            axes = opened.series[0].axes if len(opened.series) == 1 else ""
        if "C" not in axes or not set(axes) <= set("CYXS"):
            raise
        return header.pictures


def _bands_of(header: TiffHeader, frame: int) -> TiffBands:
    page = header.pages[frame]
    tags = SampleTags(header, page)
    kind = f"{_KINDS.get(tags.format, '')}{tags.bits}"
    if (
        kind not in TYPES
        or len(set(tags.all_bits)) > 1
        or tags.photometric not in _GREYS_AND_RGB
        or tags.fill_order != 1
    ):
        raise NoBandsError(
            f"this kind of TIFF is not supported ({tags.described}); expected values of {', '.join(TYPES)}"
        )
    if tags.missing_package:
        raise TiffError(tags.missing_package)
    size = (header.number(page, 256, 0), header.number(page, 257, 0))
    return TiffBands((frame,), size, tags.count, kind, tags.orientation)


def _upright(values: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Turn ``[H, W, C]`` upright from an EXIF orientation, as :func:`~i2i.images.orientation.turned` does pictures."""
    if orientation in (5, 6, 7, 8):
        values = values.transpose(1, 0, 2)
    down, across = (orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7))
    return values[:: -1 if down else 1, :: -1 if across else 1]


def _extra_tag(tag: int, kind: int, value: Any) -> tuple[int, int, int, Any, bool]:
    text = isinstance(value, str)
    return tag, kind, 0 if text else len(value), value, True
