"""A part of a page of a TIFF file: the strips and tiles that it touches are decoded, and no others. No torch."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from i2i.images.stored_arrays import read_part
from i2i.images.tiff_header import TiffError, TiffHeader
from i2i.plugins.image_formats import Box

if TYPE_CHECKING:
    import tifffile

_JPEG = (6, 7, 33007, 34892)
"""Compressions whose segments share tables."""


def read_page_within(header: TiffHeader, frame: int, file: BinaryIO, box: Box) -> npt.NDArray[Any] | None:
    """Decode ``[h, w, samples]`` of a box of one page, as it is stored; None where the page has to be decoded whole.

    Raises:
        TiffError: the data are not there in full.
        Exception: whatever tifffile raises for damaged data.
    """
    import tifffile  # costs a start-up, and few files need it

    file.seek(0)
    with tifffile.TiffFile(file) as opened:
        page = opened.pages[frame]
        assert isinstance(page, tifffile.TiffPage)
        if page.compression in _JPEG:
            return None
        if page.is_contiguous:
            return _stored(page, file, header, box)
        return _decoded(page, file, header, box)


def _stored(page: tifffile.TiffPage, file: BinaryIO, header: TiffHeader, box: Box) -> npt.NDArray[Any]:
    """Of values that stand one after the other, all channels of a pixel together or each in a plane."""
    left, top, right, bottom = box
    place, channels = [slice(top, bottom), slice(left, right)], slice(0, page.samplesperpixel)
    lengths = [page.imagelength, page.imagewidth]
    apart = _planes(page) > 1
    shape = [page.samplesperpixel, *lengths] if apart else [*lengths, page.samplesperpixel]
    assert page.dtype is not None
    kind = page.dtype.newbyteorder(page.parent.byteorder)
    begin = page.dataoffsets[0]
    if begin + np.prod(shape, dtype=int) * kind.itemsize > header.size:
        raise TiffError("corrupt or truncated (its pixels do not all lie in the file)")
    values = read_part(file, begin, shape, kind, [channels, *place] if apart else [*place, channels])
    return np.moveaxis(values, 0, 2) if apart else values


def _decoded(page: tifffile.TiffPage, file: BinaryIO, header: TiffHeader, box: Box) -> npt.NDArray[Any]:
    """Of strips or tiles."""
    left, top, right, bottom = box
    height = page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)
    width = page.tilewidth if page.is_tiled else page.imagewidth
    down, across = -(-page.imagelength // height), -(-page.imagewidth // width)
    values = np.full((bottom - top, right - left, page.samplesperpixel), page.nodata, page.dtype)
    rows, columns = range(top // height, -(-bottom // height)), range(left // width, -(-right // width))
    for plane, row, column in product(range(_planes(page)), rows, columns):
        index = (plane * down + row) * across + column
        offset, count = page.dataoffsets[index], page.databytecounts[index]
        if offset + count > header.size:
            raise TiffError("corrupt or truncated (its pixels do not all lie in the file)")
        file.seek(offset)
        segment, (_, _, y, x, channel), _ = page.decode(file.read(count) if count else None, index)
        if segment is None:
            continue
        there = segment[0][max(top - y, 0) : bottom - y, max(left - x, 0) : right - x]
        y, x, channel = max(y - top, 0), max(x - left, 0), channel + plane
        values[y : y + there.shape[0], x : x + there.shape[1], channel : channel + there.shape[2]] = there
    return values


def _planes(page: tifffile.TiffPage) -> int:
    """How many planes of channels are stored one after the other."""
    return page.samplesperpixel if page.planarconfig == 2 else 1
