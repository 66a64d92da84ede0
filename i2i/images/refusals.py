"""What a file is that is not what it seems, by its first bytes. No torch."""

from __future__ import annotations

import struct
from typing import BinaryIO

_SIGNATURES = (
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"%PDF-", "PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"gimp xcf", "GIMP's XCF"),
    (b"8BPS", "PSD"),
    (b"8BPB", "PSB"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"FUJIFILMCCD-RAW", "a camera's raw file"),
    (b"IIRO", "a camera's raw file"),
    (b"IIU\0", "a camera's raw file"),
    (b"NRRD000", "NRRD"),
    (b"\x1a\x45\xdf\xa3", "a video"),
    (b"OggS", "a video or sound"),
    (b"FLV\x01", "a video"),
    (b"\0\0\x01\xba", "a video"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a video or sound"),
)
_BRANDS = {
    "AVIF": (b"avif", b"avis"),
    "HEIC": (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"),
    "a camera's raw file": (b"crx ",),
}


def name_of_content(begin: bytes) -> str:
    """Return the name of what a file holds by its first 512 bytes, or an empty string."""
    for signature, name in _SIGNATURES:
        if begin.startswith(signature):
            return name
    if begin[:4] == b"RIFF" and begin[8:12] == b"AVI ":
        return "a video"
    if begin[4:8] == b"ftyp":
        return next((name for name, brands in _BRANDS.items() if begin[8:12] in brands), "a video")
    if begin[:4] == b"\x89PNG" and begin[12:16] == b"CgBI":
        return "a PNG that Xcode packed for iPhones (CgBI)"
    if begin[128:132] == b"DICM":
        return "DICOM"
    text = begin.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    return "SVG" if text.startswith((b"<svg", b"<?xml")) and b"<svg" in text else ""


def picture_of_content(begin: bytes) -> str:
    """Return Pillow's name of the picture that a file holds by its first bytes, TIFF apart, or an empty string."""
    if begin[:4] == b"RIFF" and begin[8:12] == b"WEBP":
        return "WEBP"
    signatures = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"BM": "BMP"}
    return next((name for signature, name in signatures.items() if begin.startswith(signature)), "")


def reason_against_jpeg(file: BinaryIO) -> str:
    """Return why a JPEG is of a kind that is not read, or an empty string where nothing is wrong with it."""
    frame = _frame(file)
    if frame is None:
        return ""
    process, bits, components = frame
    if process in (3, 7, 11, 15):
        return "a lossless JPEG, which is not supported; convert it to PNG or TIFF"
    if process in (5, 6, 13, 14):
        return "a hierarchical JPEG, which is not supported; convert it to PNG"
    if bits != 8:
        return f"a JPEG of {bits} bits a sample, which is not supported; convert it to 8 bits, or to PNG or TIFF of 16"
    if components not in (1, 3, 4):
        return f"a JPEG of {components} components, which is not supported; convert it to grey or RGB"
    return ""


def _frame(file: BinaryIO) -> tuple[int, int, int] | None:
    """Return the process, bits and components of the first frame of a JPEG."""
    file.seek(0)
    if file.read(2) != b"\xff\xd8":
        return None
    while True:
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF:
            return None
        marker, length = head[1], struct.unpack(">H", head[2:])[0]
        if marker == 0xFF:  # a fill byte
            file.seek(-3, 1)
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            frame = file.read(6)
            return (marker - 0xC0, frame[0], frame[5]) if len(frame) == 6 else None
        if marker in (0xD9, 0xDA) or length < 2:
            return None
        file.seek(length - 2, 1)
