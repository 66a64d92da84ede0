"""What decoding a picture would show beside its pixels, without decoding it, where the file tells. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from i2i.images.colour_profiles import profile_name
from i2i.images.decoding import EIGHT_BIT_MODES, FORMAT_OF_SUFFIX, without_pixel_limit
from i2i.images.orientation import orientation_of
from i2i.images.png import is_png, open_png

_SIXTEEN_BITS = 16
_TAIL = 2**16
"""Bytes at the end of a JPEG where its mark of the end is looked for: phones append previews and notes of their own."""


@dataclass(frozen=True)
class Glance:
    """A picture of 8 bits.

    Attributes:
        size: width and height, upright.
        grey: whether it is grey, perhaps with opacity.
        profile: the name of its colour profile; empty without one, and for sRGB.
    """

    size: tuple[int, int]
    grey: bool
    profile: str


def glance(path: Path) -> Glance | None:
    """Look at the header of a PNG, JPEG or WebP, and whether the file is whole.

    A PNG's checksums are looked at, which finds whatever happened to its bytes; of the others whether the end is there.

    Returns:
        What decoding would show; None wherever there is doubt, such as of a file that is damaged, misnamed, of another
        format or of 16 bits: decode it.
    """
    try:
        with path.open("rb") as file:
            picture = _opened(file)
            if picture is None or picture.mode not in EIGHT_BIT_MODES:
                return None
            name = "JPEG" if picture.format == "MPO" else picture.format  # MPO: a JPEG with previews behind it
            frames = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)
            orientation, profile = orientation_of(picture), profile_name(picture)
    except Exception:  # Pillow's parsers raise many types for damaged data, and decoding says what is wrong
        return None
    if FORMAT_OF_SUFFIX.get(path.suffix.lower()) != name or frames > 1 or orientation is None:
        return None
    width, height = picture.size
    return Glance((height, width) if orientation > 4 else (width, height), picture.mode in ("1", "L", "LA"), profile)


def _opened(file: BinaryIO) -> Image.Image | None:
    """The picture, not decoded; None where it is not whole, or its header does not tell how it lies."""
    if is_png(file):
        png = open_png(file)
        file.seek(24)
        if png.texts_behind or file.read(1)[0] == _SIXTEEN_BITS:
            return None
        with without_pixel_limit():
            picture = Image.open(png.file, formats=("PNG",))
        picture.info.setdefault("exif", b"")  # or Pillow looks for it behind the pixels
        return picture
    with without_pixel_limit():
        picture = Image.open(file, formats=("JPEG", "WEBP"))
    return picture if _has_its_end(file, str(picture.format)) else None


def _has_its_end(file: BinaryIO, format_name: str) -> bool:
    length = file.seek(0, 2)
    if format_name == "WEBP":
        file.seek(4)
        return length >= 8 + int.from_bytes(file.read(4), "little")
    file.seek(max(0, length - _TAIL))
    return b"\xff\xd9" in file.read()
