"""JPEG and WebP without what stands beside their pixels, for files in which that is damaged. No torch."""

from __future__ import annotations

import io
from typing import BinaryIO

_SCAN, _COMMENT = 0xDA, 0xFE
_JFIF, _ADOBE = 0xE0, 0xEE
_LEAST_JFIF = 16
_BESIDE_IN_WEBP = frozenset({b"ICCP", b"EXIF", b"XMP "})


def without_metadata(file: BinaryIO) -> BinaryIO | None:
    """Return a JPEG or WebP without its profile, EXIF and the like; None without such.

    In a JPEG the segments of JFIF and Adobe stay, for they say how its colours are stored.
    """
    file.seek(0)
    content = file.read()
    if content[:2] == b"\xff\xd8":
        bare = _bare_jpeg(content)
    elif content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        bare = _bare_webp(content)
    else:
        return None
    return None if bare == content else io.BytesIO(bare)


def _bare_jpeg(content: bytes) -> bytes:
    kept, at = [content[:2]], 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _SCAN or length < 2:
            break
        tells_colours = marker == _ADOBE or (marker == _JFIF and length >= _LEAST_JFIF)
        if not (marker == _COMMENT or (0xE0 <= marker <= 0xEF and not tells_colours)):
            kept.append(content[at : at + 2 + length])
        at += 2 + length
    return b"".join([*kept, content[at:]])


def _bare_webp(content: bytes) -> bytes:
    kept, at = [], 12
    while at + 8 <= len(content):
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        end = at + 8 + length + length % 2
        if content[at : at + 4] not in _BESIDE_IN_WEBP:
            kept.append(content[at:end])
        at = end
    if kept and kept[0][:4] == b"VP8X":  # whose flags say what follows
        flags = kept[0][8] & ~(0x20 | 0x08 | 0x04)
        kept[0] = kept[0][:8] + bytes([flags]) + kept[0][9:]
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + len(body).to_bytes(4, "little") + body
