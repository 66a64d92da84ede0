"""A part of a TIFF page is what the whole page has there, whichever way it is stored; strips beside it are not read."""

import zlib

import numpy as np
import pytest
import tifffile

from i2i.builtin.readers.tiff_files import TiffReader
from i2i.images.unusable import UnusableImageError

BANDS = np.random.default_rng(0).integers(0, 65535, (70, 90, 5), dtype=np.uint16)
BOXES = [(0, 0, 90, 70), (3, 5, 4, 6), (17, 33, 81, 70), (0, 31, 90, 33), (89, 0, 90, 70)]
STORED = {
    "one strip": {},
    "strips": {"rowsperstrip": 16},
    "packed strips": {"rowsperstrip": 16, "compression": "zlib"},
    "tiles": {"tile": (32, 48)},
    "packed tiles": {"tile": (32, 48), "compression": "zlib", "predictor": True},
    "big-endian": {"byteorder": ">"},
    "packed big-endian": {"byteorder": ">", "rowsperstrip": 16, "compression": "zlib"},
}


def written(path, pixels=BANDS, planes="contig", **options):
    values = np.moveaxis(pixels, 2, 0) if planes == "separate" else pixels
    tifffile.imwrite(path, values, photometric="minisblack", planarconfig=planes, metadata=None, **options)
    return path


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("stored", STORED)
def test_a_part_is_what_the_whole_has_there(tmp_path, stored, planes):
    path = written(tmp_path / "a.tif", planes=planes, **STORED[stored])
    whole = TiffReader().samples(path).pixels
    np.testing.assert_array_equal(whole, BANDS)
    for left, top, right, bottom in BOXES:
        part = TiffReader().read_window(path, (left, top, right, bottom))
        assert part.dtype == whole.dtype
        np.testing.assert_array_equal(part, whole[top:bottom, left:right])


def test_pages_that_are_the_bands_of_one_image_are_put_together(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.moveaxis(BANDS, 2, 0), ome=True, photometric="minisblack", metadata={"axes": "CYX"})
    np.testing.assert_array_equal(TiffReader().read_window(path, (17, 33, 81, 70)), BANDS[33:70, 17:81])


def test_damage_elsewhere_is_not_met(tmp_path):
    path = written(tmp_path / "a.tif", rowsperstrip=10, compression="zlib")
    with tifffile.TiffFile(path) as opened:
        last = opened.pages[0].dataoffsets[-1]
    with path.open("r+b") as file:
        file.seek(last)
        file.write(b"damaged")
    np.testing.assert_array_equal(TiffReader().read_window(path, (0, 0, 90, 60)), BANDS[:60])
    with pytest.raises(UnusableImageError, match="corrupt or truncated"):
        TiffReader().read_window(path, (0, 0, 90, 61))


@pytest.mark.parametrize("options", [{}, {"rowsperstrip": 16, "compression": "zlib"}])
def test_what_is_cut_off_is_told(tmp_path, options):
    path = written(tmp_path / "a.tif", **options)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnusableImageError, match="corrupt or truncated"):
        TiffReader().read_window(path, BOXES[2])


def test_tiles_that_are_left_out_are_empty(tmp_path):
    values = np.zeros((64, 64, 5), np.float32)
    values[:32, :32], values[32:, 32:] = 3, 7
    path = tmp_path / "a.tif"
    packed = [zlib.compress(values[:32, :32].tobytes()), b"", b"", zlib.compress(values[32:, 32:].tobytes())]
    like = {"shape": values.shape, "dtype": "float32", "tile": (32, 32), "compression": "zlib"}
    tifffile.imwrite(path, iter(packed), photometric="minisblack", planarconfig="contig", metadata=None, **like)
    np.testing.assert_array_equal(TiffReader().samples(path).pixels, values)
    np.testing.assert_array_equal(TiffReader().read_window(path, (20, 20, 60, 60)), values[20:60, 20:60])


def test_one_that_lies_on_its_side_or_is_jpeg_is_read_whole(tmp_path):
    turned = written(tmp_path / "turned.tif", extratags=[(274, 3, 1, 6, False)])
    assert TiffReader().read_window(turned, BOXES[1]) is None
    values = (BANDS[:, :, :3] >> 8).astype(np.uint8)
    tifffile.imwrite(tmp_path / "jpeg.tif", values, photometric="rgb", compression="jpeg", metadata=None)
    assert TiffReader().read_window(tmp_path / "jpeg.tif", BOXES[1]) is None
