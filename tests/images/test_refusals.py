"""Files that are not images, or are of a rare kind, are called what they are."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from i2i.images.reading import UnknownFormatError, UnusableImageError, decode, decode_stream

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)


def encoded(format_name, pixels=PIXELS, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format_name, **options)
    return file.getvalue()


def segment(marker, content):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg_of(process, bits, components):
    frame = struct.pack(">BHHB", bits, 8, 8, components) + b"\x01\x11\x00" * components
    return b"\xff\xd8" + segment(0xC0 + process, frame) + segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\0\xff\xd9"


@pytest.mark.parametrize(
    ("process", "bits", "components", "told"),
    [
        (1, 12, 3, "it is a JPEG of 12 bits a sample"),
        (3, 8, 3, "it is a lossless JPEG"),
        (3, 16, 1, "it is a lossless JPEG"),
        (5, 8, 3, "it is a hierarchical JPEG"),
        (0, 8, 2, "it is a JPEG of 2 components"),
    ],
)
def test_a_jpeg_of_a_rare_kind_is_named(process, bits, components, told):
    with pytest.raises(UnusableImageError, match=told):
        decode_stream(io.BytesIO(jpeg_of(process, bits, components)))


def test_progressive_and_grey_jpegs_are_read():
    assert decode_stream(io.BytesIO(encoded("JPEG", progressive=True))).image.mode == "RGB"
    assert decode_stream(io.BytesIO(encoded("JPEG", PIXELS[:, :, 0]))).image.mode == "L"


CONTENTS = {
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "AVIF": b"\0\0\0\x18ftypavis\0\0\0\0" + bytes(20),
    "JPEG XL": b"\xff\x0a" + bytes(30),
    "PSD": b"8BPS\0\x09" + bytes(30),
    "PDF": b"%PDF-1.7\n",
    "SVG": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "a web page": b"<!DOCTYPE html><html>",
    "DICOM": bytes(128) + b"DICM" + bytes(20),
    "OpenEXR": b"\x76\x2f\x31\x01" + bytes(20),
    "a ZIP archive": b"PK\x03\x04" + bytes(30),
    "a video": b"\0\0\0\x18ftypisom\0\0\0\0" + bytes(20),
    "a PNG that Xcode packed for iPhones (CgBI)": b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI" + bytes(40),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_another_format_is_named(tmp_path, name):
    path = tmp_path / "image.png"
    path.write_bytes(CONTENTS[name])
    with pytest.raises(UnknownFormatError) as caught:
        decode(path)
    assert str(caught.value) == f"its content is {name}; convert it to PNG, JPEG, WebP, BMP or TIFF"


@pytest.mark.parametrize("format_name", ["JPEG2000", "GIF", "ICO", "PPM", "DDS", "TGA", "PCX", "SGI", "AVIF"])
def test_another_format_that_pillow_reads_is_named(tmp_path, format_name):
    path = tmp_path / "image.png"
    path.write_bytes(encoded(format_name))
    with pytest.raises(UnknownFormatError, match=r"its content is .*; convert it to PNG"):
        decode(path)


@pytest.mark.parametrize(
    "begin", [b"RIFF\0\0\0\0AVI LIST", b"\x1a\x45\xdf\xa3", b"FLV\1\5", b"\0\0\1\xba\x44", b"OggS\0\2"]
)
def test_videos_that_are_no_mp4_are_named(begin):
    with pytest.raises(UnknownFormatError, match="its content is a video"):
        decode_stream(io.BytesIO(begin + bytes(60)))
