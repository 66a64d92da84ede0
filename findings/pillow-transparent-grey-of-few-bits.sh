#!/usr/bin/env bash
# Pillow 13.0.0 scales the pixels of a grey PNG of 2 or 4 bits to 0..255, but not the one grey that its tRNS chunk makes
# transparent: the right pixels stay opaque. Of 16-bit colours it keeps 8 bits of the pixels and 16 of the transparent
# colour, so none is transparent. 8 bits are right.
# Source: own observation; PNG specification, 11.3.2.1 (tRNS): samples are of the image's bit depth.
# Seen: transparent pixels of 1 that should be: grey 2 bits 0, grey 4 bits 0, grey 8 bits 1, colours 16 bits 0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet pillow==13.0.0
venv/bin/python - <<'PYTHON'
import io
import struct
import zlib

from PIL import Image


def chunk(kind, body=b""):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def transparent(bits, colour, row, key):
    """Count the transparent pixels of a PNG of one row."""
    header = struct.pack(">IIBBBBB", 1, 1, bits, colour, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + row))
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"tRNS", key) + pixels + chunk(b"IEND")
    with Image.open(io.BytesIO(content)) as image:
        return list(image.convert("RGBA").getchannel("A").tobytes()).count(0)


found = [
    transparent(2, 0, bytes([0b01000000]), b"\0\1"),
    transparent(4, 0, bytes([0b01010000]), b"\0\5"),
    transparent(8, 0, bytes([5]), b"\0\5"),
    transparent(16, 2, struct.pack(">3H", 500, 600, 700), struct.pack(">3H", 500, 600, 700)),
]
print("transparent pixels of 1 that should be: grey 2 bits %d, grey 4 bits %d, grey 8 bits %d, colours 16 bits %d" % tuple(found))
assert found == [0, 0, 1, 0]
PYTHON
