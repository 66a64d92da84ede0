"""The chunks of a PNG file: those that make the picture, checked, and of the others those that are handed on. No torch.

Pillow reads texts and profiles together with the pixels, and refuses the picture when one of them unpacks to more than
a megabyte or is damaged. Here they are left out of what Pillow is given.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL import Image

from i2i.images.tiff_header import is_bounded_exif

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_BESIDE = 2**20
"""Bytes of one text or profile, unpacked, that are handed on."""

_MOST_CHUNKS_BESIDE = 1000
_BLOCK = 2**20
_OF_THE_PICTURE = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"})
_READ_BY_PILLOW = frozenset({b"pHYs", b"eXIf", b"gAMA", b"cHRM", b"sRGB"})
_HIGH_DYNAMIC_RANGE = (16, 18)  # the curves of PQ and HLG
_KEPT_TEXTS = (b"Raw profile type exif", b"XML:com.adobe.xmp")
"""Texts that may say how the picture has to be turned."""

DESCRIPTIONS = (b"Title", b"Author", b"Description", b"Copyright", b"Creation Time", b"Disclaimer", b"Source")
"""Keywords of the PNG specification whose texts stay true of a translation."""


class PngError(Exception):
    """The file is damaged. The message is the reason alone."""


@dataclass(frozen=True)
class _Part:
    """A stretch of the file: where it begins in what is read, and where in the file."""

    begin: int
    offset: int
    length: int


class _Parts(io.RawIOBase):
    """Some stretches of a file, one behind the other, as a file."""

    def __init__(self, file: BinaryIO, stretches: list[tuple[int, int]]) -> None:
        self._file = file
        self._parts: list[_Part] = []
        begin = 0
        for offset, length in stretches:
            self._parts.append(_Part(begin, offset, length))
            begin += length
        self._length, self._at, self._part = begin, 0, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        self._at = max(base + offset, 0)
        self._part = 0
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while self._part < len(self._parts):
            part = self._parts[self._part]
            left = part.begin + part.length - self._at
            if left > 0:
                self._file.seek(part.offset + self._at - part.begin)
                data = self._file.read(min(left, len(buffer)))
                buffer[: len(data)] = data
                self._at += len(data)
                return len(data)
            self._part += 1
        return 0


@dataclass(frozen=True)
class PngPicture:
    """A PNG without what does not belong to the picture.

    Attributes:
        file: what Pillow is to read.
        descriptions: keyword and text, as Latin-1 or UTF-8, of what describes the picture in words.
        notes: what was left out, and why.
        texts_behind: whether texts or EXIF, which may say how to turn it, stand behind pixels.
    """

    file: BinaryIO
    descriptions: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    texts_behind: bool = False


def is_png(file: BinaryIO) -> bool:
    """Whether a file begins as a PNG does; it is left at its begin."""
    begin = file.read(16)
    file.seek(0)
    return begin[:8] == SIGNATURE and begin[12:] == b"IHDR"


def open_png(file: BinaryIO) -> PngPicture:
    """Go over the chunks of a file and check what the picture is made of.

    Raises:
        PngError: the file ends too early, or a chunk of the picture is damaged.
    """
    stretches = [(0, len(SIGNATURE))]
    described: list[tuple[str, str]] = []
    left_out: dict[str, None] = {}  # a set that keeps its order
    beside, texts_behind, pixels = 0, False, False
    for kind, offset, length in _chunks(file):
        pixels = pixels or kind == b"IDAT"
        if kind in _OF_THE_PICTURE:
            _check(file, kind, offset, length)
        else:
            beside += 1
            if beside > _MOST_CHUNKS_BESIDE or not _is_handed_on(file, kind, offset, length, described, left_out):
                continue
            texts_behind = texts_behind or pixels
        stretches.append((offset, length + 12))
    notes = (f"{' and '.join(left_out)} {'was' if len(left_out) == 1 else 'were'} left out",) if left_out else ()
    whole = io.BufferedReader(_Parts(file, stretches), _BLOCK)
    return PngPicture(whole, tuple(described), notes, texts_behind)


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, offset and length of each chunk, up to ``IEND``."""
    size = file.seek(0, os.SEEK_END)
    offset = len(SIGNATURE)
    while True:
        file.seek(offset)
        head = file.read(8)
        if len(head) < 8:
            raise PngError("the file ends before its last chunk")
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if offset + 12 + length > size:
            raise PngError(f"the file ends within the chunk {_name(kind)}")
        yield kind, offset, length
        if kind == b"IEND":
            return
        offset += length + 12


def _name(kind: bytes) -> str:
    return kind.decode("latin-1") if kind.isalpha() else repr(kind)[1:]


def _check(file: BinaryIO, kind: bytes, offset: int, length: int) -> None:
    if not _is_whole(file, offset, length):
        raise PngError(f"the checksum of the chunk {_name(kind)} is wrong")


def _is_whole(file: BinaryIO, offset: int, length: int) -> bool:
    file.seek(offset + 4)
    left, value = length + 4, 0
    while left:
        block = file.read(min(left, _BLOCK))
        if not block:
            return False
        value = zlib.crc32(block, value)
        left -= len(block)
    return value == int.from_bytes(file.read(4), "big")


def _is_handed_on(
    file: BinaryIO, kind: bytes, offset: int, length: int, described: list[tuple[str, str]], left_out: dict[str, None]
) -> bool:
    """Whether Pillow is to read a chunk that stands beside the picture; what of it is lost is noted."""
    if kind in (b"tEXt", b"zTXt", b"iTXt"):
        return _is_text_handed_on(file, kind, offset, length, described, left_out)
    if kind == b"iCCP":
        if _is_whole(file, offset, length) and _unpacks(_body(file, offset, length)):
            return True
        left_out["its colour profile (damaged, or larger than a megabyte)"] = None
        return False
    if kind == b"cICP" and _is_whole(file, offset, length) and (told := _beyond_srgb(_body(file, offset, length))):
        left_out[told] = None
    if kind not in _READ_BY_PILLOW:
        return False
    if kind == b"eXIf" and length <= MOST_BESIDE and not is_bounded_exif(_body(file, offset, length)):
        left_out["its damaged eXIf"] = None
        return False
    if length > MOST_BESIDE or not _is_whole(file, offset, length):
        left_out[f"its damaged {_name(kind)}"] = None
        return False
    return length >= {b"pHYs": 9, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1}.get(kind, 0)


def _beyond_srgb(body: bytes) -> str:
    """What of a colour space that stands as numbers (of ITU-T H.273) the picture is shown without; empty for sRGB."""
    primaries, transfer = body[:2] if len(body) == 4 else (2, 2)  # 2: not said
    if transfer in _HIGH_DYNAMIC_RANGE:
        return "its high dynamic range (cICP)"
    return "its colour space (cICP: other than sRGB)" if primaries not in (1, 2) else ""


def _body(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset + 8)
    return file.read(length)


def _unpacks(body: bytes) -> bool:
    """Whether a keyword and a packed text or profile unpack to no more than is handed on."""
    _, _, packed = body.partition(b"\0")
    return packed[:1] == b"\0" and _unpack(packed[1:]) is not None


def _unpack(packed: bytes) -> bytes | None:
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(packed, MOST_BESIDE)
    except zlib.error:
        return None
    return data if stream.eof else None


def _is_text_handed_on(
    file: BinaryIO, kind: bytes, offset: int, length: int, described: list[tuple[str, str]], left_out: dict[str, None]
) -> bool:
    keyword = _body(file, offset, min(length, 80)).partition(b"\0")[0]
    if keyword not in (*_KEPT_TEXTS, *DESCRIPTIONS):
        return False
    text = _text(_body(file, offset, length), kind) if length <= MOST_BESIDE else None
    if text is not None and keyword == _KEPT_TEXTS[0] and not _is_bounded_profile(text):
        text = None
    if text is None or not _is_whole(file, offset, length):
        left_out[f"its text {keyword.decode('latin-1')} (damaged, or larger than a megabyte)"] = None
        return False
    if keyword in DESCRIPTIONS:
        described.append((keyword.decode("latin-1"), text))
        return False
    return True


def _is_bounded_profile(text: str) -> bool:
    """Whether EXIF that stands as digits in a text, behind its name and length, is bounded."""
    try:
        return is_bounded_exif(bytes.fromhex("".join(text.split("\n")[3:])))
    except ValueError:
        return False


def _text(body: bytes, kind: bytes) -> str | None:
    _, _, rest = body.partition(b"\0")
    if kind == b"tEXt":
        return rest.decode("latin-1")
    if kind == b"zTXt":
        unpacked = _unpack(rest[1:]) if rest[:1] == b"\0" else None
        return None if unpacked is None else unpacked.decode("latin-1")
    parts = rest[2:].split(b"\0", 2)
    if len(parts) < 3 or rest[1:2] != b"\0":
        return None
    text = _unpack(parts[2]) if rest[:1] == b"\1" else parts[2]
    try:
        return None if text is None else text.decode()
    except UnicodeDecodeError:
        return None


def scale_transparent_grey(image: Image.Image, raw_mode: str) -> None:
    """Scale the one transparent grey of a PNG of 2 or 4 bits as Pillow scales its pixels, but not this number."""
    value = image.info.get("transparency")
    levels = {"L;2": 85, "L;4": 17}.get(raw_mode)
    if image.mode == "L" and levels and isinstance(value, int):
        image.info["transparency"] = value * levels


def with_16_bit_transparency(image: Image.Image, lower: Image.Image) -> Image.Image:
    """Make the one transparent colour of a PNG with 16-bit colours transparent.

    Args:
        image: ``RGB``, the upper bytes; its ``transparency`` is of 16 bits.
        lower: the lower bytes.
    """
    wanted = np.array(image.info["transparency"], np.uint16)
    pixels = np.asarray(image).astype(np.uint16) << 8 | np.asarray(lower)
    opaque = (pixels != wanted).any(axis=2)
    result = image.copy()
    result.info.pop("transparency")
    result.putalpha(Image.fromarray(np.uint8(255) * opaque.astype(np.uint8)))
    return result
