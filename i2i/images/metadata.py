"""What a picture file says beside its pixels, and what of that stays true of a picture made from it. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from PIL import Image

_EXIF_DIRECTORY, _PLACE_DIRECTORY = 0x8769, 0x8825
_KEPT_TAGS = (
    0x010E,  # ImageDescription
    0x010F,  # Make
    0x0110,  # Model
    0x0131,  # Software
    0x0132,  # DateTime
    0x013B,  # Artist
    0x8298,  # Copyright
)
_DROPPED_TAGS = frozenset(
    {
        0x927C,  # MakerNote: holds offsets into the old file
        0xA002,  # PixelXDimension: wrong once the picture was turned upright
        0xA003,  # PixelYDimension
        0xA005,  # the pointer to the interoperability directory
    }
)
_COLOUR_SPACES = {"RGB": b"RGB ", "L": b"GRAY", "I;16": b"GRAY"}


@dataclass(frozen=True)
class Metadata:
    """What is handed on from a picture to its translation.

    Attributes:
        exif: description, camera, dates, author, copyright, exposure and place, as EXIF; empty when there are none.
            Orientation, preview and maker notes are not among them.
        icc_profile: the colour profile, or empty.
        dpi: dots per inch, across and down.
        exif_damaged: whether there was EXIF that cannot be read or written again; ``exif`` is empty then.
    """

    exif: bytes = b""
    icc_profile: bytes = b""
    dpi: tuple[float, float] | None = None
    exif_damaged: bool = False

    def save_options(self, mode: str) -> dict[str, Any]:
        """Return what to pass to ``Image.save`` for a picture of this mode; a profile of other colours is left out."""
        options: dict[str, Any] = {}
        if self.exif:
            options["exif"] = self.exif
        if self.icc_profile[16:20] == _COLOUR_SPACES.get(mode):
            options["icc_profile"] = self.icc_profile
        if self.dpi:
            options["dpi"] = self.dpi
        return options


def take_metadata(image: Image.Image) -> Metadata:
    """Collect the metadata of a picture while its file is open, after its pixels were loaded."""
    profile = image.info.get("icc_profile")
    try:
        exif, damaged = _exif(image.getexif()), False
    except Exception:  # Pillow's parser raises many types for damaged data
        exif, damaged = b"", True
    return Metadata(exif, profile if isinstance(profile, bytes) else b"", _dpi(image.info.get("dpi")), damaged)


def _exif(source: Image.Exif) -> bytes:
    kept = Image.Exif()
    kept.update({tag: _as_written(source[tag]) for tag in _KEPT_TAGS if tag in source})
    for directory in (_EXIF_DIRECTORY, _PLACE_DIRECTORY):
        entries = {tag: value for tag, value in source.get_ifd(directory).items() if tag not in _DROPPED_TAGS}
        if entries:
            kept[directory] = entries
    return kept.tobytes() if len(kept) else b""


def _as_written(value: Any) -> Any:
    """Undo what Pillow makes of a text: it reads bytes as Latin-1 and would write everything beyond ASCII as ``?``."""
    return value.encode("latin-1") if isinstance(value, str) and not value.isascii() else value


def _dpi(value: Any) -> tuple[float, float] | None:
    try:
        across, down = (float(number) for number in value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    usable = all(math.isfinite(number) and 1 < number < 2**16 for number in (across, down))  # 1: TIFF's for unknown
    return (across, down) if usable else None
