"""EXIF whose values are named so often that they would fill the memory is not read."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from i2i.images.reading import decode_stream
from i2i.images.tiff_header import is_bounded_exif

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)


def bomb(tags=2000, *, below=False):
    """EXIF of about 24 kB per 2000 tags, each of which says that it is all of it."""
    size = 8 + 2 + 12 * tags + 4
    entries = [struct.pack("<HHII", 0xC000 + place, 7, size, 0) for place in range(tags)]
    if below:  # the first directory holds nothing but the way to the second
        first = struct.pack("<HHHIII", 1, 0x8769, 4, 1, 26, 0)
        return struct.pack("<2sHI", b"II", 42, 8) + first + struct.pack("<H", tags) + b"".join(entries) + bytes(4)
    return struct.pack("<2sHIH", b"II", 42, 8, tags) + b"".join(entries) + bytes(4)


def ordinary():
    exif = Image.Exif()
    exif.update({0x010F: "Maker", 0x0132: "2026:01:31 12:00:00", 0x013B: "x" * 2000})
    exif.get_ifd(0x8769)[0x9003] = "2026:01:31 12:00:00"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0)})
    return exif.tobytes()


def test_what_is_bounded():
    assert is_bounded_exif(ordinary())
    assert is_bounded_exif(b"rubbish")
    assert not is_bounded_exif(bomb())
    assert not is_bounded_exif(b"Exif\0\0" + bomb(below=True))


@pytest.mark.parametrize(
    ("format_name", "below"),
    [(name, below) for name in ("PNG", "WEBP", "PNG text") for below in (False, True)] + [("TIFF", True)],
)
@pytest.mark.filterwarnings("default")  # Pillow 13 warns of what it leaves out
def test_the_picture_is_read_without_it(format_name, below):
    exif = bomb(below=below)
    file = io.BytesIO()
    if format_name == "TIFF":
        way = [(34667, "I", 1, 8, True)]  # tifffile writes no way to EXIF, so this becomes one
        tifffile.imwrite(file, PIXELS, photometric="rgb", metadata=None, software=False, extratags=way)
        content = bytearray(file.getvalue())
        at = content.index(struct.pack("<HHI", 34667, 4, 1))
        content[at : at + 2] = struct.pack("<H", 34665)
        content[at + 8 : at + 12] = struct.pack("<I", len(content))
        size = len(content) + 2 + 12 * 2000 + 4
        entries = b"".join(struct.pack("<HHII", 0xC000 + place, 7, size, 0) for place in range(2000))
        file = io.BytesIO(bytes(content) + struct.pack("<H", 2000) + entries + bytes(4))
    elif format_name == "PNG text":
        Image.fromarray(PIXELS).save(file, "PNG")
        body = b"Raw profile type exif\0\0" + zlib.compress(f"\nexif\n{len(exif):8}\n{exif.hex()}\n".encode())
        text = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
        file = io.BytesIO(file.getvalue()[:33] + text + file.getvalue()[33:])
    else:
        Image.fromarray(PIXELS).save(file, format_name, exif=exif, lossless=True)
    file.seek(0)
    decoded = decode_stream(file, metadata=True)
    np.testing.assert_array_equal(np.asarray(decoded.image), PIXELS)
    assert decoded.metadata.exif == b""
    assert list(decoded.metadata.losses("RGB", "PNG")), "a note tells it"
