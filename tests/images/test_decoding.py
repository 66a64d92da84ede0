"""A stream is decoded as a file is, within the limit on pixels."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from i2i.images.reading import (
    TooManyPixelsError,
    UnknownFormatError,
    UnusableImageError,
    decode_stream,
)

from ..helpers.images import read_image


def test_limit_on_pixels_is_ours_and_leaves_pillows_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    Image.new("RGB", (8, 8)).save(tmp_path / "small.png")
    assert read_image(tmp_path / "small.png", channels=3).size == (8, 8)
    assert Image.MAX_IMAGE_PIXELS == 10


def test_a_stream_is_decoded_as_a_file_is():
    stream = io.BytesIO()
    Image.new("RGB", (7, 5), "#336699").save(stream, "PNG", dpi=(300, 300))
    stream.seek(0)

    decoded = decode_stream(stream, metadata=True)

    assert (decoded.format, decoded.image.size, decoded.image.getpixel((3, 3))) == ("PNG", (7, 5), (51, 102, 153))
    assert decoded.metadata.dpi == pytest.approx((300, 300), abs=0.1)


def test_a_stream_says_in_its_error_what_kind_of_trouble_it_is():
    def stream(name, size=(20, 20)):
        file = io.BytesIO()
        Image.new("L", size).save(file, name)
        return file.getvalue()

    for content in (b"text", stream("GIF"), stream("ICO"), stream("PPM")):
        with pytest.raises(UnknownFormatError, match="not an image"):
            decode_stream(io.BytesIO(content))
    with pytest.raises(TooManyPixelsError, match="20 x 20 pixels, more than max_pixels = 399") as caught:
        decode_stream(io.BytesIO(stream("PNG")), max_pixels=399)
    assert caught.value.size == (20, 20)
    with pytest.raises(UnusableImageError, match="corrupt or truncated") as damage:
        decode_stream(io.BytesIO(stream("PNG")[:-20]))
    assert not isinstance(damage.value, UnknownFormatError | TooManyPixelsError)


@pytest.mark.parametrize("name", ["PNG", "JPEG", "MPO", "WEBP", "BMP", "TIFF"])
def test_every_accepted_format_is_decoded_from_a_stream(name):
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), "#336699").save(stream, name)
    stream.seek(0)
    assert decode_stream(stream).image.size == (40, 30)
