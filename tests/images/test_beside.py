"""JPEG, WebP and others: damage beside the pixels costs no picture, and the parts not read are named."""

from __future__ import annotations

import io
import random
import struct

import numpy as np
import pytest
from PIL import Image

from i2i.images.beside import without_metadata
from i2i.images.reading import UnusableImageError, decode_stream

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)


LEFT_OUT = "some of what it says beside its pixels is damaged and was left out"


def encoded(format_name, pixels=PIXELS, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format_name, **options)
    return file.getvalue()


def segment(marker, content):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def with_segments(*segments):
    """The JPEG with segments in front of its own, as cameras write them."""
    content = encoded("JPEG")
    return content[:2] + b"".join(segments) + content[2:]


SEGMENTS = {
    "previews of nothing": segment(0xE2, b"MPF\0" + b"rubbish"),
    "previews beyond the end": segment(0xE2, b"MPF\0II*\0\x08\0\0\0" + b"\xff" * 40),
    "Photoshop's blocks": segment(0xED, b"Photoshop 3.0\x008BIM" + b"\xff" * 9),
    "EXIF of nothing": segment(0xE1, b"Exif\0\0" + b"rubbish"),
    "EXIF beyond the end": segment(0xE1, b"Exif\0\0II*\0\xff\xff\0\0" + bytes(20)),
    "a profile in pieces": segment(0xE2, b"ICC_PROFILE\0\x02\x03" + bytes(50)),
    "a short JFIF": segment(0xE0, b"JFIF"),
    "a comment": segment(0xFE, b"\xff" * 300),
    "XMP of another encoding": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"\xff\xfe" * 40),
}


@pytest.mark.parametrize("name", SEGMENTS)
@pytest.mark.filterwarnings("default")  # Pillow warns of some damage
def test_damage_beside_the_pixels_of_a_jpeg_costs_nothing(name):
    with Image.open(io.BytesIO(encoded("JPEG"))) as image:
        wanted = np.asarray(image)
    decoded = decode_stream(io.BytesIO(with_segments(SEGMENTS[name])), metadata=True)
    np.testing.assert_array_equal(np.asarray(decoded.image), wanted)


@pytest.mark.parametrize("seed", range(100))
@pytest.mark.filterwarnings("default")
def test_damaged_exif_of_a_webp_costs_nothing(seed):
    exif = Image.Exif()
    exif.update({0x010F: "Maker", 0x0132: "2026:01:31 12:00:00"})
    content = bytearray(encoded("WEBP", exif=exif.tobytes(), icc_profile=bytes(200), lossless=True))
    begin = content.index(b"EXIF") + 8
    numbers = random.Random(seed)
    for _ in range(numbers.randint(1, 9)):
        content[numbers.randrange(begin, len(content))] = numbers.randrange(256)
    image = decode_stream(io.BytesIO(bytes(content))).image
    assert sorted(image.size) == [20, 24]


@pytest.mark.parametrize("format_name", ["JPEG", "WEBP"])
def test_what_is_left_without_metadata_is_the_same_picture(format_name):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    content = encoded(format_name, exif=exif.tobytes(), icc_profile=bytes(200), lossless=True)
    bare = without_metadata(io.BytesIO(content))
    with Image.open(bare) as image, Image.open(io.BytesIO(content)) as whole:
        np.testing.assert_array_equal(np.asarray(image), np.asarray(whole))
        assert "exif" not in image.info
        assert "icc_profile" not in image.info
    assert without_metadata(bare) is None
    assert without_metadata(io.BytesIO(encoded("BMP"))) is None


def test_a_damaged_segment_is_noted(tmp_path):
    decoded = decode_stream(io.BytesIO(with_segments(SEGMENTS["a short JFIF"])), metadata=True)
    assert decoded.metadata.notes == (LEFT_OUT,)


def test_pictures_behind_a_jpeg_are_noted():
    file = io.BytesIO()
    image = Image.fromarray(PIXELS)
    image.save(file, "MPO", save_all=True, append_images=[image])
    decoded = decode_stream(io.BytesIO(file.getvalue()), metadata=True)
    assert decoded.metadata.notes == (
        "1 further pictures in it (previews, a second eye or brighter parts) were left out",
    )


@pytest.mark.parametrize("format_name", ["WEBP", "PNG"])
def test_animations_are_refused_with_their_number(format_name):
    frames = [Image.new("RGB", (8, 8), (level, 0, 0)) for level in range(0, 250, 25)]
    file = io.BytesIO()
    frames[0].save(file, format_name, save_all=True, append_images=frames[1:])
    with pytest.raises(UnusableImageError, match="10 frames or pages"):
        decode_stream(io.BytesIO(file.getvalue()))


def test_a_lossless_webp_with_opacity_keeps_it():
    rgba = np.dstack([PIXELS, PIXELS[:, :, 0]])
    image = decode_stream(io.BytesIO(encoded("WEBP", rgba, lossless=True, exact=True))).image
    np.testing.assert_array_equal(np.asarray(image), rgba)
