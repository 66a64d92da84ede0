"""Colour profiles made for tests: a wide RGB, a linear grey, and one of inks."""

from __future__ import annotations

import struct
from itertools import product


def wide_rgb() -> bytes:
    """Primaries and gamma of Adobe RGB (1998), called ``Wide``."""
    primaries = {
        b"rXYZ": (0.6097, 0.3111, 0.0195),
        b"gXYZ": (0.2053, 0.6257, 0.0609),
        b"bXYZ": (0.1492, 0.0632, 0.7446),
    }
    curves = {tag: _gamma(2.2) for tag in (b"rTRC", b"gTRC", b"bTRC")}
    return _profile(b"mntr", b"RGB ", b"XYZ ", {tag: _xyz(*values) for tag, values in primaries.items()} | curves)


def linear_grey() -> bytes:
    """Greys that are proportional to light, called ``Wide`` too."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _gamma(1.0)})


def magenta_for_black() -> bytes:
    """Four inks of which the last is as dark as black should be, but magenta: no formula knows it."""
    table = bytearray()
    for cyan, magenta, yellow, black in product((0, 1), repeat=4):
        light = 255 * (1 - (cyan + magenta + yellow + black) / 4)
        table += bytes([int(light), 255 if black else 128, 128])
    identity = bytes(range(256))
    lut = struct.pack(">4s4xBBBx9i", b"mft1", 4, 3, 2, 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": lut + identity * 4 + bytes(table) + identity * 3})


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"Wide\0"
    described = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)
    tags = {b"desc": described, b"wtpt": _xyz(0.9642, 1, 0.8249), **tags}
    listed, content, place = b"", b"", 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        padded = data + bytes(-len(data) % 4)
        listed += struct.pack(">4sII", tag, place + len(content), len(data))
        content += padded
    size = place + len(content)
    header = struct.pack(">I4sI4s4s4s12s4s", size, b"test", 0x02400000, kind, space, connection, bytes(12), b"acsp")
    header += bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header + bytes(128 - len(header)) + struct.pack(">I", len(tags)) + listed + content


def _xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(65536 * value) for value in values))


def _gamma(value: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(256 * value))
