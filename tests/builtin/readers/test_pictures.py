"""Pictures tell what they are before they are decoded, and hold what their format can."""

import io

import numpy as np
import pytest
from PIL import Image

from i2i.builtin.readers.pictures import PictureReader
from i2i.images.reading import decode
from i2i.images.unusable import UnusableImageError

from ...helpers.images import noise


@pytest.mark.parametrize(
    ("mode", "channels", "kind"),
    [
        ("1", 1, "uint8"),
        ("L", 1, "uint8"),
        ("LA", 2, "uint8"),
        ("P", 3, "uint8"),
        ("RGB", 3, "uint8"),
        ("RGBA", 4, "uint8"),
        ("I;16", 1, "uint16"),
    ],
)
def test_the_header_gives_size_channels_and_type(tmp_path, mode, channels, kind):
    picture = Image.new("I;16", (20, 12)) if mode == "I;16" else Image.fromarray(noise(12, 20)).convert(mode)
    picture.save(tmp_path / "image.png")
    for source in (tmp_path / "image.png", io.BytesIO((tmp_path / "image.png").read_bytes())):
        header = PictureReader("PNG").header(source)
        assert (header.width, header.height, header.channels, header.type) == (20, 12, channels, kind)


def test_where_nothing_stands_beside_the_pixels_there_is_nothing(tmp_path):
    Image.fromarray(noise(12, 20)).save(tmp_path / "plain.png")
    Image.fromarray(noise(12, 20)).save(tmp_path / "dense.png", dpi=(300, 300))
    assert PictureReader("PNG").read(tmp_path / "plain.png", beside=True).beside is None
    assert PictureReader("PNG").read(tmp_path / "dense.png", beside=True).beside is not None


def test_what_is_damaged_beside_the_pixels_does_not_hide_the_header(tmp_path):
    Image.fromarray(noise(12, 20)).save(tmp_path / "image.webp", exif=bytes(range(64)), lossless=True)

    assert PictureReader("WEBP").header(tmp_path / "image.webp").width == 20


def test_the_header_gives_the_reason_that_decoding_would_give(tmp_path):
    Image.fromarray(noise(12, 20)).save(tmp_path / "cat.jpg", format="PNG")
    (tmp_path / "text.png").write_text("no image")
    for name in ("cat.jpg", "text.png"):
        with pytest.raises(UnusableImageError) as told:
            PictureReader("PNG").header(tmp_path / name)
        with pytest.raises(UnusableImageError) as decoding:
            decode(tmp_path / name)
        assert str(told.value) == str(decoding.value)


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
def test_a_format_keeps_what_it_says_it_holds(name):
    reader = PictureReader(name)
    held = [(c, kind) for c in (1, 2, 3, 4, 6) for kind in ("uint8", "uint16", "float32") if reader.holds(c, kind)]
    deep = [(1, "uint16")] if name in ("PNG", "TIFF") else []
    two, four = ([(c, "uint8")] if name in ("PNG", "WEBP", "TIFF") else [] for c in (2, 4))
    assert held == [(1, "uint8"), *deep, *two, (3, "uint8"), *four]
    for channels, kind in held:
        pixels = noise(12, 20, channels, levels=65536 if kind == "uint16" else 256)
        file = io.BytesIO()
        assert list(reader.write(pixels, file, like=None)) == []
        file.seek(0)
        picture = reader.read(file, beside=False).pixels
        made_colour = name == "WEBP" and channels < 3
        read = np.asarray(picture.convert("L" if channels == 1 else "LA") if made_colour else picture)
        read = read.reshape(pixels.shape)
        assert read.dtype == pixels.dtype
        assert name == "JPEG" or np.array_equal(read, pixels)


def test_what_stands_beside_a_picture_of_another_format_goes_along_or_is_noted():
    source, target = io.BytesIO(), io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    Image.fromarray(noise(12, 20)).save(source, "JPEG", exif=exif)
    source.seek(0)
    read = PictureReader("JPEG").read(source, beside=True)

    assert list(PictureReader("PNG").write(noise(12, 20), target, like=read.beside)) == []
    with Image.open(target) as written:
        assert written.getexif()[0x010F] == "Maker"
    assert list(PictureReader("BMP").write(noise(12, 20), io.BytesIO(), like=read.beside)) == [
        "its EXIF data were left out, for BMP holds none"
    ]
