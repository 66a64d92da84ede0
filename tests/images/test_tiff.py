"""TIFF files of every layout become the numbers they hold, or are refused by what they are."""

from __future__ import annotations

import itertools
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from i2i.images import tiff
from i2i.images.reading import UnusableImageError, decode, to_array

from ..helpers.images import READERS, read_image, write_picture
from .tiffs import bands, patch, pixels, reason, write


def upper(samples):
    return samples if samples.dtype == np.uint8 else (samples >> 8).astype(np.uint8)


LAYOUTS = [
    dict(zip(("planar", "compression", "tile", "byteorder", "bigtiff"), values, strict=True))
    for values in itertools.product([False, True], [None, "deflate"], [None, (16, 16)], "<>", [False, True])
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: " ".join(str(value) for value in layout.values()))
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_colours_are_read_from_every_layout(tmp_path, kind, layout):
    options = {**layout, "rowsperstrip": None if layout["tile"] else 5}
    for extra, colours in (((), 3), ((2,), 4), ((0,), 3), ((2, 0), 4), ((0, 0), 3)):
        samples = bands(3 + len(extra), kind)
        path = write(tmp_path / "image.tif", samples, extrasamples=extra, **options)
        decoded = decode(path)
        np.testing.assert_array_equal(np.asarray(decoded.image), upper(samples[:, :, :colours]))
        left_out = samples.shape[2] - colours
        wanted = f"of its {samples.shape[2]} bands, {left_out} beyond colours and opacity were left out"
        assert decoded.notes == ((wanted,) if left_out else ())
        assert decoded.reduced == (kind == np.uint16)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: " ".join(str(value) for value in layout.values()))
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_grey_is_read_from_every_layout(tmp_path, photometric, layout):
    options = {**layout, "rowsperstrip": None if layout["tile"] else 5, "photometric": photometric}
    for kind in (np.uint8, np.uint16):
        samples = bands(1, kind)
        shown = samples if photometric == "minisblack" else np.iinfo(kind).max - samples
        np.testing.assert_array_equal(pixels(write(tmp_path / "1.tif", samples, **options)), shown[:, :, 0])
        samples = bands(2, kind)
        colours = samples[:, :, :1] if photometric == "minisblack" else np.iinfo(kind).max - samples[:, :, :1]
        path = write(tmp_path / "2.tif", samples, extrasamples=(2,), **options)
        np.testing.assert_array_equal(pixels(path), upper(np.concatenate([colours, samples[:, :, 1:]], axis=2)))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("colours", [1, 3])
def test_colours_that_were_multiplied_by_their_opacity_are_divided_by_it(tmp_path, kind, planar, colours):
    most = np.iinfo(kind).max
    samples = np.full((9, 7, colours + 1), most // 4, kind)
    samples[:, :, -1] = most // 2
    photometric = "rgb" if colours == 3 else "minisblack"
    path = write(tmp_path / "image.tif", samples, planar=planar, extrasamples=(1,), photometric=photometric)
    read = pixels(path)
    np.testing.assert_allclose(read[:, :, :colours], 127, atol=2)
    np.testing.assert_allclose(read[:, :, colours], 127, atol=1)


def test_three_grey_bands_as_gdal_writes_them_are_colours_with_a_note(tmp_path):
    samples = bands(3)
    for planar in (False, True):
        options = {"photometric": "minisblack", "extrasamples": (0, 0), "planar": planar}
        decoded = decode(write(tmp_path / "gdal.tif", samples, **options))
        np.testing.assert_array_equal(np.asarray(decoded.image), upper(samples))
        assert decoded.notes == ("its three bands were taken as red, green and blue, which the file does not say",)
    samples = bands(4)
    path = write(tmp_path / "rgba.tif", samples, photometric="minisblack", extrasamples=(0, 0, 2))
    np.testing.assert_array_equal(pixels(path), upper(samples))


REFUSED = [
    (bands(5), {"extrasamples": (0,) * 4}, "5 bands, and which are red", "5 samples of 16 bits"),
    (bands(4), {"extrasamples": (0,) * 3}, "4 bands, and which are red", "gdal_translate"),
    (bands(1).astype(np.float16), {}, "floating-point samples", "1 sample of 16 bits a pixel, floating-point, grey"),
    (bands(1).astype(np.float32), {"compression": "deflate"}, "floating-point samples", "compression Deflate"),
    (bands(1).astype(np.float64), {}, "floating-point samples", "64 bits"),
    (bands(3, np.uint8).astype(np.float32), {"photometric": "rgb"}, "floating-point samples", "3 samples of 32 bits"),
    (bands(1, np.uint8).astype(np.int8), {}, "signed integer samples", "1 sample of 8 bits"),
    (bands(3, np.uint8).astype(np.int8), {"photometric": "rgb"}, "signed integer samples", "RGB"),
    (bands(1).astype(np.int16), {}, "signed integer samples", "convert it to unsigned integers of 8 or 16 bits"),
    (bands(1).astype(np.int32), {}, "signed integer samples", "32 bits"),
    (bands(1).astype(np.uint32), {}, "32 bits a sample are not supported", "convert it to 8 or 16 bits"),
    (bands(1).astype(np.complex64), {}, "complex floating-point samples", "64 bits"),
    (bands(3, np.uint8), {"photometric": "cielab"}, "CIELab colours are not supported", "convert it to grey or RGB"),
    (bands(1), {"photometric": "cfa"}, "raw sensor colours are not supported", "16 bits"),
]  # fmt: skip


@pytest.mark.parametrize(("samples", "options", "what", "detail"), REFUSED, ids=[row[2] for row in REFUSED])
def test_what_is_no_grey_or_rgb_is_refused_by_what_it_is(tmp_path, samples, options, what, detail):
    told = reason(write(tmp_path / "image.tif", samples, **{"photometric": "minisblack", **options}))
    assert told.startswith(what)
    assert detail in told
    assert "corrupt" not in told


@pytest.mark.parametrize(
    ("number", "name"),
    [(34887, "LERC"), (34712, "JPEG 2000"), (50002, "JPEG XL"), (50001, "WebP"), (64000, "number 64000")],
)
def test_a_compression_that_needs_another_package_is_named(tmp_path, monkeypatch, number, name):
    path = write(tmp_path / "image.tif", bands(3, np.uint8))
    patch(path, 259, number)
    monkeypatch.setattr(tiff, "find_spec", lambda name: None)
    told = reason(path)
    assert told.startswith(f"{name} in a TIFF of this kind (3 samples of 8 bits a pixel, RGB, compression {name})")
    assert 'pip install "i2i[tiff]"' in told


@pytest.mark.parametrize("compression", ["lzw", "zstd", "jpeg2000"])
def test_with_that_package_it_is_read(tmp_path, compression):
    pytest.importorskip("imagecodecs", reason='imagecodecs, of "i2i[tiff]", is not installed')
    samples = bands(3)
    path = write(tmp_path / "image.tif", samples, compression=compression)
    np.testing.assert_array_equal(np.asarray(decode(path).image), upper(samples))


def test_a_palette_of_8_bits_in_fields_of_16_is_one(tmp_path):
    levels = np.stack([np.arange(256), np.arange(256)[::-1], np.full(256, 7)]).astype(np.uint16)
    indexes = bands(1, np.uint8)
    for scale in (1, 257, 256):
        path = write(tmp_path / "p.tif", indexes, photometric="palette", colormap=levels * np.uint16(scale))
        wanted = levels.T[indexes[:, :, 0]]
        np.testing.assert_array_equal(np.asarray(read_image(path, channels=3)), wanted)


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_greys_below_a_byte(tmp_path, bits, photometric):
    levels = np.arange(2**bits, dtype=np.uint8)
    packed = np.packbits(np.unpackbits(levels[:, None], axis=1)[:, -bits:].ravel())
    path = tmp_path / "image.tif"
    Image.fromarray(np.tile(packed, (4, 1))).save(path)
    for tag, value in ((256, len(levels)), (258, bits), (262, photometric == "minisblack")):
        patch(path, tag, int(value))
    read = np.asarray(decode(path).image)[0]
    wanted = levels * (255 // (2**bits - 1))
    np.testing.assert_array_equal(read, wanted if photometric == "minisblack" else 255 - wanted)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_counts_whichever_library_reads(tmp_path, orientation):
    samples = bands(3, size=(6, 9))
    tag = [(274, "H", 1, orientation, True)]
    planar = pixels(write(tmp_path / "planar.tif", samples, planar=True, extratags=tag))
    chunky = pixels(write(tmp_path / "chunky.tif", samples, extratags=tag))
    np.testing.assert_array_equal(planar, chunky)
    assert planar.shape == ((9, 6, 3) if orientation > 4 else (6, 9, 3))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_mask_inside_makes_transparent(tmp_path, kind, channels, orientation):
    samples = np.full((20, 16, channels), np.iinfo(kind).max // 2, kind)
    valid = np.ones((20, 16), bool)
    valid[:7] = False
    with tifffile.TiffWriter(tmp_path / "mask.tif") as file:
        tag = [(274, "H", 1, orientation, True)]
        data, photometric = (samples, "rgb") if channels == 3 else (samples[:, :, 0], "minisblack")
        file.write(data, photometric=photometric, metadata=None, extratags=tag)
        file.write(valid, photometric="mask", subfiletype=4, metadata=None, compression="deflate")
    read = to_array(read_image(tmp_path / "mask.tif", channels=channels, background="#ffffff"), channels)[0]
    upright = valid if orientation == 1 else np.rot90(valid, -1)
    np.testing.assert_allclose(read[upright], 0, atol=0.01)
    np.testing.assert_allclose(read[~upright], 1)


def chain(path, count, *, loop=False):
    """A TIFF of ``count`` pages that share one pixel, each of a directory alone."""

    def directory(following):
        tags = ((256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 1))
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
        return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)

    size = len(directory(0))
    begins = [16 + size * place for place in range(count)]
    following = [*begins[1:], begins[0] if loop else 0]
    path.write_bytes(struct.pack("<2sHI8s", b"II", 42, 16, b"\x80" * 8) + b"".join(map(directory, following)))
    return path


@pytest.mark.parametrize("planar", [False, True])
def test_the_limit_on_pixels_stands_before_decoding(tmp_path, monkeypatch, planar):
    path = write(tmp_path / "image.tif", bands(3), planar=planar)
    monkeypatch.setattr(tiff, "read_page", lambda *arguments: pytest.fail("it was decoded"))
    with pytest.raises(UnusableImageError, match="45 x 37 pixels, more than max_pixels = 1664"):
        decode(path, max_pixels=1664)


def test_the_size_is_read_without_decoding(tmp_path):
    """So that a large file is divided into tiles, whichever library reads it."""
    for planar in (True, False):
        header = READERS.header(write(tmp_path / "bands.tif", bands(3), planar=planar))
        assert (header.width, header.height, header.channels, header.type) == (45, 37, 3, "uint16")
    with pytest.raises(UnusableImageError, match="3 frames or pages"):
        READERS.header(chain(tmp_path / "pages.tif", 3))


@pytest.mark.parametrize(
    "options",
    [
        {"description": '{"shape": [37, 45]}'},
        {"ome": True},
        {"imagej": True},
        {"description": "Aperio Image Library v12.0.15\n46000x32914 [0,100 46000x32814] (256x256) JPEG/RGB Q=30"},
        {"description": "SCIFIO=1\naxes=X,Y\nlengths=45,37"},
        {"description": "state.configPath='x'\rstate.acq.numberOfFrames=1"},
    ],
    ids=lambda options: str(options)[:25],
)
def test_descriptions_for_programs_are_left_out_with_a_note(tmp_path, options):
    grey = bands(1)[:, :, 0]
    options = {**({} if {"ome", "imagej"} & options.keys() else {"metadata": None}), **options}
    tifffile.imwrite(tmp_path / "in.tif", grey, photometric="minisblack", **options)
    metadata = decode(tmp_path / "in.tif", metadata=True).metadata
    assert len(metadata.notes) == 1
    assert "its description (of axes, type or scale, for programs) was left out" in metadata.notes[0]
    write_picture(Image.new("RGB", (45, 37)), tmp_path / "out.tif", format_name="TIFF", metadata=metadata)
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert file.pages[0].description == ""
        assert file.asarray().shape == (37, 45, 3)


def test_descriptions_for_people_go_along(tmp_path):
    for told in ("Liver, slice 3 (stain: H&E)", "A walk = a joy", "1. Row of three"):
        path = write(tmp_path / "in.tif", bands(1), photometric="minisblack", description=told)
        metadata = decode(path, metadata=True).metadata
        assert metadata.notes == ()
        write_picture(Image.new("L", (45, 37)), tmp_path / "o.tif", format_name="TIFF", metadata=metadata, replace=True)
        with tifffile.TiffFile(tmp_path / "o.tif") as file:
            assert file.pages[0].description == told
