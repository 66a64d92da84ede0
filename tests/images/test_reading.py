"""Every kind of image file becomes the numbers it holds."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from i2i.errors import DataError
from i2i.images import reading
from i2i.images.reading import (
    decode,
    to_array,
)

from ..helpers.images import read_image


def values(path, **options):
    """The image in [0, 1], as [C, H, W]."""
    options = {"channels": 3, **options}
    array = to_array(read_image(path, **options), options["channels"])
    assert array.dtype == np.float32
    assert array.min() >= -1
    assert array.max() <= 1
    return array / 2 + 0.5


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff", ".PNG", ".webp"])
def test_lossless_formats_are_read_exactly(tmp_path, suffix):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    path = tmp_path / f"image{suffix}"
    Image.fromarray(pixels).save(path, **({"lossless": True} if suffix == ".webp" else {}))
    expected = (pixels.astype(np.float32) / np.float32(255) - np.float32(0.5)) / np.float32(0.5)
    np.testing.assert_array_equal(to_array(read_image(path, channels=3), 3), expected.transpose(2, 0, 1))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_grey_keeps_its_precision(tmp_path, suffix, channels):
    levels = np.arange(0, 65536, 13, dtype=np.uint16)[:5040].reshape(60, 84)
    path = tmp_path / f"deep{suffix}"
    Image.fromarray(levels).save(path)
    read = values(path, channels=channels)
    assert read.shape == (channels, 60, 84)
    assert len(np.unique(read)) == levels.size
    np.testing.assert_allclose(read[0], levels / 65535, atol=1e-6)


def test_16_bit_grey_stays_in_range_after_a_resize(tmp_path):
    edges = np.zeros((16, 16), np.uint16)
    edges[:, 8:] = 65535
    Image.fromarray(edges).save(tmp_path / "edge.png")
    image = read_image(tmp_path / "edge.png", channels=1).resize((40, 40), Image.Resampling.BICUBIC)
    array = to_array(image, 1)
    assert array.min() == -1
    assert array.max() == 1


def test_16_bit_grey_where_white_is_zero(tmp_path):
    levels = np.array([[0, 1000, 65535]], np.uint16)
    Image.fromarray(levels).save(tmp_path / "negative.tif", tiffinfo={262: 0})
    np.testing.assert_allclose(values(tmp_path / "negative.tif", channels=1)[0], 1 - levels / 65535, atol=1e-6)


def test_a_note_says_that_16_bit_colours_are_reduced(tmp_path):
    import struct
    import zlib

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    row = b"\0" + struct.pack(">3H", 0x1234, 0x8000, 0xFFFF)
    path = tmp_path / "deep.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(row))
        + chunk(b"IEND", b"")
    )
    assert decode(path).reduced
    Image.new("RGB", (1, 1)).save(tmp_path / "plain.png")
    assert not decode(tmp_path / "plain.png").reduced


@pytest.mark.parametrize("background", ["#ffffff", "#ff0000"])
def test_transparency_is_laid_over_the_background(tmp_path, background):
    over = np.array([1, 1, 1] if background == "#ffffff" else [1, 0, 0])
    rgba = Image.new("RGBA", (3, 1))
    rgba.putdata([(0, 0, 255, 0), (0, 0, 255, 255), (0, 0, 255, 51)])
    rgba.save(tmp_path / "rgba.png")
    read = values(tmp_path / "rgba.png", background=background)[:, 0].T
    np.testing.assert_allclose(read[0], over, atol=1e-6)
    np.testing.assert_allclose(read[1], [0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(read[2], 0.2 * np.array([0, 0, 1]) + 0.8 * over, atol=1 / 255)

    grey = Image.new("LA", (2, 1))
    grey.putdata([(0, 0), (128, 255)])
    grey.save(tmp_path / "la.png")
    read = values(tmp_path / "la.png", background=background)[:, 0].T
    np.testing.assert_allclose(read, [over, [128 / 255] * 3], atol=1e-6)

    palette = Image.new("P", (2, 1))
    palette.putpalette([0, 255, 0, 0, 0, 255])
    palette.putdata([0, 1])
    palette.save(tmp_path / "p.png", transparency=0)
    read = values(tmp_path / "p.png", background=background)[:, 0].T
    np.testing.assert_allclose(read, [over, [0, 0, 1]], atol=1e-6)

    deep = Image.fromarray(np.array([[7, 65535 // 2]], np.uint16))
    deep.save(tmp_path / "deep.png", transparency=7)
    luma = Image.new("RGB", (1, 1), background).convert("L").getpixel((0, 0)) / 255
    read = values(tmp_path / "deep.png", channels=1, background=background)[0, 0]
    np.testing.assert_allclose(read, [luma, 0.5], atol=1e-4)


def test_palette_and_one_bit_are_read_without_loss(tmp_path):
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putdata([0, 1])
    palette.save(tmp_path / "p.png")
    np.testing.assert_allclose(values(tmp_path / "p.png")[:, 0].T * 255, [[10, 20, 30], [200, 100, 50]], atol=1e-3)
    bits = Image.new("1", (2, 1))
    bits.putdata([0, 255])
    bits.save(tmp_path / "bits.png")
    np.testing.assert_array_equal(values(tmp_path / "bits.png", channels=1), [[[0, 1]]])


def test_greyscale_is_rec_601(tmp_path):
    Image.new("RGB", (1, 1), (200, 100, 50)).save(tmp_path / "colour.png")
    expected = (0.299 * 200 + 0.587 * 100 + 0.114 * 50) / 255
    assert values(tmp_path / "colour.png", channels=1).item() == pytest.approx(expected, abs=1 / 255)


def test_programs_of_before_read_pictures_as_runs_do(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    for channels in (1, 3):
        options = {"channels": channels, "background": "#102030"}
        found, expected = (read(tmp_path / "a.png", **options) for read in (reading.read_image, read_image))
        assert found.mode == expected.mode
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    with pytest.raises(DataError, match=r"none\.png: "):
        reading.read_image(tmp_path / "none.png", channels=3)
