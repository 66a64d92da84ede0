"""TIFF of any bands and types is read as it stands, and written with its place on earth."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from i2i.builtin.readers.tiff_files import TiffReader
from i2i.images.unusable import UnusableImageError
from i2i.images.value_range import TYPES

from ...helpers.images import noise

PLACE = [
    (33550, "d", 3, (10.0, 10.0, 0.0), True),
    (33922, "d", 6, (0.0, 0.0, 0.0, 500000.0, 5600000.0, 0.0), True),
    (34735, "H", 8, (1, 1, 0, 1, 1024, 0, 1, 1), True),
]


def bands(count=6, kind="uint16", size=(37, 45)):
    values = np.random.default_rng(count).integers(0, 100, (*size, count))
    return values.astype(kind)


def write(path, values, **options):
    options = {"photometric": "minisblack", "planarconfig": "contig", "metadata": None, **options}
    tifffile.imwrite(path, values, **options)
    return path


def check(path, values):
    reader = TiffReader()
    for source in (path, io.BytesIO(path.read_bytes())):
        header = reader.header(source)
        assert (header.width, header.height, header.channels) == (values.shape[1], values.shape[0], values.shape[2])
        assert header.type == values.dtype.name
        if not isinstance(source, type(path)):
            source.seek(0)
        read = reader.read(source, beside=True).pixels
        assert read.dtype == values.dtype
        np.testing.assert_array_equal(read, values)


@pytest.mark.parametrize("kind", TYPES)
def test_bands_of_every_type(tmp_path, kind):
    check(write(tmp_path / "a.tif", bands(5, kind)), bands(5, kind))


@pytest.mark.parametrize(
    "options",
    [
        {"planarconfig": "separate"},
        {"tile": (16, 16)},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"compression": "deflate", "predictor": True},
        {"rowsperstrip": 5},
    ],
    ids=str,
)
def test_every_layout(tmp_path, options):
    values = bands(6)
    laid = np.moveaxis(values, 2, 0) if options.get("planarconfig") == "separate" else values
    check(write(tmp_path / "a.tif", laid, **options), values)


def test_the_first_level_of_a_pyramid(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        options = {"photometric": "minisblack", "planarconfig": "contig", "metadata": None}
        file.write(bands(6), subifds=1, **options)
        file.write(bands(6)[::2, ::2], subfiletype=1, **options)
    check(tmp_path / "a.tif", bands(6))


def test_channels_of_ome_in_pages_and_stacks_of_frames_that_are_none(tmp_path):
    planes = np.moveaxis(bands(4), 2, 0)
    tifffile.imwrite(tmp_path / "a.ome.tif", planes, metadata={"axes": "CYX"}, photometric="minisblack")
    check(tmp_path / "a.ome.tif", bands(4))
    tifffile.imwrite(tmp_path / "frames.tif", planes, photometric="minisblack", metadata=None)
    with pytest.raises(UnusableImageError, match="4 frames or pages; save each as a file of its own"):
        TiffReader().read(tmp_path / "frames.tif", beside=False)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_values_are_turned_upright_as_pictures_are(tmp_path, orientation):
    levels = noise(12, 20, 1)
    tags = [(274, "H", 1, orientation, True)]
    grey = write(tmp_path / "grey.tif", levels[:, :, 0], extratags=tags)
    floats = write(tmp_path / "floats.tif", levels[:, :, 0].astype(np.float32), extratags=tags)
    picture = np.asarray(TiffReader().read(grey, beside=False).pixels)
    np.testing.assert_array_equal(TiffReader().read(floats, beside=False).pixels[:, :, 0], picture)


def test_pictures_stay_pictures_and_give_all_bands_and_bits_when_asked(tmp_path):
    deep = noise(12, 20, 3, levels=65536)
    path = write(tmp_path / "rgb.tif", deep, photometric="rgb")
    read = TiffReader().read(path, beside=True)
    assert isinstance(read.pixels, Image.Image)
    assert read.reduced
    np.testing.assert_array_equal(TiffReader().samples(path).pixels, deep)


def test_the_place_on_earth_goes_along_with_bands(tmp_path):
    nodata = (42113, "s", 0, "-9999", True)
    path = write(tmp_path / "geo.tif", bands(6), extratags=[*PLACE, nodata])
    read = TiffReader().read(path, beside=True)
    with (tmp_path / "out.tif").open("wb") as file:
        notes = list(TiffReader().write(bands(1, "float32"), file, like=read.beside))
    with tifffile.TiffFile(tmp_path / "out.tif") as written:
        assert [written.pages[0].tags[tag].value for tag, *_ in PLACE] == [value for *_, value, _ in PLACE]
        assert 42113 not in written.pages[0].tags
        assert written.asarray().dtype == np.float32
    (note,) = notes
    assert "nodata -9999" in note


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:900]), "corrupt or truncated"),
        (lambda path: write(path, bands(5).astype(np.complex64)), "complex"),
        (lambda path: path.write_bytes(b"II*\0"), "the file ends within its header"),
        (lambda path: Image.new("RGB", (4, 4)).save(path, "PNG"), "misnamed: its content is PNG"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path, change, told):
    path = write(tmp_path / "a.tif", bands(6))
    change(path)
    with pytest.raises(UnusableImageError, match=told):
        TiffReader().read(path, beside=False)
